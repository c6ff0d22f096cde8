package storetest

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/mail"
	"sixty/internal/store"
)

// An Explainer asks an engine how it would run a list's statement.
type Explainer struct {
	// Faults returns what is wrong with the plan of a statement, together with the plan:
	// a whole scan, a sort step, or a condition that is judged row by row where
	// an index could tell.
	Faults func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, want Bounds) []string
	// Deals is the number of deals in the larger organisation, 50,000 if it is 0;
	// there is less of everything else, in proportion.
	Deals int
	// Unanalysed says that the engine is also used without statistics, and is asked
	// before it has gathered any, too.
	Unanalysed bool
}

// Bounds are what a statement's driving index must be entered by.
type Bounds struct {
	Keyset bool   // the row comparison of a scan that starts at a position
	Until  string // the column that a scan's end is compared with; may be empty
	Column string // the column that a filter compares with one value; may be empty
	// Several says that it compares it with several values, for each of which there is a scan,
	// entered like this.
	Several bool
	// Unique says that at most one row has the value, so that there is nothing to sort.
	Unique bool
	// ByID says that the scan is by id alone, and meets deleted rows.
	ByID bool
}

// The sizes of the larger organisation. They are such that neither to scan a whole
// list nor to fetch and sort what is left of one is ever the best plan.
const (
	planDeals     = 50_000
	planCompanies = 20_000
	planContacts  = 10_000
	planOwners    = 4_000
	planStages    = 4_000

	planActivities = 10_000
	planTasks      = 10_000
	planAudit      = 5_000
	planKeys       = 2_000
	planMessages   = 5_000
)

// planNow is in the middle of the times that tasks are due.
var planNow = at(182 * 24 * 3600)

// RunPlans holds an engine to a page's costing the same wherever in a list it is. It
// reads the plans of every list unfiltered in each of its orders, and with each
// single filter in its default order, in both directions, with and without a
// position.
func RunPlans(t *testing.T, database func(tb testing.TB) Opener, explain Explainer) {
	t.Helper()
	f := newFixture(t, database)
	p := newPlans(f, explain)
	if explain.Unanalysed {
		p.explainAll(f, "unanalysed ")
	}
	f.asOwner("ANALYZE")
	p.explainAll(f, "")
}

// plans are lists large enough for plans to matter.
type plans struct {
	explain   Explainer
	companies planned[crm.Company, crm.CompanyFilter]
	contacts  planned[crm.Contact, crm.ContactFilter]
	deals     planned[crm.Deal, crm.DealFilter]
	stages    planned[crm.Stage, crm.StageFilter]
	owners    planned[crm.Owner, crm.OwnerFilter]

	activities planned[crm.Activity, crm.ActivityFilter]
	tasks      planned[crm.Task, crm.TaskFilter]
	audit      planned[accounts.AuditEntry, accounts.AuditFilter]
	keys       planned[accounts.APIKey, accounts.APIKeyFilter]
	outbox     planned[mail.Entry, mail.Filter]
}

// A planned list is a kind with positions to start from, by sort field, and single
// filters.
type planned[T, F any] struct {
	kind[T, F]
	base    F // what every filter starts from
	from    map[crm.Sort][]crm.Position
	filters []planFilter[F]
}

type planFilter[F any] struct {
	name    string
	text    string
	column  string // see Bounds
	several bool   // see Bounds
	unique  bool   // see Bounds
	filter  F
}

// String names the filter, and the index that it is to be served by.
func (p planFilter[F]) String() string {
	if p.column == "" {
		return p.name + "=" + p.text
	}
	return "the filter " + p.name + "=" + p.text + " (by an index on org_id, " + p.column + " and the default order)"
}

// newPlans fills a large organisation and a small one.
func newPlans(f *fixture, explain Explainer) *plans {
	f.Helper()
	m := newMaker()
	n := cmp.Or(explain.Deals, planDeals)
	m.populate(f, f.away, n/10)
	m.populate(f, f.home, n)
	p := &plans{explain: explain}
	p.companies.kind, p.contacts.kind, p.deals.kind, p.stages.kind, p.owners.kind = companies(), contacts(), deals(), stages(), owners()
	p.activities.kind, p.tasks.kind, p.audit.kind, p.keys.kind, p.outbox.kind = activities(), tasks(), auditTrail(), keys(), outbox()
	p.tasks.base.Now = planNow
	p.companies.positions(f)
	p.contacts.positions(f)
	p.deals.positions(f)
	p.stages.positions(f)
	p.owners.positions(f)
	p.activities.positions(f)
	p.tasks.positions(f)
	p.audit.positions(f)
	p.keys.positions(f)
	p.outbox.positions(f)
	return p
}

// positions takes a position early, in the middle and late in each order, with many
// rows on either side, and where there is one the last that has a value. It goes there
// page by page: positions come from pages.
func (l *planned[T, F]) positions(f *fixture) {
	f.Helper()
	l.from = map[crm.Sort][]crm.Position{}
	page := func(q crm.List[F]) crm.Page[T] {
		p, err := l.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, q)
		return must(f, p, err)
	}
	var rows []T // some of all
	for _, s := range l.orders() {
		var all, last []crm.Position
		q := crm.List[F]{Sort: s, Limit: crm.MaxLimit}
		for more := true; more; {
			p := page(q)
			all = append(all, *p.Last)
			for i := 0; s == l.sorts.Default && i < len(p.Rows); i += 50 {
				rows = append(rows, p.Rows[i])
			}
			if s.Desc && p.First.Number > 0 && p.Last.Number < 0 { // no value is below zero here
				q := q
				q.Limit = sort.Search(len(p.Rows), func(i int) bool {
					q.Limit = i + 1
					return page(q).Last.Number < 0
				})
				last = append(last, *page(q).Last)
			}
			q.From, more = p.Last, p.HasMore
		}
		l.from[s] = append(last, all[0], all[len(all)/2], all[max(len(all)-3, 0)])
	}
	l.derive(f, rows)
}

// derive sets each declared filter to a value that rows have.
func (l *planned[T, F]) derive(f *fixture, rows []T) {
	f.Helper()
	for i := range l.kind.filters {
		x := &l.kind.filters[i]
		values := l.valuesOf(x, rows)
		switch {
		case len(values) == 0:
			f.Errorf("%s: no row has a value for the filter %s: let populate set %s", l.entity, x.Name, x.Property)
		case l.entity == "task" && x.Name == "status": // statuses have plans of their own
			values = x.Enum
		default:
			values = values[len(values)/2:][:1]
		}
		if x.TakesSeveral() {
			values = append(values, l.severalRare(x, rows))
			if x.Nullable {
				values = append(values, crm.NullWord)
			}
		}
		for _, text := range values {
			filter := planFilter[F]{name: x.Name, text: text, filter: l.base, several: strings.Contains(text, ",")}
			if err := x.Set(&filter.filter, text); err != nil {
				f.Fatal(err)
			}
			switch x.Value(&filter.filter).(type) {
			case crm.Choice, *string:
				filter.column = x.Property
			}
			switch {
			case x.Property == "primary_contact_id" && !strings.HasSuffix(text, crm.NullWord):
				filter.column = "contact_id" // of deal_contacts
			case text == crm.TaskOverdue, filter.several && l.entity == "task" && x.Name == "status",
				strings.HasSuffix(text, crm.NullWord) && (x.Name == "keyId" || x.Name == "contactId"):
				filter.column = "" // has an index of its own
			}
			filter.unique = x.Name == "domain" || x.Name == "email"
			l.filters = append(l.filters, filter)
		}
	}
}

// severalRare returns the text of several values, among them one that no row has, and none.
func (l *planned[T, F]) severalRare(x *crm.Filter[T, F], rows []T) string {
	values := append([]string(nil), x.Enum...)
	if len(values) == 0 {
		values = append(l.valuesOf(x, rows), crm.NewID().String())
	}
	if x.Nullable {
		values = append(values, crm.NullWord)
	}
	return strings.Join(values, ",")
}

// orders returns the orders of a list.
func (l *planned[T, F]) orders() (all []crm.Sort) {
	for _, field := range l.sorts.Fields {
		all = append(all, crm.Sort{Field: field}, crm.Sort{Field: field, Desc: true})
	}
	return all
}

// asOwner runs statements as the tables' owner.
func (f *fixture) asOwner(statements ...string) {
	f.Helper()
	if err := f.engine.AsOwner(f.Context(), statements...); err != nil {
		f.Fatal(err)
	}
}

func (p *plans) explainAll(f *fixture, prefix string) {
	f.sub(prefix+"companies", func(f *fixture) { explainList(f, p.explain, &p.companies) })
	f.sub(prefix+"contacts", func(f *fixture) { explainList(f, p.explain, &p.contacts) })
	f.sub(prefix+"deals", func(f *fixture) { explainList(f, p.explain, &p.deals) })
	f.sub(prefix+"stages", func(f *fixture) { explainList(f, p.explain, &p.stages) })
	f.sub(prefix+"owners", func(f *fixture) { explainList(f, p.explain, &p.owners) })
	f.sub(prefix+"activities", func(f *fixture) { explainList(f, p.explain, &p.activities) })
	f.sub(prefix+"tasks", func(f *fixture) { explainList(f, p.explain, &p.tasks) })
	f.sub(prefix+"audit", func(f *fixture) { explainList(f, p.explain, &p.audit) })
	f.sub(prefix+"keys", func(f *fixture) { explainList(f, p.explain, &p.keys) })
	f.sub(prefix+"outbox", func(f *fixture) { explainList(f, p.explain, &p.outbox) })
	f.sub(prefix+"by id", func(f *fixture) {
		explainByID(f, p.explain, &p.companies)
		explainByID(f, p.explain, &p.contacts)
		explainByID(f, p.explain, &p.deals)
		explainByID(f, p.explain, &p.activities)
	})
}

const unfiltered = "unfiltered"

// explainList explains the pages of a list, and of the list of a user who sees only the
// records that they own: that is the owner's filter. Tasks have two owners, for which there
// is no single index.
func explainList[T, F any](f *fixture, explain Explainer, l *planned[T, F]) {
	everyone := crm.Actor{}
	for _, s := range l.orders() {
		explainPages(f, explain, l, s, planFilter[F]{name: unfiltered}, everyone)
	}
	for _, filter := range l.filters {
		explainPages(f, explain, l, l.sorts.Default, filter, everyone)
		if filter.column == "owner_id" {
			own := planFilter[F]{name: "own", column: "owner_id"}
			explainPages(f, explain, l, l.sorts.Default, own, crm.Actor{Org: f.home.ID, User: f.home.owner.ID, Role: crm.RoleRep})
		}
	}
}

// explainByID explains the pages of an export of everything. They are shorter than an
// export's: of a list of a few thousand PostgreSQL would rather sort what is left.
func explainByID[T, F any](f *fixture, explain Explainer, l *planned[T, F]) {
	f.Helper()
	seen := &recorder{Engine: f.engine}
	view := l.view(store.New(seen, store.Options{}).Reads(crm.Actor{}))
	q := crm.List[F]{Sort: crm.IDOrder, Limit: 100}
	for range 2 {
		p, err := view.Page(f.Context(), f.home.ID, q)
		q.From = must(f, p, err).Last
	}
	for n, s := range seen.ran {
		for _, fault := range faults(f, explain, s, Bounds{ByID: true, Keyset: n > 0}) {
			f.Errorf("%s: %s", l.entity, fault)
		}
	}
}

// explainPages reads pages of a list in one order, and explains the statements that
// were run for them. The filters' statements are the same at every position: they are read at the
// end and in the middle.
func explainPages[T, F any](f *fixture, explain Explainer, l *planned[T, F], sort crm.Sort, filter planFilter[F], by crm.Actor) {
	f.Helper()
	from := []*crm.Position{nil}
	for i := range l.from[sort] {
		if filter.name == unfiltered || i == len(l.from[sort])-2 {
			from = append(from, &l.from[sort][i])
		}
	}
	rounds := 0 // the walks that end inside the index
	for i, position := range from {
		for _, backward := range []bool{false, true} {
			seen := &recorder{Engine: f.engine}
			q := crm.List[F]{Filter: filter.filter, Sort: sort, Limit: 50, From: position, Backward: backward}
			if _, err := l.view(store.New(seen, store.Options{}).Reads(by)).Page(f.Context(), f.home.ID, q); err != nil {
				f.Fatal(err)
			}
			for n, s := range seen.ran {
				want := Bounds{Keyset: keyset.MatchString(s.statement.SQL), Column: filter.column, Several: filter.several, Unique: filter.unique}
				if m := until.FindStringSubmatch(s.statement.SQL); len(m) == 3 && m[1] == m[2] {
					want.Until = m[1]
					rounds++
				}
				if n == 0 && position != nil && !want.Keyset {
					f.Errorf("%s, %s by %s, position %d, backward %v: the scan does not start there:\n%s", l.entity, filter, sort, i, backward, s.statement.SQL)
				}
				for _, fault := range faults(f, explain, s, want) {
					f.Errorf("%s, %s by %s, position %d, backward %v: %s", l.entity, filter, sort, i, backward, fault)
				}
			}
		}
	}
	gaps := slices.Contains([]string{"-value", "-expected_close_date", "-due_date"}, sort.String())
	spans := slices.Contains([]string{"from", "to", "startDate", "endDate"}, filter.name)
	if (gaps || spans) != (rounds > 0) {
		f.Errorf("%s by %s: %d walks in two legs", filter.name, sort, rounds)
	}
}

// How statements begin at a position, and how they end at a border of their order.
var (
	keyset = regexp.MustCompile(`\([\w.]+, [\w.]+\) [<>]=? \(`)
	until  = regexp.MustCompile(`t\.(\w+) (?:<|>=) \$\d+ ORDER BY t\.(\w+)`)
)

func faults(f *fixture, explain Explainer, s execution, want Bounds) []string {
	f.Helper()
	tx, err := f.engine.Begin(f.Context(), s.scope)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	return explain.Faults(f.T, tx, s.statement, s.args, want)
}

// A recorder is an engine that remembers the statements that it has run.
type recorder struct {
	store.Engine
	ran []execution
}

type execution struct {
	scope     store.Scope
	statement *store.Statement
	args      []any
}

func (r *recorder) Query(ctx context.Context, scope store.Scope, st *store.Statement, args []any) (store.Rows, error) {
	r.ran = append(r.ran, execution{scope, st, args})
	return r.Engine.Query(ctx, scope, st, args)
}

// sample is one record of each kind that others refer to.
type sample struct{ owner, company, contact, stage, deal crm.ID }

// populate inserts so many deals, and a share of all other records. Every order of a list
// is different.
func (m maker) populate(f *fixture, o tenant, n int) sample {
	f.Helper()
	share := func(of int) int { return of * n / planDeals }
	people := fill(f, o, owners(), share(planOwners), func() crm.Owner {
		p := owners().vary(m, o.newOwner(m.word()))
		p.CreatedAt, p.UpdatedAt = m.moment(), m.moment()
		return p
	})
	steps := fill(f, o, stages(), share(planStages), func() crm.Stage {
		s := stages().vary(m, o.newStage(m.word()))
		s.OrderPosition, s.CreatedAt, s.UpdatedAt = m.IntN(1_000_000), m.moment(), m.moment()
		return s
	})
	sizes := []string{"startup", "small", "medium", "large", "enterprise"}
	firms := fill(f, o, companies(), share(planCompanies), func() crm.Company {
		c := companies().vary(m, o.newCompany(m.word()))
		c.OwnerID, c.Size, c.Industry = some(m, people), some(m, sizes), ptr(fmt.Sprintf("Industry %d", m.IntN(8)))
		c.Domain = ptr(m.word() + ".example")
		c.CreatedAt, c.UpdatedAt = m.moment(), m.moment()
		return c
	})
	persons := fill(f, o, contacts(), share(planContacts), func() crm.Contact {
		c := contacts().vary(m, o.newContact(m.word()))
		c.Email = ptr(m.word() + "@acme.example")
		c.OwnerID, c.CompanyID, c.CreatedAt, c.UpdatedAt = some(m, people), some(m, firms), m.moment(), m.moment()
		return c
	})
	chances := fill(f, o, deals(), n, func() crm.Deal {
		d := deals().vary(m, o.newDeal(m.word()))
		d.OwnerID, d.CompanyID, d.PrimaryContactID, d.StageID = some(m, people), some(m, firms), some(m, persons), steps[m.IntN(len(steps))]
		if d.Status = []string{crm.StatusActive, crm.StatusWon, crm.StatusLost}[m.IntN(3)]; d.Status != crm.StatusActive {
			d.ClosedAt = ptr(m.moment())
		}
		if m.IntN(5) > 0 {
			d.Value, d.ExpectedCloseDate = ptr(crm.Money(m.IntN(1_000_000))), ptr(crm.Date(20_000+m.IntN(400)))
		}
		d.CreatedAt, d.UpdatedAt = m.moment(), m.moment()
		return d
	})
	// Where a page of the table holds many rows, an index that picks out some of them
	// saves a planner no reading; so these are as wide as rows with real notes.
	bulk := strings.Repeat("note ", 200)
	fill(f, o, activities(), share(planActivities), func() crm.Activity {
		a := activities().vary(m, o.newActivity("call"))
		a.Status = []string{crm.ActivityCompleted, "pending", "cancelled", "no_show"}[m.IntN(4)]
		a.Description = &bulk
		a.OwnerID, a.CompanyID, a.ContactID, a.DealID = some(m, people), some(m, firms), some(m, persons), some(m, chances)
		a.Date, a.CreatedAt, a.UpdatedAt = m.moment(), m.moment(), m.moment()
		return a
	})
	fill(f, o, tasks(), share(planTasks), func() crm.Task {
		t := tasks().vary(m, o.newTask(m.word()))
		t.Notes = &bulk
		if t.Status = []string{crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted, "cancelled"}[m.IntN(4)]; t.Status == crm.TaskCompleted {
			t.Completed, t.CompletedAt = true, ptr(m.moment())
		}
		t.AssignedTo, t.CompanyID, t.ContactID, t.DealID = some(m, people), some(m, firms), some(m, persons), some(m, chances)
		if m.IntN(5) > 0 {
			t.DueDate = ptr(m.moment())
		}
		t.CreatedAt, t.UpdatedAt = m.moment(), m.moment()
		return t
	})
	m.account(f, o, people, share(planAudit), share(planKeys))
	m.messages(f, o, share(planMessages))
	return sample{people[0], firms[0], persons[0], steps[0], chances[0]}
}

// account inserts an audit trail and keys.
func (m maker) account(f *fixture, o tenant, people []crm.ID, entries, keys int) {
	f.Helper()
	details := accounts.AuditDetails(`{"note":"` + strings.Repeat("note ", 200) + `"}`) // see above
	actions := []accounts.Action{accounts.ActionSignedIn, accounts.ActionSignedOut, accounts.ActionSignInFailed, accounts.ActionKeyCreated, accounts.ActionExported}
	f.write(o, 1, func(tx store.Tx) error {
		for range entries {
			e := accounts.AuditEntry{OrgID: o.ID, ID: crm.NewID(), At: m.moment(), ActorID: some(m, people[:3]), KeyID: some(m, people[3:6]), Action: actions[m.IntN(len(actions))], Details: details}
			if err := tx.PutAudit(f.Context(), e); err != nil {
				return err
			}
		}
		for range keys {
			k := accounts.APIKey{ID: crm.NewID(), UserID: people[0], Name: "Key", Role: crm.RoleRep, Prefix: "sixty_", CreatedAt: m.moment()}
			k.Hash = k.ID[:]
			if err := tx.PutAPIKey(f.Context(), k); err != nil {
				return err
			}
		}
		return nil
	})
}

// moment is one of a year's.
func (m maker) moment() crm.Instant { return at(0) + crm.Instant(m.Int64N(365*24*3600*1e6)) }

// word is a name like no other.
func (m maker) word() string {
	var b strings.Builder
	for range 12 {
		b.WriteByte(byte('a' + m.IntN(26)))
	}
	return b.String()
}

// fill inserts n rows, in loads of a bounded size, and returns their ids.
func fill[T, F any](f *fixture, o tenant, k kind[T, F], n int, build func() T) []crm.ID {
	f.Helper()
	ids := make([]crm.ID, 0, n)
	for len(ids) < n {
		rows := make([]T, min(n-len(ids), 5000))
		for i := range rows {
			rows[i] = build()
		}
		insert(f, o, k, rows...)
		ids = append(ids, idsOf(k, rows)...)
	}
	return ids
}
