package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

var now = time.Date(2026, 3, 18, 15, 30, 0, 0, time.UTC)

// newTestGenerator returns a generator for a new organisation with the default pipeline.
func newTestGenerator(t *testing.T, a Amounts) *generator {
	t.Helper()
	g := &generator{
		plan: Plan{Amounts: a, Seed: 7, Now: now}, org: crm.NewID(), currency: "GBP", names: newVocabulary(7),
		won: &crm.Stage{ID: crm.NewID(), Name: "Won", DefaultProbability: 100, Outcome: crm.OutcomeWon}, lost: &crm.Stage{ID: crm.NewID(), Name: "Lost", Outcome: crm.OutcomeLost},
	}
	for _, name := range []string{"Lead", "Qualified", "Proposal", "Negotiation"} {
		g.open = append(g.open, crm.Stage{ID: crm.NewID(), Name: name, DefaultProbability: 25, Outcome: crm.OutcomeOpen})
	}
	for i := range a.People {
		g.owners = append(g.owners, g.person(i).ID)
	}
	return g
}

// unique fails the test if a value is repeated.
type unique[T comparable] map[T]int

func (u unique[T]) add(t *testing.T, what string, v T, row int) {
	t.Helper()
	if before, ok := u[v]; ok {
		t.Fatalf("%s %v is used by rows %d and %d", what, v, before, row)
	}
	u[v] = row
}

func TestKeysAreUnique(t *testing.T) {
	t.Parallel()
	g := newTestGenerator(t, Amounts{People: 8, Companies: 60_000, Contacts: 150_000})
	ids, domains, names, emails := unique[crm.ID]{}, unique[string]{}, unique[string]{}, unique[string]{}
	for i := range g.plan.Companies {
		h, _ := g.companyHead(i)
		ids.add(t, "id", h.id, i)
		domains.add(t, "domain", h.domain, i)
		names.add(t, "name", h.name, i)
	}
	for j := range g.plan.Contacts {
		h, _ := g.contactHead(j)
		ids.add(t, "id", h.id, j)
		emails.add(t, "e-mail", h.email, j)
	}
}

func TestNamesOfAMillionCompaniesAreUnique(t *testing.T) {
	t.Parallel()
	v := newVocabulary(3)
	const many, more = 1_000_000, 100_000
	beyond := v.companies.size * (len(v.cities) + 1) // where words and cities are used up
	seen := make(map[string]struct{}, many+more)
	for i := range many + more {
		if i >= many {
			i += beyond - many
		}
		name, _ := v.company(i)
		seen[slug(name)] = struct{}{}
	}
	if len(seen) != many+more {
		t.Errorf("%d companies have %d names", many+more, len(seen))
	}
}

func TestContactsFindTheirCompanies(t *testing.T) {
	t.Parallel()
	for _, a := range []Amounts{
		{Companies: 120, Contacts: 400}, {Companies: 1, Contacts: 1}, {Companies: 1, Contacts: 50},
		{Companies: 100, Contacts: 30}, {Companies: 100, Contacts: 101}, {Companies: 37, Contacts: 1000}, {Companies: 10},
	} {
		g := newTestGenerator(t, a)
		total := 0
		for c := range a.Companies {
			n := g.contactsOf(c)
			total += n
			for index := range n {
				j := g.contactAt(c, index)
				company, at, ok := g.companyOf(j)
				if !ok || company != c || at != index || j < 0 || j >= a.Contacts {
					t.Fatalf("%+v: contact %d of company %d is %d, which is contact %d of company %d", a, index, c, j, at, company)
				}
			}
		}
		if total != a.Contacts {
			t.Errorf("%+v: the companies have %d contacts", a, total)
		}
	}
}

func TestDealsAreValid(t *testing.T) {
	t.Parallel()
	g := newTestGenerator(t, Amounts{People: 8, Companies: 120, Contacts: 400, Deals: 3000})
	created := map[crm.ID]crm.Instant{}
	companyOf := map[crm.ID]crm.ID{}
	for i := range g.plan.Companies {
		c := g.company(i)
		created[c.ID] = c.CreatedAt
	}
	for j := range g.plan.Contacts {
		c := g.contact(j)
		created[c.ID], companyOf[c.ID] = c.CreatedAt, *c.CompanyID
		if c.CreatedAt < created[*c.CompanyID] {
			t.Errorf("contact %d is older than its company", j)
		}
	}
	ids, status, weekend := unique[crm.ID]{}, map[string]int{}, 0
	for d := range g.plan.Deals {
		s := g.story(d)
		deal, last := s.deal, s.moves[len(s.moves)-1]
		ids.add(t, "id", deal.ID, d)
		status[deal.Status]++
		if w := deal.CreatedAt.Time().Weekday(); w == time.Saturday || w == time.Sunday {
			weekend++
		}
		check := func(ok bool, what string) {
			t.Helper()
			if !ok {
				t.Errorf("deal %d: %s\n%+v", d, what, deal)
			}
		}
		check(deal.CreatedAt >= created[*deal.CompanyID], "is older than its company")
		check(deal.UpdatedAt <= crm.InstantOf(now), "was changed in the future")
		check(deal.UpdatedAt >= deal.StageChangedAt && deal.StageChangedAt >= deal.CreatedAt, "its times are out of order")
		check(last.StageID == deal.StageID && last.EnteredAt == deal.StageChangedAt && last.ExitedAt == nil, "its history does not end where it stands")
		check(s.moves[0].EnteredAt == deal.CreatedAt, "its history does not begin when it does")
		for i, m := range s.moves {
			ids.add(t, "id of a stay", m.ID, d)
			check(i == 0 || *s.moves[i-1].ExitedAt == m.EnteredAt, "its history has a gap")
		}
		check((deal.ClosedAt != nil) == (deal.Status != crm.StatusActive), "it is closed and active, or neither")
		check((deal.Status == crm.StatusWon) == (deal.StageID == g.won.ID), "won, and not in that stage")
		check((deal.Status == crm.StatusLost) == (deal.StageID == g.lost.ID), "lost, and not in that stage")
		check(deal.ClosedAt == nil || *deal.ClosedAt == deal.StageChangedAt, "it closed at another time")
		check(deal.Value == nil || *deal.Value > 0 && *deal.Value <= crm.MaxMoney, "its value is out of range")
		check(deal.Probability >= 0 && deal.Probability <= 100, "its probability is out of range")
		if deal.PrimaryContactID != nil {
			check(companyOf[*deal.PrimaryContactID] == *deal.CompanyID, "its contact is another company's")
		}
		for _, c := range s.contacts {
			check(companyOf[c.ContactID] == *deal.CompanyID, "a further contact is another company's")
			check(deal.PrimaryContactID == nil || c.ContactID != *deal.PrimaryContactID, "its primary contact is a further one too")
		}
	}
	// Plausible: deals in every state, mostly changed on weekdays.
	for _, s := range []string{crm.StatusActive, crm.StatusWon, crm.StatusLost} {
		if share := float64(status[s]) / float64(g.plan.Deals); share < 0.15 || share > 0.6 {
			t.Errorf("%.0f%% of the deals are %s", 100*share, s)
		}
	}
	if share := float64(weekend) / float64(g.plan.Deals); share > 0.1 {
		t.Errorf("%.0f%% of the deals began on a weekend", 100*share)
	}
}

func TestWorkIsValid(t *testing.T) {
	t.Parallel()
	g := newTestGenerator(t, Amounts{People: 8, Companies: 120, Contacts: 400, Deals: 600, Activities: 1500, Tasks: 600})
	deals := map[crm.ID]crm.Deal{}
	for d := range g.plan.Deals {
		s := g.story(d)
		deals[s.deal.ID] = s.deal
	}
	ids, types, shown := unique[crm.ID]{}, map[string]int{}, map[string]int{}
	for i := range g.plan.Activities {
		a := g.activity(i)
		ids.add(t, "id", a.ID, i)
		types[a.Type]++
		d, ok := deals[*a.DealID]
		if !ok || cmp.Diff(a.CompanyID, d.CompanyID) != "" || cmp.Diff(a.ContactID, d.PrimaryContactID) != "" {
			t.Errorf("activity %d is not about its deal: %+v", i, a)
		}
		if a.Date < d.CreatedAt || a.Date > crm.InstantOf(now) || a.UpdatedAt > crm.InstantOf(now) || a.CreatedAt > a.UpdatedAt {
			t.Errorf("activity %d has times out of order: %+v", i, a)
		}
		if a.Amount != nil && d.Currency != g.currency {
			t.Errorf("activity %d has an amount of another currency: %+v", i, a)
		}
	}
	for i := range g.plan.Tasks {
		w := g.task(i)
		ids.add(t, "id", w.ID, i)
		shown[w.StatusAt(crm.InstantOf(now))]++
		if d, ok := deals[*w.DealID]; !ok || w.CreatedAt < d.CreatedAt || w.UpdatedAt > crm.InstantOf(now) || w.UpdatedAt < w.CreatedAt {
			t.Errorf("task %d has times out of order: %+v", i, w)
		}
		if w.Completed != (w.Status == crm.TaskCompleted) || w.Completed != (w.CompletedAt != nil) {
			t.Errorf("task %d has an inconsistent completion: %+v", i, w)
		}
	}
	// Plausible: every type occurs, and a few tasks are overdue.
	for _, kind := range []string{"email", "call", "meeting", "outbound", "note", "proposal", "sale"} {
		if types[kind] < 20 {
			t.Errorf("there are %d activities of type %s", types[kind], kind)
		}
	}
	for _, status := range []string{crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted, crm.TaskOverdue, "cancelled"} {
		if shown[status] == 0 {
			t.Errorf("no task is %s", status)
		}
	}
}

func TestSamePlanSameRows(t *testing.T) {
	t.Parallel()
	amounts := Amounts{People: 8, Companies: 50, Contacts: 100, Deals: 100}
	a := newTestGenerator(t, amounts)
	b := *a
	later := *a
	later.plan.Now = now.Add(time.Minute)
	for i := range 50 {
		if d := cmp.Diff(a.company(i), b.company(i)); d != "" {
			t.Fatalf("company %d: %s", i, d)
		}
		if d := cmp.Diff(a.contact(i), b.contact(i)); d != "" {
			t.Fatalf("contact %d: %s", i, d)
		}
		if d := cmp.Diff(a.story(i), b.story(i), cmp.AllowUnexported(story{})); d != "" {
			t.Fatalf("deal %d: %s", i, d)
		}
		if d := cmp.Diff(a.activity(i), b.activity(i)); d != "" {
			t.Fatalf("activity %d: %s", i, d)
		}
		if d := cmp.Diff(a.task(i), b.task(i)); d != "" {
			t.Fatalf("task %d: %s", i, d)
		}
		if a.company(i).ID == later.company(i).ID {
			t.Fatalf("company %d has the same id a minute later", i)
		}
		if a.company(i).Name != later.company(i).Name {
			t.Fatalf("company %d has another name a minute later", i)
		}
		if id := a.company(i).ID; id.Version() != 7 || id.Variant().String() != "RFC4122" {
			t.Fatalf("company %d: %s is not a UUIDv7", i, id)
		}
	}
}

func TestEmptyPlan(t *testing.T) {
	t.Parallel()
	g := newTestGenerator(t, Amounts{Contacts: 20, Deals: 20})
	for i := range 20 {
		if c := g.contact(i); c.CompanyID != nil || c.OwnerID != nil || c.IsPrimary {
			t.Errorf("contact %d refers to a missing row: %+v", i, c)
		}
		if s := g.story(i); s.deal.CompanyID != nil || s.deal.OwnerID != nil || s.deal.PrimaryContactID != nil || len(s.contacts) > 0 {
			t.Errorf("deal %d refers to a missing row: %+v", i, s)
		}
		g := newTestGenerator(t, Amounts{})
		if a := g.activity(i); a.CompanyID != nil || a.ContactID != nil || a.DealID != nil || a.OwnerID != nil {
			t.Errorf("activity %d refers to a missing row: %+v", i, a)
		}
		if w := g.task(i); w.CompanyID != nil || w.ContactID != nil || w.DealID != nil || w.AssignedTo != nil {
			t.Errorf("task %d refers to a missing row: %+v", i, w)
		}
	}
}

func BenchmarkStory(b *testing.B) {
	g := &generator{
		plan: Plan{Amounts: Amounts{Companies: 100_000, Contacts: 300_000}, Seed: 7, Now: now}, currency: "GBP", names: newVocabulary(7),
		open: make([]crm.Stage, 4), won: &crm.Stage{}, lost: &crm.Stage{}, owners: make([]crm.ID, 8),
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.story(i)
	}
}
