package adopt_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sixty/internal/adopt"
	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
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

// adopt adopts a source and expects that nothing goes wrong with the run; it gives
// the counts and the problems, as "table id: reason", the id by its end.
func (w *world) adopt(url string) (counts map[string]adopt.Table, problems []string) {
	w.t.Helper()
	summary, err := adopt.Run(w.t.Context(), w.bulk, w.by, adopt.Options{From: url, Problem: func(p adopt.Problem) error {
		ids := strings.Fields(p.ID)
		for i, id := range ids {
			ids[i] = id[max(0, len(id)-2):]
		}
		verdict := ": "
		if p.Rejected {
			verdict = " REJECTED: "
		}
		problems = append(problems, p.Table+" "+strings.Join(ids, " ")+verdict+p.Reason)
		return nil
	}})
	if err != nil {
		w.t.Fatalf("adopt: %v", err)
	}
	return byName(summary), problems
}

func byName(s adopt.Summary) map[string]adopt.Table {
	counts := map[string]adopt.Table{}
	for _, t := range s.Tables {
		counts[t.Name] = t
	}
	return counts
}

// contents is all that an organisation holds, by id, as far as it comes from the
// source.
type contents struct {
	Owners     []crm.Owner
	Stages     []crm.Stage
	Companies  []crm.Company
	Contacts   []crm.Contact
	Deals      []crm.Deal
	Links      []crm.DealContact
	Activities []crm.Activity
	Tasks      []crm.Task
}

// now stands for all times that are of a run and not of the source.
var now = crm.InstantOf(enginetest.Started)

// contents reads everything. Organisation and version are left out: they are not the
// source's.
func (w *world) contents() contents {
	w.t.Helper()
	reads := w.store.Reads(crm.Actor{})
	c := contents{
		Owners: all(w, reads.Owners(), func(o *crm.Owner) (crm.ID, *crm.Instant, *crm.Instant) {
			o.OrgID, o.Version = crm.ID{}, 0
			return o.ID, &o.CreatedAt, &o.UpdatedAt
		}),
		Stages: all(w, reads.Stages(), func(s *crm.Stage) (crm.ID, *crm.Instant, *crm.Instant) {
			s.OrgID, s.Version = crm.ID{}, 0
			return s.ID, &s.CreatedAt, &s.UpdatedAt
		}),
		Companies: all(w, reads.Companies(), func(c *crm.Company) (crm.ID, *crm.Instant, *crm.Instant) {
			c.OrgID, c.Version = crm.ID{}, 0
			return c.ID, &c.CreatedAt, &c.UpdatedAt
		}),
		Contacts: all(w, reads.Contacts(), func(c *crm.Contact) (crm.ID, *crm.Instant, *crm.Instant) {
			c.OrgID, c.Version = crm.ID{}, 0
			return c.ID, &c.CreatedAt, &c.UpdatedAt
		}),
		Deals: all(w, reads.Deals(), func(d *crm.Deal) (crm.ID, *crm.Instant, *crm.Instant) {
			d.OrgID, d.Version = crm.ID{}, 0
			return d.ID, &d.CreatedAt, &d.UpdatedAt
		}),
		Activities: all(w, reads.Activities(), func(a *crm.Activity) (crm.ID, *crm.Instant, *crm.Instant) {
			a.OrgID, a.Version = crm.ID{}, 0
			return a.ID, &a.CreatedAt, &a.UpdatedAt
		}),
		Tasks: all(w, reads.Tasks(), func(t *crm.Task) (crm.ID, *crm.Instant, *crm.Instant) {
			t.OrgID, t.Version = crm.ID{}, 0
			return t.ID, &t.CreatedAt, &t.UpdatedAt
		}),
	}
	for part := range slices.Chunk(c.Deals, crm.MaxLimit) {
		ids := make([]crm.ID, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		links, err := reads.DealContacts(w.t.Context(), w.by.Org, ids)
		if err != nil {
			w.t.Fatal(err)
		}
		c.Links = append(c.Links, links...)
	}
	return c
}

// json is the contents for people and files.
func (c contents) json(t *testing.T) string {
	t.Helper()
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), strings.Repeat("x", 10_000), "x, 10000 times") + "\n"
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// all lists everything of one kind, by id.
func all[T, F any](w *world, view crm.View[T, F], strip func(*T) (id crm.ID, created, updated *crm.Instant)) []T {
	w.t.Helper()
	var rows []T
	q := crm.List[F]{Sort: crm.Sort{Field: "created_at"}, Limit: crm.MaxLimit}
	for {
		p, err := view.Page(w.t.Context(), w.by.Org, q)
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, p.Rows...)
		if !p.HasMore {
			break
		}
		q.From = p.Last
	}
	for i := range rows {
		_, created, updated := strip(&rows[i])
		*created, *updated = min(*created, now), min(*updated, now)
	}
	slices.SortFunc(rows, func(a, b T) int {
		one, _, _ := strip(&a)
		other, _, _ := strip(&b)
		return cmp.Compare(one.String(), other.String())
	})
	return rows
}

// source is a database that another program filled.
type source struct {
	t     *testing.T
	admin *pgx.Conn
	url   string // as a user who may only read
}

// newSource makes a database from files of testdata and statements.
func newSource(t *testing.T, files ...string) *source {
	t.Helper()
	url := servertest.PostgresURL(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{t: t, admin: conn}
	role := "reader_" + strings.ReplaceAll(crm.NewID().String(), "-", "")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), enginetest.StatementTimeout)
		defer cancel()
		if _, err := conn.Exec(ctx, "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Errorf("drop the source's user: %v", err)
		}
		_ = conn.Close(ctx)
	})
	for _, file := range files {
		s.exec(read(t, file))
	}
	s.exec("CREATE ROLE " + role + " LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + role +
		"; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO " + role)
	config := conn.Config()
	s.url = strings.Replace(url, "//"+config.User+"@", "//"+role+"@", 1)
	if s.url == url {
		t.Fatalf("the test database's URL names no user: %s", url)
	}
	return s
}

func (s *source) exec(statements string) {
	s.t.Helper()
	if _, err := s.admin.Exec(s.t.Context(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		s.t.Fatal(err)
	}
}

// hash is a hash over all that the source holds, the place of each row version
// included.
func (s *source) hash() (hash string) {
	s.t.Helper()
	for _, table := range []string{"profiles", "deal_stages", "companies", "contacts", "deals", "deal_contacts", "activities", "tasks"} {
		var one string
		err := s.admin.QueryRow(s.t.Context(), "SELECT md5(coalesce(string_agg(t.ctid::text || t.xmin::text || t::text, '' ORDER BY t.ctid), '')) FROM "+table+" t").Scan(&one)
		if err != nil {
			s.t.Fatal(err)
		}
		hash += one
	}
	return hash
}
