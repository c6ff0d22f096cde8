package changes

import (
	"context"
	"sync"

	"sixty/internal/crm"
)

// maxNarrow is the number of tags of one kind from which on an answer may as well
// depend on the whole kind.
const maxNarrow = 300

// Dependencies gather what an answer is made from, while it is made. They are safe for
// concurrent use.
type Dependencies struct {
	mu          sync.Mutex
	org         crm.ID // whose things they are; zero before anything is read
	kinds       []*kindRead
	until       crm.Instant
	ends        bool // until is there
	uncacheable bool
}

// kindRead is what was read of one kind.
type kindRead struct {
	entity string
	whole  bool
	narrow map[crm.Tag]struct{}
}

type dependenciesKey struct{}

// Track gives a context in which reads of a Tracked store, and use cases, enter what
// they depend on.
func Track(ctx context.Context) (context.Context, *Dependencies) {
	d := &Dependencies{}
	ctx = crm.WithTimeDependent(ctx, d.forbid)
	return context.WithValue(ctx, dependenciesKey{}, d), d
}

// tracked gives the context's dependencies; nil, which may be told everything, when it
// has none.
func tracked(ctx context.Context) *Dependencies {
	d, _ := ctx.Value(dependenciesKey{}).(*Dependencies)
	return d
}

// Tags gives the tags of everything that was read, none twice and none that another
// one includes.
func (d *Dependencies) Tags() []crm.Tag {
	d.mu.Lock()
	defer d.mu.Unlock()
	var tags []crm.Tag
	for _, k := range d.kinds {
		if k.whole {
			tags = append(tags, crm.Tag{Entity: k.entity})
			continue
		}
		for t := range k.narrow {
			tags = append(tags, t)
		}
	}
	return tags
}

// Until gives the first moment at which the answer may be another one although nothing
// has been written; ok is false when there is none.
func (d *Dependencies) Until() (at crm.Instant, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until, d.ends
}

// Uncacheable tells whether it cannot be said what the answer depends on.
func (d *Dependencies) Uncacheable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.uncacheable
}

// forbid says that it cannot be said what the answer depends on.
func (d *Dependencies) forbid() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncacheable = true
}

// add enters tags of an organisation.
func (d *Dependencies) add(org crm.ID, tags ...crm.Tag) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.org == (crm.ID{}) {
		d.org = org
	}
	d.uncacheable = d.uncacheable || d.org != org // what is kept is kept for one
	for _, t := range tags {
		d.kind(t.Entity).add(t)
	}
}

// each enters a tag for each of the ids.
func (d *Dependencies) each(org crm.ID, entity string, by crm.TagScope, ids []crm.ID) {
	if d == nil {
		return
	}
	for _, id := range ids {
		d.add(org, crm.Tag{Entity: entity, By: by, ID: id})
	}
}

// kind gives what was read of a kind; the lock is held.
func (d *Dependencies) kind(entity string) *kindRead {
	for _, k := range d.kinds {
		if k.entity == entity {
			return k
		}
	}
	k := &kindRead{entity: entity, narrow: map[crm.Tag]struct{}{}}
	d.kinds = append(d.kinds, k)
	return k
}

func (k *kindRead) add(t crm.Tag) {
	if k.whole {
		return
	}
	k.narrow[t] = struct{}{}
	if t.By == crm.ByAll || len(k.narrow) > maxNarrow {
		k.whole, k.narrow = true, nil
	}
}

// change enters a moment at which the answer may change by itself.
func (d *Dependencies) change(at crm.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ends || at < d.until {
		d.until, d.ends = at, true
	}
}
