package ratelimit

import (
	"time"

	"sixty/internal/redis"
)

// lease is a cost that an instance has charged to Redis in advance, to all limits of a
// caller's requests of a tier, and spends on these requests without asking again. It is
// short, and what is unspent at its end is lost. So a lease is at most half of what the
// caller has spent recently: an occasional caller has none. There is none for limits
// below 64 requests, nor while more than a quarter of a limit is taken: then each request
// is charged individually. So a rejected caller has used at least three quarters of the
// limit, however much was lost; and one that continues asking, all but 1/32.
//
// Limits are replenished while a lease is held, and what the lease holds must not be
// allowed twice. So Redis counts at least what is replenished during the lease as taken,
// plus the lease itself (see script.lua): whenever the lease is spent, its cost is still
// part of what is taken.
type lease struct {
	remaining Cost  // charged and not spent
	end       int64 // when it ends; no other is requested before
	// recent is what was spent up to noted. It decays linearly to zero over the duration
	// of a lease.
	recent   Cost
	recentAt int64
}

const (
	// longestLease bounds its duration, and with it the delay until a block that another
	// instance has caused takes effect here.
	longestLease = time.Second
	// leaseShare is the fraction (1/64) of a limit that a lease may hold, and of the time
	// in which the whole limit is replenished that it may last.
	leaseShare = 64
	// recentShare is the fraction (1/2) of what was spent recently that a lease may hold.
	recentShare = 2
)

// spend spends the cost of an attempt and reports whether it did. If not, and the next
// lease is due, the attempt is to request it.
func (l *lease) spend(now int64, t *attempt) bool {
	switch {
	case t.cost == 0:
		return false
	case now >= l.end:
		l.remaining = 0
		most := min((l.decayed(now, t)+t.cost)/recentShare, t.plan.lease.maxCost)
		if t.leaseCost = most - most%t.cost; t.leaseCost > 0 {
			l.end = now + redis.Patience.Microseconds() // while the request runs
		}
		return false
	case t.cost > l.remaining:
		return false
	}
	l.record(now, t)
	if l.remaining -= t.cost; l.remaining == 0 {
		l.end = now
	}
	return true
}

// settle records the result of an attempt that Redis has decided.
func (l *lease) settle(now int64, t *attempt) {
	l.record(now, t)
	if t.leaseCost == 0 {
		return
	}
	l.remaining, l.end = 0, now
	if t.leaseGranted {
		l.remaining, l.end = t.leaseCost, now+t.plan.lease.duration
	}
}

// record counts the cost of an attempt as spent.
func (l *lease) record(now int64, t *attempt) {
	l.recent = l.decayed(now, t) + t.cost
	l.recentAt = max(l.recentAt, now)
}

// decayed returns what still counts of recent.
func (l *lease) decayed(now int64, t *attempt) Cost {
	lasts := t.plan.lease.duration
	past := min(max(0, now-l.recentAt), lasts)
	return l.recent - Cost(ceilDiv(int64(l.recent)*past, lasts))
}

// leased returns the unspent cost in the caller's leases by tier. A lease of one tier is
// charged to the tiers before it too.
func (e *entry) leased(now int64) (held [tiers]Cost) {
	var sum Cost
	for t := tiers - 1; t >= 0; t-- {
		if l := &e.leases[t]; now < l.end {
			sum += l.remaining
		}
		held[t] = sum
	}
	return held
}
