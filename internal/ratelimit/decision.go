package ratelimit

import (
	"strconv"
	"time"
)

// Decision tells whether a request is allowed, and how its limits stand.
type Decision struct {
	Allowed bool
	// Held is how long the request was held up before it was decided.
	Held time.Duration
	// Of a refusal: which limit refuses for longest, how long until a whole request would
	// be allowed (or what costs more than that), and whether a block is in force. Whoever
	// is refused for a part comes again for a whole one, and must not be refused for its
	// next part.
	Tier       Tier
	Scope      Scope
	RetryAfter time.Duration
	Blocked    bool
	// Shared tells whether Redis has decided, for all instances: now, or when it lent.
	Shared bool

	plan      *plan
	standings [maxCharges]Standing
}

// Standing is how a limit stands.
type Standing struct {
	Tier      Tier
	Scope     Scope
	Limit     int64         // requests
	Remaining int64         // whole requests that would be allowed now
	Window    time.Duration // that of the limit
	Next      time.Duration // until more remains, if anything is taken
	Reset     time.Duration // until all of it remains
}

// Standings gives the limits that the request was charged to, those of whoever asks
// first, each from the widest tier to the narrowest.
func (d *Decision) Standings() []Standing { return d.standings[:len(d.plan.limits)] }

// Policy gives the value of the header field RateLimit-Policy (this and RateLimit:
// draft-ietf-httpapi-ratelimit-headers-11), which names the limits: "api";q=100;w=60.
func (d *Decision) Policy() string { return d.plan.policy }

// RateLimit gives the value of the header field RateLimit, which says what remains of
// each of the limits and in how many seconds it will be more: "api";r=99;t=1.
func (d *Decision) RateLimit() string {
	var room [256]byte
	to := room[:0]
	for i := range d.plan.limits {
		s := &d.standings[i]
		to = d.plan.limits[i].appendName(to)
		to = strconv.AppendInt(append(to, ";r="...), s.Remaining, 10)
		to = strconv.AppendInt(append(to, ";t="...), seconds(s.Next), 10)
	}
	return string(to)
}

// RetryAfterSeconds gives the value of the header field Retry-After (RFC 9110,
// section 10.2.3) of a refusal: at least 1.
func (d *Decision) RetryAfterSeconds() string {
	return strconv.FormatInt(max(1, seconds(d.RetryAfter)), 10)
}

// seconds rounds up, so that whoever waits so long has waited long enough.
func seconds(d time.Duration) int64 { return over(int64(d), int64(time.Second)) }

// report says what came of a trial, and for how long a violation is to be held up.
func (l *Limiter) report(d *Decision, t *trial, now int64) (delay time.Duration) {
	d.Allowed, d.plan = t.allowed, t.plan
	violation := !t.allowed && t.counts
	var longest time.Duration
	for i := range t.plan.limits {
		e, s, c := &t.plan.limits[i], &t.states[i], &t.charges[i]
		blocked := l.rules.blocks(s, now)
		d.standings[i] = e.standing(s, now, t.held[e.tier], blocked)
		if t.allowed {
			continue
		}
		wait := e.wait(s, c, now)
		if blocked {
			wait = max(wait, micros(s.mark-now))
			d.Blocked = true
		}
		d.RetryAfter = max(d.RetryAfter, wait)
		if !blocked && !s.exceeds(c, now) {
			continue
		}
		if wait > longest {
			d.Tier, d.Scope, longest = e.tier, e.scope, wait
		}
		if blocked || !c.strict {
			violation = false
		} else {
			delay = max(delay, micros(s.mark-now))
		}
	}
	if !violation {
		return 0
	}
	return delay
}

// standing is how the limit stands in a state. What is held is taken, and remains.
func (e *entitlement) standing(s *state, now int64, held Cost, blocked bool) Standing {
	taken := max(0, s.tat-now-e.time(held))
	remaining := max(0, e.whole-taken) / e.step
	st := Standing{
		Tier: e.tier, Scope: e.scope, Limit: e.limit.Requests, Remaining: remaining, Window: e.limit.Window,
		Reset: micros(taken),
	}
	if remaining < e.limit.Requests {
		st.Next = micros(taken - e.whole + (remaining+1)*e.step)
	}
	if blocked {
		st.Remaining, st.Next = 0, micros(s.mark-now)
		st.Reset = max(st.Reset, st.Next)
	}
	return st
}

// wait is how long until the limit has room for a charge, and for a whole request.
func (e *entitlement) wait(s *state, c *charge, now int64) time.Duration {
	if c.cost > c.whole {
		return e.limit.Window // there is no telling
	}
	cost := c.cost
	if cost < e.step {
		cost = e.step + 1 // its parts are rounded up one by one
	}
	return max(0, micros(max(s.tat, now)+cost-now-c.whole))
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
