package cache

import (
	"context"
	"log/slog"
	"time"

	"sixty/internal/crm"
)

// Tier says how long answers may be kept at most, whatever happens.
type Tier string

// The tiers.
const (
	Frequent Tier = "frequent" // lists and details that many ask for
	Session  Tier = "session"  // what depends on who asks
	Static   Tier = "static"   // what hardly ever changes: stages, profiles
)

// Tiers lists them all.
func Tiers() []Tier { return []Tier{Frequent, Session, Static} }

// StaleFor is how long an entry is kept beyond its end for Request.StaleIfError,
// which therefore reaches no further than that for an entry that has ended.
const StaleFor = time.Minute

// Freshness tells what has changed. It is asked at every request and must be cheap.
type Freshness interface {
	// Position gives the seq up to which the organisation's change log has been
	// read, and a generation, which goes up whenever a tag of the organisation is
	// raised. It is false when it cannot be told whether the log goes on.
	Position(ctx context.Context, org crm.ID) (seq int64, generation uint64, ok bool)
	// Fresh tells whether all is known that was entered after seq, and that none of
	// it raised any of the tags.
	Fresh(org crm.ID, seq int64, tags []crm.Tag) bool
}

// Shared is a tier that several instances share. It may come and go at any time, and
// then has nothing and forgets what it is given: its failures are its own affair.
// It is safe for concurrent use.
type Shared interface {
	// Get gives the value under a key, after a short wait at most. The value is the
	// caller's own.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Set keeps a value for at most ttl, some time soon. It does not wait, and value
	// must not be changed any more.
	Set(key string, value []byte, ttl time.Duration)
	// Figures tells how it has fared.
	Figures() SharedFigures
}

// Options say what a Cache is made of.
type Options struct {
	// Bytes bounds the memory of all entries: bodies, codings, keys and what it takes
	// to keep them. 0 turns the cache off: every request is a bypass.
	Bytes int64
	// TTL gives the tiers' lifetimes. What is of a tier without one is over at once.
	TTL map[Tier]time.Duration
	// Jitter is the share of a lifetime, from 0 to 1, that is taken off at most, at
	// random, so that what was made together does not end together.
	Jitter float64
	// Freshness is needed.
	Freshness Freshness
	// Shared is the tier behind memory; nil if there is none.
	Shared Shared
	// Epoch names the change log, so that entries of another one are not mistaken for
	// this one's. While it is empty, or Epoch is nil, the shared tier is not used.
	Epoch func() string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger hears of what is odd. It is needed.
	Logger *slog.Logger
}

// Request is what is asked of a Cache.
type Request struct {
	// Org is whose data it is. Entries of one organisation are never another's.
	Org crm.ID
	// Key tells apart, within the organisation, everything that answers may differ
	// by: the operation, its parameters, and what the caller may see.
	Key string
	// Tier bounds the answer's life.
	Tier Tier
	// Operation is the name under which figures are kept. Names must be few.
	Operation string
	// StaleIfError, if greater than 0, is how long ago an answer may last have been
	// known to be good in order to be given in place of crm.CodeUnavailable (RFC
	// 5861, section 4).
	StaleIfError time.Duration
	// Bypass has the answer made anew, neither looked for nor kept nor shared.
	Bypass bool
}

// Answer is what a fill makes. It must not be changed any more once it is returned.
type Answer struct {
	// Status is the HTTP status. Those of success and 404 are kept; others are given
	// to those who have asked, and not kept.
	Status int
	// ContentType and Link are the values of these header fields; "" for none.
	ContentType string
	Link        string
	// Body is the representation without any content coding.
	Body []byte
	// Version is that of the one row that is shown; 0 for a list.
	Version int64
	// Tags are what the answer was made from.
	Tags []crm.Tag
	// Until is the moment from which on the answer may be another one by the clock
	// alone; 0 for none.
	Until crm.Instant
	// NoStore is set when it cannot be told what the answer depends on.
	NoStore bool
}

// Outcome tells how a request was answered.
type Outcome string

// The outcomes.
const (
	Hit        Outcome = "hit"    // from an entry, in memory or shared
	Miss       Outcome = "miss"   // by this caller's fill
	Joined     Outcome = "joined" // by waiting for another caller
	Bypass     Outcome = "bypass" // by a fill, without regard to the cache
	StaleError Outcome = "stale"  // from an entry that may be out of date, as the fill failed
)

// Source tells where an entry was found.
type Source string

// The sources. That of an answer that was made is empty.
const (
	Memory       Source = "memory"
	SharedSource Source = "shared"
)

// Result is an answer and how it came about. Without an error, the entry is there.
type Result struct {
	*Entry
	Outcome Outcome
	Source  Source
	// TTL is how long the entry still lives, unless something changes; 0 for one that
	// is not kept and for a stale one.
	TTL time.Duration
	// Lookup is the time that it took to find out whether there is an entry, and Fill
	// the time from then until the answer was there, waiting for others included.
	Lookup time.Duration
	Fill   time.Duration
}
