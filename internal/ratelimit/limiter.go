package ratelimit

import (
	"context"
	"time"

	"sixty/internal/redis"
)

// Limiter decides whether requests are allowed. It is safe for concurrent use.
type Limiter struct {
	rules      penalties
	addresses  [tiers]plan
	principals [tiers]plan
	memory     *memory
	shared     *shared // nil if there is none
	now        func() time.Time
	start      time.Time
	held       chan struct{} // holds one for each request that is held up
}

// New makes a Limiter. Close ends it. Its error names everything in the Options that cannot be.
func New(o Options) (*Limiter, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Limiter{
		rules: o.Penalties.micros(), now: o.Now, start: o.Now(),
		held: make(chan struct{}, max(0, o.Penalties.MaxHeld)),
	}
	for t := range Tier(tiers) {
		l.addresses[t] = newPlan(&o, t, share{OfAddress, 1})
		l.principals[t] = newPlan(&o, t, share{OfPrincipal, o.PrincipalFactor}, share{OfOrganisation, o.OrganisationFactor})
	}
	l.memory = newMemory(&l.rules, o.MaxSubjects)
	if o.Redis != nil {
		l.shared = newShared(&o, redis.Patience)
	}
	return l, nil
}

// Close waits for what still runs in Redis, a second at most. Nothing may be charged
// any more.
func (l *Limiter) Close() {
	if l.shared != nil {
		l.shared.calls.Close()
	}
}

// Charge charges a request of a tier to all the limits of its caller, or to none of
// them, and tells whether it is allowed. It never fails: without an answer from
// Redis within 20 ms, what this instance knows decides.
//
// A request that violates a limit may be held up by Penalties before it is decided,
// or until ctx ends; one that exceeds the ceiling of its organisation is refused at
// once.
//
// A request may be charged in parts, the first before it is known whether it costs a
// query, the rest before the query runs. A cost that is more than the whole limit is
// never allowed.
func (l *Limiter) Charge(ctx context.Context, c Caller, t Tier, cost Cost) Decision {
	d, delay := l.decide(ctx, &c, t, cost, true)
	if delay <= 0 || !l.hold(ctx, delay) {
		return d
	}
	d, _ = l.decide(ctx, &c, t, cost, false) // it has been counted as a violation
	d.Held = delay
	return d
}

// Try is Charge that holds up nobody.
func (l *Limiter) Try(ctx context.Context, c Caller, t Tier, cost Cost) Decision {
	d, _ := l.decide(ctx, &c, t, cost, true)
	return d
}

// Limits gives all limits of a caller as they stand. It takes nothing from them.
func (l *Limiter) Limits(ctx context.Context, c Caller) []Standing {
	d, _ := l.decide(ctx, &c, Expensive, 0, false)
	return d.Standings()
}

// decide decides a request, and gives how long it is to be held up if it is refused.
func (l *Limiter) decide(ctx context.Context, c *Caller, of Tier, cost Cost, counts bool) (d Decision, delay time.Duration) {
	t := trial{caller: *c, plan: &l.addresses[of], cost: min(max(cost, 0), maxCost), counts: counts}
	if c.signedIn {
		t.plan = &l.principals[of]
	}
	for i := range t.plan.limits {
		t.charges[i] = t.plan.limits[i].charge(t.cost)
	}
	now := l.micros()
	d.Shared = l.ask(ctx, now, &t)
	if !d.Shared {
		l.memory.decide(now, &t)
	}
	delay = l.report(&d, &t, now)
	return d, delay
}

// ask has a trial decided by Redis, if that answers. A block that is known here needs
// no asking, nor does what a lease pays for: that was charged before.
func (l *Limiter) ask(ctx context.Context, now int64, t *trial) bool {
	if l.shared == nil {
		return false
	}
	if blocked, paid := l.memory.recall(now, t); blocked || paid {
		return paid
	}
	if !l.shared.calls.Ready() || !l.shared.decide(ctx, now, t) {
		return false
	}
	l.memory.learn(now, t)
	return true
}

// micros is the time since the Limiter was made, in microseconds. The system's clock
// may be set meanwhile; this goes on evenly.
func (l *Limiter) micros() int64 { return l.now().Sub(l.start).Microseconds() }

// hold waits, if not too many do so already, and tells whether it has.
func (l *Limiter) hold(ctx context.Context, d time.Duration) bool {
	select {
	case l.held <- struct{}{}:
	default:
		return false
	}
	defer func() { <-l.held }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
