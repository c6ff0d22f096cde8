package changes

import (
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

// Whatever is raised, an answer is never said to hold that does not; and while no more
// is raised than is remembered, one that holds is said to.
func TestRaised(t *testing.T) {
	t.Parallel()
	ids := make([]crm.ID, 3*maxRaised)
	for i := range ids {
		ids[i] = crm.NewID()
	}
	rapid.Check(t, func(t *rapid.T) {
		entities := []string{crm.EntityDeal, crm.EntityContact, crm.EntityCache + ".static"}
		some := rapid.SampledFrom(ids[:rapid.SampledFrom([]int{5, 100, len(ids)}).Draw(t, "ids")])
		var r raised
		type at struct {
			tag crm.Tag
			seq int64
		}
		var all []at
		whole := map[string]int64{}
		narrow := map[string]int{}
		steps := rapid.SampledFrom([]int{20, 3 * maxRaised}).Draw(t, "steps")
		seed := rapid.IntRange(0, 1000).Draw(t, "seed")
		for i := range steps {
			seq := int64(1 + i - (i*seed)%7) // not quite in order
			e := crm.LogEntry{Seq: max(seq, 1), Entity: entities[(i*seed+i/3)%len(entities)], Op: crm.OpUpdated}
			id := ids[(i*(seed+1))%len(ids)]
			if e.ID = &id; (i+seed)%100 == 0 {
				e.ID, e.Op = nil, crm.OpBulk
			}
			e.Refs.Owner = []crm.ID{ids[(i*7)%len(ids)]}
			r.raise(&e)
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
				t.Fatalf("an answer of %d from %v is said to hold", seq, tag)
			}
			if !got && holds && narrow[tag.Entity] < maxRaised {
				t.Fatalf("an answer of %d from %v is said not to hold", seq, tag)
			}
		}
		for _, k := range r {
			if k.recent.n > maxRaised || k.older.n > maxRaised || max(len(k.recent.slots), len(k.older.slots)) > 2*maxRaised {
				t.Fatalf("%d and %d tags are remembered", k.recent.n, k.older.n)
			}
		}
	})
}
