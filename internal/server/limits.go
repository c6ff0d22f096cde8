package server

import (
	"context"
	"net/http"
	"sync/atomic"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

const (
	// costOfHit is the cost of a cached or unchanged response. It is charged before the
	// cache is asked; costOfQuery is charged before a query runs, so that both together
	// are a whole request.
	costOfHit   = ratelimit.Request / 5
	costOfQuery = ratelimit.Request - costOfHit
	// costOfPreAuth is charged to the address of a caller who is not known in memory,
	// before the credentials are checked. If they are not valid, costOfRejection follows:
	// an office of people with valid keys does not lock itself out.
	costOfPreAuth   = ratelimit.Request / 10
	costOfRejection = ratelimit.Request - costOfPreAuth
	// costOfPreflight is charged to the address of a CORS preflight. It is low because
	// browsers send them without credentials, so that an office shares a limit for them.
	costOfPreflight = ratelimit.Request / 10
)

// chargePublic charges a public operation. A device that has signed in before does not suffer
// from others at its address. Once it has used up its own limit, it is like any other there, and
// neither delayed nor blocked: its cookie may have been revoked, and in anyone's hands.
func (s *Server) chargePublic(w http.ResponseWriter, r *http.Request, t ratelimit.Tier) bool {
	if s.Devices != nil && s.Limits != nil {
		if id, account, ok := s.Devices.ID(s.DeviceToken(r)); ok {
			if d := s.Limits.Try(r.Context(), ratelimit.Device(id, account), t, ratelimit.Request); d.Allowed {
				setRateLimit(w, &d)
				return true
			}
		}
	}
	return s.charge(w, r, s.addressOf(r), t, ratelimit.Request)
}

// charge charges a request and sets the header fields of rate limits. It rejects a
// request that is over a limit and then returns false.
func (s *Server) charge(w http.ResponseWriter, r *http.Request, caller ratelimit.Caller, t ratelimit.Tier, cost ratelimit.Cost) bool {
	if s.Limits == nil {
		return true
	}
	d := s.Limits.Charge(r.Context(), caller, t, cost)
	setRateLimit(w, &d)
	if !d.Allowed {
		s.fail(w, r, tooMany(&d))
	}
	return d.Allowed
}

// setRateLimit sets the header fields of rate limits.
func setRateLimit(w http.ResponseWriter, d *ratelimit.Decision) {
	setHeader(w, "Ratelimit-Policy", d.Policy())
	setHeader(w, "Ratelimit", d.RateLimit())
}

// tooMany returns the problem of a request over a limit.
func tooMany(d *ratelimit.Decision) *Problem {
	after := d.RetryAfterSeconds()
	detail := "Too many requests of the tier " + d.Tier.String() + " from this " + d.Scope.String() + ". Try again in " + after + " s."
	if d.Blocked {
		detail = "This " + d.Scope.String() + " is blocked, because it went on asking when its requests of the tier " + d.Tier.String() +
			" were used up. Try again in " + after + " s."
	}
	return &Problem{Status: http.StatusTooManyRequests, Detail: detail, Header: "Retry-After: " + after, Tier: d.Tier.String()}
}

// LimitsOf returns the caller's rate limits, and how much of them is left; none without
// rate limits.
func (s *Server) LimitsOf(ctx context.Context, actor crm.Actor) []ratelimit.LimitStatus {
	if s.Limits == nil {
		return nil
	}
	return s.Limits.Limits(ctx, ratelimit.Principal(actor.Org, actor.User))
}

// chargePreAuth charges the address of a request before its credentials are checked.
// Callers who were authenticated here a while ago are not charged: they do not suffer
// from others at their address.
func (s *Server) chargePreAuth(w http.ResponseWriter, r *http.Request, op *Operation) bool {
	if s.Limits == nil {
		return true
	}
	if _, known := s.LastKnown(r); known {
		return true
	}
	return s.charge(w, r, s.addressOf(r), op.Cost.Tier(), costOfPreAuth)
}

// rejectUnauthenticated rejects a request that could not be authenticated. If that is
// because of its credentials, its address is charged.
func (s *Server) rejectUnauthenticated(w http.ResponseWriter, r *http.Request, op *Operation, err error) {
	if ProblemOf(err).Status == http.StatusUnauthorized {
		if !s.charge(w, r, s.addressOf(r), op.Cost.Tier(), costOfRejection) {
			return
		}
	}
	s.fail(w, r, err)
}

// chargeRequest charges a request: in full, unless its response may be cached.
func (s *Server) chargeRequest(w http.ResponseWriter, r *http.Request, op *Operation, actor crm.Actor) bool {
	switch {
	case op.Cost.Free, s.Limits == nil:
		return true
	case op.Public:
		return s.chargePublic(w, r, op.Cost.Tier())
	case op.Caching.Tier != "":
		return s.charge(w, r, ratelimit.Principal(actor.Org, actor.User), op.Cost.Tier(), costOfHit)
	default:
		return s.charge(w, r, ratelimit.Principal(actor.Org, actor.User), op.Cost.Tier(), ratelimit.Request)
	}
}

// A queryCharge is the rest of a request's cost, which is charged if the response was not
// cached. The query may outlive the request that started it.
type queryCharge struct {
	decision atomic.Pointer[ratelimit.Decision]
}

// charge charges the rest of a request before its query runs. It does not delay the query
// as a penalty: other requests may wait for the same response.
func (q *queryCharge) charge(ctx context.Context, s *Server, op *Operation, actor crm.Actor) error {
	if s.Limits == nil || op.Cost.Free {
		return nil
	}
	d := s.Limits.Try(ctx, ratelimit.Principal(actor.Org, actor.User), op.Cost.Tier(), costOfQuery)
	q.decision.Store(&d)
	if !d.Allowed {
		return tooMany(&d)
	}
	return nil
}

// rejected reports whether err rejects a query because of a rate limit: the request's own,
// or that of another request that it had joined, in which case it must ask again.
func (q *queryCharge) rejected(err error) (own, others bool) {
	if err == nil || ProblemOf(err).Status != http.StatusTooManyRequests {
		return false, false
	}
	d := q.decision.Load()
	own = d != nil && !d.Allowed
	return own, !own
}
