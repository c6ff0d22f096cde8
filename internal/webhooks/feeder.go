package webhooks

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

const (
	// sweepPeriod is the time between two looks at all endpoints, which find what was not told.
	sweepPeriod = 15 * time.Second
	// roundPause is the least time between two looks, and retryPause that after one that has failed.
	roundPause = 50 * time.Millisecond
	retryPause = time.Second
	// feedAtOnce is how many endpoints are looked at by one query.
	feedAtOnce = 200
	// maxGrown is the number of organisations above which all are looked at.
	maxGrown = 500
	// troubledPriority is that of jobs of endpoints in trouble.
	troubledPriority = -1
)

// JobArgs are the arguments of a job of the kind send-notification.
type JobArgs struct {
	Webhook crm.ID `json:"webhook"`
	// Delivery, if set, is one that is to be sent again; else the endpoint gets what it is behind.
	Delivery *crm.ID `json:"delivery,omitempty"`
}

// A Feeder adds a job for each endpoint that is behind and has none: when it is told that a log has
// grown, and periodically. Every instance has one; that a job is unique to its endpoint keeps
// deliveries in order. It is safe for concurrent use.
type Feeder struct {
	store Store
	jobs  Adder
	now   func() crm.Instant
	// Logger logs that endpoints cannot be looked at; set before Run. May be nil.
	Logger *slog.Logger

	woken chan struct{}
	mu    sync.Mutex
	grown map[crm.ID]struct{} // since the last look; nil: all
}

func newFeeder(store Store, adder Adder, now func() crm.Instant) *Feeder {
	return &Feeder{store: store, jobs: adder, now: now, woken: make(chan struct{}, 1)}
}

// Wake tells of organisations whose logs have grown, or whose endpoints have changed. It does not
// block.
func (f *Feeder) Wake(orgs ...crm.ID) {
	f.mu.Lock()
	for _, org := range orgs {
		if f.grown != nil && len(f.grown) < maxGrown {
			f.grown[org] = struct{}{}
		} else {
			f.grown = nil
		}
	}
	f.mu.Unlock()
	select {
	case f.woken <- struct{}{}:
	default: // already pending
	}
}

// take returns the organisations that Wake has told of; nil: all are to be looked at.
func (f *Feeder) take() []crm.ID {
	f.mu.Lock()
	defer f.mu.Unlock()
	grown := f.grown
	f.grown = map[crm.ID]struct{}{}
	if grown == nil {
		return nil
	}
	orgs := make([]crm.ID, 0, len(grown))
	for org := range grown {
		orgs = append(orgs, org)
	}
	return orgs
}

// all makes the next look one at all endpoints.
func (f *Feeder) all() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grown = nil
}

// Run adds jobs until ctx ends.
func (f *Feeder) Run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	swept := time.Now()
	for failing := false; ; {
		woken := f.woken
		if failing {
			woken = nil // a database that is away is not asked each time
		}
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-next.C:
		}
		if time.Since(swept) >= sweepPeriod {
			f.all()
			swept = time.Now()
		}
		err := f.Feed(ctx, f.take())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			f.all() // the next time
			if !failing && f.Logger != nil && crm.CodeOf(err) != crm.CodeUnavailable {
				f.Logger.WarnContext(ctx, "webhooks: changes wait for being sent; it is tried again", "error", err)
			}
		}
		if failing = err != nil; failing {
			next.Reset(retryPause)
		} else {
			next.Reset(sweepPeriod)
		}
		// Of changes that come in quick succession, the endpoints are looked at together.
		pause := time.NewTimer(roundPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// Feed adds the jobs of the endpoints of organisations that are behind; nil: of all.
func (f *Feeder) Feed(ctx context.Context, orgs []crm.ID) error {
	if orgs != nil && len(orgs) == 0 {
		return nil
	}
	var from *Behind
	for {
		found, next, err := f.store.Behind(ctx, orgs, from, feedAtOnce)
		if err != nil {
			return err
		}
		for i := range found {
			if err := f.add(ctx, &found[i]); err != nil {
				return err
			}
		}
		if from = next; from == nil {
			return nil
		}
	}
}

// add adds the job of an endpoint.
func (f *Feeder) add(ctx context.Context, b *Behind) error {
	n := jobs.NewJob{Kind: jobs.SendNotification, Args: JobArgs{Webhook: b.ID}, UniqueKey: UniqueKey(b.ID)}
	if b.Failures > 0 || b.Slow {
		n.Priority = troubledPriority
	}
	if b.RetryAt != nil {
		n.Delay = max(0, until(f.now(), *b.RetryAt))
	}
	_, err := f.jobs.Add(ctx, crm.Operator(b.OrgID), n)
	return err
}

// UniqueKey is that of the job that sends an endpoint what it is behind.
func UniqueKey(endpoint crm.ID) string { return endpoint.String() }
