package ratelimit

import (
	"strconv"
	"time"
)

// Tier is a class of requests with its own limit. A request of a tier belongs to the tiers
// before it too, and is charged to all of them.
type Tier uint8

// The tiers.
const (
	Global    Tier = iota // everything but health probes
	API                   // operations of the API
	Expensive             // statistics, analysis, exports

	tiers = 3
)

func (t Tier) String() string { return [...]string{"global", "api", "expensive"}[t] }

// Scope is what kind of subject a limit applies to.
type Scope uint8

// The scopes.
const (
	ScopeAddress      Scope = iota // an anonymous caller's address
	ScopePrincipal                 // a person or a key
	ScopeOrganisation              // all principals of an organisation together
	ScopeDevice                    // a device that has signed in before
	ScopeAccount                   // all devices of an account together
)

func (s Scope) String() string {
	return [...]string{"address", "principal", "organisation", "device", "account"}[s]
}

// Cost is in hundredths of a request.
type Cost int64

// Request is the cost of one full request.
const Request Cost = 100

// maxCost bounds a cost, far above that of any request.
const maxCost = 10_000 * Request

// maxCharges is the maximum number of limits that one request is charged to.
const maxCharges = perCaller * tiers

// quota is one limit as it applies to a kind of caller.
type quota struct {
	tier     Tier
	scope    Scope
	subject  int // index into the caller's subjects
	limit    Limit
	interval int64 // how long one request takes to replenish
	burst    int64 // how long the whole limit takes
}

// plan lists the limits that requests of one kind of caller and one tier are charged to.
type plan struct {
	tier   Tier
	limits []quota
	policy string // the value of RateLimit-Policy
	lease  struct {
		maxCost  Cost  // of one lease; 0: no leases
		duration int64 // in microseconds
	}
}

// share scales the limits of an address for one subject of a caller, by factor/divisor.
type share struct {
	scope           Scope
	factor, divisor int64
}

// newPlan returns the plan of a tier for callers whose subjects have these shares.
func newPlan(o *Options, of Tier, shares ...share) plan {
	p := plan{tier: of}
	p.lease.maxCost, p.lease.duration = maxCost, longestLease.Microseconds()
	var policy []byte
	for i, s := range shares {
		for t, l := range o.tiers()[:of+1] {
			l.Requests = max(1, l.Requests*s.factor/s.divisor)
			e := quota{tier: Tier(t), scope: s.scope, subject: i, limit: l}
			// Rounded up, so that never more than the limit is allowed.
			e.interval = ceilDiv(l.Window.Microseconds(), l.Requests)
			e.burst = e.interval * l.Requests
			p.limits = append(p.limits, e)
			p.lease.maxCost = min(p.lease.maxCost, Cost(l.Requests/leaseShare)*Request)
			p.lease.duration = min(p.lease.duration, e.burst/leaseShare)

			policy = e.appendName(policy)
			policy = strconv.AppendInt(append(policy, ";q="...), l.Requests, 10)
			policy = strconv.AppendInt(append(policy, ";w="...), int64(l.Window/time.Second), 10)
		}
	}
	p.policy = string(policy)
	return p
}

// charge converts a cost.
func (e *quota) charge(c Cost) charge {
	return charge{cost: e.time(c), burst: e.burst, punishable: e.scope != ScopeOrganisation && e.scope != ScopeAccount}
}

// time returns how long a cost takes to replenish.
func (e *quota) time(c Cost) int64 { return ceilDiv(int64(c)*e.interval, int64(Request)) }

// appendName appends the name of the quota policy as the next member of a list (RFC 9651,
// section 3.1).
func (e *quota) appendName(to []byte) []byte {
	if len(to) > 0 {
		to = append(to, ", "...)
	}
	to = append(to, '"')
	if e.scope == ScopeOrganisation || e.scope == ScopeAccount {
		to = append(append(to, e.scope.String()...), '-')
	}
	to = append(to, e.tier.String()...)
	return append(to, '"')
}

// ceilDiv divides and rounds up.
func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
