package accounts

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// The bounds of a FailureTrail.
const (
	// failuresAMinute bounds the entries of an organisation of each kind, so that none hides
	// another; further failures are counted in one more entry.
	failuresAMinute = 30
	// failureOrganisations bounds the organisations with failures in a minute that are known.
	failureOrganisations = 4096
	// failureQueue bounds the entries that wait to be written, and failureLookups the failures
	// whose organisation is looked for at once. Failures beyond the first are counted as
	// above; beyond the second they are lost.
	failureQueue   = 1024
	failureLookups = 4
	// failureTimeout bounds each of them, and Close.
	failureTimeout = 5 * time.Second
)

// FailureKind is what failed, for the figures.
type FailureKind int

// The kinds of failures.
const (
	FailedSignIn FailureKind = iota
	FailedKey
	FailedToken
	FailedSession
	FailedForbidden

	failureKinds
)

var failureNames = [failureKinds]string{
	FailedSignIn: "sign_in", FailedKey: "api_key", FailedToken: "token", FailedSession: "session", FailedForbidden: "forbidden",
}

// FailureTrail enters failed sign-ins, rejected credentials and forbidden requests in the audit
// trail of the organisation that they concern: in the background, and a limited number a
// minute. Its methods do nothing on nil. It is safe for concurrent use.
type FailureTrail struct {
	service *Service
	now     func() time.Time
	counts  [failureKinds]atomic.Int64

	lookups chan struct{} // holds one for each that runs
	running sync.WaitGroup
	life    context.Context // ends a while after Close
	end     context.CancelFunc

	mu      sync.Mutex
	closed  bool
	orgs    map[crm.ID]*failureMinute
	queue   []queuedFailure
	writing bool // a goroutine writes what is queued
}

// queuedFailure is an entry that waits to be written.
type queuedFailure struct {
	kind   FailureKind
	by     crm.Actor
	origin Origin
	event  AuditEvent
}

// failureMinute is what an organisation has failed in a minute.
type failureMinute struct {
	began   time.Time
	entered [failureKinds]int
	omitted int64
	end     *time.Timer // enters what was omitted
}

// NewFailureTrail returns a FailureTrail, which the caller must Close before the store.
func NewFailureTrail(service *Service, now func() time.Time) *FailureTrail {
	f := &FailureTrail{service: service, now: now, orgs: map[crm.ID]*failureMinute{}, lookups: make(chan struct{}, failureLookups)}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Count counts a failure that no organisation is known for.
func (f *FailureTrail) Count(kind FailureKind) {
	if f != nil {
		f.counts[kind].Add(1)
	}
}

// Record counts a failure, and enters it for the actor's organisation. It does not wait.
func (f *FailureTrail) Record(ctx context.Context, kind FailureKind, by crm.Actor, e AuditEvent) {
	if f == nil {
		return
	}
	f.Count(kind)
	origin, _ := ctx.Value(originKey{}).(Origin)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.enter(queuedFailure{kind, by, origin, e})
}

// Find counts a failure, and enters it if find returns an actor. It does not wait.
func (f *FailureTrail) Find(ctx context.Context, kind FailureKind, find func(context.Context) (crm.Actor, AuditEvent, error)) {
	if f == nil {
		return
	}
	f.Count(kind)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	select {
	case f.lookups <- struct{}{}:
	default:
		return
	}
	origin, _ := ctx.Value(originKey{}).(Origin)
	f.running.Go(func() {
		defer func() { <-f.lookups }()
		ctx, cancel := context.WithTimeout(f.life, failureTimeout) // the request ends first
		defer cancel()
		by, e, err := find(ctx)
		if err != nil {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.enter(queuedFailure{kind, by, origin, e})
	})
}

// push queues an entry; false if too many wait. The lock is held.
func (f *FailureTrail) push(e queuedFailure) bool {
	if f.closed || len(f.queue) >= failureQueue {
		return false
	}
	if f.queue = append(f.queue, e); !f.writing {
		f.writing = true
		f.running.Go(f.write)
	}
	return true
}

// write writes what is queued. An entry that fails is missing.
func (f *FailureTrail) write() {
	for {
		f.mu.Lock()
		if len(f.queue) == 0 {
			f.queue, f.writing = nil, false
			f.mu.Unlock()
			return
		}
		e := f.queue[0]
		f.queue = f.queue[1:]
		f.mu.Unlock()
		ctx, cancel := context.WithTimeout(WithOrigin(f.life, e.origin), failureTimeout)
		_ = f.service.RecordAudit(ctx, e.by, e.event)
		cancel()
	}
}

// enter queues a failure, or counts it as omitted; the lock is held.
func (f *FailureTrail) enter(e queuedFailure) {
	m := f.minute(e.by.Org)
	if m == nil {
		return
	}
	if m.entered[e.kind] < failuresAMinute && f.push(e) {
		m.entered[e.kind]++
		return
	}
	if m.omitted++; m.end == nil && !f.closed {
		m.end = time.AfterFunc(time.Minute, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.orgs[e.by.Org] == m {
				f.finish(e.by.Org, m)
			}
		})
	}
}

// minute returns an organisation's; nil if there are too many. The lock is held.
func (f *FailureTrail) minute(org crm.ID) *failureMinute {
	now := f.now()
	m := f.orgs[org]
	if m != nil && now.Sub(m.began) < time.Minute {
		return m
	}
	if m != nil {
		f.finish(org, m)
	}
	if len(f.orgs) >= failureOrganisations {
		for other, m := range f.orgs {
			if now.Sub(m.began) >= time.Minute {
				f.finish(other, m)
			}
		}
	}
	if len(f.orgs) >= failureOrganisations {
		return nil
	}
	m = &failureMinute{began: now}
	f.orgs[org] = m
	return m
}

// finish removes a minute, and queues the number of what it omitted, whose addresses differ;
// the lock is held.
func (f *FailureTrail) finish(org crm.ID, m *failureMinute) {
	delete(f.orgs, org)
	if m.end != nil {
		m.end.Stop()
	}
	if m.omitted > 0 {
		f.push(queuedFailure{by: crm.Actor{Org: org}, event: AuditEvent{
			Action: ActionFailuresOmitted, Details: map[string]string{"failures": strconv.FormatInt(m.omitted, 10)},
		}})
	}
}

// Close queues what was omitted, and waits a while for what is queued and looked for. Later
// failures are counted only.
func (f *FailureTrail) Close() {
	f.mu.Lock()
	for org, m := range f.orgs {
		f.finish(org, m)
	}
	f.closed = true
	f.mu.Unlock()
	late := time.AfterFunc(failureTimeout, f.end)
	f.running.Wait()
	late.Stop()
	f.end()
}

// Observe emits the number of failures by kind.
func (f *FailureTrail) Observe(emit func(name, help string, counter bool, value float64, labels ...string)) {
	for kind := range f.counts {
		emit("sixty_access_failures_total", "Failed sign-ins, rejected credentials and forbidden requests, by kind.",
			true, float64(f.counts[kind].Load()), "kind", failureNames[kind])
	}
}
