package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Redis configures the connection to Redis, if there is one: either by host and related
// settings, or by a URL that contains all of them.
type Redis struct {
	RedisHost     string `name:"redis-host" env:"REDIS_HOST" help:"Host of Redis; if not set, Redis is not used." group:"server"`
	RedisPort     int    `name:"redis-port" env:"REDIS_PORT" default:"6379" help:"Port of Redis." group:"server"`
	RedisPassword Secret `name:"redis-password" env:"REDIS_PASSWORD" placeholder:"PASSWORD" help:"Password of Redis." group:"server"`
	RedisDB       int    `name:"redis-db" env:"REDIS_DB" default:"0" help:"Number of the Redis database." group:"server"`
	RedisURL      Secret `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis as a URL, instead of the host: redis://user:password@host:6379/0, rediss:// for TLS, several hosts separated by commas." group:"server"`
	RedisCA       string `name:"redis-ca" env:"SIXTY_REDIS_CA" placeholder:"FILE" help:"Certificates of the authorities (PEM) that Redis is verified by, instead of the system's; with rediss://." group:"server"`
	RedisMode     string `name:"redis-mode" env:"SIXTY_REDIS_MODE" default:"single" help:"Kind of Redis deployment: single, sentinel (the hosts are the sentinels) or cluster." group:"server"`
	RedisMaster   string `name:"redis-master" env:"SIXTY_REDIS_MASTER" help:"Name of the master that the sentinels monitor." group:"server"`

	RedisSentinelUsername string `name:"redis-sentinel-username" env:"SIXTY_REDIS_SENTINEL_USERNAME" help:"User at the sentinels, if they have users (ACL)." group:"server"`
	RedisSentinelPassword Secret `name:"redis-sentinel-password" env:"SIXTY_REDIS_SENTINEL_PASSWORD" placeholder:"PASSWORD" help:"Password of the sentinels; that of Redis is another." group:"server"`
}

// The modes of Redis.
const (
	RedisSingle   = "single"
	RedisSentinel = "sentinel"
	RedisCluster  = "cluster"
)

const (
	defaultRedisPort = "6379"
	maxRedisDB       = 1 << 14
)

// RedisEndpoint is the location of Redis, from either kind of settings.
type RedisEndpoint struct {
	Addresses []string // HOST:PORT; empty if Redis is not used
	Username  string
	Password  Secret
	DB        int
	TLS       bool
	CA        string // a file; "": the authorities of the system
	Mode      string
	Master    string

	SentinelUsername string
	SentinelPassword Secret
}

// Endpoint returns the location of Redis. Its error contains no secret.
func (r Redis) Endpoint() (RedisEndpoint, error) {
	e := RedisEndpoint{Password: r.RedisPassword, CA: r.RedisCA, DB: r.RedisDB, Mode: r.RedisMode, Master: r.RedisMaster,
		SentinelUsername: r.RedisSentinelUsername, SentinelPassword: r.RedisSentinelPassword}
	text := r.RedisURL.Reveal()
	if text == "" {
		if r.RedisHost != "" {
			e.Addresses = []string{net.JoinHostPort(strings.Trim(r.RedisHost, "[]"), strconv.Itoa(r.RedisPort))}
		}
		return e, nil
	}
	scheme, rest, _ := strings.Cut(text, "://")
	switch scheme {
	case "redis":
	case "rediss":
		e.TLS = true
	default:
		return e, fmt.Errorf("must begin with redis:// or rediss://")
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, path, _ := strings.Cut(rest, "/")
	hosts := rest
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		hosts = rest[at+1:]
		name, password, _ := strings.Cut(rest[:at], ":")
		for _, part := range []struct {
			text string
			set  func(string)
		}{{name, func(s string) { e.Username = s }}, {password, func(s string) { e.Password = Secret(s) }}} {
			plain, err := url.PathUnescape(part.text)
			if err != nil {
				return e, fmt.Errorf("must have its user and password percent-encoded")
			}
			part.set(plain)
		}
	}
	if path != "" {
		db, err := strconv.Atoi(path)
		if err != nil {
			return e, fmt.Errorf("must end in the number of a database, if in any path")
		}
		e.DB = db
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), defaultRedisPort)
		}
		if name, port, err := net.SplitHostPort(host); err != nil || name == "" || !isPort(port) {
			return e, fmt.Errorf("must name hosts as HOST or HOST:PORT, separated by commas")
		}
		e.Addresses = append(e.Addresses, host)
	}
	return e, nil
}

func (r Redis) problems() []string {
	c := checker{settings: r}
	e, err := r.Endpoint()
	switch {
	case err != nil:
		c.add("RedisURL", "%s", err)
	case r.RedisURL.Reveal() != "" && r.RedisHost != "":
		c.add("RedisURL", "must not be given together with %s", NameOf(r, "RedisHost"))
	}
	if r.RedisCA != "" && err == nil && !e.TLS {
		c.add("RedisCA", "must not be given without a %s that begins with rediss://", NameOf(r, "RedisURL"))
	}
	if r.RedisPort < 1 || r.RedisPort > maxPort {
		c.add("RedisPort", "must be between 1 and %d, not %d", maxPort, r.RedisPort)
	}
	if e.DB < 0 || e.DB > maxRedisDB {
		c.add("RedisDB", "must be between 0 and %d, not %d", maxRedisDB, e.DB)
	}
	if !slices.Contains([]string{RedisSingle, RedisSentinel, RedisCluster}, r.RedisMode) {
		c.add("RedisMode", "must be one of single, sentinel, cluster, not %q", r.RedisMode)
	}
	for _, other := range []struct {
		field string
		given bool
	}{{"RedisSentinelUsername", r.RedisSentinelUsername != ""}, {"RedisSentinelPassword", r.RedisSentinelPassword != ""}} {
		if other.given && r.RedisMode != RedisSentinel {
			c.add(other.field, "must not be given without %s=sentinel", NameOf(r, "RedisMode"))
		}
	}
	switch {
	case r.RedisMode == RedisSentinel && r.RedisMaster == "":
		c.add("RedisMaster", "must be given with %s=sentinel", NameOf(r, "RedisMode"))
	case r.RedisMode == RedisCluster && e.DB != 0:
		c.add("RedisDB", "must be 0 in a cluster, not %d", e.DB)
	case r.RedisMode == RedisSingle && len(e.Addresses) > 1:
		c.add("RedisURL", "must name one host with %s=single, not %d", NameOf(r, "RedisMode"), len(e.Addresses))
	}
	return c.found
}
