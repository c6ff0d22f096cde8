package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// stride is the limit of the walks: it divides no list's length.
const stride = 37

// Every list, in every order of the API document, is read forward to its end and backward to
// its start; each row appears exactly once either way.
func TestPagesOfEveryList(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Walk", crm.RoleAdmin)
		with := u.fillLists(t, 130)
		u.fillWork(130)
		walked := 0
		for _, op := range c.document().operations() {
			orders := sortsOf(op)
			if op.method != http.MethodGet || len(orders) == 0 || slices.Contains([]string{"/api/audit", "/api/users", "/api/keys", "/api/webhooks/{id}/deliveries"}, op.path) {
				continue // these are for admins, and have tests of their own
			}
			path := op.path
			for _, kind := range pathIDs(t, op.path) {
				path = strings.Replace(path, "{id}", with[kind], 1)
			}
			for _, order := range orders {
				t.Run(op.path+" by "+order, func(t *testing.T) {
					walked++
					u := u.in(t)
					q := url.Values{"sort": {order}, "limit": {fmt.Sprint(stride)}}
					w := u.walk(t, path, q)
					if total := u.total(path); len(w.rows) != total || total <= stride {
						t.Errorf("met %d rows of %d", len(w.rows), total)
					}
					w.check(t, func(string) bool { return true })
				})
			}
		}
		if walked < 40 {
			t.Errorf("only %d walks", walked)
		}
	})
}

// sortsOf returns the orders of a list in the document; none for other operations.
func sortsOf(op apiOperation) []string {
	var all []string
	for _, p := range op.query {
		if p["name"] == "sort" {
			for _, v := range at(p, "schema", "enum").([]any) {
				all = append(all, v.(string))
			}
		}
	}
	return all
}

// walked holds the ids of a list as read forward and backward, both in the list's own order.
type walked struct {
	rows, back []string
}

// walk reads a list page by page, forward to its end and from there backward to its start.
// It calls before ahead of each page.
func (u user) walk(t *testing.T, path string, q url.Values, before ...func()) walked {
	t.Helper()
	const most = 200 // pages; more are a circle
	list := func() ([]object, object) {
		for _, f := range before {
			f()
		}
		return u.list(path + "?" + q.Encode())
	}
	var w walked
	var page object
	var rows []object
	limit := q.Get("limit")
	for range most {
		rows, page = list()
		w.rows = append(w.rows, ids(rows)...)
		token, more := at(page, "pagination", "nextCursor").(string)
		if more != (at(page, "pagination", "hasMore") == true) || len(rows) > 0 && more && fmt.Sprint(len(rows)) != limit {
			t.Fatalf("a page of %d rows has the pagination %v", len(rows), page["pagination"])
		}
		if !more {
			break
		}
		q.Set("cursor", token)
		q.Set("direction", "forward")
	}
	w.back = ids(rows)
	for range most {
		token, more := at(page, "pagination", "prevCursor").(string)
		if more != (at(page, "pagination", "hasPrevious") == true) {
			t.Fatalf("the pagination is %v", page["pagination"])
		}
		if !more {
			return w
		}
		q.Set("cursor", token)
		q.Set("direction", "backward")
		rows, page = list()
		w.back = append(ids(rows), w.back...)
	}
	t.Fatalf("%s is not walked in %d pages", path, most)
	return w
}

func ids(rows []object) []string {
	all := make([]string, len(rows))
	for i, row := range rows {
		all[i] = id(row)
	}
	return all
}

// check checks that rows that did not change meanwhile appear exactly once in either
// direction, and in the same order.
func (w walked) check(t *testing.T, unchanged func(id string) bool) {
	t.Helper()
	forward, backward := slices.Clone(w.rows), slices.Clone(w.back)
	changed := func(id string) bool { return !unchanged(id) }
	forward, backward = slices.DeleteFunc(forward, changed), slices.DeleteFunc(backward, changed)
	seen := map[string]bool{}
	for _, id := range forward {
		if seen[id] {
			t.Errorf("%s was met twice", id)
		}
		seen[id] = true
	}
	if !slices.Equal(forward, backward) {
		t.Errorf("forward %d rows, backward %d, and not the same ones in one order", len(forward), len(backward))
	}
}

// fillLists creates at least n records of every kind, some with equal or absent sort keys, and
// returns the ids of the company, contact and deal with the most of them.
func (u user) fillLists(t *testing.T, n int) records {
	t.Helper()
	ctx, by, random := t.Context(), crm.Operator(u.org), rand.New(rand.NewPCG(1, 2))
	base := crm.InstantOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	when := func() crm.Instant { return base + crm.Instant(random.IntN(n/4))*1_000_000 } // many are equal
	name := func() string {
		return []string{"Émile", "émile", "Zoë", "a", "A b", "日本"}[random.IntN(6)] + strings.Repeat("x", random.IntN(3))
	}
	var companies []crm.Company
	var contacts []crm.Contact
	var deals []crm.Deal
	var stages []crm.Stage
	var owners []crm.Owner
	var activities []crm.Activity
	var tasks []crm.Task
	for i := range n {
		at := when()
		c := crm.Company{OrgID: u.org, ID: crm.NewID(), Name: name(), CreatedAt: at, UpdatedAt: when(), Version: 1}
		companies = append(companies, c)
		first := name()
		p := crm.Contact{OrgID: u.org, ID: crm.NewID(), FirstName: &first, FullName: first, CompanyID: &companies[0].ID, CreatedAt: at, UpdatedAt: when(), Version: 1}
		contacts = append(contacts, p)
		s := crm.Stage{OrgID: u.org, ID: crm.NewID(), Name: name(), OrderPosition: 10 + i/3, Outcome: crm.OutcomeOpen, CreatedAt: at, UpdatedAt: when(), Version: 1}
		stages = append(stages, s)
		owners = append(owners, crm.Owner{OrgID: u.org, ID: crm.NewID(), FirstName: &first, FullName: first, Role: crm.RoleRep, CreatedAt: at, UpdatedAt: when(), Version: 1})
		d := crm.Deal{
			OrgID: u.org, ID: crm.NewID(), Name: name(), Currency: "GBP", Status: crm.StatusActive, StageID: stages[0].ID, StageChangedAt: at,
			CompanyID: &companies[0].ID, PrimaryContactID: &contacts[0].ID, CreatedAt: at, UpdatedAt: when(), Version: 1,
		}
		if i%3 != 0 {
			value, day := crm.Money(random.IntN(20)*100), crm.Date(20_000+random.IntN(20))
			d.Value, d.ExpectedCloseDate = &value, &day
		}
		deals = append(deals, d)
		activities = append(activities, crm.Activity{
			OrgID: u.org, ID: crm.NewID(), Type: "call", Status: crm.ActivityCompleted, Date: when(), CompanyID: &companies[0].ID,
			ContactID: &contacts[0].ID, DealID: &deals[0].ID, CreatedAt: at, UpdatedAt: when(), Version: 1,
		})
		task := crm.Task{
			OrgID: u.org, ID: crm.NewID(), Title: name(), Priority: "low", Status: crm.TaskPending, TaskType: "call", CreatedAt: at, UpdatedAt: when(), Version: 1,
		}
		if i%3 != 0 {
			due := when()
			task.DueDate = &due
		}
		tasks = append(tasks, task)
	}
	err := u.app.Core().Store.Write(ctx, by, base, func(tx store.Tx) error {
		for _, insert := range []func() error{
			func() error { return tx.Owners().Insert(ctx, owners) },
			func() error { return tx.Stages().Insert(ctx, stages) },
			func() error { return tx.Companies().Insert(ctx, companies) },
			func() error { return tx.Contacts().Insert(ctx, contacts) },
			func() error { return tx.Deals().Insert(ctx, deals) },
			func() error { return tx.Activities().Insert(ctx, activities) },
			func() error { return tx.Tasks().Insert(ctx, tasks) },
		} {
			if err := insert(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records{"company": companies[0].ID.String(), "contact": contacts[0].ID.String(), "deal": deals[0].ID.String()}
}

// While other clients insert and change rows, the unchanged rows are neither skipped nor
// repeated, in any order, in either direction.
func TestWalkWhileOthersWrite(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Busy", crm.RoleManager)
		u.fillLists(t, 300)
		rows, _ := u.list("/api/deals?limit=1000&sort=created_at")
		still, busy := map[string]bool{}, []string{}
		for i, row := range rows {
			if i%4 == 0 {
				busy = append(busy, id(row))
			} else {
				still[id(row)] = true
			}
		}
		others := u.disturb(busy)
		defer others.stop()
		for _, order := range crm.Deals.Sorts.Fields {
			for _, order := range []string{order, "-" + order} {
				w := u.walk(t, "/api/deals", url.Values{"sort": {order}, "limit": {fmt.Sprint(stride)}}, others.write)
				w.check(t, func(id string) bool { return still[id] })
				met := 0
				for _, id := range w.rows {
					if still[id] {
						met++
					}
				}
				if met != len(still) {
					t.Errorf("by %s, %d of %d unchanged rows were met", order, met, len(still))
				}
			}
		}
	})
}

// others are two clients that write.
type others struct {
	next    [2]chan struct{} // asks a client for a write
	pending sync.WaitGroup   // the writes that were asked for
	clients sync.WaitGroup
}

// disturb starts clients that insert deals and change the busy ones.
func (u user) disturb(busy []string) *others {
	o := &others{}
	for i := range o.next {
		o.next[i] = make(chan struct{})
		o.clients.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(i)))
			n := 0
			for range o.next[i] {
				method, path := "POST", "/api/deals"
				if n%3 != 0 {
					method, path = "PATCH", "/api/deals/"+busy[random.IntN(len(busy))]
				}
				body := object{"name": fmt.Sprint("Busy ", random.IntN(100)), "value": random.IntN(2000), "expected_close_date": fmt.Sprintf("2024-10-%02d", 1+random.IntN(28))}
				u.write(u.t.Context(), method, path, body)
				n++
				o.pending.Done()
			}
		})
	}
	return o
}

// write has each client begin a write, after the writes before it have ended.
func (o *others) write() {
	o.pending.Wait()
	o.pending.Add(len(o.next))
	for _, next := range o.next {
		next <- struct{}{}
	}
}

// stop ends the clients.
func (o *others) stop() {
	for _, next := range o.next {
		close(next)
	}
	o.clients.Wait()
}

// write sends a write from a goroutine that may not end the test.
func (u user) write(ctx context.Context, method, path string, body object) {
	res, err := http.DefaultClient.Do(u.request(method, path, u.key, body).WithContext(ctx))
	if err != nil {
		u.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		u.t.Errorf("%s %s: %s", method, path, res.Status)
	}
}
