package adopt_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/adopt"
	"sixty/internal/crm"
	"sixty/internal/goldentest"
)

// report writes out what an adoption counted, and the problems it met.
func report(counts map[string]adopt.Table, problems []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%+v\n", counts[name])
	}
	return b.String() + strings.Join(problems, "\n") + "\n"
}

// TestAwkward: of awkward rows everything is taken that can be, and the rest is
// reported; again, there is nothing to do; and the source is as it was.
func TestAwkward(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		s := newSource(t, "schema.sql", "awkward.sql")
		before := s.hash()
		counts, problems := w.adopt(s.url)
		goldentest.Compare(t, filepath.Join("testdata", "awkward.txt"), report(counts, problems))
		got := w.contents()
		goldentest.Compare(t, filepath.Join("testdata", "awkward.json"), got.json(t))

		again, same := w.adopt(s.url)
		if diff := cmp.Diff(problems, same); diff != "" {
			t.Errorf("problems of the second run (-want +got):\n%s", diff)
		}
		for name, want := range counts {
			want.Unchanged, want.Created = want.Created, 0
			if again[name] != want {
				t.Errorf("second run: %+v, want %+v", again[name], want)
			}
		}
		if diff := cmp.Diff(got, w.contents()); diff != "" {
			t.Errorf("the second run changed (-before +after):\n%s", diff)
		}
		if s.hash() != before {
			t.Error("the source is not as it was")
		}
	})
}

// TestChanges: of a source that changed, only that is written; keys that rows handed
// on to each other arrive.
func TestChanges(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		s := newSource(t, "schema.sql")
		s.exec(manyRows)
		if counts, problems := w.adopt(s.url); len(problems) > 0 || counts["contacts"].Created != many {
			t.Fatalf("%+v, problems %q", counts, problems)
		}
		s.exec(`
UPDATE companies SET size = 'LARGE' WHERE name = 'Company 7';
UPDATE companies SET domain = NULL WHERE name = 'Company 1100';
UPDATE companies SET domain = 'company1100.example' WHERE name = 'Company 3';
UPDATE contacts SET email = 'handed.on@example.com' WHERE first_name = 'Contact' AND last_name = '2';
UPDATE contacts SET email = 'contact2@example.com' WHERE last_name = '1';
UPDATE contacts SET is_primary = 'false' WHERE last_name = '5';
UPDATE contacts SET is_primary = 'true', company_id = (SELECT company_id FROM contacts WHERE last_name = '5') WHERE last_name = '6';
UPDATE deals SET stage_id = '00000000-0000-4000-8000-0000000000e2', status = 'WON', stage_changed_at = '2025-05-05' WHERE name = 'Deal 9';
UPDATE deals SET updated_at = now() WHERE name = 'Deal 10';
UPDATE deal_contacts SET role = 'blocker' WHERE id = 11;
DELETE FROM tasks WHERE title = 'Task 1';
INSERT INTO profiles (id, first_name) VALUES ('00000000-0000-4000-8000-0000000000a9', 'New');`)
		counts, problems := w.adopt(s.url)
		if len(problems) > 0 {
			t.Errorf("problems: %q", problems)
		}
		for _, c := range []struct {
			table            string
			created, updated int64
		}{
			{"profiles", 1, 0}, {"deal_stages", 0, 0}, {"companies", 0, 3}, {"contacts", 0, 4},
			{"deals", 0, 2}, {"deal_contacts", 0, 1}, {"activities", 0, 0}, {"tasks", 0, 0},
		} {
			if got := counts[c.table]; got.Created != c.created || got.Updated != c.updated || got.Created+got.Updated+got.Unchanged != got.Read {
				t.Errorf("%+v, want %d created and %d updated", got, c.created, c.updated)
			}
		}
		fresh := w.sibling("Fresh")
		fresh.adopt(s.url)
		got, want := w.contents(), fresh.contents()
		want.Tasks = append(got.Tasks[:1:1], want.Tasks...) // what was deleted in the source stays
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("not as adopted at once (-want +got):\n%s", diff)
		}
		var deal crm.Deal
		for _, d := range got.Deals {
			if d.Name == "Deal 9" {
				deal = d
			}
		}
		moves, err := w.service.DealHistory(t.Context(), w.by, deal.ID)
		if err != nil || len(moves) != 2 || moves[0].ExitedAt == nil || moves[1].StageID != deal.StageID || deal.Status != crm.StatusWon {
			t.Errorf("deal %+v with the history %+v, %v", deal, moves, err)
		}
	})
}

// TestInterrupted: a run that ends early, anywhere, and is repeated, ends the same.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		s := newSource(t, "schema.sql", "awkward.sql")
		s.exec(manyRows)
		want, reasons := w.adopt(s.url)
		whole := w.contents()
		for _, table := range []string{"companies", "contacts", "deals"} {
			half := w.sibling("Interrupted at " + table)
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			_, err := adopt.Run(ctx, half.bulk, half.by, adopt.Options{From: s.url, Progress: func(p adopt.Table) {
				if p.Name == table {
					cancel(enough)
				}
			}})
			if !errors.Is(err, enough) {
				t.Fatalf("%v, want %v", err, enough)
			}
			if cmp.Equal(whole, half.contents()) {
				t.Errorf("%s: the run was not interrupted", table)
			}
			counts, problems := half.adopt(s.url)
			if diff := cmp.Diff(reasons, problems); diff != "" {
				t.Errorf("%s: problems (-want +got):\n%s", table, diff)
			}
			for name, c := range counts {
				if c.Read != want[name].Read || c.Created+c.Unchanged != want[name].Created || c.Updated > 0 {
					t.Errorf("%s: %+v, uninterrupted %+v", table, c, want[name])
				}
			}
			if diff := cmp.Diff(whole, half.contents()); diff != "" {
				t.Errorf("%s (-uninterrupted +interrupted):\n%s", table, diff)
			}
		}
	})
}

// TestBareSource: tables and columns may be missing.
func TestBareSource(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		s := newSource(t)
		s.exec(`
CREATE TABLE companies (id text, "Name" text, name varchar(20));
INSERT INTO companies VALUES ('00000000-0000-4000-8000-0000000000C1', 'no', 'Acme'), ('00000000-0000-4000-8000-0000000000c2', 'no', 'Globex'),
  (NULL, 'no', 'Unknown'), ('00000000-0000-4000-8000-0000000000c2', 'no', 'Globex twice');
CREATE TABLE deals (id uuid, name text, value real);
INSERT INTO deals VALUES ('00000000-0000-4000-8000-0000000000d1', 'One', 12.5);`)
		counts, problems := w.adopt(s.url)
		want := []string{
			"companies c2 REJECTED: the row before has the same id",
			"companies  REJECTED: id must not be null",
		}
		if diff := cmp.Diff(want, problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if !counts["tasks"].Missing || counts["companies"].Missing || counts["companies"].Created != 2 {
			t.Errorf("counts %+v", counts)
		}
		got := w.contents()
		if len(got.Companies) != 2 || got.Companies[0].Name != "Acme" || len(got.Stages) != 6 {
			t.Errorf("companies %+v, stages %+v", got.Companies, got.Stages)
		}
		if len(got.Deals) != 1 || *got.Deals[0].Value != 1250 || got.Deals[0].Status != crm.StatusActive || got.Deals[0].Currency != "GBP" {
			t.Errorf("deals %+v", got.Deals)
		}
		if again, _ := w.adopt(s.url); again["companies"].Unchanged != 2 || again["deals"].Unchanged != 1 {
			t.Errorf("again: %+v", again)
		}
	})
}

// TestColumns: what a text leaves open is decided by the others of its column.
func TestColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := newSource(t)
	s.exec(`
CREATE TABLE deals (id uuid, name text, value text, annual_value numeric(12,3), probability text, expected_close_date text, created_at text);
INSERT INTO deals VALUES
  ('00000000-0000-4000-8000-0000000000d1', 'One', '1.250', 1.25, '1.0', '13/2/2024', '1/2/2024 10:00'),
  ('00000000-0000-4000-8000-0000000000d2', 'Two', '12,50', 1250, '0.4', '1/2/2024', '3/4/2024 10:00');`)
	_, problems := w.adopt(s.url)
	want := []string{
		`deals d1: created_at must be unambiguous: may be 2024-02-01 or 2024-01-02, and no other cell shows the order of day and month (it is "1/2/2024 10:00")`,
		`deals d2: created_at must be unambiguous: may be 2024-04-03 or 2024-03-04, and no other cell shows the order of day and month (it is "3/4/2024 10:00")`,
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	var got []string
	for _, d := range w.contents().Deals {
		got = append(got, fmt.Sprint(d.Value, d.AnnualValue, d.Probability, d.ExpectedCloseDate))
	}
	if diff := cmp.Diff([]string{"1250.00 1.25 100 2024-02-13", "12.50 1250.00 40 2024-02-01"}, got); diff != "" {
		t.Errorf("deals (-want +got):\n%s", diff)
	}
}

// TestWrongSource: what cannot be adopted is said, and never the URL.
func TestWrongSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	empty := newSource(t)
	own := newSource(t)
	own.exec("CREATE TABLE organisations (id uuid, log_seq bigint); CREATE TABLE companies (id uuid, name text)")
	host, err := url.Parse(empty.url)
	if err != nil {
		t.Fatal(err)
	}
	keyless := newSource(t)
	keyless.exec("CREATE TABLE companies (name text); CREATE TABLE deals (id uuid, name text)")
	for _, c := range []struct{ name, url, want string }{
		{"NoURL", "sqlite:geheim", "must be the URL of a PostgreSQL database: postgres://…"},
		{"Unknown", "postgres://geheim:geheim@127.0.0.1:1/geheim", "cannot connect to the source: it does not answer"},
		{"NoTLS", "postgres://geheim:geheim@" + host.Host + "/geheim?sslmode=verify-full", "cannot connect to the source: it does not use TLS, " +
			"or has no trusted certificate of its host name (see sslmode and sslrootcert and, in production, SIXTY_ALLOW_INSECURE)"},
		{"Empty", empty.url, "the source has no table of a sales dashboard in its schema public, or none that this user may read"},
		{"Own", own.url, "the source is a database of this program, not of a sales dashboard"},
		{"NoID", keyless.url, "the source's table companies has no column id that this user may read"},
	} {
		_, err := adopt.Run(t.Context(), w.bulk, w.by, adopt.Options{From: c.url})
		var wrong *adopt.SourceError
		if !errors.As(err, &wrong) || wrong.Message != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestCheck: a source that is the target is refused before anything is opened.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, into string
		ok         bool
	}{
		{"postgres://a@db.example/old", "", true},
		{"postgres://a@db.example/old", "postgres://b@db.example/new", true},
		{"postgres://a@db.example/old", "postgres://b@DB.example:5432/old", false},
		{"postgresql://a@localhost/old", "postgres://b@127.0.0.1/old", false},
		{"postgres://a@localhost:5433/old", "postgres://b@127.0.0.1/old", true},
		{"host=localhost dbname=old", "", false},
		{"", "", false},
	} {
		if err := adopt.Check(c.from, c.into); (err == nil) != c.ok {
			t.Errorf("%s into %s: %v", c.from, c.into, err)
		}
	}
}

// TestRoles: only an admin may adopt, since people are made.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := newSource(t, "schema.sql", "awkward.sql")
	by := crm.Actor{Org: w.by.Org, User: crm.NewID(), Role: crm.RoleManager}
	_, err := adopt.Run(t.Context(), w.bulk, by, adopt.Options{From: s.url})
	if crm.CodeOf(err) != crm.CodeForbidden {
		t.Errorf("a manager: %v", err)
	}
}
