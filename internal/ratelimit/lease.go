package ratelimit

import (
	"time"

	"sixty/internal/redis"
)

// lease is what an instance has charged in Redis in advance, to all limits of a caller's
// requests of a tier, and spends on these without asking again. It lasts a short time, and
// what is not spent then is lost. So a lease is no more than half of what the caller has
// spent just before: who comes now and then has none. There is none either of a limit of
// less than 64 requests, nor while more than a quarter of a limit is taken: then each
// request is charged by itself. So whoever is refused has taken at least three quarters,
// whatever was lost; and all but a 32nd, who goes on asking.
//
// Limits grow back while a lease is held, and what is held must not be allowed twice. So
// Redis counts at least as much as taken as grows back while the lease lasts, and the lease
// on top (see script.lua): whenever it is spent, it still is part of what is taken.
type lease struct {
	left  Cost  // what was charged and is not spent
	until int64 // when it ends; no other is asked for before
	// recent is what was spent up to noted, of which less counts the longer ago it was,
	// and nothing after as long as a lease lasts.
	recent Cost
	noted  int64
}

// What a lease is at most.
const (
	// longestLease is how long one lasts: a caller who is blocked by what another instance
	// has seen is blocked here no later.
	longestLease = time.Second
	// leaseShare is the part of a limit, one in so many, that a lease may take, and the
	// part of the time in which all of it grows back that it may last.
	leaseShare = 64
	// recentShare is the part that it is, one in so many, of what was spent lately.
	recentShare = 2
)

// pay spends what a trial costs, and tells whether it has. If it has not, and it is time
// for the next lease, the trial is to ask for that.
func (l *lease) pay(now int64, t *trial) bool {
	switch {
	case t.cost == 0:
		return false
	case now >= l.until:
		l.left = 0
		most := min((l.faded(now, t)+t.cost)/recentShare, t.plan.lease.most)
		if t.lend = most - most%t.cost; t.lend > 0 {
			l.until = now + redis.Patience.Microseconds() // while this one asks
		}
		return false
	case t.cost > l.left:
		return false
	}
	l.note(now, t)
	if l.left -= t.cost; l.left == 0 {
		l.until = now
	}
	return true
}

// learn takes over what came of a trial that Redis has decided.
func (l *lease) learn(now int64, t *trial) {
	l.note(now, t)
	if t.lend == 0 {
		return
	}
	l.left, l.until = 0, now
	if t.lent {
		l.left, l.until = t.lend, now+t.plan.lease.lasts
	}
}

// note counts what a trial costs as spent.
func (l *lease) note(now int64, t *trial) {
	l.recent = l.faded(now, t) + t.cost
	l.noted = max(l.noted, now)
}

// faded is what still counts of what was spent.
func (l *lease) faded(now int64, t *trial) Cost {
	lasts := t.plan.lease.lasts
	past := min(max(0, now-l.noted), lasts)
	return l.recent - Cost(over(int64(l.recent)*past, lasts))
}

// held gives what a caller's leases hold of its limits, by tier: one of a tier is charged
// to those before it, too.
func (e *entry) held(now int64) (held [tiers]Cost) {
	var sum Cost
	for t := tiers - 1; t >= 0; t-- {
		if l := &e.leases[t]; now < l.until {
			sum += l.left
		}
		held[t] = sum
	}
	return held
}
