package ratelimit

import (
	"strconv"
	"time"
)

// Decision is the result of a charge: whether the request is allowed, and the status of
// its limits.
type Decision struct {
	Allowed bool
	// Delay is how long the request was delayed before the decision.
	Delay time.Duration
	// For a rejection: the limit with the longest wait, how long until a whole request (or
	// a higher cost) would be allowed, and whether a block is in force. The wait is for a
	// whole request even if only a part was charged, so that the retry's later parts are
	// not rejected in turn.
	Tier       Tier
	Scope      Scope
	RetryAfter time.Duration
	Blocked    bool
	// Shared reports whether Redis has decided, for all instances: now, or when it granted
	// the lease that paid.
	Shared bool

	plan     *plan
	statuses [maxCharges]LimitStatus
}

// LimitStatus is the current status of a limit.
type LimitStatus struct {
	Tier      Tier
	Scope     Scope
	Limit     int64         // in requests
	Remaining int64         // whole requests that would be allowed now
	Window    time.Duration // of the limit
	Next      time.Duration // until Remaining grows; 0 if nothing is taken
	Reset     time.Duration // until everything is available again
}

// Statuses returns the status of each limit that the request was charged to: first those
// of the caller, then those of the organisation, each from the widest tier to the
// narrowest.
func (d *Decision) Statuses() []LimitStatus { return d.statuses[:len(d.plan.limits)] }

// Policy returns the value of the header field RateLimit-Policy (like RateLimit defined by
// draft-ietf-httpapi-ratelimit-headers-11), such as "api";q=100;w=60.
func (d *Decision) Policy() string { return d.plan.policy }

// RateLimit returns the value of the header field RateLimit: what remains of each limit,
// and the seconds until more is available, such as "api";r=99;t=1.
func (d *Decision) RateLimit() string {
	var room [256]byte
	to := room[:0]
	for i := range d.plan.limits {
		s := &d.statuses[i]
		to = d.plan.limits[i].appendName(to)
		to = strconv.AppendInt(append(to, ";r="...), s.Remaining, 10)
		to = strconv.AppendInt(append(to, ";t="...), seconds(s.Next), 10)
	}
	return string(to)
}

// RetryAfterSeconds returns the value of the header field Retry-After (RFC 9110, section
// 10.2.3) for a rejection: at least 1.
func (d *Decision) RetryAfterSeconds() string {
	return strconv.FormatInt(max(1, seconds(d.RetryAfter)), 10)
}

// seconds rounds up, so that waiting that long is enough.
func seconds(d time.Duration) int64 { return ceilDiv(int64(d), int64(time.Second)) }

// setResult fills d from a decided attempt and returns how long to delay a violation.
func (l *Limiter) setResult(d *Decision, t *attempt, now int64) (delay time.Duration) {
	d.Allowed, d.plan = t.allowed, t.plan
	violation := !t.allowed && t.countViolation
	var longest time.Duration
	for i := range t.plan.limits {
		e, s, c := &t.plan.limits[i], &t.states[i], &t.charges[i]
		blocked := l.rules.blocks(s, now)
		d.statuses[i] = e.status(s, now, t.leased[e.tier], blocked)
		if t.allowed {
			continue
		}
		wait := e.retryAfter(s, c, now)
		if blocked {
			wait = max(wait, micros(s.penaltyEnd-now))
			d.Blocked = true
		}
		d.RetryAfter = max(d.RetryAfter, wait)
		if !blocked && !s.exceeds(c, now) {
			continue
		}
		if wait > longest {
			d.Tier, d.Scope, longest = e.tier, e.scope, wait
		}
		if blocked || !c.punishable {
			violation = false
		} else {
			delay = max(delay, micros(s.penaltyEnd-now))
		}
	}
	if !violation {
		return 0
	}
	return delay
}

// status returns the limit's status. What leases hold counts as remaining.
func (e *quota) status(s *state, now int64, held Cost, blocked bool) LimitStatus {
	taken := max(0, s.tat-now-e.time(held))
	remaining := max(0, e.burst-taken) / e.interval
	st := LimitStatus{
		Tier: e.tier, Scope: e.scope, Limit: e.limit.Requests, Remaining: remaining, Window: e.limit.Window,
		Reset: micros(taken),
	}
	if remaining < e.limit.Requests {
		st.Next = micros(taken - e.burst + (remaining+1)*e.interval)
	}
	if blocked {
		st.Remaining, st.Next = 0, micros(s.penaltyEnd-now)
		st.Reset = max(st.Reset, st.Next)
	}
	return st
}

// retryAfter returns how long until the limit has capacity for the charge and for a whole
// request.
func (e *quota) retryAfter(s *state, c *charge, now int64) time.Duration {
	if c.cost > c.burst {
		return e.limit.Window // never enough: any value would do
	}
	cost := c.cost
	if cost < e.interval {
		cost = e.interval + 1 // each part of a request is rounded up
	}
	return max(0, micros(max(s.tat, now)+cost-now-c.burst))
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
