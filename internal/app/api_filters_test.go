package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// narrows checks which records a filter leaves, by a member that names them: in one page, in
// pages of one row from either end, and as a number.
func (u user) narrows(list, filter, member, want string) {
	u.t.Helper()
	path := list + "?" + filter
	rows, answer := u.list(path + "&count=exact")
	order := strings.Fields(mapped(rows, member))
	if got := strings.Join(slices.Sorted(slices.Values(order)), " "); got != want {
		u.t.Errorf("%s: %q, want %q", path, got, want)
		return
	}
	if total := at(answer, "meta", "totalCount"); total != float64(len(rows)) {
		u.t.Errorf("%s: totalCount %v of %d", path, total, len(rows))
	}
	for _, backward := range []bool{false, true} {
		direction, end, cursor := "forward", "hasMore", "nextCursor"
		if backward {
			direction, end, cursor = "backward", "hasPrevious", "prevCursor"
		}
		var walked []string
		query := "&limit=1&direction=" + direction
		for token := ""; len(walked) <= len(order); {
			rows, answer := u.list(path + query + token)
			walked = append(walked, strings.Fields(mapped(rows, member))...)
			if at(answer, "pagination", end) != true {
				break
			}
			token = "&cursor=" + at(answer, "pagination", cursor).(string)
		}
		if backward {
			slices.Reverse(walked)
		}
		if !slices.Equal(walked, order) {
			u.t.Errorf("%s: %s in pages of one row, want %s", path, walked, order)
		}
	}
}

// Every filter leaves what it says, alone and with others.
func TestFilters(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Filters", crm.RoleManager)
		ann := c.person(u.org, "Ann", "ann@acme.example", crm.RoleRep).ID.String()
		bob := c.person(u.org, "Bob", "bob@acme.example", crm.RoleRep).ID.String()
		small := id(u.make("/api/companies", object{"name": "small", "owner_id": ann, "size": "small", "domain": "small.example", "industry": "Mining"}))
		id(u.make("/api/companies", object{"name": "large", "owner_id": bob, "size": "large", "domain": "xn--bcher-kva.example"}))
		id(u.make("/api/companies", object{"name": "plain", "owner_id": nil}))
		ada := id(u.make("/api/contacts", object{"first_name": "ada", "email": "ada@acme.example", "company_id": small, "owner_id": ann}))
		eve := id(u.make("/api/contacts", object{"first_name": "eve", "owner_id": nil}))
		a := id(u.make("/api/deals", object{"name": "a", "owner_id": ann, "priority": "high", "value": 10, "expected_close_date": "2026-01-10", "primary_contact_id": ada, "company_id": small}))
		u.make("/api/deals", object{"name": "b", "owner_id": bob, "priority": "low", "value": 20, "expected_close_date": "2026-01-20", "primary_contact_id": eve, "status": "won", "closed_at": "2026-01-31T23:59:59.999999Z"})
		u.make("/api/deals", object{"name": "c", "owner_id": nil, "value": 20.5, "status": "lost", "closed_at": "2026-02-01T00:00:00Z"})
		d := id(u.make("/api/deals", object{"name": "d", "owner_id": ann, "priority": "medium", "expected_close_date": "2026-01-31"}))
		rows, _ := u.list("/api/deals?status=won")
		for _, deal := range []string{id(rows[0]), d} {
			u.record(200, "PUT", "/api/deals/"+deal+"/contacts/"+ada, object{"role": "champion"})
		}
		for _, day := range []string{"2026-01-31", "2026-01-31T23:59:59Z", "2026-02-01"} {
			u.make("/api/activities", object{"type": "call", "description": day, "date": day})
		}
		u.make("/api/activities", object{"type": "email", "description": "mail", "date": "2026-03-01", "deal_id": a, "owner_id": nil, "status": "pending"})
		u.make("/api/tasks", object{"title": "day", "due_date": "2016-01-31", "priority": "urgent", "assigned_to": ann})
		u.make("/api/tasks", object{"title": "noon", "due_date": "2016-01-31T12:00:00Z", "priority": "low", "assigned_to": nil})
		u.make("/api/tasks", object{"title": "next", "due_date": "2016-02-01", "completed": true, "deal_id": a, "assigned_to": bob})
		u.make("/api/tasks", object{"title": "ever", "priority": "low", "assigned_to": bob})

		const nowhere = "019a3c5e-7000-7000-8000-0000000000ff"
		for _, of := range []struct {
			list, member string
			want         map[string]string
		}{
			{"/api/companies", "name", map[string]string{
				"domain=SMALL.Example": "small", "domain=b%C3%BCcher.example": "large", "domain=none.example": "", "industry=Mining": "small",
				"size=small,large": "large small", "size=null": "plain", "size=null,large": "large plain", "ownerId=null": "plain",
				"ownerId=" + bob + ",null": "large plain", "owner_id=" + strings.ToUpper(ann): "small", "ownerId=" + nowhere: "",
				"ownerId=" + ann + "," + nowhere + "," + ann: "small", "ownerId=null," + ann + "&size=null,small&domain=small.example": "small",
			}},
			{"/api/contacts", "first_name", map[string]string{
				"email=ADA@Acme.Example": "ada", "email=none@acme.example": "", "companyId=null": "eve", "companyId=" + small + ",null": "ada eve",
				"ownerId=null," + ann + "&companyId=" + small: "ada",
			}},
			{"/api/deals", "name", map[string]string{
				"status=won,lost": "b c", "status=lost,won,lost": "b c", "status=active": "a d", "priority=null": "c", "priority=null,high": "a c",
				"priority=low,medium,high": "a b d", "ownerId=null": "c", "ownerId=" + ann + "," + bob: "a b d", "ownerId=null," + bob: "b c",
				"companyId=null": "b c d", "companyId=null," + small: "a b c d",
				"contactId=" + ada: "a b d", "contactId=" + ada + "," + eve: "a b d", "contact_id=" + eve: "b", "contactId=null": "c", "contactId=null," + eve: "b c",
				"minValue=20": "b c", "minValue=20&maxValue=20.00": "b", "maxValue=1e1": "a",
				"closeAfter=2026-01-10&closeBefore=2026-01-31": "b", "closeFrom=2026-01-10&closeTo=2026-01-20": "a b", "closeTo=2026-01-31&closeBefore=2026-01-31": "a b",
				"closeFrom=2026-01-31": "d", "closedFrom=2026-01-31&closedTo=2026-01-31": "b", "closedTo=2026-01-31": "b", "closedFrom=2026-02-01": "c",
				"closedTo=2026-02-01T00:00:00Z": "b c", "closedFrom=2026-02-01T00:00:00.000001Z": "",
				"status=won,lost&priority=null,low&ownerId=null," + bob + "&contactId=null," + ada:    "b c",
				"ownerId=" + ann + "&status=active,won&contactId=" + ada + "," + eve + "&sort=-value": "a d",
			}},
			{"/api/activities", "description", map[string]string{
				"startDate=2026-01-31&endDate=2026-01-31": "2026-01-31 2026-01-31T23:59:59Z", "startDate=2026-01-31T23:59:59Z": "2026-01-31T23:59:59Z 2026-02-01 mail",
				"endDate=2026-01-31T00:00:00Z": "2026-01-31", "startDate=2026-02-01T00:00:00Z&endDate=2026-02-01": "2026-02-01",
				"type=call,email&startDate=2026-02-01": "2026-02-01 mail", "dealId=null&endDate=2026-01-31": "2026-01-31 2026-01-31T23:59:59Z",
				"dealId=null," + a + "&startDate=2026-02-01": "2026-02-01 mail", "status=pending,cancelled": "mail", "ownerId=null": "mail",
			}},
			{"/api/tasks", "title", map[string]string{
				"dueBefore=2016-01-31": "", "dueBefore=2016-02-01": "day noon", "dueBefore=2016-01-31T12:00:00Z": "day", "dueAfter=2016-01-30": "day next noon",
				"dueAfter=2016-01-31": "next", "dueAfter=2016-01-31T00:00:00Z&dueBefore=2016-02-01": "noon", "priority=low,urgent": "day ever noon",
				"status=overdue": "day noon", "status=overdue,completed": "day next noon", "status=pending,overdue": "day ever noon", "status=cancelled,in_progress": "",
				"assignedTo=null": "noon", "assignedTo=null," + bob: "ever next noon", "dealId=" + a + ",null&status=pending,completed": "ever next",
			}},
		} {
			for filter, want := range of.want {
				u.narrows(of.list, filter, of.member, want)
			}
		}

		// The list of one record's has the filters too, besides its own.
		u.narrows("/api/contacts/"+ada+"/deals", "status=won,lost", "name", "b")
		u.narrows("/api/companies/"+small+"/deals", "priority=null,high", "name", "a")

		// A list of several owners, and of none, has no stale answer.
		few, none := "/api/deals?ownerId="+bob+",null", "/api/deals?ownerId=null"
		u.fill(few, none)
		u.change("/api/deals/"+a, object{"owner_id": nil})
		u.narrows("/api/deals", strings.TrimPrefix(few, "/api/deals?"), "name", "a b c")
		u.narrows("/api/deals", strings.TrimPrefix(none, "/api/deals?"), "name", "a c")
	})
}

// The order of values and their repetition change neither what a list is nor its cursors.
func TestCursorsOfSeveralValues(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Cursors", crm.RoleManager)
	for _, status := range []string{"won", "lost", "won"} {
		u.make("/api/deals", object{"name": status, "status": status})
	}
	_, answer := u.list("/api/deals?status=won,lost&limit=1")
	next := "&limit=1&cursor=" + at(answer, "pagination", "nextCursor").(string)
	rows, _ := u.list("/api/deals?status=lost,won,lost" + next)
	if got := mapped(rows, "name"); got != "lost" {
		t.Errorf("the next page has %s", got)
	}
	for _, other := range []string{"status=won", "status=won,lost,active", "priority=null"} {
		if got := invalid(u.ask(http.StatusBadRequest, "GET", "/api/deals?"+other+next, nil)); got != "cursor" {
			t.Errorf("with %s it complains of %q", other, got)
		}
	}
}

// A list rejects parameters that it does not have, and names those it has. What caches and
// advertisements add is let through.
func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Unknown parameters", crm.RoleAdmin)
		company := "/api/companies/" + id(u.make("/api/companies", object{"name": "Acme"}))
		for path, known := range map[string]string{
			"/api/deals": "minValue", "/api/contacts": "companyId", "/api/companies": "domain", "/api/activities": "startDate", "/api/tasks": "dueBefore",
			"/api/deal-stages": "sort", "/api/owners": "sort", "/api/search?q=acme": "kind", "/api/changes": "since", "/api/audit": "actorId",
			company + "/deals": "status", "/api/keys": "", "/api/invitations": "",
		} {
			address, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			query := address.Query()
			for name, value := range map[string]string{"_": "1", "t": "2", "select": "*", "utm_source": "mail", "empty": ""} {
				query.Set(name, value)
			}
			address.RawQuery = query.Encode()
			if known != "" {
				u.ask(http.StatusOK, "GET", address.String(), nil)
			}
			query.Set("statuss", "won")
			address.RawQuery = query.Encode()
			status, _, answer := u.do("GET", address.String(), u.key, nil)
			if detail, _ := answer["detail"].(string); known != "" && (status != http.StatusBadRequest || invalid(answer) != "statuss" || !strings.Contains(detail, known)) {
				t.Errorf("%s: %d, %q: %s", address, status, invalid(answer), detail)
			}
		}
		u.ask(http.StatusBadRequest, "GET", company+"/deals?companyId="+strings.TrimPrefix(company, "/api/companies/"), nil)
		u.ask(http.StatusOK, "GET", company+"?statuss=won", nil) // one record
	})
}

// SIXTY_LIST_LIMIT is the size of a page that is not asked for.
func TestListLimit(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite", func(c *config.Config) { c.ListLimit = 2 }), "List limit", crm.RoleManager)
	for _, name := range []string{"a", "b", "c"} {
		u.make("/api/companies", object{"name": name})
	}
	for path, want := range map[string]int{"/api/companies": 2, "/api/companies?limit=": 2, "/api/companies?limit=3": 3, "/api/changes": 2, "/api/search?q=a": 1} {
		rows, answer := u.list(path)
		if limit := at(answer, "pagination", "limit"); len(rows) != want || !strings.HasSuffix(path, "=3") && limit != 2.0 {
			t.Errorf("%s: %d rows, limit %v", path, len(rows), limit)
		}
	}
}
