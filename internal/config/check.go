package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/currency"
)

const (
	maxPort          = 65535
	maxConns         = 1000
	maxDuration      = time.Hour
	minPaginationKey = 16 // bytes; a shorter one could be guessed
	maxPaginationKey = 16 // keys, to catch typing errors
)

// Invalid lists everything that is wrong with the settings, each problem with the name of
// its setting.
type Invalid struct{ Problems []string }

// Error returns all problems on one line.
func (e *Invalid) Error() string { return strings.Join(e.Problems, "; ") }

// Check returns an *Invalid with every problem of the settings, or nil.
func (c Config) Check() error {
	return invalid(slices.Concat(c.Base.problems(), c.Server.problems(), c.redisProblems(), c.mailProblems(), c.bucketProblems(), c.SignIn.problems(c.Production())))
}

// Check returns an *Invalid with every problem of these settings, or nil.
func (b Base) Check() error { return invalid(b.problems()) }

func invalid(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return &Invalid{Problems: problems}
}

// checker collects the problems of a settings struct.
type checker struct {
	settings any
	found    []string
}

func (c *checker) add(field, format string, args ...any) {
	c.found = append(c.found, NameOf(c.settings, field)+" "+fmt.Sprintf(format, args...))
}

func (b Base) problems() []string {
	c := checker{settings: b}
	if !slices.Contains([]string{Development, Test, Production}, b.Env) {
		c.add("Env", "must be one of development, test, production, not %q", b.Env)
	}
	if b.DataDir == "" {
		c.add("DataDir", "must not be empty")
	}
	c.databaseURL("DatabaseURL", b.DatabaseURL)
	c.databaseURL("DatabaseDirectURL", b.DatabaseDirectURL)
	switch direct := b.DatabaseDirectURL != ""; {
	case !slices.Contains([]string{"", PoolerNone, PoolerTransaction}, b.DatabasePooler):
		c.add("DatabasePooler", "must be none or transaction, not %q", b.DatabasePooler)
	case b.DatabasePooler == PoolerTransaction && (b.DatabaseURL == "" || !direct):
		c.add("DatabasePooler", "must be given with %s and %s", NameOf(b, "DatabaseURL"), NameOf(b, "DatabaseDirectURL"))
	case b.DatabasePooler != PoolerTransaction && direct:
		c.add("DatabaseDirectURL", "must not be given without %s=%s", NameOf(b, "DatabasePooler"), PoolerTransaction)
	}
	for _, name := range b.AllowInsecure {
		if !slices.Contains([]string{InsecureDatabase, InsecureRedis, InsecureBucket}, name) {
			c.add("AllowInsecure", "must name %s, %s or %s, not %q", InsecureDatabase, InsecureRedis, InsecureBucket, name)
		}
	}
	if _, err := currency.ParseISO(b.DefaultCurrency); err != nil {
		c.add("DefaultCurrency", "must be an ISO 4217 currency such as GBP, not %q", b.DefaultCurrency)
	}
	if b.MinConns < 0 {
		c.add("MinConns", "must not be negative, not %d", b.MinConns)
	}
	if b.MaxConns < 1 || b.MaxConns > maxConns {
		c.add("MaxConns", "must be between 1 and %d, not %d", maxConns, b.MaxConns)
	} else if b.MinConns > b.MaxConns {
		c.add("MinConns", "must not be above %s: %d > %d", NameOf(b, "MaxConns"), b.MinConns, b.MaxConns)
	}
	c.duration("StatementLimit", b.StatementLimit)
	if b.ClockOffset != 0 && b.Env != Test {
		c.add("ClockOffset", "must not be given unless %s is %s", NameOf(b, "Env"), Test)
	}
	return c.found
}

// databaseURL checks a URL. It is not part of the messages, because it contains a password.
func (c *checker) databaseURL(field string, text Secret) {
	if text == "" {
		return
	}
	if problem := databaseURLProblem(text.Reveal()); problem != "" {
		c.add(field, "%s", problem)
	}
}

func (s Server) problems() []string {
	c := checker{settings: s}
	if s.Port < 0 || s.Port > maxPort {
		c.add("Port", "must be between 0 and %d, not %d", maxPort, s.Port)
	} else if host, port, err := net.SplitHostPort(s.ListenAddress()); err != nil || strings.ContainsAny(host, "/ []") {
		c.add("Addr", "must be a host or host:port, not %q", s.Addr)
	} else if !isPort(port) {
		c.add("Addr", "must have a port between 0 and %d, not %q", maxPort, port)
	}
	for i, key := range s.PaginationKeys {
		switch {
		case len(key) < minPaginationKey:
			c.add("PaginationKeys", "must have at least %d characters in each key; key %d of %d is shorter", minPaginationKey, i+1, len(s.PaginationKeys))
		case slices.Contains(s.PaginationKeys[:i], key):
			c.add("PaginationKeys", "must not contain a key twice; key %d of %d is repeated", i+1, len(s.PaginationKeys))
		}
	}
	if len(s.PaginationKeys) > maxPaginationKey {
		c.add("PaginationKeys", "must contain at most %d keys, not %d", maxPaginationKey, len(s.PaginationKeys))
	}
	for _, origin := range s.FrontendURLs {
		if !isOrigin(origin) {
			c.add("FrontendURLs", "must be origins such as https://app.example.com, without a path, not %q", origin)
		}
	}
	c.duration("ShutdownTimeout", s.ShutdownTimeout)
	if d := s.DrainDelay.Duration; d < 0 || d > maxDuration {
		c.add("DrainDelay", "must be from 0s to %s, not %s", maxDuration, d)
	}
	return slices.Concat(c.found, s.TLS.problems(), s.Cache.problems(), s.Redis.problems(), s.Limits.problems(), s.Session.problems(), s.Webhooks.problems(),
		s.Files.problems(), s.Jobs.problems())
}

func (c *checker) duration(field string, d time.Duration) {
	if d <= 0 || d > maxDuration {
		c.add(field, "must be more than 0 and at most %s, not %s", maxDuration, d)
	}
}

// isPort reports whether s is a port number; service names are not supported.
func isPort(s string) bool {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > maxPort {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return s != "" && n <= maxPort
}

// isOrigin reports whether s is an origin (RFC 6454), or one with a trailing slash.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		strings.TrimSuffix(s, "/") == u.Scheme+"://"+u.Host
}
