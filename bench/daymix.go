package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"

	"sixty/bench/internal/load"
	"sixty/bench/internal/population"
	"sixty/bench/internal/stale"
	"sixty/internal/demo"
)

// dayPlan are the organisations and their records (see day.md).
var dayPlan = population.Plan{
	Organisations: 20,
	Each:          demo.Amounts{People: 50, Companies: 100, Contacts: 300, Deals: 500, Activities: 1000, Tasks: 200},
}

// zipf is the exponent of the distribution of views and records.
const zipf = 1.1

// writesPercent is the share of writes.
const writesPercent = 2

// The numbers of records of an organisation that are read individually.
const (
	detailDeals     = 300
	detailContacts  = 100
	detailCompanies = 50
)

// class is a class of views and its share of the reads.
type class struct {
	name    string
	percent int
}

// dayClasses is the table in day.md.
var dayClasses = []class{{"dashboard", 15}, {"pages", 25}, {"lists", 25}, {"details", 30}, {"reference", 5}}

// office is an organisation: its people's keys, their views by class, most requested first,
// and the records that they write.
type office struct {
	keys   []string
	views  map[string][]string
	stages []string
	deals  []string
	others map[stale.Kind][]string
}

// explorer reads an organisation's records.
type explorer struct {
	ctx    context.Context
	client *load.Client
	addr   string
	key    string
	err    error
}

// page returns the ids of a page, and the cursor of the next one.
func (e *explorer) page(path string) (ids []string, next string) {
	if e.err != nil {
		return nil, ""
	}
	a, err := e.client.Do(e.ctx, load.Call{Addr: e.addr, Method: http.MethodGet, Path: path, Key: e.key})
	if err != nil {
		e.err = err
		return nil, ""
	}
	var list struct {
		Data       []struct{ ID string }
		Pagination struct{ NextCursor *string }
	}
	if e.err = json.Unmarshal(a.Body, &list); e.err != nil || len(list.Data) == 0 {
		e.err = fmt.Errorf("%s: status %d, %d rows: %w", path, a.Status, len(list.Data), e.err)
		return nil, ""
	}
	for _, row := range list.Data {
		ids = append(ids, row.ID)
	}
	if list.Pagination.NextCursor != nil {
		next = *list.Pagination.NextCursor
	}
	return ids, next
}

func (e *explorer) ids(path string) []string {
	ids, _ := e.page(path)
	return ids
}

// open lists the views of day.md.
func (e *explorer) open(o population.Organisation) (*office, error) {
	e.key = o.Keys[0]
	people := e.ids("/api/owners?limit=1000")
	f := &office{
		keys: o.Keys, views: map[string][]string{},
		stages: e.ids("/api/stages?limit=1000"),
		deals:  e.ids(fmt.Sprintf("/api/deals?limit=%d", detailDeals)),
		others: map[stale.Kind][]string{
			stale.Contact: e.ids(fmt.Sprintf("/api/contacts?limit=%d", detailContacts)),
			stale.Company: e.ids(fmt.Sprintf("/api/companies?limit=%d", detailCompanies)),
		},
	}
	add := func(class, format string, args ...any) {
		f.views[class] = append(f.views[class], fmt.Sprintf(format, args...))
	}
	add("dashboard", "/api/dashboard")
	for _, id := range people {
		add("dashboard", "/api/dashboard?ownerId=%s", id)
	}
	e.pages(add)
	for i, id := range people {
		for _, list := range []string{"deals?includeRelationships=true&ownerId=", "contacts?ownerId=", "companies?ownerId=", "tasks?assignedTo=", "activities?ownerId="} {
			add("lists", "/api/%s%s", list, id)
		}
		if i < len(f.stages) {
			add("lists", "/api/deals?stageId=%s", f.stages[i])
		}
	}
	for _, id := range f.others[stale.Company] {
		add("lists", "/api/companies/%s/deals", id)
		add("lists", "/api/companies/%s/contacts", id)
	}
	f.details(add)
	for _, path := range []string{"/api/stages", "/api/owners", "/api/user"} {
		add("reference", "%s", path)
	}
	return f, e.err
}

// pages lists the first pages and the following ones.
func (e *explorer) pages(add func(class, format string, args ...any)) {
	follow := map[string]string{}
	deep := []string{"/api/deals?includeRelationships=true", "/api/contacts?includeCompany=true", "/api/companies?includeStats=true"}
	for _, path := range append(deep, "/api/activities", "/api/tasks") {
		_, follow[path] = e.page(path)
		add("pages", "%s", path)
	}
	for range 4 {
		for _, path := range deep {
			if next := follow[path]; next != "" {
				add("pages", "%s&cursor=%s", path, next)
				_, follow[path] = e.page(path + "&cursor=" + next)
			}
		}
	}
}

// details lists the individual records, alternating between the types.
func (f *office) details(add func(class, format string, args ...any)) {
	contacts, companies := f.others[stale.Contact], f.others[stale.Company]
	for i, id := range f.deals {
		add("details", "/api/deals/%s?includeRelationships=true", id)
		if i < len(contacts) {
			add("details", "/api/contacts/%s?includeCompany=true", contacts[i])
		}
		if i < len(companies) {
			add("details", "/api/companies/%s", companies[i])
			add("details", "/api/companies/%s/stats", companies[i])
			add("details", "/api/deals/%s/activities", id)
		}
	}
}

// errand is a request of the day.
type errand struct {
	office *office
	org    int
	key    string
	class  string
	path   string
	change *change // nil: a read
}

// change is a write of the day: the next version of a record, or a new activity.
type change struct {
	kind  stale.Kind // "" for an activity
	id    string
	stage string // if it changes
}

// errands returns the requests of a day, which depend only on the seed.
func errands(offices []*office, n int, seed uint64) []errand {
	r := rand.New(rand.NewPCG(seed, 0xda7))
	nth := func(from []string) string { return from[rand.NewZipf(r, zipf, 1, uint64(len(from)-1)).Uint64()] }
	all := make([]errand, n)
	for i := range all {
		org := r.IntN(len(offices))
		f := offices[org]
		e := errand{office: f, org: org, key: f.keys[r.IntN(len(f.keys))]}
		if r.IntN(100) < writesPercent {
			e.change = f.anyChange(r, nth)
		} else {
			e.class = anyClass(r)
			e.path = nth(f.views[e.class])
		}
		all[i] = e
	}
	return all
}

func anyClass(r *rand.Rand) string {
	n := r.IntN(100)
	for _, c := range dayClasses {
		if n -= c.percent; n < 0 {
			return c.name
		}
	}
	panic("the shares of the classes do not add up to 100")
}

func (f *office) anyChange(r *rand.Rand, nth func([]string) string) *change {
	switch n := r.IntN(100); {
	case n < 40:
		return &change{kind: stale.Deal, id: nth(f.deals)}
	case n < 60:
		return &change{kind: stale.Deal, id: nth(f.deals), stage: f.stages[r.IntN(len(f.stages))]}
	case n < 75:
		return &change{kind: stale.Contact, id: nth(f.others[stale.Contact])}
	case n < 85:
		return &change{kind: stale.Company, id: nth(f.others[stale.Company])}
	}
	return &change{id: nth(f.deals)}
}
