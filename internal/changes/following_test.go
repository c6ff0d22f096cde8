package changes_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/changes"
	"sixty/internal/crm"
)

// The log becomes shorter in the same epoch: data was restored without telling so.
func TestRestoredUnannounced(t *testing.T) {
	t.Parallel()
	follows(t, 10, func(f *following) {
		before := f.at(10)
		then := f.in(0).Epoch
		f.log.restore(f.org, 4)
		pass(11 * time.Second)
		if f.in(0).Epoch == then {
			f.t.Fatal("there is no new epoch")
		}
		if after := f.at(4); after <= before {
			f.t.Errorf("generation %d after %d", after, before)
		}
		f.known(4)
		for seq := range int64(12) {
			if f.Fresh(f.org, crm.LogPosition{Epoch: then, Seq: seq}, nil) {
				f.t.Errorf("%d of the former epoch is fresh", seq)
			}
		}
		f.commit(f.log.write(f.org, several(6)...))
		f.at(10)
		f.fresh(true, 10, allDeals)
	})
}

// Another server has taken over, whose log lacks entries, and has grown again.
func TestNewEpoch(t *testing.T) {
	t.Parallel()
	for name, notice := range map[string]func(f *following){
		"ByPoll":   func(*following) { pass(250 * time.Millisecond) },
		"ByCommit": func(f *following) { f.commit(f.log.write(f.org, several(1)...)) },
		"ByUnchanged": func(f *following) {
			f.log.write(f.org, several(1)...)
			f.Unchanged(f.org, f.in(11))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follows(t, 10, func(f *following) {
				f.at(10)
				then := f.in(10)
				s := f.subscribe(10)
				f.log.restore(f.org, 4)
				f.log.set(func(l *memoryLog) { l.epoch = "EPOCH002" })
				lost := f.log.write(f.org, several(6)...)
				if name == "ByPoll" {
					f.log.write(f.org, several(1)...)
				}
				notice(f)
				f.at(11)
				f.known(11)
				if f.Fresh(f.org, then, nil) {
					f.t.Error("a position of the former epoch is fresh")
				}
				f.fresh(false, 9, ofDeal(*lost[5].ID))
				if f.Await(f.t.Context(), f.org, then) {
					f.t.Error("a position of the former epoch is reached")
				}
				if _, err := s.Next(f.t.Context()); !errors.Is(err, changes.ErrReset) {
					f.t.Errorf("the subscription: %v", err)
				}
				// What others write under the new epoch is found.
				f.log.write(f.org, several(1)...)
				pass(250 * time.Millisecond)
				f.at(12)
			})
		})
	}
}

func TestDropIdle(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		pass(9 * time.Minute)
		f.at(3)
		pass(9 * time.Minute)
		f.fresh(true, 3)
		pass(2 * time.Minute)
		f.fresh(false, 3)
		f.at(3) // read again
		f.fresh(true, 3)
	})
}

// Organisations are followed as far as memory suffices: those that were used last.
func TestDropUnused(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		const many = 2500
		deals := make([]crm.LogEntry, readBack)
		for i := range deals {
			refs := crm.Refs{}
			for range 20 {
				refs.Stage, refs.Company, refs.Owner = append(refs.Stage, crm.NewID()), append(refs.Company, crm.NewID()), append(refs.Owner, crm.NewID())
			}
			deals[i] = updated(crm.NewID(), refs)
		}
		orgs := make([]crm.ID, many)
		for i := range orgs {
			orgs[i] = crm.NewID()
			f.log.set(func(l *memoryLog) { l.orgs[orgs[i]] = &memoryOrg{} })
			f.log.write(orgs[i], slices.Clone(deals)...)
			if _, _, ok := f.Position(f.t.Context(), orgs[i]); !ok {
				f.t.Fatalf("no position of organisation %d", i)
			}
			if i%10 == 0 {
				pass(2 * time.Second)
			}
		}
		pass(time.Second)
		fresh := 0
		for _, org := range orgs {
			if f.Fresh(org, f.in(readBack), nil) {
				fresh++
			}
		}
		if fresh < 200 || fresh > many-100 || !f.Fresh(orgs[many-1], f.in(readBack), nil) || f.Fresh(orgs[0], f.in(readBack), nil) {
			f.t.Errorf("%d of %d are followed", fresh, many)
		}
		f.org = orgs[0]
		f.log.set(func(l *memoryLog) { l.reads = 0 })
		f.at(readBack)
		f.log.set(func(l *memoryLog) {
			if l.reads != 1 {
				f.t.Errorf("the return took %d reads", l.reads)
			}
		})
	})
}

const readBack = 50

func TestAwait(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		if !f.Await(f.t.Context(), f.org, f.in(3)) {
			f.t.Error("3 is not reached")
		}
		reached := make(chan bool)
		go func() { reached <- f.Await(f.t.Context(), f.org, f.in(4)) }()
		synctest.Wait()
		f.log.write(f.org, several(1)...)
		if !<-reached {
			f.t.Error("4 is not reached")
		}
		began := time.Now()
		bounded, cancel := context.WithTimeout(f.t.Context(), 100*time.Millisecond)
		defer cancel()
		if f.Await(bounded, f.org, f.in(1<<60)) {
			f.t.Error("a seq that does not exist is reached")
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			f.t.Errorf("it took %s", took)
		}
		go func() { reached <- f.Await(f.t.Context(), f.org, f.in(5)) }()
		synctest.Wait()
		f.stop()
		if <-reached {
			f.t.Error("5 is reached")
		}
	})
}

// Await reads the log at once instead of waiting for the poll.
func TestAwaitReads(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		pass(10 * time.Millisecond)
		f.log.write(f.org, several(1)...)
		began := time.Now()
		if !f.Await(f.t.Context(), f.org, f.in(4)) || time.Since(began) != 0 {
			f.t.Errorf("4 is reached after %s", time.Since(began))
		}
	})
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		entries := f.log.write(f.org, several(2500)...)
		f.at(2500)
		f.fresh(false, 2500-readBack-1)
		f.fresh(true, 2500-readBack)
		f.fresh(false, 2500-readBack, ofDeal(*entries[2500-readBack].ID))
		f.fresh(true, 2500-readBack+1, ofDeal(*entries[2500-readBack].ID))
		f.fresh(false, 2501)
	})
}

func TestPrunedBeforeFirstUse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ pruned, floor int64 }{
		"Some": {70, 70},
		"Old":  {20, 50},
		"All":  {100, 100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follows(t, 100, func(f *following) {
				f.log.prune(f.org, test.pruned)
				f.at(100)
				f.fresh(false, test.floor-1)
				f.fresh(true, test.floor)
			})
		})
	}
}

// Many entries are read in several rounds.
func TestFarBehind(t *testing.T) {
	t.Parallel()
	follows(t, 1, func(f *following) {
		f.at(1)
		f.log.write(f.org, several(7000)...)
		f.log.announce(f.org, 7001)
		synctest.Wait()
		f.at(7001)
	})
}
