package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// price declares what a request to an operation is charged to (package ratelimit). The
// zero price is that of most: a whole request of the tier api.
type price struct {
	tier ratelimit.Tier // 0: the tier api
	free bool
	why  string // it is not the usual one
}

// expensive declares statistics, analysis or an export: what reads much for one answer.
// Such operations are also worked on apart from the others (see [bulkheads]).
func expensive(why string) price { return price{tier: ratelimit.Expensive, why: why} }

// free declares that whoever asks may ask as often as they like.
func free(why string) price { return price{free: true, why: why} }

func (p price) charged() ratelimit.Tier { return cmp.Or(p.tier, ratelimit.API) }

// bulk tells whether nobody waits for each of the answers.
func (p price) bulk() bool { return p.tier == ratelimit.Expensive }

const (
	// costOfHit is what an answer costs that is kept, or unchanged. It is charged before
	// the cache is asked, and costOfQuery before a query runs, so that one costs a whole
	// request.
	costOfHit   = ratelimit.Request / 5
	costOfQuery = ratelimit.Request - costOfHit
	// costOfKnock is what the address pays of somebody who is not known here, before
	// anybody is asked who it is. Whoever is then not let in pays costOfRefusal: an
	// office of people with good keys does not shut itself out.
	costOfKnock   = ratelimit.Request / 10
	costOfRefusal = ratelimit.Request - costOfKnock
)

// addressOf gives whoever is not signed in, by the address that a request comes from.
func (a *API) addressOf(r *http.Request) ratelimit.Caller {
	return ratelimit.Address(a.proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"]))
}

// charge charges a request, and tells in its answer how the limits stand. It answers a
// request that is not allowed, and then is false.
func (a *API) charge(w http.ResponseWriter, r *http.Request, who ratelimit.Caller, t ratelimit.Tier, cost ratelimit.Cost) bool {
	if a.limits == nil {
		return true
	}
	d := a.limits.Charge(r.Context(), who, t, cost)
	tellLimits(w, &d)
	if !d.Allowed {
		a.fail(w, r, tooMany(&d))
	}
	return d.Allowed
}

// tellLimits sets the header fields that say how limits stand.
func tellLimits(w http.ResponseWriter, d *ratelimit.Decision) {
	setOwn(w, "Ratelimit-Policy", d.Policy())
	setOwn(w, "Ratelimit", d.RateLimit())
}

// tooMany is the problem of a request that is not allowed.
func tooMany(d *ratelimit.Decision) *problem {
	after := d.RetryAfterSeconds()
	detail := "Too many requests of the tier " + d.Tier.String() + " from this " + d.Scope.String() + ". Try again in " + after + " s."
	if d.Blocked {
		detail = "This " + d.Scope.String() + " is blocked, because it went on asking when its requests of the tier " + d.Tier.String() +
			" were used up. Try again in " + after + " s."
	}
	return &problem{status: http.StatusTooManyRequests, detail: detail, header: "Retry-After: " + after, tier: d.Tier.String()}
}

// knock charges the address of a request before anybody is asked on whose behalf it acts.
// Whoever was known here a while ago pays nothing: what others at an address do is not
// held against them.
func (a *API) knock(w http.ResponseWriter, r *http.Request, op *operation) bool {
	if a.limits == nil {
		return true
	}
	if _, known := a.lastKnown(r); known {
		return true
	}
	return a.charge(w, r, a.addressOf(r), op.price.charged(), costOfKnock)
}

// turnAway answers a request that nobody stands behind, and charges its address for it.
func (a *API) turnAway(w http.ResponseWriter, r *http.Request, op *operation, err error) {
	if crm.CodeOf(err) == crm.CodeUnauthenticated || problemOf(err).status == http.StatusUnauthorized {
		if !a.charge(w, r, a.addressOf(r), op.price.charged(), costOfRefusal) {
			return
		}
	}
	a.fail(w, r, err)
}

// enter charges the first part of what a request costs: all of it, unless its answer may
// be kept.
func (a *API) enter(w http.ResponseWriter, r *http.Request, op *operation, by crm.Actor) bool {
	switch {
	case op.price.free, a.limits == nil:
		return true
	case op.open:
		return a.charge(w, r, a.addressOf(r), op.price.charged(), ratelimit.Request)
	case op.caching.tier != "":
		return a.charge(w, r, ratelimit.Principal(by.Org, by.User), op.price.charged(), costOfHit)
	default:
		return a.charge(w, r, ratelimit.Principal(by.Org, by.User), op.price.charged(), ratelimit.Request)
	}
}

// bill is what is charged of a request whose answer was not kept. The query may outlive
// the request that it was begun for.
type bill struct {
	rest atomic.Pointer[ratelimit.Decision]
}

// query charges the rest of a request, before its query runs. Nobody is held up: others
// may wait for the same answer.
func (b *bill) query(ctx context.Context, a *API, op *operation, by crm.Actor) error {
	if a.limits == nil || op.price.free {
		return nil
	}
	d := a.limits.Try(ctx, ratelimit.Principal(by.Org, by.User), op.price.charged(), costOfQuery)
	b.rest.Store(&d)
	if !d.Allowed {
		return tooMany(&d)
	}
	return nil
}

// refused tells whether a query may not run, and whether that is for somebody else's
// requests: who waited for the answer to theirs must ask anew.
func (b *bill) refused(err error) (own, others bool) {
	if err == nil || problemOf(err).status != http.StatusTooManyRequests {
		return false, false
	}
	d := b.rest.Load()
	own = d != nil && !d.Allowed
	return own, !own
}

// limitView is a limit as it is answered.
type limitView struct {
	Tier      string `json:"tier" enum:"global,api,expensive" doc:"The kind of requests: all, those to the API, or those of them that are statistics, analysis or exports."`
	Scope     string `json:"scope" enum:"address,principal,organisation" doc:"Whose limit it is."`
	Limit     int64  `json:"limit" doc:"How many requests are allowed at once, and in every window."`
	Remaining int64  `json:"remaining" doc:"How many would be allowed now."`
	Window    int64  `json:"window_seconds"`
	Reset     int64  `json:"reset_seconds" doc:"Until all of them are allowed again."`
}

// limitOperation tells how the limits stand of whoever asks.
func (a *API) limitOperation() operation {
	a.schemas.thing("Limit", reflect.TypeFor[limitView]())
	return operation{
		method: http.MethodGet, path: "/api/limits", id: "listLimits", tag: "System",
		summary: "Read how many more requests are allowed",
		description: "Those of the key or person that asks, and of the organisation. An answer from the cache counts as a fifth of a request. " +
			"Without rate limits, the list is empty.",
		price:   free("it takes nothing, and asks no database"),
		caching: notKept("it changes with every request"),
		answer:  a.schemas.list("Limit"),
		run: func(c *call) error {
			var rows []ratelimit.Standing
			if a.limits != nil {
				rows = a.limits.Limits(c.ctx, ratelimit.Principal(c.by.Org, c.by.User))
			}
			answerAll(c, rows, appendStanding)
			return nil
		},
	}
}

func appendStanding(b []byte, s *ratelimit.Standing) []byte {
	b = appendString(append(b, `{"tier":`...), s.Tier.String())
	b = appendString(append(b, `,"scope":`...), s.Scope.String())
	b = appendInt(append(b, `,"limit":`...), s.Limit)
	b = appendInt(append(b, `,"remaining":`...), s.Remaining)
	b = strconv.AppendInt(append(b, `,"window_seconds":`...), int64(s.Window/time.Second), 10)
	b = strconv.AppendInt(append(b, `,"reset_seconds":`...), int64((s.Reset+time.Second-1)/time.Second), 10)
	return append(b, '}')
}
