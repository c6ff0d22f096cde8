package changes

import (
	"context"
	"sync"

	"sixty/internal/crm"
)

// maxTags is the number of tags of one entity type above which the answer depends on all
// entities of the type instead.
const maxTags = 300

// Dependencies collect what an answer depends on while it is built. They are safe for
// concurrent use.
type Dependencies struct {
	mu          sync.Mutex
	org         crm.ID // zero before the first read
	types       []*typeTags
	until       crm.Instant
	hasUntil    bool // whether until is set
	uncacheable bool
	epoch       string // of the log of the server that was read; "" before
}

// typeTags are the tags of one entity type.
type typeTags struct {
	entity string
	all    bool
	tags   map[crm.Tag]struct{}
}

type dependenciesKey struct{}

// Track returns a context in which reads of a Tracked store, and use cases, record what
// they depend on.
func Track(ctx context.Context) (context.Context, *Dependencies) {
	d := &Dependencies{}
	ctx = crm.WithValidity(ctx, d.changesAt)
	ctx = crm.WithEpochObserver(ctx, d.setEpoch)
	return context.WithValue(ctx, dependenciesKey{}, d), d
}

// dependenciesOf returns the context's dependencies; nil, whose methods do nothing, if it
// has none.
func dependenciesOf(ctx context.Context) *Dependencies {
	d, _ := ctx.Value(dependenciesKey{}).(*Dependencies)
	return d
}

// Tags returns the tags of everything that was read, without duplicates and without tags
// that another one includes.
func (d *Dependencies) Tags() []crm.Tag {
	d.mu.Lock()
	defer d.mu.Unlock()
	var tags []crm.Tag
	for _, k := range d.types {
		if k.all {
			tags = append(tags, crm.Tag{Entity: k.entity})
			continue
		}
		for t := range k.tags {
			tags = append(tags, t)
		}
	}
	return tags
}

// Until returns the earliest time at which the answer may change without a write; ok is
// false if there is none.
func (d *Dependencies) Until() (at crm.Instant, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until, d.hasUntil
}

// Uncacheable reports whether the dependencies of the answer are unknown.
func (d *Dependencies) Uncacheable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.uncacheable
}

// Epoch returns the epoch of the change log of the server that was read; "" if nothing was, or
// if no other server can take over.
func (d *Dependencies) Epoch() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.epoch
}

// setEpoch records the epoch of a read. What was read under two epochs, or while it was not
// established, is not cacheable.
func (d *Dependencies) setEpoch(epoch string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncacheable = d.uncacheable || epoch == "" || d.epoch != "" && d.epoch != epoch
	d.epoch = epoch
}

// setUncacheable records that the dependencies of the answer are unknown.
func (d *Dependencies) setUncacheable() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncacheable = true
}

// add records tags of an organisation.
func (d *Dependencies) add(org crm.ID, tags ...crm.Tag) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.org == (crm.ID{}) {
		d.org = org
	}
	d.uncacheable = d.uncacheable || d.org != org // entries belong to one organisation
	for _, t := range tags {
		d.ofType(t.Entity).add(t)
	}
}

// addIDs records a tag for each of the ids.
func (d *Dependencies) addIDs(org crm.ID, entity string, by crm.TagScope, ids []crm.ID) {
	if d == nil {
		return
	}
	for _, id := range ids {
		d.add(org, crm.Tag{Entity: entity, By: by, ID: id})
	}
}

// ofType returns the tags of an entity type; the lock is held.
func (d *Dependencies) ofType(entity string) *typeTags {
	for _, k := range d.types {
		if k.entity == entity {
			return k
		}
	}
	k := &typeTags{entity: entity, tags: map[crm.Tag]struct{}{}}
	d.types = append(d.types, k)
	return k
}

func (k *typeTags) add(t crm.Tag) {
	if k.all {
		return
	}
	k.tags[t] = struct{}{}
	if t.By == crm.ByAll || len(k.tags) > maxTags {
		k.all, k.tags = true, nil
	}
}

// changesAt records a time at which the answer may change without a write.
func (d *Dependencies) changesAt(at crm.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.hasUntil || at < d.until {
		d.until, d.hasUntil = at, true
	}
}
