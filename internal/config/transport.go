package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// TLS configures the server's own TLS; without it, a proxy is expected to terminate TLS.
type TLS struct {
	TLSCert string `name:"tls-cert" env:"SIXTY_TLS_CERT" placeholder:"FILE" help:"Certificate of the server and its chain (PEM), which makes it serve HTTPS instead of HTTP; read again on SIGHUP and when it has changed." group:"server"`
	TLSKey  string `name:"tls-key" env:"SIXTY_TLS_KEY" placeholder:"FILE" help:"Private key of the certificate (PEM)." group:"server"`
}

// ServesTLS reports whether the server serves HTTPS.
func (t TLS) ServesTLS() bool { return t.TLSCert != "" }

func (t TLS) problems() []string {
	c := checker{settings: t}
	switch {
	case t.TLSCert != "" && t.TLSKey == "":
		c.add("TLSCert", "must not be given without %s", NameOf(t, "TLSKey"))
	case t.TLSCert == "" && t.TLSKey != "":
		c.add("TLSKey", "must not be given without %s", NameOf(t, "TLSCert"))
	}
	return c.found
}

// The connections of SIXTY_ALLOW_INSECURE.
const (
	InsecureDatabase = "database"
	InsecureRedis    = "redis"
	InsecureBucket   = "bucket"
)

// MustVerify reports whether a connection, of those that SIXTY_ALLOW_INSECURE names, must be
// encrypted and verified if it leads to another host.
func (b Base) MustVerify(connection string) bool {
	return b.Production() && !slices.Contains(b.AllowInsecure, connection)
}

// SecureTransport reports whether clients connect over TLS: to the server itself or, in
// production, to a proxy.
func (c Config) SecureTransport() bool { return c.Production() || c.ServesTLS() }

// Loopback reports whether clients of other hosts cannot reach the server.
func (s Server) Loopback() bool {
	host, _, err := net.SplitHostPort(s.ListenAddress())
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// redisProblems returns what is wrong with an unencrypted connection to Redis. Of sentinels and
// clusters the addresses say nothing: they name the servers that are then connected to.
func (c Config) redisProblems() []string {
	e, err := c.Endpoint()
	if err != nil || e.TLS || len(e.Addresses) == 0 || !c.MustVerify(InsecureRedis) {
		return nil
	}
	isRemote := func(address string) bool {
		host, _, err := net.SplitHostPort(address)
		return err == nil && !isLoopback(host)
	}
	where := "where Redis is on another host"
	switch {
	case c.RedisMode != RedisSingle:
		where = "where sentinels and clusters may name other hosts"
	case !slices.ContainsFunc(e.Addresses, isRemote):
		return nil
	}
	found := checker{settings: c.Redis}
	found.add("RedisURL", "must begin with rediss:// (TLS) in production, %s; or set %s to %s, if the network between them is trusted",
		where, NameOf(c.Base, "AllowInsecure"), InsecureRedis)
	return found.found
}
