package bulk_test

import (
	"context"
	"errors"
	"testing"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

// world is an empty database with one organisation.
type world struct {
	*testing.T
	store   *store.Store
	service *crm.Service
	bulk    *bulk.Service
	by      crm.Actor
}

// eachEngine runs a test on every engine, each time in a world of its own.
func eachEngine(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) { test(newWorld(t, engine)) })
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	s := enginetest.Open(t, engine)
	w := &world{T: t, store: s, service: crm.NewService(s.CRM(), enginetest.Clock()), bulk: bulk.NewService(s.Bulk(), enginetest.Clock())}
	return w.sibling("Test")
}

// sibling returns the world with another organisation, which is empty.
func (w *world) sibling(name string) *world {
	w.Helper()
	return &world{T: w.T, store: w.store, service: w.service, bulk: w.bulk, by: enginetest.Organisation(w.T, w.store, name)}
}

// rowsOf returns patches as rows.
func rowsOf[P any](patches ...P) (rows []bulk.ImportRow[P]) {
	for _, p := range patches {
		rows = append(rows, bulk.ImportRow[P]{Patch: p})
	}
	return rows
}

// load loads rows by an import, as one batch, and expects that it does not fail.
func load[P any](
	w *world, use func(context.Context, crm.Actor, bulk.ImportOptions, func(bulk.Load[P]) error) (bulk.Report, error),
	opt bulk.ImportOptions, rows []bulk.ImportRow[P],
) (bulk.Report, []bulk.RowResult) {
	w.Helper()
	var results []bulk.RowResult
	report, err := use(w.Context(), w.by, opt, func(load bulk.Load[P]) (err error) {
		results, err = load(w.Context(), rows)()
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return report, results
}

// verdicts returns the verdicts of rows, and the reasons of those that were rejected.
func verdicts(results []bulk.RowResult) (out []string) {
	for _, r := range results {
		if r.Verdict == bulk.RowRejected {
			out = append(out, r.Reason)
		} else {
			out = append(out, string(r.Verdict))
		}
	}
	return out
}

// all lists everything of one kind, by name.
func all[T, F any](w *world, page func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) []T {
	w.Helper()
	return sorted(w, "name", page)
}

func sorted[T, F any](w *world, by string, page func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) []T {
	w.Helper()
	p, err := page(w.Context(), w.by, crm.List[F]{Sort: crm.Sort{Field: by}, Limit: crm.MaxLimit})
	if err == nil && p.HasMore {
		err = errors.New("there are more than a page")
	}
	if err != nil {
		w.Fatal(err)
	}
	return p.Rows
}

// text returns an optional text, "" for none.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
