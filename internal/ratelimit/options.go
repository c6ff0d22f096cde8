package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/redis/rueidis"
)

// Limit is how much is allowed: Requests at once, and as many in every Window.
type Limit struct {
	Requests int64         // from 1 to 1,000,000,000
	Window   time.Duration // whole seconds, at most 30 days
}

// Penalties are what repeated violations bring, for each limit by itself. The first
// violation brings a delay of First, and each one after it the double, at most
// Longest; as many Delays as that bring a Block. What comes while one of them lasts
// is no further violation, so that requests sent together are one, and a block ends
// when it was said to. Violations are forgotten when for Quiet after the last
// penalty there has been none.
//
// Only limits of whoever asks are violated: nobody is punished for what others of
// the organisation have taken.
type Penalties struct {
	First   time.Duration // 250 ms if 0
	Longest time.Duration // 4 s if 0
	Delays  int           // 6 if 0; at most 32
	Block   time.Duration // a minute if 0
	Quiet   time.Duration // 5 minutes if 0
	// MaxHeld is how many requests are held up at once; whoever violates a limit
	// beyond it is refused at once. 64 if 0; none if negative.
	MaxHeld int
}

// Options say what a Limiter allows. The zero Options are the usual limits, kept in
// memory.
type Options struct {
	// Global, API and Expensive are the limits of an address in the tiers: if they
	// are zero, 1,000 in 15 minutes, 100 in a minute, 10 in 5 minutes.
	Global, API, Expensive Limit
	// PrincipalFactor is how many times as much a principal is allowed; 10 if 0.
	PrincipalFactor int64
	// OrganisationFactor is how many times as much as an address all principals of
	// an organisation are allowed together; 100 if 0.
	OrganisationFactor int64
	Penalties          Penalties
	// MaxSubjects bounds how many addresses memory knows, and likewise how many
	// principals and organisations; 65,536 if 0. Each takes some 350 bytes, and only
	// while it has taken something that has not grown back.
	MaxSubjects int
	// Redis gives a client, or nil while there is none; it must not wait. A nil
	// Redis is one that there never is.
	Redis func() rueidis.Client
	// Prefix begins every key in Redis; "sixty:limit:" if empty.
	Prefix string
	// Now is the clock; nil is time.Now. Redis goes by its own.
	Now func() time.Time
	// Logger hears when Redis comes and goes. It is needed where there is Redis.
	Logger *slog.Logger
}

const (
	maxRequests = 1_000_000_000
	maxWindow   = 30 * 24 * time.Hour
	maxDelays   = 32
)

// withDefaults fills in what is zero.
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
	fill(&o.Penalties.Quiet, 5*time.Minute)
	fill(&o.Penalties.MaxHeld, 64)
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

// validate names everything that cannot be.
func (o *Options) validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("ratelimit: "+format, args...))
		}
	}
	factor := max(o.PrincipalFactor, o.OrganisationFactor)
	check(o.PrincipalFactor >= 1 && o.OrganisationFactor >= 1 && factor <= maxRequests,
		"the factors of principals and organisations must be from 1 to %d", maxRequests)
	for i, l := range o.tiers() {
		check(l.Requests >= 1 && l.Requests <= maxRequests/max(factor, 1),
			"%s: requests must be from 1 to %d, multiplied by the factors", Tier(i), maxRequests)
		check(l.Window >= time.Second && l.Window <= maxWindow && l.Window%time.Second == 0,
			"%s: the window must be whole seconds, from 1 s to %s", Tier(i), maxWindow)
	}
	p := &o.Penalties
	check(p.First > 0 && p.Longest >= p.First && p.Longest <= maxWindow, "delays must be greater than 0, the longest no less than the first, and at most %s", maxWindow)
	check(p.Delays >= 1 && p.Delays <= maxDelays, "the delays before a block must be from 1 to %d", maxDelays)
	check(p.Block > 0 && p.Quiet > 0 && max(p.Block, p.Quiet) <= maxWindow, "a block and the quiet time must be greater than 0 and at most %s", maxWindow)
	check(o.MaxSubjects >= shards && o.MaxSubjects <= math.MaxInt32, "subjects must be at least %d", shards)
	check(o.Redis == nil || o.Logger != nil, "a logger is needed where there is Redis")
	return errors.Join(problems...)
}

// tiers gives the limits of an address, by tier.
func (o *Options) tiers() []Limit { return []Limit{o.Global, o.API, o.Expensive} }

func (p *Penalties) micros() penalties {
	return penalties{
		first: p.First.Microseconds(), longest: p.Longest.Microseconds(), block: p.Block.Microseconds(),
		quiet: p.Quiet.Microseconds(), delays: int64(p.Delays),
	}
}
