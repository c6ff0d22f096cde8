package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/config"
)

func TestDefault(t *testing.T) {
	t.Parallel()
	want := config.Config{
		Base: config.Base{
			Env: "development", LogLevel: slog.LevelInfo, DataDir: "data", DatabasePooler: "none", DefaultCurrency: "GBP",
			MinConns: 2, MaxConns: 20, StatementLimit: 5 * time.Second,
		},
		Server: config.Server{
			Addr: "127.0.0.1", Port: 8000, ShutdownTimeout: 15 * time.Second,
			Cache: config.Cache{
				CacheBytes: 64 << 20, CacheTTLFrequent: 5 * time.Minute, CacheTTLSession: time.Minute, CacheTTLStatic: time.Hour,
				ChangesRetention: 7 * 24 * time.Hour, AuditRetention: 400 * 24 * time.Hour, DeletedRetention: 30 * 24 * time.Hour,
			},
			Redis: config.Redis{RedisPort: 6379, RedisMode: "single"},
			Limits: config.Limits{
				RateLimits: "on", LimitGlobal: config.Rate{Requests: 1000, Window: 15 * time.Minute},
				LimitAPI: config.Rate{Requests: 100, Window: time.Minute}, LimitExpensive: config.Rate{Requests: 10, Window: 5 * time.Minute},
				LimitPrincipalFactor: 10, LimitOrganisationFactor: 100, ListLimit: 50, MaxRequests: 256, MaxConnections: 6000, MaxConnsPerAddress: 1024,
				StreamsPerPrincipal: 20, StreamsPerOrganisation: 500,
			},
			Session: config.Session{SessionIdle: 12 * time.Hour, SessionLifetime: 30 * 24 * time.Hour},
			Files:   config.Files{FilesMaxBytes: 20 << 30, ImportMaxBytes: 1 << 30, S3Region: "us-east-1", ExportTimeout: 30 * time.Minute, ExportMaxWAL: 1 << 30},
			Jobs:    config.Jobs{JobStop: 10 * time.Second},
		},
	}
	got := config.Default()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := got.Check(); err != nil {
		t.Errorf("the defaults are rejected: %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   string // what the problem begins with; "" for none
	}{
		{"PortZero", func(c *config.Config) { c.Port = 0 }, ""},
		{"PortAbove", func(c *config.Config) { c.Port = 65536 }, "--port (PORT) must be between 0 and 65535"},
		{"PortBelow", func(c *config.Config) { c.Port = -1 }, "--port (PORT) must be between"},
		{"AddrWithPort", func(c *config.Config) { c.Addr = "0.0.0.0:80" }, ""},
		{"AddrIPv6", func(c *config.Config) { c.Addr = "::1" }, ""},
		{"AddrIPv6WithPort", func(c *config.Config) { c.Addr = "[::1]:80" }, ""},
		{"AddrBadPort", func(c *config.Config) { c.Addr = "localhost:http" }, "--addr (SIXTY_ADDR) must have a port"},
		{"AddrPortAbove", func(c *config.Config) { c.Addr = "localhost:99999999999999999999" }, "--addr (SIXTY_ADDR) must have a port"},
		{"AddrURL", func(c *config.Config) { c.Addr = "http://localhost" }, "--addr (SIXTY_ADDR) must have a port"},
		{"AddrPath", func(c *config.Config) { c.Addr = "localhost/x" }, "--addr (SIXTY_ADDR) must be a host or host:port"},
		{"Env", func(c *config.Config) { c.Env = "prod" }, "--env (NODE_ENV) must be one of"},
		{"NoDataDir", func(c *config.Config) { c.DataDir = "" }, "--data-dir (SIXTY_DATA_DIR) must not be empty"},
		{"Postgres", func(c *config.Config) { c.DatabaseURL = "postgres://u:p@h/d" }, ""},
		{"PostgreSQL", func(c *config.Config) { c.DatabaseURL = "postgresql:///d?host=/run" }, ""},
		{"Hosts", func(c *config.Config) { c.DatabaseURL = "postgres://u:p@h1:5432,h2:5433/d" }, ""},
		{"HostsWithoutPorts", func(c *config.Config) { c.DatabaseURL = "postgres://u:p@h1,h2/d?target_session_attrs=any" }, ""},
		{"HostsIPv6", func(c *config.Config) { c.DatabaseURL = "postgres://u:p@[::1]:5432,[::2],10.0.0.1:5433/d" }, ""},
		{"HostsAsParameters", func(c *config.Config) { c.DatabaseURL = "postgres://u:p@/d?host=h1,h2&port=1,2" }, ""},
		{"HostEmpty", func(c *config.Config) { c.DatabaseURL = "postgres://u:hidden@h1,,h2/d" }, "--database-url (DATABASE_URL) must name hosts"},
		{"HostPort", func(c *config.Config) { c.DatabaseURL = "postgres://u:hidden@h1:x,h2:1/d" }, "--database-url (DATABASE_URL) must name hosts"},
		{"HostPortAbove", func(c *config.Config) { c.DatabaseURL = "postgres://u:hidden@h1:1,h2:70000/d" }, "--database-url (DATABASE_URL) must name hosts"},
		{"SMTP", smtp("smtp://user:p%40ss@mail.example.com:2525"), ""},
		{"SMTPS", smtp("smtps://mail.example.com"), ""},
		{"SMTPWithoutTLS", smtp("smtp://127.0.0.1?tls=off"), ""},
		{"SMTPScheme", smtp("https://user:hidden@mail.example.com"), "--smtp-url (SIXTY_SMTP_URL) must be a URL such as"},
		{"SMTPHost", smtp("smtp://:587"), "--smtp-url (SIXTY_SMTP_URL) must be a URL such as"},
		{"SMTPPath", smtp("smtp://mail.example.com/x"), "--smtp-url (SIXTY_SMTP_URL) must be a URL such as"},
		{"SMTPPort", smtp("smtp://mail.example.com:70000"), "--smtp-url (SIXTY_SMTP_URL) must have a port between 1 and 65535"},
		{"SMTPParameter", smtp("smtp://mail.example.com?tls=on"), "--smtp-url (SIXTY_SMTP_URL) must have no parameters besides tls=off"},
		{"SMTPSWithoutTLS", smtp("smtps://mail.example.com?tls=off"), "--smtp-url (SIXTY_SMTP_URL) must not have tls=off with smtps://"},
		{"SMTPUserAlone", smtp("smtp://user@mail.example.com"), "--smtp-url (SIXTY_SMTP_URL) must have a user and a password, or neither"},
		{"SMTPWithoutSender", func(c *config.Config) { smtp("smtp://h")(c); c.MailFrom = "" }, "--mail-from (SIXTY_MAIL_FROM) must be given with --smtp-url (SIXTY_SMTP_URL)"},
		{"SMTPSender", func(c *config.Config) { smtp("smtp://h")(c); c.MailFrom = "sales" }, "--mail-from (SIXTY_MAIL_FROM) must be an address such as"},
		{"SMTPCAAlone", func(c *config.Config) { c.SMTPCA = "ca.pem" }, "--smtp-ca (SIXTY_SMTP_CA) must not be given without"},
		{"SMTPInProduction", func(c *config.Config) {
			smtp("smtp://h?tls=off")(c)
			c.Env, c.PublicURL = config.Production, "https://app.example"
		}, "--smtp-url (SIXTY_SMTP_URL) must not have tls=off in production"},
		{"SMTPWithoutLinks", func(c *config.Config) { smtp("smtp://h")(c); c.Env = config.Production }, "--public-url (SIXTY_PUBLIC_URL) must be given with --smtp-url (SIXTY_SMTP_URL), or --frontend-url (FRONTEND_URL)"},
		{"SMTPLinksToOrigin", func(c *config.Config) {
			smtp("smtp://h")(c)
			c.Env, c.FrontendURLs = config.Production, []string{"https://app.example"}
		}, ""},
		{"PublicURL", func(c *config.Config) { c.PublicURL = "https://app.example/sales/" }, ""},
		{"PublicURLQuery", func(c *config.Config) { c.PublicURL = "https://app.example/?a=b" }, "--public-url (SIXTY_PUBLIC_URL) must be a URL such as"},
		{"PublicURLPlain", func(c *config.Config) { c.Env, c.PublicURL = config.Production, "http://app.example" }, "--public-url (SIXTY_PUBLIC_URL) must begin with https:// in production"},
		{"ClockOffset", func(c *config.Config) { c.Env, c.ClockOffset = config.Test, time.Hour }, ""},
		{"ClockOffsetNoTest", func(c *config.Config) { c.ClockOffset = -time.Hour }, "--test-clock-offset (SIXTY_TEST_CLOCK_OFFSET) must not be given unless --env (NODE_ENV) is test"},
		{"NoDrain", func(c *config.Config) { c.DrainDelay = config.Optional{Given: true} }, ""},
		{"LongDrainDelay", func(c *config.Config) { c.DrainDelay.Duration = 2 * time.Hour }, "--drain-delay (SIXTY_DRAIN_DELAY) must be from 0s to 1h0m0s"},
		{"NegativeDrain", func(c *config.Config) { c.DrainDelay.Duration = -1 }, "--drain-delay (SIXTY_DRAIN_DELAY) must be from 0s"},
		{"TLS", func(c *config.Config) { c.TLSCert, c.TLSKey = "cert.pem", "key.pem" }, ""},
		{"TLSCertAlone", func(c *config.Config) { c.TLSCert = "cert.pem" }, "--tls-cert (SIXTY_TLS_CERT) must not be given without --tls-key (SIXTY_TLS_KEY)"},
		{"TLSKeyAlone", func(c *config.Config) { c.TLSKey = "key.pem" }, "--tls-key (SIXTY_TLS_KEY) must not be given without --tls-cert (SIXTY_TLS_CERT)"},
		{"AllowInsecure", func(c *config.Config) { c.AllowInsecure = []string{"database", "redis", "bucket"} }, ""},
		{"AllowOther", func(c *config.Config) { c.AllowInsecure = []string{"all"} }, "--allow-insecure (SIXTY_ALLOW_INSECURE) must name database, redis or bucket"},
		{"RedisRemote", func(c *config.Config) { c.RedisHost = "redis.example" }, ""},
		{"RedisRemoteInProduction", func(c *config.Config) { c.Env, c.RedisHost = config.Production, "redis.example" }, "--redis-url (REDIS_URL) must begin with rediss:// (TLS) in production"},
		{"RedisURLRemoteInProduction", func(c *config.Config) {
			c.Env, c.RedisURL, c.RedisMode, c.RedisMaster = config.Production, "redis://:hidden@127.0.0.1,10.0.0.1", "sentinel", "m"
		}, "--redis-url (REDIS_URL) must begin with rediss:// (TLS) in production"},
		{"SentinelHereInProduction", func(c *config.Config) {
			c.Env, c.RedisURL, c.RedisMode, c.RedisMaster = config.Production, "redis://:hidden@127.0.0.1:26379", "sentinel", "m"
		}, "--redis-url (REDIS_URL) must begin with rediss:// (TLS) in production, where sentinels and clusters may name other hosts; or set --allow-insecure (SIXTY_ALLOW_INSECURE) to redis"},
		{"ClusterHereInProduction", func(c *config.Config) {
			c.Env, c.RedisURL, c.RedisMode = config.Production, "redis://127.0.0.1:7000", "cluster"
		}, "--redis-url (REDIS_URL) must begin with rediss:// (TLS) in production, where sentinels and clusters may name other hosts"},
		{"SentinelAllowedInProduction", func(c *config.Config) {
			c.Env, c.RedisHost, c.RedisMode, c.RedisMaster, c.AllowInsecure = config.Production, "127.0.0.1", "sentinel", "m", []string{"redis"}
		}, ""},
		{"ClusterTLSInProduction", func(c *config.Config) {
			c.Env, c.RedisURL, c.RedisMode = config.Production, "rediss://redis.example", "cluster"
		}, ""},
		{"RedisAllowedInProduction", func(c *config.Config) {
			c.Env, c.RedisHost, c.AllowInsecure = config.Production, "redis.example", []string{"redis"}
		}, ""},
		{"RedisTLSInProduction", func(c *config.Config) { c.Env, c.RedisURL = config.Production, "rediss://redis.example" }, ""},
		{"RedisHereInProduction", func(c *config.Config) { c.Env, c.RedisURL = config.Production, "redis://[::1]:6379" }, ""},
		{"RedisLocalhostInProduction", func(c *config.Config) { c.Env, c.RedisHost = config.Production, "localhost" }, ""},
		{"RedisCA", func(c *config.Config) { c.RedisURL, c.RedisCA = "rediss://a", "ca.pem" }, ""},
		{"RedisCAWithoutTLS", func(c *config.Config) { c.RedisURL, c.RedisCA = "redis://a", "ca.pem" }, "--redis-ca (SIXTY_REDIS_CA) must not be given without a --redis-url"},
		{"SentinelPassword", func(c *config.Config) {
			c.RedisURL, c.RedisMode, c.RedisMaster, c.RedisSentinelUsername, c.RedisSentinelPassword = "redis://a,b", "sentinel", "m", "u", "hidden"
		}, ""},
		{"SentinelPasswordAlone", func(c *config.Config) { c.RedisHost, c.RedisSentinelPassword = "a", "hidden" }, "--redis-sentinel-password (SIXTY_REDIS_SENTINEL_PASSWORD) must not be given without --redis-mode (SIXTY_REDIS_MODE)=sentinel"},
		{"OtherDatabase", func(c *config.Config) { c.DatabaseURL = "mysql://hidden@h/d" }, "--database-url (DATABASE_URL) must begin with postgres://"},
		{"NotAURL", func(c *config.Config) { c.DatabaseURL = "postgres://u:hidden%@h/d" }, "--database-url (DATABASE_URL) must be a URL"},
		{"NoPooler", func(c *config.Config) { c.DatabasePooler = "" }, ""},
		{"Pooler", func(c *config.Config) { pooler(c) }, ""},
		{"OtherPooler", func(c *config.Config) { pooler(c); c.DatabasePooler = "session" }, "--database-pooler (SIXTY_DATABASE_POOLER) must be none or transaction"},
		{"PoolerOfNothing", func(c *config.Config) { pooler(c); c.DatabaseURL = "" }, "--database-pooler (SIXTY_DATABASE_POOLER) must be given with --database-url (DATABASE_URL) and --database-direct-url"},
		{"PoolerAlone", func(c *config.Config) { pooler(c); c.DatabaseDirectURL = "" }, "--database-pooler (SIXTY_DATABASE_POOLER) must be given with"},
		{"DirectAlone", func(c *config.Config) { pooler(c); c.DatabasePooler = "none" }, "--database-direct-url (SIXTY_DATABASE_DIRECT_URL) must not be given without --database-pooler (SIXTY_DATABASE_POOLER)=transaction"},
		{"DirectNotAURL", func(c *config.Config) { pooler(c); c.DatabaseDirectURL = "mysql://hidden@h/d" }, "--database-direct-url (SIXTY_DATABASE_DIRECT_URL) must begin with postgres://"},
		{"Currency", func(c *config.Config) { c.DefaultCurrency = "POUND" }, "--default-currency (SIXTY_DEFAULT_CURRENCY) must be"},
		{"MinAboveMax", func(c *config.Config) { c.MinConns = 21 }, "--db-min-conns (SIXTY_DB_MIN_CONNS) must not be above --db-max-conns (SIXTY_DB_MAX_CONNS): 21 > 20"},
		{"MinBelow", func(c *config.Config) { c.MinConns = -1 }, "--db-min-conns (SIXTY_DB_MIN_CONNS) must not be negative"},
		{"MaxBelow", func(c *config.Config) { c.MaxConns = 0 }, "--db-max-conns (SIXTY_DB_MAX_CONNS) must be between 1 and"},
		{"NoTimeout", func(c *config.Config) { c.StatementLimit = 0 }, "--db-statement-timeout (SIXTY_DB_STATEMENT_TIMEOUT) must be more than 0"},
		{"LongDrain", func(c *config.Config) { c.ShutdownTimeout = 2 * time.Hour }, "--shutdown-timeout (SIXTY_SHUTDOWN_TIMEOUT) must be more than 0 and at most"},
		{"ShortKey", func(c *config.Config) { c.PaginationKeys = []config.Secret{"0123456789abcdef", "hidden"} }, "--pagination-key (PAGINATION_KEY) must have at least 16 characters in each key; key 2 of 2"},
		{"RepeatedKey", func(c *config.Config) { c.PaginationKeys = []config.Secret{"0123456789abcdef", "0123456789abcdef"} }, "--pagination-key (PAGINATION_KEY) must not contain a key twice"},
		{"TooManyKeys", func(c *config.Config) {
			for i := range 17 {
				c.PaginationKeys = append(c.PaginationKeys, config.Secret(fmt.Sprintf("0123456789abcdef%d", i)))
			}
		}, "--pagination-key (PAGINATION_KEY) must contain at most 16 keys, not 17"},
		{"Origins", func(c *config.Config) { c.FrontendURLs = []string{"https://a.example", "http://localhost:3000/"} }, ""},
		{"RelativeOrigin", func(c *config.Config) { c.FrontendURLs = []string{"/app"} }, "--frontend-url (FRONTEND_URL) must be origins"},
		{"OriginWithPath", func(c *config.Config) { c.FrontendURLs = []string{"https://a.example/app"} }, "--frontend-url (FRONTEND_URL) must be origins"},
		{"OriginWithQuery", func(c *config.Config) { c.FrontendURLs = []string{"https://a.example?"} }, "--frontend-url (FRONTEND_URL) must be origins"},
		{"NoCache", func(c *config.Config) { c.CacheBytes = 0 }, ""},
		{"TinyCache", func(c *config.Config) { c.CacheBytes = 1000 }, "--cache-bytes (SIXTY_CACHE_BYTES) must be 0 or between"},
		{"NoTTL", func(c *config.Config) { c.CacheTTLStatic = 0 }, "--cache-ttl-static (SIXTY_CACHE_TTL_STATIC) must be between 1s and 24h0m0s"},
		{"ChangesRetention", func(c *config.Config) { c.ChangesRetention = time.Minute }, "--changes-kept (SIXTY_CHANGES_KEPT) must be between 1h0m0s"},
		{"DeletedRetention", func(c *config.Config) { c.DeletedRetention = time.Hour }, "--deleted-kept (SIXTY_DELETED_KEPT) must be between 24h0m0s"},
		{"AuditRetention", func(c *config.Config) { c.AuditRetention = time.Hour }, "--audit-kept (SIXTY_AUDIT_KEPT) must be between 24h0m0s"},
		{"RedisPort", func(c *config.Config) { c.RedisPort = 0 }, "--redis-port (REDIS_PORT) must be between 1 and 65535"},
		{"RedisDB", func(c *config.Config) { c.RedisDB = -1 }, "--redis-db (REDIS_DB) must be between 0"},
		{"RedisMode", func(c *config.Config) { c.RedisMode = "ring" }, "--redis-mode (SIXTY_REDIS_MODE) must be one of"},
		{"RedisMaster", func(c *config.Config) { c.RedisMode = "sentinel" }, "--redis-master (SIXTY_REDIS_MASTER) must be given with --redis-mode"},
		{"RedisURL", func(c *config.Config) {
			c.RedisURL = "rediss://u:hidden@a:1,b/2"
			c.RedisMode = "sentinel"
			c.RedisMaster = "m"
		}, ""},
		{"RedisURLScheme", func(c *config.Config) { c.RedisURL = "http://u:hidden@a" }, "--redis-url (REDIS_URL) must begin with redis://"},
		{"RedisURLEscape", func(c *config.Config) { c.RedisURL = "redis://u:hidden%zz@a" }, "--redis-url (REDIS_URL) must have its user and password"},
		{"RedisURLHost", func(c *config.Config) { c.RedisURL = "redis://:hidden@" }, "--redis-url (REDIS_URL) must name hosts"},
		{"RedisURLDatabase", func(c *config.Config) { c.RedisURL = "redis://:hidden@a/x" }, "--redis-url (REDIS_URL) must end in the number"},
		{"RedisURLAndHost", func(c *config.Config) { c.RedisURL = "redis://a"; c.RedisHost = "b" }, "--redis-url (REDIS_URL) must not be given together with --redis-host (REDIS_HOST)"},
		{"RedisHosts", func(c *config.Config) { c.RedisURL = "redis://a,b" }, "--redis-url (REDIS_URL) must name one host"},
		{"RedisClusterDB", func(c *config.Config) { c.RedisHost = "a"; c.RedisMode = "cluster"; c.RedisDB = 1 }, "--redis-db (REDIS_DB) must be 0 in a cluster"},
		{"LimitsOff", func(c *config.Config) { c.RateLimits = "off" }, ""},
		{"LimitsMaybe", func(c *config.Config) { c.RateLimits = "maybe" }, "--rate-limits (SIXTY_RATE_LIMITS) must be on or off"},
		{"LimitOfNothing", func(c *config.Config) { c.LimitAPI.Requests = 0 }, "--limit-api (SIXTY_LIMIT_API) must be from 1 to 10000000 requests, not 0"},
		{"LimitTimesFactor", func(c *config.Config) { c.LimitGlobal.Requests = 1e8 }, "--limit-global (SIXTY_LIMIT_GLOBAL) must be from 1 to 10000000 requests"},
		{"LimitWindow", func(c *config.Config) { c.LimitExpensive.Window = 1500 * time.Millisecond }, "--limit-expensive (SIXTY_LIMIT_EXPENSIVE) must have a window of whole seconds"},
		{"LimitFactor", func(c *config.Config) { c.LimitPrincipalFactor = 0 }, "--limit-principal-factor (SIXTY_LIMIT_PRINCIPAL_FACTOR) must be between 1"},
		{"NoRequests", func(c *config.Config) { c.MaxRequests = 0 }, "--max-requests (SIXTY_MAX_REQUESTS) must be between 1"},
		{"AnyConns", func(c *config.Config) { c.MaxConnsPerAddress = 0 }, ""},
		{"NoStreams", func(c *config.Config) { c.StreamsPerPrincipal = 0 }, "--streams-per-principal (SIXTY_STREAMS_PER_PRINCIPAL) must be between 1"},
		{"NoStreamsOfAll", func(c *config.Config) { c.StreamsPerOrganisation = 0 }, "--streams-per-organisation (SIXTY_STREAMS_PER_ORGANISATION) must be between 1"},
		{"Proxies", func(c *config.Config) { c.TrustedProxies = []string{"10.0.0.0/8", " ::1", "192.0.2.1"} }, ""},
		{"ProxyByName", func(c *config.Config) { c.TrustedProxies = []string{"10.0.0.1", "proxy"} }, "--trusted-proxies (SIXTY_TRUSTED_PROXIES) must be addresses or CIDRs"},
		{"OriginOfFile", func(c *config.Config) { c.FrontendURLs = []string{"file://a"} }, "--frontend-url (FRONTEND_URL) must be origins"},
		{"IssuerAlone", func(c *config.Config) { c.Issuer = "https://id.example" }, "--issuer (SIXTY_ISSUER) must be given with --jwt-audience (SIXTY_JWT_AUDIENCE), --oidc-client-id"},
		{"IssuerForTokens", func(c *config.Config) { signIn(c); c.OIDCClientID, c.OIDCRedirectURL = "", "" }, ""},
		{"IssuerForSignIn", func(c *config.Config) { signIn(c); c.JWTAudiences = nil }, ""},
		{"IssuerQuery", func(c *config.Config) { signIn(c); c.Issuer += "?a" }, "--issuer (SIXTY_ISSUER) must be a URL"},
		{"IssuerScheme", func(c *config.Config) { signIn(c); c.Issuer = "ldap://id.example" }, "--issuer (SIXTY_ISSUER) must be a URL"},
		{"IssuerPlain", func(c *config.Config) { signIn(c); c.Issuer = "http://id.example" }, ""},
		{"IssuerPlainInProduction", func(c *config.Config) { signIn(c); c.Env, c.Issuer = config.Production, "http://id.example" }, "--issuer (SIXTY_ISSUER) must begin with https://"},
		{"AudienceEmpty", func(c *config.Config) { signIn(c); c.JWTAudiences = []string{"a", " "} }, "--jwt-audience (SIXTY_JWT_AUDIENCE) must not be empty"},
		{"AudienceWithoutIssuer", func(c *config.Config) { c.JWTAudiences = []string{"a"} }, "--jwt-audience (SIXTY_JWT_AUDIENCE) must not be given without --issuer (SIXTY_ISSUER)"},
		{"JWTSecret", func(c *config.Config) { signIn(c); c.JWTSecret = "0123456789abcdef0123456789abcdef" }, ""},
		{"JWTSecretShort", func(c *config.Config) { signIn(c); c.JWTSecret = "hidden" }, "--jwt-secret (SIXTY_JWT_SECRET) must have at least 32"},
		{"JWTSecretWithoutAudience", func(c *config.Config) {
			signIn(c)
			c.JWTAudiences, c.JWTSecret = nil, "0123456789abcdef0123456789abcdef"
		}, "--jwt-secret (SIXTY_JWT_SECRET) must not be given without --jwt-audience"},
		{"ClientSecretAlone", func(c *config.Config) {
			signIn(c)
			c.OIDCClientID, c.OIDCRedirectURL, c.OIDCClientSecret = "", "", "hidden"
		}, "--oidc-client-secret (SIXTY_OIDC_CLIENT_SECRET) must not be given without --oidc-client-id"},
		{"RedirectAlone", func(c *config.Config) { signIn(c); c.OIDCClientID = "" }, "--oidc-redirect-url (SIXTY_OIDC_REDIRECT_URL) must not be given without --oidc-client-id"},
		{"RedirectElsewhere", func(c *config.Config) { signIn(c); c.OIDCRedirectURL = "https://a.example/callback" }, "--oidc-redirect-url (SIXTY_OIDC_REDIRECT_URL) must be a URL that ends in /api/auth/oidc/callback"},
		{"RedirectMissing", func(c *config.Config) { signIn(c); c.OIDCRedirectURL = "" }, "--oidc-redirect-url (SIXTY_OIDC_REDIRECT_URL) must be a URL that ends in"},
		{"RedirectRelative", func(c *config.Config) { signIn(c); c.OIDCRedirectURL = "/api/auth/oidc/callback" }, "--oidc-redirect-url (SIXTY_OIDC_REDIRECT_URL) must be a URL such as"},
		{"RedirectPlainInProduction", func(c *config.Config) {
			signIn(c)
			c.Env, c.OIDCRedirectURL = config.Production, "http://a.example/api/auth/oidc/callback"
		}, "--oidc-redirect-url (SIXTY_OIDC_REDIRECT_URL) must begin with https://"},
		{"OrganisationWithoutIssuer", func(c *config.Config) { c.SignInOrganisation = "Acme" }, "--signin-organisation (SIXTY_SIGNIN_ORGANISATION) must not be given without"},
		{"Bucket", func(c *config.Config) { bucket(c) }, ""},
		{"BucketHereInProduction", func(c *config.Config) {
			bucket(c)
			c.Env, c.S3Endpoint = config.Production, "http://127.0.0.1:9000/"
		}, ""},
		{"BucketPlainInProduction", func(c *config.Config) {
			bucket(c)
			c.Env, c.S3Endpoint = config.Production, "http://s3.example:9000"
		}, "--s3-endpoint (SIXTY_S3_ENDPOINT) must begin with https:// in production"},
		{"BucketPlainAllowed", func(c *config.Config) {
			bucket(c)
			c.Env, c.S3Endpoint, c.AllowInsecure = config.Production, "http://s3.example:9000", []string{"bucket"}
		}, ""},
		{"BucketNowhere", func(c *config.Config) { bucket(c); c.S3Endpoint = "" }, "--s3-endpoint (SIXTY_S3_ENDPOINT) must be a URL such as"},
		{"BucketHost", func(c *config.Config) { bucket(c); c.S3Endpoint = "s3.example:9000" }, "--s3-endpoint (SIXTY_S3_ENDPOINT) must be a URL such as"},
		{"BucketPath", func(c *config.Config) { bucket(c); c.S3Endpoint += "/a" }, "--s3-endpoint (SIXTY_S3_ENDPOINT) must be a URL such as"},
		{"BucketWithoutKey", func(c *config.Config) { bucket(c); c.S3AccessKey = "" }, "--s3-access-key (SIXTY_S3_ACCESS_KEY) must be given with --s3-bucket"},
		{"BucketWithoutSecret", func(c *config.Config) { bucket(c); c.S3SecretKey = "" }, "--s3-secret-key (SIXTY_S3_SECRET_KEY) must be given with --s3-bucket"},
		{"BucketAndFolder", func(c *config.Config) { bucket(c); c.FilesDir = "a" }, "--files-dir (SIXTY_FILES_DIR) must not be given together with --s3-bucket"},
		{"SecretWithoutBucket", func(c *config.Config) { c.S3SecretKey = "hidden" }, "--s3-secret-key (SIXTY_S3_SECRET_KEY) must not be given without --s3-bucket"},
		{"FewFiles", func(c *config.Config) { c.FilesMaxBytes = 0 }, "--files-max-bytes (SIXTY_FILES_MAX_BYTES) must be between 1048576"},
		{"SmallImports", func(c *config.Config) { c.ImportMaxBytes = 1 }, "--import-max-bytes (SIXTY_IMPORT_MAX_BYTES) must be between 1024"},
		{"LongExport", func(c *config.Config) { c.ExportTimeout = 2 * time.Hour }, "--export-timeout (SIXTY_EXPORT_TIMEOUT) must be between 1s and 1h0m0s"},
		{"SmallWAL", func(c *config.Config) { c.ExportMaxWAL = 1 }, "--export-max-wal (SIXTY_EXPORT_MAX_WAL) must be between"},
		{"CreateWithoutIssuer", func(c *config.Config) { c.SignInCreate = true }, "--signin-create (SIXTY_SIGNIN_CREATE) must not be given without"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			c.change(&cfg)
			err := cfg.Check()
			if c.want == "" {
				if err != nil {
					t.Errorf("rejected: %v", err)
				}
				return
			}
			var invalid *config.Invalid
			if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v; want one problem that begins with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error contains a secret: %v", err)
			}
		})
	}
}

// signIn sets an identity provider, for tokens and for signing in.
func signIn(c *config.Config) {
	c.Issuer, c.JWTAudiences = "https://id.example", []string{"sixty"}
	c.OIDCClientID, c.OIDCRedirectURL = "sixty", "https://a.example/api/auth/oidc/callback"
}

// bucket sets a bucket of the files.
func bucket(c *config.Config) {
	c.S3Bucket, c.S3Endpoint, c.S3AccessKey, c.S3SecretKey = "sixty", "https://s3.example", "key", "hidden"
}

// pooler sets a pooler in front of the database.
func pooler(c *config.Config) {
	c.DatabaseURL, c.DatabasePooler, c.DatabaseDirectURL = "postgres://u:hidden@pooler/d", "transaction", "postgres://u:hidden@h/d"
}

func TestCheckListsAllProblems(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.MaxConns, cfg.FrontendURLs = "x", -1, 0, []string{"a", "b"}
	var invalid *config.Invalid
	if err := cfg.Check(); !errors.As(err, &invalid) || len(invalid.Problems) != 5 || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want five problems on one line", err)
	}
	if err := cfg.Base.Check(); !errors.As(err, &invalid) || len(invalid.Problems) != 2 {
		t.Errorf("got %v, want the two problems that are not the server's", err)
	}
}

func TestListenAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"127.0.0.1": "127.0.0.1:8000", "": ":8000", "::1": "[::1]:8000", "[::1]": "[::1]:8000",
		"localhost:81": "localhost:81", "[::]:81": "[::]:81", ":81": ":81",
	} {
		s := config.Server{Addr: addr, Port: 8000}
		if got := s.ListenAddress(); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	if d := cfg.Drain(); d != 0 {
		t.Errorf("in development: %s", d)
	}
	cfg.Env = config.Production
	if d := cfg.Drain(); d != 5*time.Second {
		t.Errorf("in production: %s", d)
	}
	if err := cfg.DrainDelay.UnmarshalText([]byte("0s")); err != nil || cfg.Drain() != 0 {
		t.Errorf("in production, when it is 0s: %s, %v", cfg.Drain(), err)
	}
	if err := cfg.DrainDelay.UnmarshalText([]byte("soon")); err == nil {
		t.Error("soon is a duration")
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	a, b := config.Default(), config.Default()
	if d := config.Differences(a, b); len(d) != 0 {
		t.Errorf("differences of the defaults: %v", d)
	}
	b.DatabaseURL, b.FrontendURLs, b.RedisHost = "a", []string{"b"}, "c"
	if d := cmp.Diff([]string{"DATABASE_URL", "FRONTEND_URL", "REDIS_HOST"}, config.Differences(a, b)); d != "" {
		t.Error(d)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	s := config.Config{Server: config.Server{FrontendURLs: []string{"http://localhost:5173/", "https://a.example"}}}
	if d := cmp.Diff([]string{"http://localhost:5173", "https://a.example"}, s.Origins()); d != "" {
		t.Error(d)
	}
}

func TestRedisEndpoint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  config.Redis
		want config.RedisEndpoint
	}{
		{"None", config.Redis{RedisPort: 6379}, config.RedisEndpoint{}},
		{"Host", config.Redis{RedisHost: "::1", RedisPort: 7000, RedisPassword: "p", RedisDB: 3},
			config.RedisEndpoint{Addresses: []string{"[::1]:7000"}, Password: "p", DB: 3}},
		{"URL", config.Redis{RedisURL: "rediss://u%40:p%2Fw@a:1,b,[::1]:2/4", RedisMode: "cluster"},
			config.RedisEndpoint{Addresses: []string{"a:1", "b:6379", "[::1]:2"}, Username: "u@", Password: "p/w", DB: 4, TLS: true, Mode: "cluster"}},
		{"BareURL", config.Redis{RedisURL: "redis://a"}, config.RedisEndpoint{Addresses: []string{"a:6379"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.set.Endpoint()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DatabaseURL, cfg.PaginationKeys = "hidden", []config.Secret{"hidden"}
	cfg.RedisPassword, cfg.RedisURL, cfg.RedisSentinelPassword = "hidden", "hidden", "hidden"
	cfg.DatabaseDirectURL = "hidden"
	cfg.JWTSecret, cfg.OIDCClientSecret, cfg.S3SecretKey = "hidden", "hidden", "hidden"
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&shown, verb, cfg)
		fmt.Fprintf(&shown, verb, &cfg.DatabaseURL)
		fmt.Fprintf(&shown, verb, cfg.DatabaseURL)
	}
	fmt.Fprintln(&shown, cfg, cfg.DatabaseURL)
	encoded, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(encoded)
	for _, json := range []bool{true, false} {
		var h slog.Handler = slog.NewTextHandler(&shown, nil)
		if json {
			h = slog.NewJSONHandler(&shown, nil)
		}
		slog.New(h).Info("settings", "config", cfg, "url", cfg.DatabaseURL)
	}
	for _, form := range []string{"hidden", "68696464656e", "68696464656E", "104 105"} {
		if strings.Contains(shown.String(), form) {
			t.Errorf("a secret is shown: %s", shown.String())
		}
	}
	if got := cfg.DatabaseURL.Reveal(); got != "hidden" {
		t.Errorf("Reveal = %q", got)
	}
}

// smtp sets an SMTP server, with what belongs to it.
func smtp(url config.Secret) func(*config.Config) {
	return func(c *config.Config) { c.SMTPURL, c.MailFrom = url, "Sales <sales@example.com>" }
}

func TestSMTPEndpoint(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]config.SMTPEndpoint{
		"smtp://mail.example.com":                  {Host: "mail.example.com", Port: 587},
		"smtps://mail.example.com":                 {Host: "mail.example.com", Port: 465, TLS: true},
		"smtp://user:p%40s%3As@[::1]:2525?tls=off": {Host: "::1", Port: 2525, Plain: true, User: "user", Password: "p@s:s"},
	} {
		got, ok, err := config.Mail{SMTPURL: config.Secret(url)}.SMTP()
		if d := cmp.Diff(want, got); d != "" || !ok || err != nil {
			t.Errorf("%s: %t, %v\n%s", url, ok, err, d)
		}
	}
	if _, ok, err := (config.Mail{}).SMTP(); ok || err != nil {
		t.Errorf("without a URL: %t, %v", ok, err)
	}
	if got := (config.Config{Server: config.Server{Mail: config.Mail{PublicURL: "https://app.example/sales/"}}}).FrontEnd(); got != "https://app.example/sales" {
		t.Errorf("the front end is %q", got)
	}
}
