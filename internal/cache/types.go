package cache

import (
	"context"
	"log/slog"
	"time"

	"sixty/internal/crm"
)

// Tier bounds the lifetime of cached answers.
type Tier string

// The tiers.
const (
	Frequent Tier = "frequent" // lists and details with many readers
	Session  Tier = "session"  // depends on the user
	Static   Tier = "static"   // rarely changes: stages, profiles
)

// Tiers returns all tiers.
func Tiers() []Tier { return []Tier{Frequent, Session, Static} }

// StaleFor is how long an expired entry is retained for Request.StaleIfError.
const StaleFor = time.Minute

// Freshness knows what has changed. It is called for every request and must be fast.
type Freshness interface {
	// Position returns the position up to which the organisation's change log has been read, and
	// a generation, which increases whenever a tag of the organisation is invalidated. ok is
	// false if the log may have continued unnoticed.
	Position(ctx context.Context, org crm.ID) (at crm.LogPosition, generation uint64, ok bool)
	// Fresh reports whether all log entries after a position are known and none of them has
	// invalidated any of the tags.
	Fresh(org crm.ID, at crm.LogPosition, tags []crm.Tag) bool
}

// Shared is a tier that several instances share. It handles its failures itself: while it
// is unavailable, Get finds nothing and Set drops the value. It is safe for concurrent use.
type Shared interface {
	// Get returns the value of a key, after a short wait at most. The caller owns the value.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Set stores a value for at most ttl, asynchronously. The value must not be changed
	// afterwards.
	Set(key string, value []byte, ttl time.Duration)
	// Stats returns counters of the calls since the start.
	Stats() SharedStats
}

// Options configure a Cache.
type Options struct {
	// Bytes bounds the memory of all entries: bodies, codings, keys and overhead. 0 turns
	// the cache off: every request bypasses it.
	Bytes int64
	// TTL is the lifetime of each tier. Entries of a tier without one expire at once.
	TTL map[Tier]time.Duration
	// Jitter is the largest random fraction, from 0 to 1, by which lifetimes are reduced,
	// so that entries built together do not expire together.
	Jitter    float64
	Freshness Freshness
	// Shared is the tier behind memory; may be nil.
	Shared Shared
	// Seal is the key that shared values are authenticated with; required with Shared. All
	// instances must have it, and nothing else that can write to Shared.
	Seal []byte
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger logs unexpected conditions. Required.
	Logger *slog.Logger
}

// Request describes what to look up.
type Request struct {
	// Org is the organisation whose data is requested. Entries are never shared between
	// organisations.
	Org crm.ID
	// Key contains, within the organisation, everything that the answer depends on: the
	// operation, its parameters, and what the caller may see.
	Key string
	// Tier bounds the lifetime of the answer.
	Tier Tier
	// Operation labels the counters. The number of distinct names must be small.
	Operation string
	// StaleIfError, if positive, is how long ago an answer may last have been known to be
	// valid in order to be returned in place of crm.CodeUnavailable (RFC 5861, section 4).
	StaleIfError time.Duration
	// Bypass runs the fill without looking up, caching or sharing its answer.
	Bypass bool
	// Unread says that no client reads the answer, so that it does not count in MostUsed.
	Unread bool
}

// Answer is the result of a fill. It must not be changed after it is returned.
type Answer struct {
	// Status is the HTTP status. Answers with 2xx and 404 are cached; others are only
	// returned to the callers that wait for them.
	Status int
	// ContentType and Link are the values of these header fields; "" for none.
	ContentType string
	Link        string
	// Body is the representation without any content coding.
	Body []byte
	// Version is the version of the one record that is shown; 0 for a list.
	Version int64
	// Tags identify the data the answer was built from.
	Tags []crm.Tag
	// Epoch is that of the change log of the server that the answer was built from; "" if it has
	// none. Such an answer is stored under a position of the same epoch only.
	Epoch string
	// Until is when the answer may change merely because time passes; 0 for never.
	Until crm.Instant
	// NoStore is set if the dependencies of the answer are unknown.
	NoStore bool
}

// Outcome is how a request was answered.
type Outcome string

// The outcomes.
const (
	Hit        Outcome = "hit"    // from an entry, in memory or shared
	Miss       Outcome = "miss"   // by this caller's fill
	Joined     Outcome = "joined" // by another caller's fill
	Bypass     Outcome = "bypass" // by a fill, without the cache
	StaleError Outcome = "stale"  // from an entry that may be stale, because the fill failed
)

// Source is where an entry was found; empty if it was not found but built.
type Source string

// The sources.
const (
	Memory       Source = "memory"
	SharedSource Source = "shared"
)

// Result is an answer and how it was obtained. Without an error, the entry is not nil.
type Result struct {
	*Entry
	Outcome Outcome
	Source  Source
	// TTL is how long the entry remains cached unless it is invalidated; 0 if it is
	// uncached or stale.
	TTL time.Duration
	// Lookup is the duration of the search for an entry, and Fill the time from then until
	// the answer was available, including waits for other callers.
	Lookup time.Duration
	Fill   time.Duration
}
