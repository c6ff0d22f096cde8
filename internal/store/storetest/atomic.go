package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// atomicStore returns a store over an engine, with the listener of its commits.
func atomicStore(e store.Engine) (*store.Store, *Commits) {
	heard := new(Commits)
	s := store.New(e, store.Options{Commits: heard})
	return s, heard
}

// insertCompany inserts a company by a Write of its own.
func insertCompany(ctx context.Context, s *store.Store, by crm.Actor, c crm.Company) error {
	return s.Write(ctx, by, at(1), func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{c}) })
}

// atomicJoins runs Writes, reads and a nested Atomic in one transaction: reads see what was
// written before, others see nothing of it until the end, the log has one run of entries and
// the listener hears of it once.
func atomicJoins(f *fixture) {
	s, heard := atomicStore(f.engine)
	var made []crm.ID
	since := logEnd(f, f.home.ID)
	err := s.Atomic(f.Context(), f.home.by, at(1), func(ctx context.Context) error {
		made = nil
		insert := func(ctx context.Context, name string) error {
			c := f.home.newCompany(name)
			made = append(made, c.ID)
			return insertCompany(ctx, s, f.home.by, c)
		}
		if err := insert(ctx, "First"); err != nil {
			return err
		}
		if err := s.Atomic(ctx, f.home.by, at(1), func(ctx context.Context) error { return insert(ctx, "Nested") }); err != nil {
			return err
		}
		if err := insert(ctx, "Last"); err != nil {
			return err
		}
		seen := func(r crm.Reads) error {
			rows, err := r.Companies().ByID(ctx, f.home.ID, made)
			if len(rows) != len(made) {
				f.Errorf("%d companies are read in the transaction, want %d", len(rows), len(made))
			}
			return err
		}
		if rows, err := f.store.Reads(f.home.by).Companies().ByID(f.Context(), f.home.ID, made); err != nil || len(rows) > 0 {
			f.Errorf("%d companies are read outside before the commit: %v", len(rows), err)
		}
		if entries, _ := heard.Heard(); len(entries) > 0 {
			f.Errorf("heard before the commit: %v", entries)
		}
		return errors.Join(seen(s.Reads(f.home.by)), s.Snapshot(ctx, f.home.by, seen))
	})
	if err != nil {
		f.Fatal(err)
	}
	entries := logSince(f, f.home.ID, since, 100)
	var ids []crm.ID
	for i, e := range entries {
		ids = append(ids, *e.ID)
		if e.Seq != since+int64(i)+1 {
			f.Errorf("entry %d has the seq %d, after %d", i, e.Seq, since)
		}
	}
	if !slices.Equal(ids, made) {
		f.Errorf("the log names %v, want %v", ids, made)
	}
	told, doubts := heard.Heard()
	if diff := cmp.Diff(entries, told); diff != "" || len(doubts) > 0 {
		f.Errorf("(-entered +heard, doubts %v):\n%s", doubts, diff)
	}
}

// atomicFails rolls everything back when fn or one of its Writes fails, or is refused.
func atomicFails(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	since := logEnd(f, f.home.ID)
	write := func(ctx context.Context, by crm.Actor) error {
		return f.store.Write(ctx, by, at(1), func(store.Tx) error { f.Error("it is part of the transaction"); return nil })
	}
	stranger := f.home.by
	stranger.User = crm.NewID()
	for name, then := range map[string]func(ctx context.Context) error{
		"After": func(context.Context) error { return errGivenUp },
		"IgnoredWrite": func(ctx context.Context) error {
			_ = f.store.Write(ctx, f.home.by, at(1), func(store.Tx) error { return errGivenUp })
			return nil
		},
		"IgnoredAtomic": func(ctx context.Context) error {
			_ = f.store.Atomic(ctx, f.home.by, at(1), func(ctx context.Context) error {
				return errors.Join(insertCompany(ctx, f.store, f.home.by, f.home.newCompany("Nested")), errGivenUp)
			})
			return nil
		},
		"DryRun": func(ctx context.Context) error {
			return f.store.DryRun(ctx, f.home.by, at(1), func(store.Tx) error { f.Error("a DryRun is run"); return nil })
		},
		"OtherOrganisation":      func(ctx context.Context) error { return write(ctx, f.away.by) },
		"OtherActor":             func(ctx context.Context) error { return write(ctx, stranger) },
		"OtherOrganisationsRead": func(ctx context.Context) error { _, err := f.store.Organisation(ctx, f.away.ID); return err },
		"OtherOrganisationSnapshot": func(ctx context.Context) error {
			return f.store.Snapshot(ctx, f.away.by, func(crm.Reads) error { return nil })
		},
	} {
		err := f.store.Atomic(f.Context(), f.home.by, at(2), func(ctx context.Context) error {
			return errors.Join(f.store.Write(ctx, f.home.by, at(2), everything(f, w)), then(ctx))
		})
		if err == nil {
			f.Errorf("%s: it succeeds", name)
		}
		if end := logEnd(f, f.home.ID); end != since {
			f.Errorf("%s: %d entries are left in the log", name, end-since)
		}
	}
	unchanged(f, w, before)
}

// atomicRetried runs fn from its beginning when the engine asks for it: at the commit, or in a
// Write, even if fn returns another error for it.
func atomicRetried(f *fixture) {
	for name, inWrite := range map[string]bool{"AtCommit": false, "InWrite": true} {
		runs := 0
		engine := &failingOnce{Engine: f.engine}
		s, heard := atomicStore(engine)
		err := s.Atomic(f.Context(), f.home.by, at(1), func(ctx context.Context) error {
			runs++
			engine.atCommit, engine.atExec = runs == 1 && !inWrite, runs == 1 && inWrite
			if err := insertCompany(ctx, s, f.home.by, f.home.newCompany(name)); err != nil {
				return errGivenUp
			}
			return nil
		})
		if err != nil || runs != 2 {
			f.Errorf("%s: %d runs, %v", name, runs, err)
		}
		countNamed(f, f.home, name, 1)
		if entries, doubts := heard.Heard(); len(entries) != 1 || len(doubts) > 0 {
			f.Errorf("%s: heard %v, in doubt %v", name, entries, doubts)
		}
	}
}

var errAgain = errors.New("could not serialize access")

// failingOnce is an engine that asks for its transaction to be run again.
type failingOnce struct {
	store.Engine
	atExec, atCommit bool
}

func (e *failingOnce) Dialect() store.Dialect { return againDialect{e.Engine.Dialect()} }

func (e *failingOnce) Begin(ctx context.Context, scope store.Scope) (store.EngineTx, error) {
	tx, err := e.Engine.Begin(ctx, scope)
	return failingTx{tx, e}, err
}

type againDialect struct{ store.Dialect }

func (d againDialect) Classify(err error) store.Fault {
	if errors.Is(err, errAgain) {
		return store.Fault{Kind: store.FaultRetry}
	}
	return d.Dialect.Classify(err)
}

func (d againDialect) RolledBack(err error) bool {
	return errors.Is(err, errAgain) || d.Dialect.RolledBack(err)
}

type failingTx struct {
	store.EngineTx
	engine *failingOnce
}

func (t failingTx) Exec(ctx context.Context, st *store.Statement, args []any) (int64, error) {
	if t.engine.atExec {
		return 0, errAgain
	}
	return t.EngineTx.Exec(ctx, st, args)
}

func (t failingTx) CommitLogged(ctx context.Context, log *store.LogAppend) error {
	if t.engine.atCommit {
		return errors.Join(errAgain, t.Rollback())
	}
	return t.EngineTx.CommitLogged(ctx, log)
}
