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
	Demo     bool          `help:"Fill an empty database with demo data and print how to sign in."`
}

func (c *serveCmd) Run(ctx context.Context, env *environment) (err error) {
	cfg := config.Config{Base: env.config, Server: c.Settings}
	if c.Demo && cfg.Production() {
		return usage("--demo is not allowed in production (NODE_ENV)")
	}
	signals := receiveSignals()
	defer signals.ignore()
	a, err := app.New(ctx, cfg, env.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	tuneCollector(serverGrowth)
	limitMemory(serverMemory + int64(c.Settings.CacheBytes))
	base := baseURL(a.Addr(), cfg.ServesTLS())
	if c.Demo {
		access, err := a.Core().Demo(ctx, cfg.DataDir)
		if err != nil {
			return err
		}
		greet(env.stdout, base, access)
	} else {
		_, _ = fmt.Fprintf(env.stdout, "sixty listens on %s (API documentation: %s/docs)\n", base, base)
	}
	defer signals.attend(a, func() (config.Config, error) { return serverSettings(env) })()
	return a.Run(ctx)
}

// Values of GOGC. A server has a few megabytes of live heap, so that the default (100) would
// collect every few hundred requests. At 400, the collector still ran for about 1 % of the
// time at half of the maximum load, which the 99th percentile shows; limitMemory bounds the
// heap when more is live. An import has two batches of rows live, and time to collect.
const (
	serverGrowth = 800
	importGrowth = 50
)

// tuneCollector sets GOGC, unless the environment does.
func tuneCollector(growth int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
}

// serverMemory is the memory of a server in bytes, besides cached responses: the maximum
// number of idle connections (SIXTY_MAX_CONNECTIONS) needs some 115 MiB.
const serverMemory = 128 << 20

// limitMemory sets GOMEMLIMIT, unless the environment does: a GOGC that suits a small heap
// would let the heap of thousands of connections grow too far.
func limitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// baseURL returns the server's URL as seen from this machine.
func baseURL(address string, secure bool) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	if secure {
		return "https://" + address
	}
	return "http://" + address
}

// signInBy describes how the demo admin signs in.
func signInBy(d app.DemoAccess) string {
	email := or(d.Admin.Email)
	if d.Password != "" {
		return fmt.Sprintf("the e-mail address %s\n                     and the password %s (shown only once)", email, d.Password)
	}
	return fmt.Sprintf("the e-mail address %[1]s\n                     (sixty user password %[1]s sets a new password)", email)
}

// greet prints how to use the demo server.
func greet(w io.Writer, base string, d app.DemoAccess) {
	_, _ = fmt.Fprintf(w, `sixty listens on %[1]s with demo data.

  API documentation  %[1]s/docs
  Organisation       %[2]s
  You are            %[3]s, %[4]s
  Sign in            POST /api/auth/login with %[7]s
  or with            Authorization: Bearer %[5]s

A first request:

  curl -H 'Authorization: Bearer %[5]s' '%[1]s/api/deals?limit=3&includeRelationships=true'

The key is stored in %[6]s. Press Ctrl-C to stop.
`, base, d.Organisation.Name, d.Admin.FullName, d.Admin.Role, d.Key, d.KeyFile, signInBy(d))
}
