package changes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/crm"
)

func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	follows(t, 10, func(f *following) {
		before := f.at(10)
		f.log.restore(f.org, 4)
		pass(250 * time.Millisecond)
		if after := f.at(4); after <= before {
			f.t.Errorf("generation %d after %d", after, before)
		}
		if got := f.Known(f.org); got != 4 {
			f.t.Errorf("Known = %d", got)
		}
		for seq := range int64(12) {
			f.fresh(false, seq)
		}
		pass(time.Hour) // the state is retained
		f.Committed(f.org, f.log.write(f.org, several(6)...))
		f.fresh(false, 9)
		f.at(10)
		f.fresh(true, 10, allDeals)
	})
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

func TestDropOldest(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		f.at(0)
		others := make([]crm.ID, 1000)
		f.log.set(func(l *memoryLog) {
			for i := range others {
				others[i] = crm.NewID()
				l.orgs[others[i]] = &memoryOrg{}
			}
		})
		pass(2 * time.Second)
		for _, other := range others {
			if _, _, ok := f.Position(f.t.Context(), other); !ok {
				f.t.Fatal("no position")
			}
		}
		f.fresh(false, 0)
		if !f.Fresh(others[0], 0, nil) {
			f.t.Error("a more recently used one was dropped")
		}
	})
}

func TestAwait(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		if !f.Await(f.t.Context(), f.org, 3) {
			f.t.Error("3 is not reached")
		}
		reached := make(chan bool)
		go func() { reached <- f.Await(f.t.Context(), f.org, 4) }()
		synctest.Wait()
		f.log.write(f.org, several(1)...)
		if !<-reached {
			f.t.Error("4 is not reached")
		}
		began := time.Now()
		bounded, cancel := context.WithTimeout(f.t.Context(), 100*time.Millisecond)
		defer cancel()
		if f.Await(bounded, f.org, 1<<60) {
			f.t.Error("a seq that does not exist is reached")
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			f.t.Errorf("it took %s", took)
		}
		go func() { reached <- f.Await(f.t.Context(), f.org, 5) }()
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
		if !f.Await(f.t.Context(), f.org, 4) || time.Since(began) != 0 {
			f.t.Errorf("4 is reached after %s", time.Since(began))
		}
	})
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		entries := f.log.write(f.org, several(2500)...)
		f.at(2500)
		f.fresh(false, 1499)
		f.fresh(true, 1500)
		f.fresh(false, 1500, ofDeal(*entries[1500].ID))
		f.fresh(true, 1501, ofDeal(*entries[1500].ID))
		f.fresh(false, 2501)
	})
}

func TestPrunedBeforeFirstUse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ pruned, floor int64 }{
		"Some": {70, 70},
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
