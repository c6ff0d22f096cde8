package changes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/changes"
	"sixty/internal/crm"
)

// following is a running Follower of a log in memory, in a synctest bubble.
type following struct {
	t *testing.T
	*changes.Follower
	log  *memoryLog
	org  crm.ID
	stop func() // ends Run and waits for it
}

// follows runs a test with a running Follower and an organisation whose log has some entries
// already.
func follows(t *testing.T, entries int, test func(f *following)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		org := crm.NewID()
		f := &following{t, changes.New(changes.Options{}), newMemoryLog(org), org, nil}
		f.log.write(org, several(entries)...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx, f.log) }()
		f.stop = func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			ended <- nil
		}
		defer f.stop()
		synctest.Wait()
		test(f)
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// at checks the position and returns the generation.
func (f *following) at(want int64) uint64 {
	f.t.Helper()
	at, generation, ok := f.Position(f.t.Context(), f.org)
	if !ok || at != f.in(want) {
		f.t.Fatalf("Position = %s, %t; want %s, true", at, ok, f.in(want))
	}
	return generation
}

// in returns a position under the epoch of the log.
func (f *following) in(seq int64) (at crm.LogPosition) {
	f.log.set(func(l *memoryLog) { at = crm.LogPosition{Epoch: l.epoch, Seq: seq} })
	return at
}

// commit is Committed under the epoch of the log.
func (f *following) commit(entries []crm.LogEntry) { f.Committed(f.org, f.in(0).Epoch, entries) }

// known checks the greatest known seq.
func (f *following) known(want int64) {
	f.t.Helper()
	if got := f.Known(f.org); got != f.in(want) {
		f.t.Errorf("Known = %s; want %s", got, f.in(want))
	}
}

// lost checks that there is no position, and returns how long Position took.
func (f *following) lost() time.Duration {
	f.t.Helper()
	began := time.Now()
	if at, _, ok := f.Position(f.t.Context(), f.org); ok {
		f.t.Fatalf("Position = %s, true; want false", at)
	}
	return time.Since(began)
}

// fresh checks whether an answer of seq is valid.
func (f *following) fresh(want bool, seq int64, tags ...crm.Tag) {
	f.t.Helper()
	if got := f.Fresh(f.org, f.in(seq), tags); got != want {
		f.t.Fatalf("Fresh(%d, %v) = %t", seq, tags, got)
	}
}

func TestPositionFirstUse(t *testing.T) {
	t.Parallel()
	follows(t, 7, func(f *following) {
		f.fresh(false, 7)
		f.at(7)
		f.fresh(true, 7, allDeals)
		f.known(7)
	})
}

func TestPositionOfUnknownOrganisation(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		f.org = crm.NewID()
		if took := f.lost(); took > 250*time.Millisecond {
			f.t.Errorf("it took %s", took)
		}
		if got := f.Known(crm.NewID()); got != (crm.LogPosition{}) {
			f.t.Errorf("Known = %s", got)
		}
	})
}

func TestPositionBeforeRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := following{t: t, Follower: changes.New(changes.Options{}), org: crm.NewID()}
		if took := f.lost(); took != 250*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

func TestPositionAfterRun(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		f.stop()
		if took := f.lost(); took != 0 {
			f.t.Errorf("it took %s", took)
		}
	})
}

func TestPollFindsUnannouncedWrites(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		before := f.at(3)
		entry := f.log.write(f.org, several(1)...)[0]
		pass(250 * time.Millisecond)
		if after := f.at(4); after <= before {
			f.t.Errorf("generation %d after %d", after, before)
		}
		f.fresh(false, 3, ofDeal(*entry.ID))
		f.fresh(true, 4, ofDeal(*entry.ID))
	})
}

func TestPollCoversAllOrganisations(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		f.at(0)
		other := crm.NewID()
		f.log.set(func(l *memoryLog) { l.orgs[other] = &memoryOrg{} })
		if _, _, ok := f.Position(f.t.Context(), other); !ok {
			f.t.Fatal("no position")
		}
		synctest.Wait()
		f.log.set(func(l *memoryLog) { l.endsFor, l.polls, l.reads = nil, 0, 0 })
		pass(10 * time.Second)
		f.log.set(func(l *memoryLog) {
			if len(l.endsFor) != 1 || l.endsFor[0] != 2 || l.polls != 40 || l.reads != 0 {
				f.t.Errorf("there were %d polls, ends were read for %v organisations, entries %d times", l.polls, l.endsFor, l.reads)
			}
		})
	})
}

func TestNotify(t *testing.T) {
	t.Parallel()
	for name, org := range map[string]func(f *following) crm.ID{
		"OfOne":  func(f *following) crm.ID { return f.org },
		"OfSome": func(*following) crm.ID { return crm.ID{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follows(t, 3, func(f *following) {
				f.at(3)
				synctest.Wait()
				f.log.write(f.org, several(2)...)
				f.log.announce(org(f), 5)
				pass(20 * time.Millisecond) // between polls at least
				f.at(5)
			})
		})
	}
	t.Run("OfNobody", func(t *testing.T) {
		t.Parallel()
		follows(t, 3, func(f *following) {
			f.at(3)
			synctest.Wait()
			f.log.announce(crm.NewID(), 5)
			f.log.announce(f.org, 3)
			synctest.Wait()
			f.log.set(func(l *memoryLog) {
				if l.reads != 1 { // the initial one
					f.t.Errorf("entries were read %d times", l.reads)
				}
			})
		})
	})
}

func TestWatchAgain(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		f.at(0)
		for range 3 {
			f.log.broken <- errDown
		}
		pass(5 * time.Second)
		f.log.set(func(l *memoryLog) {
			if l.watched != 4 {
				f.t.Errorf("%d watches", l.watched)
			}
		})
		f.log.write(f.org, several(1)...)
		f.log.announce(f.org, 1)
		synctest.Wait()
		f.at(1)
	})
}

func TestDown(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		f.log.set(func(l *memoryLog) { l.down = errDown })
		pass(700 * time.Millisecond)
		f.at(3) // confirmed less than a second ago
		pass(400 * time.Millisecond)
		if took := f.lost(); took != 0 {
			f.t.Errorf("it took %s", took)
		}
		f.log.write(f.org, several(1)...)
		f.log.set(func(l *memoryLog) { l.polls = 0 })
		pass(time.Minute)
		f.log.set(func(l *memoryLog) {
			if n := l.polls; n < 29 || n > 31 {
				f.t.Errorf("%d reads in a minute", n)
			}
			l.down = nil
		})
		pass(2 * time.Second)
		f.at(4)
	})
}

func TestHanging(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		f.log.set(func(l *memoryLog) { l.hold = make(chan struct{}) })
		<-f.log.held
		pass(900 * time.Millisecond)
		f.lost() // waits, because the log is not known to be down yet
		pass(100 * time.Millisecond)
		if took := f.lost(); took != 0 {
			f.t.Errorf("it took %s", took)
		}
		f.log.set(func(l *memoryLog) { close(l.hold); l.hold = nil })
		pass(2 * time.Second)
		f.at(3)
	})
}

func TestOwnCommits(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		first := f.at(3)
		a := f.log.write(f.org, several(2)...)
		f.commit(a)
		second := f.at(5)
		f.fresh(false, 4, ofDeal(*a[1].ID))
		f.fresh(true, 4, ofDeal(*a[0].ID))

		b, c := f.log.write(f.org, several(1)...), f.log.write(f.org, several(1)...)
		synctest.Wait()
		f.log.set(func(l *memoryLog) { l.down = errDown }) // so that only own commits are known
		f.commit(c)
		if third := f.at(5); first >= second || second >= third {
			f.t.Errorf("generations %d, %d, %d", first, second, third)
		}
		f.fresh(false, 5, ofDeal(*c[0].ID))
		f.fresh(true, 5, ofDeal(*b[0].ID))
		f.known(7)
		f.commit(b)
		f.at(6)
		f.log.set(func(l *memoryLog) { l.down = nil })
		pass(time.Second)
		f.at(7)
	})
}

func TestOwnCommitOfUnusedOrganisation(t *testing.T) {
	t.Parallel()
	follows(t, 2000, func(f *following) {
		f.commit(f.log.write(f.org, several(1)...))
		f.known(2001)
		f.at(2001)
	})
}

// A commit between reading the end and its result does not make the log look shorter.
func TestOwnCommitDuringRead(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		release := make(chan struct{})
		f.log.set(func(l *memoryLog) { l.hold = release })
		<-f.log.held
		f.commit(f.log.write(f.org, several(1)...))
		f.log.set(func(l *memoryLog) { l.hold = nil })
		close(release)
		synctest.Wait()
		f.at(4)
		f.fresh(true, 3)
		f.fresh(true, 4, allDeals)
	})
}

// After a transaction without changes, answers from before its snapshot are not used.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.log.write(f.org, several(1)...) // by another instance, unannounced
		f.Unchanged(f.org, f.in(4))
		f.known(4)
		f.at(4)
		f.Unchanged(f.org, f.in(3))
		f.known(4)
	})
}

func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		before := f.at(3)
		f.log.write(f.org, several(1)...) // it was committed
		f.CommitUnknown(f.org)
		if after := f.at(4); after <= before {
			f.t.Errorf("generation %d after %d", after, before)
		}
		f.log.set(func(l *memoryLog) { l.down = errDown })
		f.CommitUnknown(f.org)
		f.lost()
		f.log.set(func(l *memoryLog) { l.down = nil })
		pass(time.Second)
		f.at(4)
	})
}

// A read that began before does not confirm the position.
func TestCommitUnknownDuringRead(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		release := make(chan struct{})
		f.log.set(func(l *memoryLog) { l.hold = release })
		<-f.log.held
		f.CommitUnknown(f.org)
		f.log.write(f.org, several(1)...)
		f.log.set(func(l *memoryLog) { l.hold, l.down = nil, errDown })
		close(release)
		synctest.Wait()
		f.lost()
		f.log.set(func(l *memoryLog) { l.down = nil })
		pass(time.Second)
		f.at(4)
	})
}

func TestFresh(t *testing.T) {
	t.Parallel()
	follows(t, 0, func(f *following) {
		f.at(0)
		deal, owner, stage, other := crm.NewID(), crm.NewID(), crm.NewID(), crm.NewID()
		f.commit(f.log.write(f.org, updated(deal, crm.Refs{Owner: []crm.ID{owner}, Stage: []crm.ID{stage, other}})))
		tag := func(by crm.TagScope, id crm.ID) crm.Tag { return crm.Tag{Entity: crm.EntityDeal, By: by, ID: id} }
		f.fresh(true, 0)
		for _, invalidated := range []crm.Tag{allDeals, ofDeal(deal), tag(crm.ByOwner, owner), tag(crm.ByStage, stage), tag(crm.ByStage, other)} {
			f.fresh(false, 0, invalidated)
			f.fresh(true, 1, invalidated)
		}
		still := []crm.Tag{ofDeal(other), tag(crm.ByOwner, stage), tag(crm.ByCompany, owner), {Entity: crm.EntityTask}, {Entity: crm.EntityOwner, By: crm.ByID, ID: owner}}
		f.fresh(true, 0, still...)
		f.fresh(false, 0, append(still, allDeals)...)
		f.commit(f.log.write(f.org, crm.LogEntry{Entity: crm.EntityDeal, Op: crm.OpBulk}))
		f.fresh(false, 1, ofDeal(other))
		f.fresh(true, 1, crm.Tag{Entity: crm.EntityTask})
		f.fresh(true, 2, ofDeal(other))
	})
}
