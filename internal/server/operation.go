package server

import (
	"context"
	"net/http"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// An Operation is a method on a path, and what it does there.
type Operation struct {
	ID           string // unique
	Method, Path string
	Query        []string   // the names of the query parameters that Run reads
	OnlyQuery    bool       // Run rejects others, unless IgnoredParameter
	Public       bool       // needs no credentials
	Scope        crm.Scopes // the scope that a credential needs, unless it is Public
	Cost         RateLimitCost
	Caching      Caching
	HasBody      bool // the body is received before the operation takes a slot (bulkheads.go)
	MaxBody      int  // bounds the body, in bytes; 0 is the usual bound
	Status       int  // of success; 0 is 200
	LongRunning  bool // may take twice the request timeout
	Secret       bool // responds with a secret: the response is stored nowhere
	Steady       bool // repeated, it does nothing more: it needs no Idempotency-Key, and ignores one

	// Receive receives the body as it arrives, of at most MaxBody bytes, instead of its being held in
	// memory. What it sets in Call.Received is there for Run. nil: the usual.
	Receive func(*Call) (Received, error)
	// Run appends the response body to Call.Out.
	Run func(*Call) error
	// Stream writes the response itself, instead of Run. An error means that nothing has
	// been written.
	Stream func(*Call, http.ResponseWriter) error
}

// Repeatable reports whether the operation takes an Idempotency-Key: every write that
// needs credentials does, unless its response is a secret, or it is steady.
func (op *Operation) Repeatable() bool {
	return op.Method != http.MethodGet && !op.Public && !op.Secret && !op.Steady
}

// Unrepeatable reports whether the operation rejects an Idempotency-Key: its response is stored
// nowhere, and ignoring the key would do it twice. A public one ignores the key.
func (op *Operation) Unrepeatable() bool {
	return op.Method != http.MethodGet && !op.Public && op.Secret
}

// Conditional reports whether the operation takes If-Match and If-None-Match as
// conditions on the record that it changes; see Call.Expected.
func (op *Operation) Conditional() bool {
	return !op.Public && (op.Method == http.MethodPut || op.Method == http.MethodPatch || op.Method == http.MethodDelete)
}

// A Call is one request to an operation, and its response.
type Call struct {
	Context context.Context
	Request *http.Request
	Actor   crm.Actor // the caller; zero in a public operation
	// Expected is the condition that the request sets on the version of the record that
	// it changes.
	Expected crm.VersionCondition

	// OtherQuery names query parameters that another operation has read, which this one is run for.
	OtherQuery []string

	// Received is what the operation's Receive has set.
	Received any
	digest   []byte // of what was received
	replayed bool   // the response is that to an earlier request

	Out      []byte         // the response body
	Version  int64          // of the record in the response; 0 if it is not one versioned record
	Link     string         // the Link header (RFC 8288); "" for none
	Location string         // the path of the record that was created; "" for none
	SeeOther string         // of a GET: the path that the client is redirected to; "" for none
	Cookies  []*http.Cookie // to be set
}

// PathID returns the id in a path parameter. What is not a UUID is the id of no record:
// the error is not found, with the record's name.
func (c *Call) PathID(parameter, record string) (crm.ID, error) {
	id, err := crm.ParseID(c.Request.PathValue(parameter))
	if err != nil {
		return id, crm.NotFound(record)
	}
	return id, nil
}

// Caching declares how the responses of a reading operation are cached.
type Caching struct {
	Tier     cache.Tier // "": they are not
	Reason   string     // why they are not
	Entities []string   // the kinds of records that they are made from
	Personal bool       // they depend on the caller, and not on the organisation alone
}

// Cached declares that responses are cached in a tier, and made from records of these
// kinds and no others. Which records, is tracked while a response is made (package changes).
func Cached(tier cache.Tier, entities ...string) Caching {
	return Caching{Tier: tier, Entities: entities}
}

// Uncached declares that every response is made anew.
func Uncached(reason string) Caching { return Caching{Reason: reason} }

// RateLimitCost declares what a request is charged to (package ratelimit). The zero cost
// is a whole request of the tier api.
type RateLimitCost struct {
	tier   ratelimit.Tier // 0: the tier api
	Free   bool
	Reason string // why it is not the usual one
}

// Expensive declares statistics, analysis or an export: what reads much for one response.
// Such operations have bulkhead slots of their own.
func Expensive(reason string) RateLimitCost {
	return RateLimitCost{tier: ratelimit.Expensive, Reason: reason}
}

// Free declares that requests are not limited.
func Free(reason string) RateLimitCost { return RateLimitCost{Free: true, Reason: reason} }

// Tier returns the tier that is charged.
func (c RateLimitCost) Tier() ratelimit.Tier {
	if c.tier == 0 {
		return ratelimit.API
	}
	return c.tier
}

// bulk reports whether the operation is not interactive.
func (c RateLimitCost) bulk() bool { return c.tier == ratelimit.Expensive }
