package changes_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/changes"
	"sixty/internal/crm"
)

// subscribe subscribes until the test's end.
func (f *following) subscribe(after int64) *changes.Subscription {
	f.t.Helper()
	s, err := f.Subscribe(f.t.Context(), f.org, f.in(after))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Close)
	return s
}

// next checks that the entries that come next are those of from to to.
func (f *following) next(s *changes.Subscription, from, to int64) {
	f.t.Helper()
	for from <= to {
		entries, err := s.Next(f.t.Context())
		if err != nil {
			f.t.Fatalf("entry %d: %v", from, err)
		}
		if len(entries) == 0 {
			f.t.Fatal("no entries")
		}
		for _, e := range entries {
			if e.Seq != from {
				f.t.Fatalf("entry %d, want %d", e.Seq, from)
			}
			from++
		}
	}
	if from != to+1 {
		f.t.Fatalf("entries up to %d, want %d", from-1, to)
	}
}

// ended checks that the subscription has ended.
func (f *following) ended(s *changes.Subscription, want error) {
	f.t.Helper()
	for range 2 {
		if entries, err := s.Next(f.t.Context()); !errors.Is(err, want) {
			f.t.Fatalf("Next = %d entries, %v; want %v", len(entries), err, want)
		}
	}
}

// quiet checks that there are no more entries.
func (f *following) quiet(s *changes.Subscription) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
	defer cancel()
	if entries, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		f.t.Fatalf("Next = %d entries, %v", len(entries), err)
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		after int64
		test  func(f *following, s *changes.Subscription)
	}{
		"Live": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.commit(f.log.write(f.org, several(2)...))
			f.next(s, 1001, 1002)
			f.log.write(f.org, several(3)...)
			pass(250 * time.Millisecond)
			f.next(s, 1003, 1005)
			f.quiet(s)
		}},
		"FromBehind": {after: 1, test: func(f *following, s *changes.Subscription) {
			f.next(s, 2, 257)
			f.commit(f.log.write(f.org, several(2)...))
			f.next(s, 258, 1002)
			f.commit(f.log.write(f.org, several(1)...))
			f.next(s, 1003, 1003)
			f.quiet(s)
		}},
		"FromBeforeAll": {after: 0, test: func(f *following, s *changes.Subscription) {
			f.next(s, 1, 1000)
			f.quiet(s)
		}},
		"Burst": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			pass(time.Minute)
			f.commit(f.log.write(f.org, several(3000)...))
			f.next(s, 1001, 4000) // entries beyond the queue are read from the log
			f.quiet(s)
			f.commit(f.log.write(f.org, several(1)...))
			f.next(s, 4001, 4001)
		}},
		"BurstAfterBurst": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			at := int64(1001)
			for range 20 { // reads slower than entries are written
				f.commit(f.log.write(f.org, several(600)...))
				pass(9 * time.Second)
				entries, err := s.Next(f.t.Context())
				if err != nil || entries[0].Seq != at {
					f.t.Fatalf("entry %d: %v, %v", at, entries, err)
				}
				at += int64(len(entries))
			}
			f.next(s, at, 13_000)
			f.quiet(s)
		}},
		"Slow": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.commit(f.log.write(f.org, several(257)...))
			pass(11 * time.Second)
			f.commit(f.log.write(f.org, several(1)...))
			f.next(s, 1001, 1256) // queued entries are not lost
			f.ended(s, changes.ErrSlow)
		}},
		"SlowWithLittle": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.commit(f.log.write(f.org, several(255)...))
			pass(time.Hour)
			f.commit(f.log.write(f.org, several(1)...))
			f.next(s, 1001, 1256) // fits the queue
		}},
		"BurstPruned": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.commit(f.log.write(f.org, several(600)...))
			f.log.prune(f.org, 1300)
			f.next(s, 1001, 1256)
			f.ended(s, changes.ErrReset)
		}},
		"SlowFromBehind": {after: 500, test: func(f *following, s *changes.Subscription) {
			f.commit(f.log.write(f.org, several(5000)...))
			f.next(s, 501, 6000) // existing entries wait for their reader
		}},
		"Pruned": {after: 10, test: func(f *following, s *changes.Subscription) {
			f.log.prune(f.org, 11)
			f.ended(s, changes.ErrReset)
		}},
		"NotQuitePruned": {after: 10, test: func(f *following, s *changes.Subscription) {
			f.log.prune(f.org, 10)
			f.next(s, 11, 1000)
		}},
		"AllPruned": {after: 999, test: func(f *following, s *changes.Subscription) {
			f.log.prune(f.org, 1000)
			f.ended(s, changes.ErrReset)
		}},
		"PrunedWhileLive": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.log.write(f.org, several(5)...)
			f.log.prune(f.org, 1003)
			pass(250 * time.Millisecond)
			f.ended(s, changes.ErrReset)
		}},
		"Beyond": {after: 1001, test: func(f *following, s *changes.Subscription) { f.ended(s, changes.ErrReset) }},
		"Junk":   {after: -1, test: func(f *following, s *changes.Subscription) { f.ended(s, changes.ErrReset) }},
		"RestoredBackup": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.log.restore(f.org, 900)
			pass(250 * time.Millisecond)
			f.ended(s, changes.ErrReset)
		}},
		"RestoredBackupWhileBehind": {after: 950, test: func(f *following, s *changes.Subscription) {
			f.log.restore(f.org, 900)
			pass(250 * time.Millisecond)
			f.ended(s, changes.ErrReset)
		}},
		"Stopped": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			f.commit(f.log.write(f.org, several(1)...))
			f.stop()
			f.next(s, 1001, 1001)
			f.ended(s, changes.ErrStopped)
		}},
		"Closed": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			s.Close()
			f.commit(f.log.write(f.org, several(1000)...))
			f.quiet(s)
		}},
		"KeepsItsOrganisation": {after: 1000, test: func(f *following, s *changes.Subscription) {
			f.quiet(s)
			pass(time.Hour)
			f.log.write(f.org, several(1)...)
			f.next(s, 1001, 1001)
		}},
		"LogDown": {after: 999, test: func(f *following, s *changes.Subscription) {
			f.log.set(func(l *memoryLog) { l.down = errDown })
			if _, err := s.Next(f.t.Context()); !errors.Is(err, errDown) {
				f.t.Errorf("Next: %v", err)
			}
			f.log.set(func(l *memoryLog) { l.down = nil })
			f.next(s, 1000, 1000)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follows(t, 1000, func(f *following) {
				f.at(1000)
				test.test(f, f.subscribe(test.after))
			})
		})
	}
}

func TestSubscribeCannot(t *testing.T) {
	t.Parallel()
	follows(t, 3, func(f *following) {
		f.at(3)
		f.log.set(func(l *memoryLog) { l.down = errDown })
		if _, err := f.Subscribe(f.t.Context(), f.org, f.in(3)); !errors.Is(err, errDown) {
			f.t.Errorf("while the log is down: %v", err)
		}
		f.log.set(func(l *memoryLog) { l.down = nil })
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
		defer cancel()
		if _, err := f.Subscribe(ctx, crm.NewID(), f.in(0)); !errors.Is(err, context.DeadlineExceeded) {
			f.t.Errorf("of an unknown organisation: %v", err)
		}
		f.stop()
		if _, err := f.Subscribe(f.t.Context(), f.org, f.in(3)); !errors.Is(err, changes.ErrStopped) {
			f.t.Errorf("after Run: %v", err)
		}
	})
}

// Concurrent writers, announced by the store, by notifications or not at all, and readers
// that come and go: each reader sees every entry once.
func TestSubscriptionsMissNothing(t *testing.T) {
	t.Parallel()
	follows(t, 400, func(f *following) {
		const writes, readers = 2000, 8
		f.at(400)
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(w)))
				for range writes / 4 {
					entries := f.log.write(f.org, several(1)...)
					switch r.IntN(3) {
					case 0:
						f.commit(entries)
					case 1:
						f.log.announce(f.org, entries[0].Seq)
					}
					time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
				}
			})
		}
		for i := range readers {
			all.Go(func() {
				r := rand.New(rand.NewPCG(2, uint64(i)))
				seen := int64(r.IntN(300))
				for seen < 400+writes {
					s, err := f.Subscribe(f.t.Context(), f.org, f.in(seen))
					if err != nil {
						f.t.Error(err)
						return
					}
					for range r.IntN(200) {
						if seen == 400+writes {
							break
						}
						entries, err := s.Next(f.t.Context())
						if errors.Is(err, changes.ErrSlow) {
							break
						}
						if err != nil {
							f.t.Error(err)
							return
						}
						for _, e := range entries {
							if e.Seq != seen+1 {
								f.t.Errorf("entry %d after %d", e.Seq, seen)
								return
							}
							seen++
						}
						time.Sleep(time.Duration(r.IntN(5000)) * time.Microsecond)
					}
					s.Close()
				}
			})
		}
		all.Wait()
		synctest.Wait()
	})
}
