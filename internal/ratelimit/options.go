package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/redis/rueidis"
)

// Limit allows a burst of Requests, replenished evenly over Window.
type Limit struct {
	Requests int64         // from 1 to 1,000,000,000
	Window   time.Duration // whole seconds, at most 30 days
}

// Penalties configure what repeated violations of a limit lead to. The first violation is
// delayed by First, each later one by twice as much, at most Longest; after as many as
// Delays comes a Block. Requests that arrive during a penalty are not counted as further
// violations: concurrent requests count once, and a block ends at the announced time.
// The count is reset when there is no violation for ResetAfter after the last penalty.
//
// Only the limits of the caller are violated: no principal is penalised for what others
// of the organisation have used.
type Penalties struct {
	First      time.Duration // 250 ms if 0
	Longest    time.Duration // 4 s if 0
	Delays     int           // 6 if 0; at most 32
	Block      time.Duration // a minute if 0
	ResetAfter time.Duration // 5 minutes if 0
	// MaxDelayed bounds how many requests are delayed at a time; further violations are
	// rejected at once. 64 if 0; none are delayed if negative.
	MaxDelayed int
}

// Options configure a Limiter. The zero value means the default limits, held in memory.
type Options struct {
	// Global, API and Expensive are the limits of an address by tier. Defaults: 1,000 in
	// 15 minutes, 100 in a minute, 10 in 5 minutes.
	Global, API, Expensive Limit
	// PrincipalFactor multiplies these limits for a principal; 10 if 0.
	PrincipalFactor int64
	// OrganisationFactor multiplies them for all principals of an organisation together;
	// 100 if 0.
	OrganisationFactor int64
	Penalties          Penalties
	// MaxSubjects bounds how many addresses are held in memory, and likewise how many
	// principals and organisations; 65,536 if 0. Each takes some 350 bytes, for as long as
	// part of its limits is used.
	MaxSubjects int
	// Redis returns a client, or nil while there is none; it must not block. If the
	// function is nil, Redis is not used.
	Redis func() rueidis.Client
	// Prefix starts every key in Redis; "sixty:limit:" if empty.
	Prefix string
	// Now is the clock; nil is time.Now. Redis uses its own.
	Now func() time.Time
	// Logger reports when Redis becomes available or unavailable. Required with Redis.
	Logger *slog.Logger
}

const (
	maxRequests = 1_000_000_000
	maxWindow   = 30 * 24 * time.Hour
	maxDelays   = 32
)

// withDefaults replaces zero values by the defaults.
func (o Options) withDefaults() Options {
	fill(&o.Global, Limit{1000, 15 * time.Minute})
	fill(&o.API, Limit{100, time.Minute})
	fill(&o.Expensive, Limit{10, 5 * time.Minute})
	fill(&o.PrincipalFactor, 10)
	fill(&o.OrganisationFactor, 100)
	fill(&o.Penalties.First, 250*time.Millisecond)
	fill(&o.Penalties.Longest, 4*time.Second)
	fill(&o.Penalties.Delays, 6)
	fill(&o.Penalties.Block, time.Minute)
	fill(&o.Penalties.ResetAfter, 5*time.Minute)
	fill(&o.Penalties.MaxDelayed, 64)
	fill(&o.MaxSubjects, 1<<16)
	fill(&o.Prefix, "sixty:limit:")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func fill[T comparable](value *T, usual T) {
	var zero T
	if *value == zero {
		*value = usual
	}
}

// validate returns an error that lists every invalid option.
func (o *Options) validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("ratelimit: "+format, args...))
		}
	}
	factor := max(o.PrincipalFactor, o.OrganisationFactor)
	check(o.PrincipalFactor >= 1 && o.OrganisationFactor >= 1 && factor <= maxRequests,
		"the principal and organisation factors must be from 1 to %d", maxRequests)
	for i, l := range o.tiers() {
		check(l.Requests >= 1 && l.Requests <= maxRequests/max(factor, 1),
			"%s: requests must be from 1 to %d after multiplication by the factors", Tier(i), maxRequests)
		check(l.Window >= time.Second && l.Window <= maxWindow && l.Window%time.Second == 0,
			"%s: the window must be whole seconds, from 1 s to %s", Tier(i), maxWindow)
	}
	p := &o.Penalties
	check(p.First > 0 && p.Longest >= p.First && p.Longest <= maxWindow, "delays must be greater than 0 and at most %s, and the longest not below the first", maxWindow)
	check(p.Delays >= 1 && p.Delays <= maxDelays, "the number of delays before a block must be from 1 to %d", maxDelays)
	check(p.Block > 0 && p.ResetAfter > 0 && max(p.Block, p.ResetAfter) <= maxWindow, "the block and the reset time must be greater than 0 and at most %s", maxWindow)
	check(o.MaxSubjects >= shards && o.MaxSubjects <= math.MaxInt32, "MaxSubjects must be at least %d", shards)
	check(o.Redis == nil || o.Logger != nil, "Redis requires a logger")
	return errors.Join(problems...)
}

// tiers returns the limits of an address, by tier.
func (o *Options) tiers() []Limit { return []Limit{o.Global, o.API, o.Expensive} }

func (p *Penalties) micros() penalties {
	return penalties{
		first: p.First.Microseconds(), longest: p.Longest.Microseconds(), block: p.Block.Microseconds(),
		resetAfter: p.ResetAfter.Microseconds(), delays: int64(p.Delays),
	}
}
