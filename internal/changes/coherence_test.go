package changes_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/changes"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

var coherenceSeed = flag.Uint64("changes.seed", 0, "repeat TestCoherence with this seed")

// The size of TestCoherence.
const (
	coherenceWrites = 120
	coherenceReads  = 70 // answers cached at a time
)

// world is a database that two instances write to, one of which caches answers.
type world struct {
	*testing.T
	r        *rand.Rand
	now      time.Time
	follower *changes.Follower
	log      changes.Log
	store    *store.Store // of the caching instance
	here     services     // its use cases
	there    services     // those of the other instance
	by       crm.Actor
	ids
}

// ids are those of the records; the first of each type is of a deleted one.
type ids struct{ owners, companies, contacts, stages, deals, activities, tasks []crm.ID }

// answer is the result of a read, and what it depends on.
type answer struct {
	read         read
	at           crm.LogPosition
	dependencies *changes.Dependencies
	value        any
}

// TestCoherence makes random writes and reads: as long as an answer is reported as valid,
// reading again must return the same.
func TestCoherence(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			seed := *coherenceSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("-changes.seed=%d", seed)
			w := newWorld(t, engine, seed)
			answers := make([]answer, coherenceReads)
			held, renewed := 0, 0
			for i := range answers {
				answers[i] = w.answer(w.someRead(i))
			}
			for range coherenceWrites {
				what := w.someWrite()
				for i, a := range answers {
					switch {
					case a.dependencies.Uncacheable():
						answers[i] = w.answer(w.someRead(i))
					case !w.holds(&a):
						answers[i] = w.answer(a.read)
						renewed++
					default:
						held++
						if diff := cmp.Diff(w.do(w.Context(), a.read), a.value); diff != "" {
							t.Fatalf("after %s, %s is reported as valid, with tags %v (-is +was):\n%s", what, a.read.name, a.dependencies.Tags(), diff)
						}
					}
				}
				i := w.r.IntN(len(answers))
				answers[i] = w.answer(w.someRead(i))
			}
			t.Logf("%d answers were valid, %d were renewed", held, renewed)
			if held < 2*renewed || renewed < coherenceWrites {
				t.Error("unexpected ratio of valid and renewed answers")
			}
		})
	}
}

func newWorld(t *testing.T, engine string, seed uint64) *world {
	t.Helper()
	w := &world{
		T: t, r: rand.New(rand.NewPCG(seed, 0)),
		now:      time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		follower: changes.New(changes.Options{}),
	}
	clock := func() time.Time { return w.now }
	open := enginetest.Opener(t, engine)
	here, there := open(store.Options{Commits: w.follower}), open(store.Options{})
	w.log, w.store = here, here
	w.here = services{crm.NewService(changes.Tracked(here.CRM()), clock), accounts.NewService(changes.TrackedAccounts(here.Accounts()), clock, "GBP")}
	w.there = services{crm.NewService(there.CRM(), clock), accounts.NewService(there.Accounts(), clock, "GBP")}

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.follower.Run(ctx, here) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})

	org, err := w.here.accounts.CreateOrganisation(t.Context(), "Test")
	if err != nil {
		t.Fatal(err)
	}
	w.by = crm.Operator(org.ID)
	for _, ids := range w.all() {
		*ids = append(*ids, crm.NewID())
	}
	stages, err := w.here.Stages(t.Context(), w.by, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range stages.Rows {
		w.stages = append(w.stages, stages.Rows[i].ID)
	}
	w.fill()
	return w
}

func (w *ids) all() []*[]crm.ID {
	return []*[]crm.ID{&w.owners, &w.companies, &w.contacts, &w.stages, &w.deals, &w.activities, &w.tasks}
}

// any returns a random id.
func (w *world) any(ids []crm.ID) crm.ID { return ids[w.r.IntN(len(ids))] }

// holds reports whether an answer is reported as valid.
func (w *world) holds(a *answer) bool {
	until, ends := a.dependencies.Until()
	return (!ends || crm.InstantOf(w.now) < until) &&
		w.follower.Fresh(w.by.Org, a.at, a.dependencies.Tags())
}

// answer reads as a cache does: without a position, the answer is not cached.
func (w *world) answer(r read) answer {
	w.Helper()
	at, _, ok := w.follower.Position(w.Context(), w.by.Org)
	if !ok {
		at = crm.LogPosition{}
	}
	ctx, dependencies := changes.Track(w.Context())
	return answer{r, at, dependencies, w.do(ctx, r)}
}

// do reads; not found is an answer too.
func (w *world) do(ctx context.Context, r read) any {
	w.Helper()
	value, err := r.do(ctx)
	if crm.CodeOf(err) == crm.CodeNotFound {
		return err.Error()
	}
	if err != nil {
		w.Fatalf("%s: %v", r.name, err)
	}
	return value
}

// someWrite makes a random write through either instance, lets time pass, and waits until
// this instance has read the log.
func (w *world) someWrite() string {
	w.Helper()
	service, where := w.here, "here"
	if w.r.IntN(3) == 0 {
		service, where = w.there, "there"
	}
	if w.r.IntN(4) == 0 {
		w.now = w.now.Add(time.Duration(w.r.IntN(72)) * time.Hour)
	}
	w.now = w.now.Add(time.Second)
	what := w.write(service)
	ends, err := w.log.LogEnds(w.Context(), []crm.ID{w.by.Org})
	if err != nil {
		w.Fatal(err)
	}
	limited, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	if end := ends.Seqs[w.by.Org]; !w.follower.Await(limited, w.by.Org, crm.LogPosition{Epoch: ends.Epoch, Seq: end}) {
		w.Fatalf("entry %d was not read", end)
	}
	return what + ", " + where
}

// rejected reports whether a rule has rejected a write, which happens to random ones.
func (w *world) rejected(what string, err error) bool {
	w.Helper()
	switch crm.CodeOf(err) {
	case "":
		return false
	case crm.CodeInvalid, crm.CodeConflict, crm.CodeNotFound:
		return true
	}
	w.Fatalf("%s: %v", what, err)
	return true
}

// maybe returns a random id or null.
func (w *world) maybe(ids []crm.ID) crm.Field[crm.ID] {
	if w.r.IntN(4) == 0 || len(ids) == 1 {
		return crm.Null[crm.ID]()
	}
	return crm.Of(w.any(ids[1:]))
}

// word returns one of a few words.
func (w *world) word() string {
	return []string{"ada", "bob", "cat", "dan", "eve"}[w.r.IntN(5)]
}

// day returns a random day around now.
func (w *world) day() time.Time { return w.now.Add(time.Duration(w.r.IntN(80)-40) * 24 * time.Hour) }

func one[T any](w *world, values ...T) T { return values[w.r.IntN(len(values))] }

// sometimes returns a pointer to a random id, or mostly nil.
func (w *world) sometimes(ids []crm.ID) *crm.ID {
	if w.r.IntN(3) > 0 {
		return nil
	}
	id := w.any(ids)
	return &id
}

func named(what string, args ...any) string { return what + fmt.Sprintf("%+v", args) }

func recent(ids []crm.ID) []crm.ID { return slices.Clone(ids[max(0, len(ids)-5):]) }

// services are the use cases of an instance.
type services struct {
	*crm.Service
	accounts *accounts.Service
}
