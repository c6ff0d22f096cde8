package transfer_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
	"sixty/internal/store/storetest"
	"sixty/internal/transfer"
)

const statementTimeout = 30 * time.Second

// started is when the clock of every world starts.
var started = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// world is an empty database with one organisation.
type world struct {
	t       *testing.T
	store   *store.Store
	service *crm.Service
	by      crm.Actor
}

// eachEngine runs a test on every engine, each time in a world of its own.
func eachEngine(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, engine))
		})
	}
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	var e interface {
		store.Engine
		Migrate(ctx context.Context) error
	}
	var err error
	if engine == "sqlite" {
		e, err = sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLitePath(t), MaxConns: 4, StatementTimeout: statementTimeout})
	} else {
		e, err = postgres.Open(t.Context(), postgres.Options{URL: storetest.PostgresURL(t), MinConns: 1, MaxConns: 4, StatementTimeout: statementTimeout})
	}
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(e, store.Options{})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Time passes from call to call, and alike in every run.
	var calls atomic.Int64
	clock := func() time.Time { return started.Add(time.Duration(calls.Add(1)) * time.Second) }
	w := &world{t: t, store: s, service: crm.NewService(s, clock, "GBP")}
	return w.sibling("Test")
}

// sibling is the world with another organisation, which is empty.
func (w *world) sibling(name string) *world {
	w.t.Helper()
	org, err := w.service.CreateOrganisation(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return &world{t: w.t, store: w.store, service: w.service, by: crm.Operator(org.ID)}
}

// load imports and expects that nothing goes wrong with the run; it gives the
// summary and the reasons of the rows that were rejected.
func (w *world) load(opt transfer.Options, sources ...transfer.Source) (s transfer.Summary, reasons []string) {
	w.t.Helper()
	opt.Rejected = func(r transfer.Rejection) { reasons = append(reasons, r.Reason) }
	s, err := transfer.Import(w.t.Context(), w.service, w.by, opt, sources...)
	if err != nil {
		w.t.Fatalf("import %s: %v", opt.Kind, err)
	}
	return s, reasons
}

// expect imports rows and compares what became of them.
func (w *world) expect(opt transfer.Options, content string, want transfer.Summary, reasons ...string) {
	w.t.Helper()
	got, said := w.load(opt, file(w.t, content))
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

// dataSet is a file of the public data set beside the project.
func dataSet(t *testing.T, name string) transfer.Source {
	t.Helper()
	mod, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	return source(t, filepath.Join(root, "..", "shared", "data", "crm-sales-opportunities", name))
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
