package jobs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Handover passes on between instances that there are jobs. What is lost is found by the
// storage alone: the order and the fairness of jobs are decided there, when they are claimed.
type Handover interface {
	// Push tells one runner, of any instance, that there are jobs of each of the kinds.
	Push(ctx context.Context, kinds []Kind) error
	// Pop waits until there are jobs of one of the kinds, for about a second at most; false: none came.
	Pop(ctx context.Context, kinds []Kind) (bool, error)
}

// announceLimit bounds one announcement.
const announceLimit = time.Second

// An Announcer tells runners of jobs that this instance has added: its own one, or those of others.
type Announcer struct {
	store    Store
	runner   *Runner  // nil: this instance runs none
	handover Handover // nil: there is none

	signal  chan struct{}
	mu      sync.Mutex
	pending []Kind
}

// NewAnnouncer returns an Announcer; Run must run. runner and handover may be nil.
func NewAnnouncer(store Store, runner *Runner, handover Handover) *Announcer {
	return &Announcer{store: store, runner: runner, handover: handover, signal: make(chan struct{}, 1)}
}

// Enqueued tells of the kinds of jobs that were just added. It does not block.
func (a *Announcer) Enqueued(kinds []Kind) {
	if a.runner != nil {
		a.runner.Wake()
		free := a.runner.free()
		if !slices.ContainsFunc(kinds, func(k Kind) bool { return !slices.Contains(free, k) }) {
			return
		}
	}
	a.mu.Lock()
	for _, kind := range kinds {
		if !slices.Contains(a.pending, kind) {
			a.pending = append(a.pending, kind)
		}
	}
	a.mu.Unlock()
	select {
	case a.signal <- struct{}{}:
	default: // it is about to look
	}
}

// Run tells other instances until ctx ends.
func (a *Announcer) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.signal:
		}
		a.mu.Lock()
		kinds := a.pending
		a.pending = nil
		a.mu.Unlock()
		if len(kinds) > 0 {
			a.announce(ctx, kinds)
		}
	}
}

// announce hands jobs over or, if that fails, announces them by the database. If that fails too,
// other instances find them when they look.
func (a *Announcer) announce(ctx context.Context, kinds []Kind) {
	ctx, cancel := context.WithTimeout(ctx, announceLimit)
	defer cancel()
	if a.handover != nil && a.handover.Push(ctx, kinds) == nil {
		return
	}
	_ = a.store.Announce(ctx)
}
