package app

import (
	"fmt"

	"sixty/internal/config"
	"sixty/internal/ratelimit"
)

// newLimiter returns the rate limits; nil if they are off, which it logs as a warning.
func newLimiter(core *Core, s *serving, cfg config.Limits) (*ratelimit.Limiter, error) {
	if !cfg.Limited() {
		core.Log.Warn("RATE LIMITS ARE OFF: every client can send any number of requests",
			"setting", config.NameOf(cfg, "RateLimits"))
		return nil, nil //nolint:nilnil // none was asked for
	}
	o := ratelimit.Options{
		Global: ratelimit.Limit(cfg.LimitGlobal), API: ratelimit.Limit(cfg.LimitAPI), Expensive: ratelimit.Limit(cfg.LimitExpensive),
		PrincipalFactor: int64(cfg.LimitPrincipalFactor), OrganisationFactor: int64(cfg.LimitOrganisationFactor),
		Logger: core.Log,
	}
	if s.redis != nil {
		o.Redis, o.Prefix = s.redis.Client, "sixty:"+s.database+":limit:" // shared by the instances on this database
	}
	l, err := ratelimit.New(o)
	if err != nil {
		return nil, fmt.Errorf("make the rate limits: %w", err)
	}
	return l, nil
}

// newFailures returns the counts of failed sign-ins.
func newFailures(core *Core, s *serving, key string) *ratelimit.Failures {
	o := ratelimit.FailuresOptions{Now: core.Clock, Key: []byte(key), Logger: core.Log}
	if s.redis != nil {
		o.Redis, o.Prefix = s.redis.Client, "sixty:"+s.database+":"
	}
	return ratelimit.NewFailures(o)
}
