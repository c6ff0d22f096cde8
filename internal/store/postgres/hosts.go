package postgres

import (
	"context"
	"net"
	"net/url"
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
// as in Options, and reports whether it did: not if they differ in anything else.
func (e *Engine) ReplacePasswords(poolURL, directURL string) bool {
	if !differInPassword(e.url, poolURL) || !differInPassword(e.directURL, directURL) {
		return false
	}
	pool, err := pgx.ParseConfig(poolURL)
	if err != nil {
		return false
	}
	direct := pool
	if directURL != "" {
		if direct, err = pgx.ParseConfig(directURL); err != nil {
			return false
		}
	}
	e.replaced.Store(&passwords{pool.Password, direct.Password})
	return true
}

// differInPassword reports whether two URLs differ in the password at most.
func differInPassword(a, b string) bool {
	one, err1 := url.Parse(a)
	other, err2 := url.Parse(b)
	if err1 != nil || err2 != nil {
		return a == b
	}
	for _, u := range []*url.URL{one, other} {
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
	}
	return one.String() == other.String()
}
