package app

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/cache"
	shared "sixty/internal/cache/redis"
	"sixty/internal/config"
	"sixty/internal/identity"
	"sixty/internal/ratelimit"
	"sixty/internal/redis"
	"sixty/internal/server"
	"sixty/internal/webhooks"
)

// settingDatabase is the database-wide setting with a random name of the database, by which
// those that share a Redis have rate limits of their own. It is called log_epoch because
// programs up to schema version 15 also have it as the epoch of the change log.
const settingDatabase = "log_epoch"

// settingSessionSeal is the database-wide setting with the key that seals what is in Redis.
const settingSessionSeal = "session_seal"

// settingDeviceKey is the database-wide setting with the key that signs device cookies, and
// hashes the names that failed sign-ins are counted by.
const settingDeviceKey = "device_key"

// cacheJitter is the greatest part of a lifetime that is subtracted at random.
const cacheJitter = 0.1

// derivedKey returns the key for one purpose that is derived from the seal.
func derivedKey(seal, purpose string) []byte {
	h := hmac.New(sha256.New, []byte(seal))
	h.Write([]byte("sixty derived key: " + purpose))
	return h.Sum(nil)
}

// newDatabaseName returns a random name.
func newDatabaseName() string { return rand.Text()[:10] }

// serving is what a server needs besides the core: a follower of the change log, the
// cache that depends on it, and sign-in.
type serving struct {
	core     *Core
	database string // its random name
	seal     string // of what is kept in Redis
	cache    *cache.Cache
	redis    *redis.Conn        // nil without Redis, and so is shared
	shared   *shared.Shared     // the tier of the cache that instances share
	limits   *ratelimit.Limiter // nil if they are off

	failures *ratelimit.Failures
	devices  *auth.Devices
	sessions *auth.Sessions
	identity *identity.Provider // nil: there is none
	people   *auth.Identities   // its users here; nil without it
	tokens   *auth.Tokens       // nil: none are accepted

	hooks      *webhooks.Service
	hookClient *webhooks.Client

	heartbeat  *heartbeat
	background background
	started    time.Time
	face       atomic.Pointer[server.Server] // nil until there is one

	end     context.CancelFunc
	running sync.WaitGroup
}

// sharedWrites returns where writes whose outcome is unknown are kept for other instances.
func (s *serving) sharedWrites() server.Shared {
	if s.shared == nil {
		return nil
	}
	return s.shared
}

// newServing opens the cache, and starts to follow the change log. close must follow.
func newServing(ctx context.Context, core *Core, cfg config.Server) (*serving, error) {
	database, err := core.Store.Setting(ctx, settingDatabase, newDatabaseName)
	if err != nil {
		return nil, fmt.Errorf("read the name of the database: %w", err)
	}
	seal, err := core.Store.Setting(ctx, settingSessionSeal, rand.Text)
	if err != nil {
		return nil, fmt.Errorf("read the seal of sessions: %w", err)
	}
	device, err := core.Store.Setting(ctx, settingDeviceKey, rand.Text)
	if err != nil {
		return nil, fmt.Errorf("read the key of device cookies: %w", err)
	}
	s := &serving{core: core, database: database, seal: seal, heartbeat: newHeartbeat(core), started: core.Clock()}
	o := cache.Options{
		Bytes: int64(cfg.CacheBytes),
		TTL: map[cache.Tier]time.Duration{
			cache.Frequent: cfg.CacheTTLFrequent, cache.Session: cfg.CacheTTLSession, cache.Static: cfg.CacheTTLStatic,
		},
		Jitter:    cacheJitter,
		Freshness: core.changes,
		Now:       core.Clock,
		Logger:    core.Log,
	}
	if s.redis, err = connectRedis(core, cfg.Redis); err != nil {
		return nil, err
	}
	if s.limits, err = newLimiter(core, s, cfg.Limits); err != nil {
		if s.redis != nil {
			s.redis.Close()
		}
		return nil, err
	}
	if s.redis != nil {
		s.shared = shared.New(s.redis, core.Log)
		o.Shared, o.Seal = s.shared, derivedKey(seal, "response cache")
	}
	s.cache = cache.New(o)
	core.metrics.ObserveEach(s.cache.Observe)
	s.failures, s.devices = newFailures(core, s, device), auth.NewDevices(device, core.Clock)
	sessions := auth.SessionOptions{
		Store: core.Store, Service: core.Accounts, Hasher: core.hasher, Freshness: core.changes, Now: core.Clock,
		Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime, Seal: seal, Failures: s.failures, Devices: s.devices, Trail: core.failures,
	}
	if s.shared != nil {
		sessions.Shared = s.shared
	}
	s.sessions = auth.NewSessions(sessions)
	if cfg.SignsIn() {
		s.openIdentity(cfg.SignIn)
	}
	first, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	s.heartbeat.beat(first) // before the first check of readiness
	running, end := context.WithCancel(context.Background())
	s.end = end
	s.running.Go(func() {
		if err := core.changes.Run(running, core.Store); err != nil {
			core.Log.Error("the change log is not followed any more", "error", err)
		}
	})
	s.running.Go(func() { s.tidyFiles(running) })
	s.running.Go(func() { s.heartbeat.run(running) })
	s.running.Go(func() { s.rebuild(running) })
	s.running.Go(func() { s.reindex(running) })
	if err := s.startJobs(cfg); err != nil {
		s.close()
		return nil, err
	}
	s.running.Go(func() { s.feedWebhooks(running) })
	return s, nil
}

// openIdentity sets up the identity provider, which need not be available.
func (s *serving) openIdentity(cfg config.SignIn) {
	s.identity = identity.New(identity.Options{
		Issuer: cfg.Issuer, Audiences: cfg.JWTAudiences, Secret: cfg.JWTSecret.Reveal(),
		ClientID: cfg.OIDCClientID, ClientSecret: cfg.OIDCClientSecret.Reveal(), RedirectURL: cfg.OIDCRedirectURL,
		Now: s.core.Clock, Logger: s.core.Log,
	})
	s.people = &auth.Identities{
		Store: s.core.Store, Service: s.core.Accounts, Provider: s.identity,
		Policy:        accounts.ProvisioningPolicy{Organisation: cfg.SignInOrganisation, Create: cfg.SignInCreate},
		SubjectIsUser: cfg.JWTSubject == config.SubjectUser,
		Trail:         s.core.failures, Logger: s.core.Log,
	}
	if s.people.SubjectIsUser && cfg.SignInCreate {
		s.core.Log.Warn("no account is created at sign-in: the subject of a token must be a user's id", "setting", config.NameOf(cfg, "JWTSubject"))
	}
	if s.identity.SignsTokens() {
		s.tokens = auth.NewTokens(s.people, s.core.changes, s.core.Clock)
	}
}

// connectRedis returns the connection that the cache and the rate limits share; nil if
// none is configured. It connects lazily.
func connectRedis(core *Core, cfg config.Redis) (*redis.Conn, error) {
	endpoint, err := cfg.Endpoint()
	if err != nil || len(endpoint.Addresses) == 0 {
		return nil, err // never an error: Check has validated it
	}
	o, err := redisOptions(core, endpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.NameOf(cfg, "RedisCA"), err)
	}
	return redis.New(o), nil
}

func redisOptions(core *Core, endpoint config.RedisEndpoint) (redis.Options, error) {
	o := redis.Options{
		Addresses: endpoint.Addresses, Mode: redis.Mode(endpoint.Mode), Master: endpoint.Master,
		Credentials: redis.Credentials{Username: endpoint.Username, Password: endpoint.Password.Reveal()},
		Sentinels:   redis.Credentials{Username: endpoint.SentinelUsername, Password: endpoint.SentinelPassword.Reveal()},
		DB:          endpoint.DB, Logger: core.Log,
	}
	if endpoint.TLS {
		roots, err := authorities(endpoint.CA)
		if err != nil {
			return o, err
		}
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return o, nil
}

// close stops the background work, waits for it, and frees everything.
func (s *serving) close() {
	s.background.close()
	s.end()
	s.running.Wait()
	if s.hookClient != nil {
		s.hookClient.Close()
	}
	s.sessions.Close()
	if s.tokens != nil {
		s.tokens.Close()
	}
	if s.identity != nil {
		s.identity.Close()
	}
	s.cache.Close()
	if s.limits != nil {
		s.limits.Close()
	}
	s.failures.Close()
	if s.redis != nil {
		s.shared.Close()
		s.redis.Close()
	}
}
