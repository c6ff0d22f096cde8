package transfer_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// world is an empty database with one organisation.
type world struct {
	t       *testing.T
	store   *store.Store
	service *crm.Service
	bulk    *bulk.Service
	by      crm.Actor
}

// eachEngine runs a test on every engine, each time in a world of its own.
func eachEngine(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	enginetest.Each(t, func(t *testing.T, engine string) { test(t, newWorld(t, engine)) })
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	s := enginetest.Open(t, engine)
	w := &world{t: t, store: s, service: crm.NewService(s.CRM(), enginetest.Clock()), bulk: bulk.NewService(s.Bulk(), enginetest.Clock())}
	return w.sibling("Test")
}

// sibling is the world with another organisation, which is empty.
func (w *world) sibling(name string) *world {
	w.t.Helper()
	return &world{t: w.t, store: w.store, service: w.service, bulk: w.bulk, by: enginetest.Organisation(w.t, w.store, name)}
}

// load imports and expects that nothing goes wrong with the run; it returns the
// counts and the reasons of the rows that were rejected.
func (w *world) load(opt transfer.Options, sources ...transfer.Source) (c transfer.Counts, reasons []string) {
	w.t.Helper()
	s, reasons := w.imports(opt, sources...)
	return s.Counts, reasons
}

// imports is load with the whole summary.
func (w *world) imports(opt transfer.Options, sources ...transfer.Source) (s transfer.Summary, reasons []string) {
	w.t.Helper()
	opt.Rejected = func(r transfer.Rejection) { reasons = append(reasons, r.Reason) }
	s, err := transfer.Import(w.t.Context(), w.bulk, w.by, opt, sources...)
	if err != nil {
		w.t.Fatalf("import %s: %v", opt.Kind, err)
	}
	return s, reasons
}

// expect imports rows and compares what became of them.
func (w *world) expect(opt transfer.Options, content string, want transfer.Counts, reasons ...string) {
	w.t.Helper()
	got, said := w.load(opt, file(w.t, content))
	if got != want {
		w.t.Errorf("%+v, want %+v; reasons %q", got, want, said)
	}
	if diff := cmp.Diff(reasons, said); diff != "" {
		w.t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// inTurn is expect for rows that repeat keys: each is imported on its own, one after the other.
func (w *world) inTurn(opt transfer.Options, content string, want transfer.Counts, reasons ...string) {
	w.t.Helper()
	var got transfer.Counts
	var said []string
	header, rows, _ := strings.Cut(content, "\n")
	for row := range strings.Lines(rows) {
		c, reasons := w.load(opt, file(w.t, header+"\n"+row))
		got.Read += c.Read
		got.Created += c.Created
		got.Updated += c.Updated
		got.Unchanged += c.Unchanged
		got.Rejected += c.Rejected
		said = append(said, reasons...)
	}
	if got != want {
		w.t.Errorf("%+v, want %+v; reasons %q", got, want, said)
	}
	if diff := cmp.Diff(reasons, said); diff != "" {
		w.t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// all lists everything of one kind, by name.
func all[T, F any](w *world, page func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) []T {
	w.t.Helper()
	var rows []T
	q := crm.List[F]{Sort: crm.Sort{Field: "name"}, Limit: crm.MaxLimit}
	for {
		p, err := page(w.t.Context(), w.by, q)
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, p.Rows...)
		if !p.HasMore {
			return rows
		}
		q.From = p.Last
	}
}

// file writes a file of the test's own.
func file(t *testing.T, content string) transfer.Source {
	t.Helper()
	return source(t, write(t, content))
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func source(t *testing.T, path string) transfer.Source {
	t.Helper()
	s, err := transfer.File(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
