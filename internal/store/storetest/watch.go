package storetest

import (
	"context"
	"errors"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// A Poke is what a watcher of the log is told.
type Poke struct {
	Org crm.ID
	Seq int64
}

// Watch watches the log until ctx ends, and returns what it hears, the first of which
// says that it has begun, and in the end what WatchLog returned.
func Watch(ctx context.Context, s *store.Store) (pokes <-chan Poke, ended <-chan error) {
	heard, end := make(chan Poke, 1000), make(chan error, 1)
	go func() {
		end <- s.WatchLog(ctx, func(org crm.ID, seq int64) {
			select {
			case heard <- Poke{org, seq}:
			default: // a poke may be lost
			}
		})
	}()
	return heard, end
}

// hears waits until a watcher is told of an entry, or of what may be one.
func hears(f *fixture, what string, pokes <-chan Poke, want Poke) {
	f.Helper()
	late := time.NewTimer(promptly)
	defer late.Stop()
	for {
		select {
		case p := <-pokes:
			if p == (Poke{}) || p.Org == want.Org && p.Seq >= want.Seq {
				return
			}
		case <-late.C:
			f.Fatalf("%s: not heard within %s", what, promptly)
		}
	}
}

// returns waits until a watcher has ended.
func returns(f *fixture, ended <-chan error) error {
	f.Helper()
	late := time.NewTimer(promptly)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		f.Fatalf("watching has not ended within %s", promptly)
		return nil
	}
}

// watches hears of commits, of the same process and of others, and ends with its
// context.
func watches(f *fixture) {
	_, second := f.open(patience)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(f.Context())
	defer cancel(why)
	pokes, ended := Watch(ctx, f.store)
	hears(f, "the beginning", pokes, Poke{})
	for n := range 3 {
		for name, s := range map[string]*store.Store{"same process": f.store, "another process": second} {
			for len(pokes) > 0 {
				<-pokes
			}
			for _, o := range []tenant{f.home, f.away} {
				err := s.Write(ctx, o.by, at(n), func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) })
				if err != nil {
					f.Fatal(err)
				}
				hears(f, name, pokes, Poke{o.ID, logEnd(f, o.ID)})
			}
		}
	}
	cancel(why)
	if err := returns(f, ended); !errors.Is(err, why) {
		f.Errorf("watching ended with %v, want the cause", err)
	}
	_, ended = Watch(ctx, f.store)
	if err := returns(f, ended); !errors.Is(err, why) {
		f.Errorf("watching that had ended before it began: %v, want the cause", err)
	}
}
