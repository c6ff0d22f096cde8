package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"

	"sixty/internal/app"
	"sixty/internal/config"
)

type serveCmd struct {
	Settings config.Server `embed:""`
	Demo     bool          `help:"Fill an empty database with made-up data, and tell how to sign in."`
}

func (c *serveCmd) Run(ctx context.Context, env *environment) (err error) {
	cfg := config.Config{Base: env.config, Server: c.Settings}
	if c.Demo && cfg.Production() {
		return usage("--demo is not for production (NODE_ENV)")
	}
	a, err := app.New(ctx, cfg, env.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	tuneCollector(serverGrowth)
	boundMemory(serverMemory + int64(c.Settings.CacheBytes))
	base := baseURL(a.Addr())
	if c.Demo {
		access, err := a.Core().Demo(ctx, cfg.DataDir)
		if err != nil {
			return err
		}
		greet(env.stdout, base, access)
	} else {
		_, _ = fmt.Fprintf(env.stdout, "sixty listens on %s (the API's pages are at %s/docs)\n", base, base)
	}
	return a.Run(ctx)
}

// What a heap may grow by before it is collected, in percent of what is live. A server
// has a few megabytes live, so that the default (100) would collect after every few
// hundred requests. At 400 its collector still worked for some hundredth of the time under
// half of the greatest load, which is what a 99th percentile sees; boundMemory keeps a
// heap from growing so far when more is live. An import has two batches of rows live, and
// time to collect.
const (
	serverGrowth = 800
	importGrowth = 50
)

// tuneCollector lets the heap grow by so much, unless the environment says otherwise
// (GOGC).
func tuneCollector(growth int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
}

// serverMemory is what a server may take, in bytes, besides the answers that it keeps:
// as many idle connections as there may be (SIXTY_MAX_CONNECTIONS) have some 115 MiB live.
const serverMemory = 128 << 20

// boundMemory has the collector work more when all that Go has comes near a bound, unless
// the environment gives another (GOMEMLIMIT): what lets a small heap grow to its ninefold
// is nothing for one that holds thousands of connections.
func boundMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// baseURL gives the address as a person would visit it from this machine.
func baseURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	return "http://" + address
}

// signInBy tells what the demonstration's admin signs in with.
func signInBy(d app.DemoAccess) string {
	email := or(d.Admin.Email)
	if d.Password != "" {
		return fmt.Sprintf("the e-mail address %s\n                     and the password %s, which is told this once", email, d.Password)
	}
	return fmt.Sprintf("the e-mail address %[1]s\n                     (sixty user password %[1]s sets a new password)", email)
}

// greet tells a newcomer what to do.
func greet(w io.Writer, base string, d app.DemoAccess) {
	_, _ = fmt.Fprintf(w, `sixty listens on %[1]s with the demonstration's data.

  Pages of the API   %[1]s/docs
  Organisation       %[2]s
  You are            %[3]s, %[4]s
  Sign in            POST /api/auth/login with %[7]s
  or with            Authorization: Bearer %[5]s

A first request:

  curl -H 'Authorization: Bearer %[5]s' '%[1]s/api/deals?limit=3&includeRelationships=true'

The key is kept in %[6]s. End with Ctrl-C.
`, base, d.Organisation.Name, d.Admin.FullName, d.Admin.Role, d.Key, d.KeyFile, signInBy(d))
}
