package ratelimit

import (
	"context"
	"time"

	"sixty/internal/redis"
)

// Limiter decides whether requests are allowed. It is safe for concurrent use.
type Limiter struct {
	rules      penalties
	plans      [callerKinds][tiers]plan
	memory     *memory
	shared     *shared // nil if there is none
	now        func() time.Time
	start      time.Time
	delaySlots chan struct{} // holds one element per delayed request
}

// deviceDivisor is how many devices with revoked cookies it takes to use up what the devices of
// an account may send.
const deviceDivisor = 10

// New returns a Limiter, which the caller must Close. Its error lists every invalid option.
func New(o Options) (*Limiter, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Limiter{
		rules: o.Penalties.micros(), now: o.Now, start: o.Now(),
		delaySlots: make(chan struct{}, max(0, o.Penalties.MaxDelayed)),
	}
	for t := range Tier(tiers) {
		l.plans[byAddress][t] = newPlan(&o, t, share{ScopeAddress, 1, 1})
		l.plans[byDevice][t] = newPlan(&o, t, share{ScopeDevice, 1, deviceDivisor}, share{ScopeAccount, 1, 1})
		l.plans[byPrincipal][t] = newPlan(&o, t, share{ScopePrincipal, o.PrincipalFactor, 1}, share{ScopeOrganisation, o.OrganisationFactor, 1})
	}
	l.memory = newMemory(&l.rules, o.MaxSubjects)
	if o.Redis != nil {
		l.shared = newShared(&o, redis.Patience)
	}
	return l, nil
}

// Close waits up to a second for running Redis calls. The Limiter must not be used
// afterwards.
func (l *Limiter) Close() {
	if l.shared != nil {
		l.shared.calls.Close()
	}
}

// Charge charges a request of a tier to all limits of its caller, or to none of them, and
// returns whether it is allowed. It never fails: without an answer from Redis within
// 20 ms, the memory of this instance decides.
//
// A violation may be delayed, as Penalties say or until ctx ends, before it is decided.
// A request that exceeds the ceiling of its organisation is rejected at once.
//
// A request may be charged in parts: the first before it is known whether it needs a
// query, the rest before the query runs. A cost above the whole limit is never allowed.
func (l *Limiter) Charge(ctx context.Context, c Caller, t Tier, cost Cost) Decision {
	d, delay := l.decide(ctx, &c, t, cost, true)
	if delay <= 0 || !l.sleep(ctx, delay) {
		return d
	}
	d, _ = l.decide(ctx, &c, t, cost, false) // already counted as a violation
	d.Delay = delay
	return d
}

// Try is Charge without the delay of violations.
func (l *Limiter) Try(ctx context.Context, c Caller, t Tier, cost Cost) Decision {
	d, _ := l.decide(ctx, &c, t, cost, true)
	return d
}

// Limits returns the status of all limits of a caller without charging them.
func (l *Limiter) Limits(ctx context.Context, c Caller) []LimitStatus {
	d, _ := l.decide(ctx, &c, Expensive, 0, false)
	return d.Statuses()
}

// decide decides a request. If it is rejected, delay is how long to delay it.
func (l *Limiter) decide(ctx context.Context, c *Caller, of Tier, cost Cost, countViolation bool) (d Decision, delay time.Duration) {
	t := attempt{caller: *c, plan: &l.plans[c.kind][of], cost: min(max(cost, 0), maxCost), countViolation: countViolation}
	for i := range t.plan.limits {
		t.charges[i] = t.plan.limits[i].charge(t.cost)
	}
	now := l.nowMicros()
	d.Shared = l.decideShared(ctx, now, &t)
	if !d.Shared {
		l.memory.decide(now, &t)
	}
	delay = l.setResult(&d, &t, now)
	return d, delay
}

// decideShared lets Redis decide an attempt and reports whether it did. Redis is not asked
// about a block that is known here, nor about what a lease has paid for in advance.
func (l *Limiter) decideShared(ctx context.Context, now int64, t *attempt) bool {
	if l.shared == nil {
		return false
	}
	if blocked, paid := l.memory.lookup(now, t); blocked || paid {
		return paid
	}
	if !l.shared.calls.Ready() || !l.shared.decide(ctx, now, t) {
		return false
	}
	l.memory.merge(now, t)
	return true
}

// nowMicros returns the time since the Limiter was made, in microseconds. It is monotonic.
func (l *Limiter) nowMicros() int64 { return l.now().Sub(l.start).Microseconds() }

// sleep waits for d and reports whether it did: not if MaxDelayed requests wait already,
// nor if ctx ends first.
func (l *Limiter) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case l.delaySlots <- struct{}{}:
	default:
		return false
	}
	defer func() { <-l.delaySlots }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
