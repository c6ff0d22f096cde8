package storetest

import (
	"context"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// RunForgetful holds an engine to keeping organisations apart by itself. Two of them
// have records that share their ids; every statement loses the condition that names the
// organisation, and reads and writes its own all the same.
func RunForgetful(t *testing.T, database func(tb testing.TB) Opener) {
	t.Helper()
	for name, run := range map[string]func(*fixture){"Reads": forgetfulReads, "Writes": forgetfulWrites} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newFixture(t, database))
		})
	}
}

func forgetfulReads(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	found := titles(f, f.home, "acme")
	if len(before.Deals) != 1 || len(found) != 3 { // the company, the contact by their address, and the company's deal
		f.Fatalf("%d deals, %q found", len(before.Deals), found)
	}
	engine := f.forget()
	if diff := cmp.Diff(before, w.picture(f, f.home)); diff != "" {
		f.Errorf("read without the condition (-with +without):\n%s", diff)
	}
	if diff := cmp.Diff(found, titles(f, f.home, "acme")); diff != "" {
		f.Errorf("searched without the condition (-with +without):\n%s", diff)
	}
	err := f.store.Snapshot(f.Context(), f.home.by, func(r crm.Reads) error {
		p, err := r.Deals().Page(f.Context(), f.home.ID, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 10})
		if len(p.Rows) != 1 || p.Rows[0].OrgID != f.home.ID {
			f.Errorf("a snapshot: %v", p.Rows)
		}
		return err
	})
	if err != nil {
		f.Error(err)
	}
	if len(engine.changed) < 20 {
		f.Errorf("only %d statements have lost a condition", len(engine.changed))
	}

	// Without any organisation there is nothing; and the condition was all that kept
	// them apart where the rows of both are visible.
	for _, c := range []struct {
		name  string
		scope store.Scope
		want  int
	}{{"home", store.Scope{Org: f.home.ID}, 1}, {"none", store.Scope{}, 0}, {"all", store.Scope{Service: true}, 2}} {
		rows, err := engine.Query(f.Context(), c.scope, &store.Statement{Name: "test.deals", SQL: "SELECT id FROM deals WHERE org_id = $1"}, []any{f.home.ID})
		if err != nil {
			f.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != c.want {
			f.Errorf("%s: %d deals, %v; want %d", c.name, n, err, c.want)
		}
		rows.Close()
	}
}

func forgetfulWrites(f *fixture) {
	engine := f.forget()
	isolatedWrites(f)
	if len(engine.changed) < 30 {
		f.Errorf("only %d statements have lost a condition", len(engine.changed))
	}
	ctx := f.Context()
	tx, err := f.engine.Begin(ctx, store.Scope{Org: f.home.ID})
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	put := &store.Statement{Name: "test.audit", SQL: "INSERT INTO audit (org_id, id, at, action, target, address, request_id, details) VALUES ($1, $2, $3, '', '', '', '', '{}')"}
	if _, err := tx.Exec(ctx, put, []any{f.home.ID, crm.NewID(), at(1)}); err != nil {
		f.Fatal(err)
	}
	if _, err := tx.Exec(ctx, put, []any{f.away.ID, crm.NewID(), at(1)}); err == nil {
		f.Error("a row was written for another organisation")
	}
}

// forget replaces the engine of the case's store by a forgetful one.
func (f *fixture) forget() *forgetful {
	e := &forgetful{Engine: f.engine, changed: map[string]bool{}}
	f.store = store.New(e, store.Options{})
	return e
}

// forgetful is an engine whose statements lose the condition on the organisation.
type forgetful struct {
	store.Engine
	changed map[string]bool
}

var organisationOnly = regexp.MustCompile(`\b(?:\w+\.)?org_id = \$1\b`)

func (e *forgetful) changedOf(st *store.Statement) *store.Statement {
	without := organisationOnly.ReplaceAllString(st.SQL, "CAST($$1 AS uuid) IS NOT NULL")
	if without != st.SQL {
		e.changed[st.SQL] = true
	}
	return &store.Statement{Name: st.Name, SQL: without}
}

func (e *forgetful) Query(ctx context.Context, scope store.Scope, st *store.Statement, args []any) (store.Rows, error) {
	return e.Engine.Query(ctx, scope, e.changedOf(st), args)
}

func (e *forgetful) Begin(ctx context.Context, scope store.Scope) (store.EngineTx, error) {
	tx, err := e.Engine.Begin(ctx, scope)
	if err != nil {
		return nil, err
	}
	return forgetfulTx{tx, e}, nil
}

func (e *forgetful) Snapshot(ctx context.Context, scope store.Scope) (store.EngineSnapshot, error) {
	snap, err := e.Engine.Snapshot(ctx, scope)
	if err != nil {
		return nil, err
	}
	return forgetfulSnapshot{snap, e}, nil
}

// forgetfulTx takes rows one by one.
type forgetfulTx struct {
	store.EngineTx
	engine *forgetful
}

func (t forgetfulTx) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return t.EngineTx.Query(ctx, t.engine.changedOf(st), args)
}

func (t forgetfulTx) Exec(ctx context.Context, st *store.Statement, args []any) (int64, error) {
	return t.EngineTx.Exec(ctx, t.engine.changedOf(st), args)
}

type forgetfulSnapshot struct {
	store.EngineSnapshot
	engine *forgetful
}

func (s forgetfulSnapshot) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return s.EngineSnapshot.Query(ctx, s.engine.changedOf(st), args)
}
