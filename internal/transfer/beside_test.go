package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// busyStore counts the transactions that are under way, and those that were taken back.
type busyStore struct {
	bulk.Store
	now, most, failed atomic.Int64
}

func (s *busyStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	if now := s.now.Add(1); now > s.most.Load() {
		s.most.Store(now)
	}
	defer s.now.Add(-1)
	err := s.Store.Write(ctx, by, at, fn)
	if err != nil {
		s.failed.Add(1)
	}
	return err
}

// lookAlikes are batches of rows that have to do with each other across batches: they make
// what others refer to, take keys that others have or give up, and some are wrong.
func lookAlikes(random *rand.Rand, batches int) [][]bulk.ImportRow[crm.DealPatch] {
	all := make([][]bulk.ImportRow[crm.DealPatch], batches)
	var ids [40]crm.ID
	for i := range ids {
		ids[i] = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "deal", i))
	}
	// Some stretches of a file have little to do with each other, and some much.
	for b := range all {
		for range 4 {
			near := random.IntN(12) > 0
			pick := func(n int) int {
				if near {
					return (b*4 + random.IntN(4)) % n
				}
				return random.IntN(n)
			}
			row := bulk.ImportRow[crm.DealPatch]{
				ID:         crm.Of(ids[pick(len(ids))]),
				References: bulk.References{Stage: "Lead"},
				Patch: crm.DealPatch{
					Name: crm.Of(fmt.Sprint("Deal ", random.IntN(3))), ExternalID: crm.Of(fmt.Sprint("D-", pick(50))),
					Value: crm.Of(crm.Money(random.IntN(100))),
				},
			}
			switch random.IntN(120) {
			case 0:
				row.Stage = fmt.Sprint("Stage ", random.IntN(3))
			case 1, 2, 3:
				row.Owner = fmt.Sprint("Person ", random.IntN(9))
			case 4:
				row.Company = "Unknown's"
			case 5:
				row.Patch.Currency = crm.Of("no currency")
			case 6:
				row.Patch.ExternalID = crm.Null[string]()
			}
			all[b] = append(all[b], row)
		}
	}
	return all
}

// TestBatchesBesideEachOther: batches that are under way together end as those that are
// loaded one after the other.
func TestBatchesBesideEachOther(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]crm.Key{{crm.KeyExternalID}, {crm.KeyID}, {crm.KeyExternalID, crm.KeyName}} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, w *world) {
				busy := &busyStore{Store: w.store.Bulk()}
				w.bulk = bulk.NewService(busy, time.Now)
				opt := bulk.ImportOptions{Keys: keys, CreateMissing: []bulk.Reference{bulk.RefOwner, bulk.RefStage}}
				var failed [2]int64 // transactions, one by one and together
				for seed := range uint64(6) {
					batches := lookAlikes(rand.New(rand.NewPCG(seed, 1)), 80)
					if len(keys) > 1 { // stretches of the file have the one key, and others the other
						for b := range batches {
							for i := range batches[b] {
								if p := &batches[b][i].Patch; b/8%2 == 0 {
									p.Name, p.ExternalID = crm.Of("Deal "+p.ExternalID.Value), crm.Field[string]{}
								}
							}
						}
					}
					var results [2][]bulk.RowResult
					var ends [2][]string
					for together := range 2 {
						org := w.sibling(fmt.Sprint(seed, together))
						busy.failed.Store(0)
						_, err := org.bulk.ImportDeals(t.Context(), org.by, opt, func(load bulk.Load[crm.DealPatch]) error {
							var err error
							results[together], err = loadBatches(t.Context(), load, batches, together == 1)
							return err
						})
						if err != nil {
							t.Fatal(err)
						}
						failed[together] += busy.failed.Load()
						ends[together] = told(org)
					}
					if diff := cmp.Diff(results[0], results[1]); diff != "" {
						t.Errorf("seed %d: results of batches one by one (-) and together (+):\n%s", seed, diff)
					}
					if diff := cmp.Diff(ends[0], ends[1]); diff != "" {
						t.Errorf("seed %d: deals of batches one by one (-) and together (+):\n%s", seed, diff)
					}
				}
				t.Logf("transactions at most under way: %d; taken back: %d one by one, %d together", busy.most.Load(), failed[0], failed[1])
				if busy.most.Load() != 2 {
					t.Errorf("at most %d transactions were under way together", busy.most.Load())
				}
				if failed[1] <= failed[0] {
					t.Error("no batch was loaded too early")
				}
			})
		})
	}
}

// loadBatches loads batches, and begins the next one before it waits for the last one or
// does not.
func loadBatches[P any](ctx context.Context, load bulk.Load[P], batches [][]bulk.ImportRow[P], together bool) (all []bulk.RowResult, err error) {
	var waits []func() ([]bulk.RowResult, error)
	end := func() {
		results, failed := waits[0]()
		all, err, waits = append(all, results...), errors.Join(err, failed), waits[1:]
	}
	for _, rows := range batches {
		if waits = append(waits, load(ctx, rows)); !together || len(waits) == 2 {
			end()
		}
	}
	for len(waits) > 0 {
		end()
	}
	return all, err
}

// told tells an organisation's deals, in words that hold for any organisation.
func told(w *world) []string {
	var lines []string
	stages, owners := map[crm.ID]string{}, map[crm.ID]string{}
	for _, s := range all(w, w.service.Stages) {
		stages[s.ID] = fmt.Sprint(s.Name, s.OrderPosition)
	}
	for _, o := range all(w, w.service.Owners) {
		owners[o.ID] = o.FullName
	}
	lines = append(lines, fmt.Sprint(len(stages), " stages ", len(owners), " people"))
	for _, d := range all(w, w.service.Deals) {
		owner, external := "unknown", "none"
		if d.OwnerID != nil {
			owner = owners[*d.OwnerID]
		}
		if d.ExternalID != nil {
			external = *d.ExternalID
		}
		lines = append(lines, fmt.Sprint(external, " ", d.Name, " ", stages[d.StageID], " ", owner, " ", d.Value, " version ", d.Version))
	}
	slices.Sort(lines)
	return lines
}

// heldStore keeps its first transaction under way until the second one has ended: before
// it has done anything, or when it has done all but to commit.
type heldStore struct {
	bulk.Store
	atBegin bool
	count   atomic.Int64
	begun   chan struct{} // closed by the first transaction
	second  chan struct{} // closed when the second one has ended
}

func (s *heldStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	switch s.count.Add(1) {
	case 1:
		return s.Store.Write(ctx, by, at, func(tx bulk.Tx) error {
			if s.atBegin {
				close(s.begun)
				<-s.second
				return fn(tx)
			}
			err := fn(tx)
			close(s.begun)
			<-s.second
			return err
		})
	case 2:
		defer close(s.second)
	}
	return s.Store.Write(ctx, by, at, fn)
}

// TestLoadedTooEarly: a batch to which the one before it makes a difference, although they
// have no key in common, is taken back. On SQLite one transaction writes at a time.
func TestLoadedTooEarly(t *testing.T) {
	t.Parallel()
	one, two, three := crm.NewID(), crm.NewID(), crm.NewID()
	row := func(id crm.ID, external, owner string) []bulk.ImportRow[crm.DealPatch] {
		return []bulk.ImportRow[crm.DealPatch]{{
			ID: crm.Of(id), References: bulk.References{Owner: owner}, Patch: crm.DealPatch{Name: crm.Of("Deal"), ExternalID: crm.Of(external)},
		}}
	}
	created, updated := bulk.RowResult{Verdict: bulk.RowCreated}, bulk.RowResult{Verdict: bulk.RowUpdated}
	for _, c := range []struct {
		name          string
		atBegin       bool
		first, second []bulk.ImportRow[crm.DealPatch]
		want          []bulk.RowResult
		people        int
		writes        int64
	}{
		{"NothingInCommon", false, row(one, "A", ""), row(three, "C", ""), []bulk.RowResult{updated, created}, 1, 2},
		{"TheFirstGivesUpAKey", false, row(one, "C", ""), row(three, "1", ""), []bulk.RowResult{updated, created}, 1, 3},
		{
			"TheSecondGivesUpAKey", true, row(three, "2", ""), row(two, "C", ""),
			[]bulk.RowResult{{Verdict: bulk.RowRejected, Reason: `external_id "2" is already used by another deal`, Wrong: []crm.FieldError{{Field: "external_id", Message: `"2" is already used by another deal`}}}, updated}, 1, 3,
		},
		{
			"TheFirstMakesWhomTheSecondNames", false, row(one, "1", "Ada"),
			[]bulk.ImportRow[crm.DealPatch]{{ID: crm.Of(two), References: bulk.References{Owner: "Ada"}, Fallback: bulk.References{Owner: "Ben"}, Patch: crm.DealPatch{Name: crm.Of("Deal")}}},
			[]bulk.RowResult{updated, updated}, 2, 3,
		},
		{
			"TheSecondNamesWhomUnknownMakes", false, row(one, "3", ""),
			[]bulk.ImportRow[crm.DealPatch]{{ID: crm.Of(three), References: bulk.References{Owner: "Ada"}, Fallback: bulk.References{Owner: "Ben"}, Patch: crm.DealPatch{Name: crm.Of("Deal")}}},
			[]bulk.RowResult{updated, created}, 1, 2,
		},
		{"BothMakeAPerson", false, row(one, "1", "Ada"), row(two, "2", "Ada"), []bulk.RowResult{updated, updated}, 2, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgres")
			opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyID}, CreateMissing: []bulk.Reference{bulk.RefOwner}}
			var results []bulk.RowResult
			load := func(load bulk.Load[crm.DealPatch]) (err error) {
				results, err = loadBatches(t.Context(), load, [][]bulk.ImportRow[crm.DealPatch]{row(one, "1", ""), row(two, "2", "Ben")}, false)
				return err
			}
			if _, err := w.bulk.ImportDeals(t.Context(), w.by, opt, load); err != nil {
				t.Fatal(err)
			}
			held := &heldStore{Store: w.store.Bulk(), atBegin: c.atBegin, begun: make(chan struct{}), second: make(chan struct{})}
			w.bulk = bulk.NewService(held, time.Now)
			load = func(load bulk.Load[crm.DealPatch]) error {
				first := load(t.Context(), c.first)
				<-held.begun
				second := load(t.Context(), c.second)
				one, err := first()
				two, failed := second()
				results = slices.Concat(one, two)
				return errors.Join(err, failed)
			}
			if _, err := w.bulk.ImportDeals(t.Context(), w.by, opt, load); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, results); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if n := len(all(w, w.service.Owners)); n != c.people {
				t.Errorf("%d people, want %d", n, c.people)
			}
			if n := held.count.Load(); n != c.writes {
				t.Errorf("%d transactions, want %d", n, c.writes)
			}
		})
	}
}
