package postgres

import (
	"context"
	"maps"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writableHost makes connections use only a server that accepts writes, if the URL names
// several hosts and does not say otherwise: after a failover, the former primary may be a
// standby.
func writableHost(c *pgx.ConnConfig, url string) {
	if c.ValidateConnect == nil && len(hosts(c)) > 1 && !strings.Contains(url, "target_session_attrs=") {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// hosts returns the servers that are tried. A server is also tried twice, with TLS and
// without it.
func hosts(c *pgx.ConnConfig) map[string]bool {
	all := map[string]bool{address(c.Host, c.Port): true}
	for _, f := range c.Fallbacks {
		all[address(f.Host, f.Port)] = true
	}
	return all
}

func address(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// passwords are those of new connections.
type passwords struct{ pool, direct string }

// directConfig returns the configuration of a new connection outside the pool.
func (e *Engine) directConfig() *pgx.ConnConfig {
	c := e.direct.Copy()
	if p := e.replaced.Load(); p != nil {
		c.Password = p.direct
	}
	return c
}

// usePassword is for pgxpool.Config.BeforeConnect.
func (e *Engine) usePassword(_ context.Context, c *pgx.ConnConfig) error {
	if p := e.replaced.Load(); p != nil {
		c.Password = p.pool
	}
	return nil
}

// ReplacePasswords replaces the passwords of new connections by those of the URLs, which are
// as in Options, and reports whether it did: not if one names other servers, another user or
// another database.
func (e *Engine) ReplacePasswords(url, directURL string) bool {
	if directURL == "" {
		directURL = url
	}
	pool, direct := sameServer(e.pool.Config().ConnConfig, url), sameServer(e.direct, directURL)
	if pool == nil || direct == nil {
		return false
	}
	e.replaced.Store(&passwords{pool.Password, direct.Password})
	return true
}

// sameServer parses a URL; nil if it leads elsewhere than a configuration.
func sameServer(was *pgx.ConnConfig, url string) *pgx.ConnConfig {
	now, err := pgx.ParseConfig(url)
	if err != nil || now.User != was.User || now.Database != was.Database || !maps.Equal(hosts(now), hosts(was)) {
		return nil
	}
	return now
}
