package changes

import (
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

// An invalid answer is never reported as valid; and while no more tags are invalidated than
// fit, a valid one is never reported as invalid.
func TestInvalidations(t *testing.T) {
	t.Parallel()
	ids := make([]crm.ID, 3*maxInvalidations)
	for i := range ids {
		ids[i] = crm.NewID()
	}
	rapid.Check(t, func(t *rapid.T) {
		entities := []string{crm.EntityDeal, crm.EntityContact, crm.EntityCache + ".static"}
		some := rapid.SampledFrom(ids[:rapid.SampledFrom([]int{5, 100, len(ids)}).Draw(t, "ids")])
		var r invalidations
		type at struct {
			tag crm.Tag
			seq int64
		}
		var all []at
		whole := map[string]int64{}
		narrow := map[string]int{}
		steps := rapid.SampledFrom([]int{20, 3 * maxInvalidations}).Draw(t, "steps")
		seed := rapid.IntRange(0, 1000).Draw(t, "seed")
		for i := range steps {
			seq := int64(1 + i - (i*seed)%7) // not quite in order
			e := crm.LogEntry{Seq: max(seq, 1), Entity: entities[(i*seed+i/3)%len(entities)], Op: crm.OpUpdated}
			id := ids[(i*(seed+1))%len(ids)]
			if e.ID = &id; (i+seed)%100 == 0 {
				e.ID, e.Op = nil, crm.OpBulk
			}
			e.Refs.Owner = []crm.ID{ids[(i*7)%len(ids)]}
			r.add(&e)
			if e.Tags(func(tag crm.Tag) { all = append(all, at{tag, e.Seq}); narrow[e.Entity]++ }) {
				whole[e.Entity] = max(whole[e.Entity], e.Seq)
			}
		}
		for range 20 {
			seq := rapid.Int64Range(0, int64(steps+1)).Draw(t, "seq")
			tag := crm.Tag{
				Entity: rapid.SampledFrom(entities).Draw(t, "entity"),
				By:     rapid.SampledFrom([]crm.TagScope{crm.ByAll, crm.ByID, crm.ByOwner, crm.ByCompany}).Draw(t, "by"),
			}
			if tag.By != crm.ByAll {
				tag.ID = some.Draw(t, "id")
			}
			holds := whole[tag.Entity] <= seq
			for _, a := range all {
				holds = holds && (a.tag != tag || a.seq <= seq)
			}
			got := r.noneAfter(seq, []crm.Tag{tag})
			if got && !holds {
				t.Fatalf("an answer of %d with %v is reported as valid", seq, tag)
			}
			if !got && holds && narrow[tag.Entity] < maxInvalidations {
				t.Fatalf("an answer of %d with %v is reported as invalid", seq, tag)
			}
		}
		for _, k := range r {
			if k.recent.n > maxInvalidations || k.older.n > maxInvalidations || max(len(k.recent.slots), len(k.older.slots)) > 2*maxInvalidations {
				t.Fatalf("%d and %d tags are stored", k.recent.n, k.older.n)
			}
		}
	})
}
