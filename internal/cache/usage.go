package cache

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"sixty/internal/crm"
)

// What was read most, longer than entries are kept: an entry counts its reads, and when it goes, they
// are added to a table of keys.

// maxUsed bounds the keys of the table. When it is full, all counts are halved and those of zero go.
const maxUsed = 4096

// Use is a key, and how often it was read: at most once in markEvery.
type Use struct {
	Org   crm.ID
	Key   string
	Reads int64
}

// usage is the table.
type usage struct {
	mu    sync.Mutex
	reads map[key]int64
}

// add adds the reads of an entry since it was added last.
func (u *usage) add(e *Entry) {
	n := e.reads.Swap(0)
	if n == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.reads[e.key]; !known && len(u.reads) >= maxUsed {
		if u.age(1, 2); len(u.reads) >= maxUsed {
			return
		}
	}
	u.reads[e.key] += n
}

// age multiplies the counts. The lock is held.
func (u *usage) age(by, of int64) {
	for k, n := range u.reads {
		if n = n * by / of; n == 0 {
			delete(u.reads, k)
			continue
		}
		u.reads[k] = n
	}
}

// MostUsed returns the keys that were read most, the first of which first, at most limit. Reads
// count for less each time that it is called.
func (c *Cache) MostUsed(limit int) []Use {
	if c.entries == nil {
		return nil
	}
	for _, e := range c.entries.All() {
		c.usage.add(e)
	}
	c.usage.mu.Lock()
	defer c.usage.mu.Unlock()
	all := make([]Use, 0, len(c.usage.reads))
	for k, n := range c.usage.reads {
		all = append(all, Use{k.org, k.name, n})
	}
	c.usage.age(9, 10)
	slices.SortFunc(all, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), crm.CompareIDs(a.Org, b.Org), strings.Compare(a.Key, b.Key))
	})
	return all[:min(len(all), limit)]
}
