package ratelimit

import (
	"strconv"
	"time"
)

// Tier is a kind of request that is limited by itself. A request of a tier is also
// one of those before it and is charged to them all.
type Tier uint8

// The tiers.
const (
	Global    Tier = iota // everything but health probes
	API                   // operations of the API
	Expensive             // statistics, analysis, exports

	tiers = 3
)

// String gives the tier's name.
func (t Tier) String() string { return [...]string{"global", "api", "expensive"}[t] }

// Scope is whose limit it is.
type Scope uint8

// The scopes.
const (
	OfAddress      Scope = iota // of whoever is not signed in
	OfPrincipal                 // of a person or a key
	OfOrganisation              // of all principals of an organisation together
)

// String gives the scope's name.
func (s Scope) String() string {
	return [...]string{"address", "principal", "organisation"}[s]
}

// Cost is what a request takes from a limit, in hundredths of a request.
type Cost int64

// Request is the cost of one request in full.
const Request Cost = 100

// maxCost bounds a cost, far beyond what any one request is worth.
const maxCost = 10_000 * Request

// maxCharges is how many limits one request is charged to at most.
const maxCharges = perCaller * tiers

// entitlement is one limit of a kind of caller.
type entitlement struct {
	tier    Tier
	scope   Scope
	subject int // which of the caller's
	limit   Limit
	step    int64 // the time in which one request grows back
	whole   int64 // that in which all of it does
}

// plan is what requests of one kind of caller and one tier are charged to.
type plan struct {
	tier   Tier
	limits []entitlement
	policy string // the value of RateLimit-Policy
	lease  struct {
		most  Cost  // that one holds; 0: there are none
		lasts int64 // in microseconds
	}
}

// share says what a subject of a caller has: factor times the limits of an address.
type share struct {
	scope  Scope
	factor int64
}

// newPlan makes the plan of a tier, for callers whose subjects have these shares.
func newPlan(o *Options, of Tier, shares ...share) plan {
	p := plan{tier: of}
	p.lease.most, p.lease.lasts = maxCost, longestLease.Microseconds()
	var policy []byte
	for i, s := range shares {
		for t, l := range o.tiers()[:of+1] {
			l.Requests *= s.factor
			e := entitlement{tier: Tier(t), scope: s.scope, subject: i, limit: l}
			// Rounded up, so that it is never more than the limit that gets through.
			e.step = over(l.Window.Microseconds(), l.Requests)
			e.whole = e.step * l.Requests
			p.limits = append(p.limits, e)
			p.lease.most = min(p.lease.most, Cost(l.Requests/leaseShare)*Request)
			p.lease.lasts = min(p.lease.lasts, e.whole/leaseShare)

			policy = e.appendName(policy)
			policy = strconv.AppendInt(append(policy, ";q="...), l.Requests, 10)
			policy = strconv.AppendInt(append(policy, ";w="...), int64(l.Window/time.Second), 10)
		}
	}
	p.policy = string(policy)
	return p
}

// charge is what a cost comes to.
func (e *entitlement) charge(c Cost) charge {
	return charge{cost: e.time(c), whole: e.whole, strict: e.scope != OfOrganisation}
}

// time is how long it takes for a cost to grow back.
func (e *entitlement) time(c Cost) int64 { return over(int64(c)*e.step, int64(Request)) }

// appendName appends the name of the quota policy as the next member of a list (RFC
// 9651, section 3.1).
func (e *entitlement) appendName(to []byte) []byte {
	if len(to) > 0 {
		to = append(to, ", "...)
	}
	to = append(to, '"')
	if e.scope == OfOrganisation {
		to = append(to, "organisation-"...)
	}
	to = append(to, e.tier.String()...)
	return append(to, '"')
}

// over divides and rounds up.
func over(a, b int64) int64 { return (a + b - 1) / b }
