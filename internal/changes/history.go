package changes

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// history is the state of the followed organisations under one epoch of the change log. What
// is known under one epoch means nothing under another.
type history struct {
	epoch  string   // "" before the first read of the log
	orgs   sync.Map // of *organisation, by crm.ID
	memory atomic.Int64
}

func newHistory(epoch string) *history { return &history{epoch: epoch} }

// get returns the state of an organisation; nil if it is not followed.
func (h *history) get(org crm.ID) *organisation {
	o, _ := h.orgs.Load(org)
	found, _ := o.(*organisation)
	return found
}

// all calls each with every organisation.
func (h *history) all(each func(*organisation)) {
	h.orgs.Range(func(_, o any) bool {
		each(o.(*organisation))
		return true
	})
}

// add and drop are called with the follower's lock held.
func (h *history) add(o *organisation) {
	h.orgs.Store(o.id, o)
	h.memory.Add(organisationSize)
}

func (h *history) drop(o *organisation) {
	h.orgs.Delete(o.id)
	o.retire(ErrReset)
	h.memory.Add(-o.size())
}

// useEpoch begins another epoch, unless it is the current one. Nothing that was known before
// is trusted any more, and subscribers have to start over.
func (f *Follower) useEpoch(epoch string) {
	if f.current.Load().epoch == epoch {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.current.Load()
	if before.epoch == epoch {
		return
	}
	f.polled.Store(0)
	f.current.Store(newHistory(epoch))
	if before.epoch != "" {
		f.logger.Warn("change log: a new epoch has begun, cached answers are not trusted", "was", before.epoch, "is", epoch)
	}
	before.all(func(o *organisation) { o.retire(ErrReset) })
}

// makeRoom drops the organisations that have been unused for dropAfter and, while they need
// too much memory, those that have been unused for the longest time.
func (f *Follower) makeRoom(now time.Duration) {
	h := f.current.Load()
	var unused []*organisation
	h.all(func(o *organisation) {
		if o.droppable() {
			unused = append(unused, o)
		}
	})
	// Read once: a use while they are sorted would make the order inconsistent.
	used := make(map[*organisation]int64, len(unused))
	for _, o := range unused {
		used[o] = o.used.Load()
	}
	slices.SortFunc(unused, func(a, b *organisation) int { return cmp.Compare(used[a], used[b]) })
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range unused {
		if now-time.Duration(used[o]) <= dropAfter && h.memory.Load() <= maxMemory*9/10 {
			return
		}
		if o.droppable() { // still
			h.drop(o)
		}
	}
}
