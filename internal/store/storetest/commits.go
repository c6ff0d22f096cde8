package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Commits is a crm.CommitListener that keeps what it hears.
type Commits struct {
	mu      sync.Mutex
	entries []crm.LogEntry
	doubts  []crm.ID
	epoch   string // of the last transaction
	seen    int64  // by the last transaction that had nothing to change
}

// Committed implements crm.CommitListener.
func (c *Commits) Committed(_ crm.ID, epoch string, entries []crm.LogEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = epoch
	c.entries = append(c.entries, entries...)
}

// CommitUnknown implements crm.CommitListener.
func (c *Commits) CommitUnknown(org crm.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubts = append(c.doubts, org)
}

// Unchanged implements crm.CommitListener.
func (c *Commits) Unchanged(_ crm.ID, at crm.LogPosition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch, c.seen = at.Epoch, at.Seq
}

// Epoch returns the epoch of the last transaction.
func (c *Commits) Epoch() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// Heard returns the entries and unknown commits since the last call.
func (c *Commits) Heard() (entries []crm.LogEntry, doubts []crm.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, doubts = c.entries, c.doubts
	c.entries, c.doubts = nil, nil
	return entries, doubts
}

// AtCommit returns an engine whose transactions call commit instead of committing; to do
// so is its business.
func AtCommit(e store.Engine, commit func(context.Context, store.EngineTx) error) store.Engine {
	return &atCommit{e, commit}
}

type atCommit struct {
	store.Engine
	commit func(context.Context, store.EngineTx) error
}

func (e *atCommit) Begin(ctx context.Context, scope store.Scope) (store.EngineTx, error) {
	tx, err := e.Engine.Begin(ctx, scope)
	if err != nil {
		return nil, err
	}
	return &committing{tx, e.commit}, nil
}

type committing struct {
	store.EngineTx
	commit func(context.Context, store.EngineTx) error
}

func (t *committing) Commit(ctx context.Context) error { return t.commit(ctx, t.EngineTx) }

func (t *committing) CommitLogged(ctx context.Context, log *store.LogAppend) error {
	return t.commit(ctx, logging{t.EngineTx, log})
}

// logging is a transaction whose commits are those with entries for the log.
type logging struct {
	store.EngineTx
	log *store.LogAppend
}

func (t logging) Commit(ctx context.Context) error { return t.CommitLogged(ctx, t.log) }

// commitsHeard tells the listener, before Write returns and after the commit, what the
// log then has; and nothing of what is not committed, or changes nothing.
func commitsHeard(f *fixture) {
	w, _ := newWorlds(f)
	ctx := f.Context()
	heard := new(Commits)
	engine := f.opener(f.T, patience)
	s := store.New(engine, store.Options{Commits: inLog{heard, f}})
	f.Cleanup(func() { _ = s.Close() })
	since := logEnd(f, f.home.ID)

	nothing := func(store.Tx) error { return nil }
	for name, do := range map[string]func() error{
		"rehearsal": func() error { return s.DryRun(ctx, f.home.by, at(2), everything(f, w)) },
		"roll-back": func() error {
			return s.Write(ctx, f.home.by, at(2), func(tx store.Tx) error {
				return errors.Join(everything(f, w)(tx), errGivenUp)
			})
		},
		"no change": func() error { return s.Write(ctx, f.home.by, at(2), nothing) },
		"no organisation": func() error {
			return s.Write(ctx, crm.Operator(crm.NewID()), at(2), func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) })
		},
	} {
		err := do()
		if entries, doubts := heard.Heard(); len(entries)+len(doubts) > 0 {
			f.Errorf("%s, which ended with %v: heard %v, in doubt %v", name, err, entries, doubts)
		}
	}
	many := copies(companies(), []crm.Company{f.home.newCompany("Many")}, 2*101)
	for name, fn := range map[string]func(store.Tx) error{
		"everything": everything(f, w),
		"one":        func(tx store.Tx) error { return tx.Companies().Insert(ctx, many[:1]) },
		"in bulk":    func(tx store.Tx) error { return tx.Companies().Insert(ctx, many[1:]) },
	} {
		if err := s.Write(ctx, f.home.by, at(2), fn); err != nil {
			f.Fatal(err)
		}
		entries, doubts := heard.Heard()
		want := logSince(f, f.home.ID, since, 1000)
		if diff := cmp.Diff(want, entries); diff != "" || len(want) == 0 {
			f.Errorf("%s (-entered +heard):\n%s", name, diff)
		}
		if len(doubts) > 0 {
			f.Errorf("%s: in doubt: %v", name, doubts)
		}
		since += int64(len(want))
	}
}

// inLog is a listener that checks that what it hears is in the log already.
type inLog struct {
	*Commits
	f *fixture
}

func (l inLog) Committed(org crm.ID, epoch string, entries []crm.LogEntry) {
	if want := logEpoch(l.f); epoch != want {
		l.f.Errorf("heard of the epoch %q, want %q", epoch, want)
	}
	if end := logEnd(l.f, org); end != entries[len(entries)-1].Seq {
		l.f.Errorf("heard of %d when the log ended at %d", entries[len(entries)-1].Seq, end)
	}
	l.Commits.Committed(org, epoch, entries)
}

// commitUnchanged tells the listener how far the log went that a transaction saw which has
// nothing to change.
func commitUnchanged(f *fixture) {
	ctx, heard := f.Context(), new(Commits)
	s := store.New(f.engine, store.Options{Commits: heard})
	f.write(f.home, 1, func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) }) // by another process
	if err := s.Write(ctx, f.home.by, at(2), func(store.Tx) error { return nil }); err != nil {
		f.Fatal(err)
	}
	if end := logEnd(f, f.home.ID); heard.seen != end || end == 0 {
		f.Errorf("it saw the log up to %d, which ends at %d", heard.seen, end)
	}
	if entries, doubts := heard.Heard(); len(entries)+len(doubts) > 0 {
		f.Errorf("heard %v, in doubt %v", entries, doubts)
	}
}

// commitUnknown tells the listener when the answer to a commit is lost.
func commitUnknown(f *fixture) {
	ctx, heard := f.Context(), new(Commits)
	for name, commit := range map[string]func(context.Context, store.EngineTx) error{
		"after": func(ctx context.Context, tx store.EngineTx) error {
			return errors.Join(tx.Commit(ctx), io.ErrUnexpectedEOF)
		},
		"before": func(context.Context, store.EngineTx) error { return io.ErrUnexpectedEOF },
	} {
		s := store.New(AtCommit(f.engine, commit), store.Options{Commits: heard})
		before := logEnd(f, f.home.ID)
		err := s.Write(ctx, f.home.by, at(2), func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) })
		if err == nil {
			f.Errorf("lost %s the commit: no error", name)
		}
		entries, doubts := heard.Heard()
		if diff := cmp.Diff([]crm.ID{f.home.ID}, doubts); diff != "" || len(entries) > 0 {
			f.Errorf("lost %s the commit: heard %v, in doubt (-want +got):\n%s", name, entries, diff)
		}
		if committed := logEnd(f, f.home.ID) > before; committed != (name == "after") {
			f.Errorf("lost %s the commit: it is in the log: %t", name, committed)
		}
	}
	works(f, f.store)
}

// commitsAccountedFor cancels many transactions at any moment of theirs, the commit
// included: each that is in the log was heard of, as committed or as in doubt.
func commitsAccountedFor(f *fixture) {
	const writers, writes = 4, 50
	heard := new(Commits)
	engine := f.opener(f.T, patience)
	s := store.New(AtCommit(engine, func(ctx context.Context, tx store.EngineTx) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer time.AfterFunc(rand.N(time.Millisecond), cancel).Stop() //nolint:gosec // any moment will do
		return tx.Commit(ctx)
	}), store.Options{Commits: heard})
	since := logEnd(f, f.home.ID)
	succeeded := make([]int, writers)
	var writing sync.WaitGroup
	for n := range writers {
		writing.Go(func() {
			for i := range writes {
				kind := fmt.Sprintf("%d.%d", n, i) // by which it is told from others
				if s.Write(f.Context(), f.home.by, at(2), func(tx store.Tx) error { return tx.LogBulkChange(f.Context(), kind) }) == nil {
					succeeded[n]++
				}
			}
		})
	}
	writing.Wait()
	_ = s.Close() // it waits for commits that were not
	log := logSince(f, f.home.ID, since, writers*writes+1)
	known := map[string]bool{}
	entries, doubts := heard.Heard()
	for _, e := range entries {
		known[e.Entity] = true
	}
	unheard := 0
	for _, e := range log {
		if !known[e.Entity] {
			unheard++
		}
		delete(known, e.Entity)
	}
	if len(known) > 0 {
		f.Errorf("heard of what is not in the log: %v", known)
	}
	if unheard > len(doubts) {
		f.Errorf("%d entries were not heard of, and %d are in doubt", unheard, len(doubts))
	}
	total := 0
	for _, n := range succeeded {
		total += n
	}
	if total > len(entries) {
		f.Errorf("%d succeeded, %d were heard of, at once or later", total, len(entries))
	}
	works(f, f.store)
}
