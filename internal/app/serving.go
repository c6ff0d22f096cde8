package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/cache"
	shared "sixty/internal/cache/redis"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity"
	"sixty/internal/ratelimit"
	"sixty/internal/redis"
	"sixty/internal/store"
)

// settingDatabase is the database-wide setting with a random name of the database, by which
// those that share a Redis have rate limits of their own. It is called log_epoch because
// programs up to schema version 15 also have it as the epoch of the change log.
const settingDatabase = "log_epoch"

// settingSessionSeal is the database-wide setting with the key that seals sessions in Redis.
const settingSessionSeal = "session_seal"

const (
	// cacheJitter is the greatest part of a lifetime that is subtracted at random.
	cacheJitter = 0.1
	// pruneEvery is the interval of pruning, and pruneAtOnce bounds the rows of each kind.
	pruneEvery  = 10 * time.Minute
	pruneAtOnce = 100_000
	// rebuildRetry is the time between two attempts to rebuild derived data.
	rebuildRetry = 30 * time.Second
)

// newDatabaseName returns a random name.
func newDatabaseName() string { return rand.Text()[:10] }

// serving is what a server needs besides the core: a follower of the change log, the
// cache that depends on it, and sign-in.
type serving struct {
	core     *Core
	database string // its random name
	cache    *cache.Cache
	redis    *redis.Conn        // nil without Redis, and so is shared
	shared   *shared.Shared     // the tier of the cache that instances share
	limits   *ratelimit.Limiter // nil if they are off

	sessions *auth.Sessions
	identity *identity.Provider // nil: there is none
	people   *auth.Identities   // its users here; nil without it
	tokens   *auth.Tokens       // nil: none are accepted

	end     context.CancelFunc
	running sync.WaitGroup
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
	s := &serving{core: core, database: database}
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
		o.Shared = s.shared
	}
	s.cache = cache.New(o)
	core.metrics.ObserveEach(s.cache.Observe)
	sessions := auth.SessionOptions{
		Store: core.Store, Service: core.Accounts, Hasher: core.hasher, Freshness: core.changes, Now: core.Clock,
		Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime, Seal: seal,
	}
	if s.shared != nil {
		sessions.Shared = s.shared
	}
	s.sessions = auth.NewSessions(sessions)
	if cfg.SignsIn() {
		s.openIdentity(cfg.SignIn)
	}
	running, end := context.WithCancel(context.Background())
	s.end = end
	s.running.Go(func() {
		if err := core.changes.Run(running, core.Store); err != nil {
			core.Log.Error("the change log is not followed any more", "error", err)
		}
	})
	s.running.Go(func() { s.prune(running, cfg.Cache) })
	s.running.Go(func() { s.beat(running) })
	s.running.Go(func() { s.rebuild(running) })
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
		Policy: accounts.ProvisioningPolicy{Organisation: cfg.SignInOrganisation, Create: cfg.SignInCreate},
	}
	if s.identity.SignsTokens() {
		s.tokens = auth.NewTokens(s.people, s.core.changes, s.core.Clock)
	}
}

// signIn returns the identity provider's users; nil if it does not sign users in.
func (s *serving) signIn() *auth.Identities {
	if s.identity == nil || !s.identity.SignsIn() {
		return nil
	}
	return s.people
}

// connectRedis returns the connection that the cache and the rate limits share; nil if
// none is configured. It connects lazily.
func connectRedis(core *Core, cfg config.Redis) (*redis.Conn, error) {
	endpoint, err := cfg.Endpoint()
	if err != nil || len(endpoint.Addresses) == 0 {
		return nil, err // never an error: Check has validated it
	}
	o := redis.Options{
		Addresses: endpoint.Addresses, Mode: redis.Mode(endpoint.Mode), Master: endpoint.Master,
		Username: endpoint.Username, Password: endpoint.Password.Reveal(), DB: endpoint.DB, Logger: core.Log,
	}
	if endpoint.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return redis.New(o), nil
}

// prune removes old rows of the change log and the audit trail, stored responses, and
// expired sessions and one-time tokens, periodically until ctx ends.
func (s *serving) prune(ctx context.Context, cfg config.Cache) {
	repeat(ctx, pruneEvery, func() bool {
		for _, old := range []struct {
			what  string
			kept  time.Duration
			prune func(ctx context.Context, before crm.Instant, limit int) (int64, error)
		}{
			{"the change log", cfg.ChangesRetention, s.core.Store.PruneLog},
			{"stored responses", crm.IdempotencyRetention, s.core.Store.PruneIdempotencyKeys},
			{"the audit trail", cfg.AuditRetention, s.core.Store.PruneAudit},
			{"sessions and one-time tokens", 0, s.core.Store.PruneExpiredCredentials},
		} {
			removed, err := old.prune(ctx, crm.InstantOf(s.core.Clock().Add(-old.kept)), pruneAtOnce)
			switch {
			case ctx.Err() != nil:
				return false
			case err != nil:
				s.core.Log.Warn("old rows could not be removed", "of", old.what, "error", err)
			case removed > 0:
				s.core.Log.Info("old rows were removed", "of", old.what, "rows", removed)
			}
		}
		return true
	})
}

// repeat calls work at once and then periodically, until it returns false or ctx ends.
func repeat(ctx context.Context, period time.Duration, work func() bool) {
	every := time.NewTicker(period)
	defer every.Stop()
	for work() {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// beat keeps this server registered until ctx ends.
func (s *serving) beat(ctx context.Context) {
	id := crm.NewID()
	repeat(ctx, store.HeartbeatPeriod, func() bool {
		if err := s.core.Store.Heartbeat(ctx, id); err != nil && ctx.Err() == nil {
			s.core.Log.Debug("the server could not be registered", "error", err)
		}
		return true
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	_ = s.core.Store.EndInstance(ctx, id) // or its heartbeat times out
}

// rebuild rebuilds derived data of an older version, until that is done or ctx ends.
func (s *serving) rebuild(ctx context.Context) {
	repeat(ctx, rebuildRetry, func() bool {
		err := s.core.Store.RebuildDerived(ctx)
		if err == nil || ctx.Err() != nil {
			return false
		}
		s.core.Log.Warn("searches are incomplete until their index is rebuilt; it is tried again", "error", err)
		return true
	})
}

// close stops the background work, waits for it, and frees everything.
func (s *serving) close() {
	s.end()
	s.running.Wait()
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
	if s.redis != nil {
		s.shared.Close()
		s.redis.Close()
	}
}
