package cache_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

var (
	home   = crm.ID{15: 1}
	abroad = crm.ID{15: 2}
	deals  = crm.Tag{Entity: crm.EntityDeal}
	stages = crm.Tag{Entity: crm.EntityStage}
)

// changes is a cache.Freshness that a test controls; all organisations share one log.
type changes struct {
	mu          sync.Mutex
	epoch       string
	seq         int64
	generation  uint64
	invalidated map[crm.Tag]int64
	floor       int64
	lost        bool
}

func (l *changes) Position(context.Context, crm.ID) (at crm.LogPosition, generation uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return crm.LogPosition{Epoch: l.epoch, Seq: l.seq}, l.generation, !l.lost
}

func (l *changes) Fresh(_ crm.ID, at crm.LogPosition, tags []crm.Tag) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range tags {
		if l.invalidated[t] > at.Seq {
			return false
		}
	}
	return at.Seq >= l.floor && at.Epoch == l.epoch
}

// invalidate appends a change that invalidates the tags.
func (l *changes) invalidate(tags ...crm.Tag) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	l.generation++
	for _, t := range tags {
		l.invalidated[t] = l.seq
	}
}

// set makes any other change.
func (l *changes) set(change func(*changes)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// bench is a cache and its log.
type bench struct {
	*cache.Cache
	log *changes
}

// newBench returns a cache of 1 MiB, with changed options.
func newBench(tb testing.TB, change ...func(*cache.Options)) *bench {
	tb.Helper()
	log := &changes{epoch: "e1", seq: 100, invalidated: map[crm.Tag]int64{}}
	o := cache.Options{
		Bytes: 1 << 20, Freshness: log, Logger: slog.New(slog.DiscardHandler),
		TTL: map[cache.Tier]time.Duration{cache.Frequent: 5 * time.Minute, cache.Session: time.Minute, cache.Static: time.Hour},
	}
	for _, c := range change {
		c(&o)
	}
	c := cache.New(o)
	tb.Cleanup(c.Close)
	return &bench{c, log}
}

// list requests a list of deals.
func list() cache.Request {
	return cache.Request{Org: home, Key: "/api/deals?limit=50", Tier: cache.Frequent, Operation: "list-deals"}
}

// text is a fill that answers with a body made from deals.
func text(body string) func(context.Context) (*cache.Answer, error) {
	return func(context.Context) (*cache.Answer, error) { return answer(body), nil }
}

func answer(body string) *cache.Answer {
	return &cache.Answer{Status: 200, ContentType: "application/json", Link: `</api/deals?after=x>; rel="next"`, Body: []byte(body), Tags: []crm.Tag{deals}}
}

// want calls Do and checks the body and the outcome.
func (b *bench) want(tb testing.TB, r cache.Request, fill func(context.Context) (*cache.Answer, error), body string, outcome cache.Outcome) cache.Result {
	tb.Helper()
	res, err := b.Do(tb.Context(), r, fill)
	if err != nil {
		tb.Fatalf("Do: %v", err)
	}
	if string(res.Body) != body || res.Outcome != outcome {
		tb.Fatalf("Do: %s %.80q, want %s %.80q", res.Outcome, res.Body, outcome, body)
	}
	return res
}

// unavailable is a fill without a database.
func unavailable(context.Context) (*cache.Answer, error) {
	return nil, crm.Unavailable(context.DeadlineExceeded)
}

// until returns the instant d from now.
func until(d time.Duration) crm.Instant { return crm.InstantOf(time.Now().Add(d)) }
