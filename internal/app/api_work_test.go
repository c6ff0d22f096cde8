package app_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// A team's activities and tasks over HTTP.
func TestWork(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Work")
		rep := c.person(org.ID, "Rita Rep", "rita@work.example", crm.RoleRep)
		u := user{c, org.ID, c.keyOf(org.ID, rep.ID, crm.RoleRep)}
		company := u.make("/api/companies", object{"name": "Acme"})
		contact := u.make("/api/contacts", object{"first_name": "Ada", "company_id": id(company)})
		deal := u.make("/api/deals", object{"name": "Licences", "company_id": id(company), "primary_contact_id": id(contact), "value": 12000})
		about := object{"company_id": id(company), "contact_id": id(contact), "deal_id": id(deal)}
		t.Run("Activities", func(t *testing.T) { workOfActivities(t, u.in(t), about, rep) })
		t.Run("Tasks", func(t *testing.T) { workOfTasks(t, u.in(t), about, rep) })
		t.Run("Numbers", func(t *testing.T) { workOfNumbers(t, u.in(t), about) })
		t.Run("FollowUps", func(t *testing.T) { workOfFollowUps(t, u.in(t), about) })
		t.Run("ByQuery", func(t *testing.T) { workByQuery(t, u.in(t), about) })
		t.Run("Deletions", func(t *testing.T) { workOfDeletions(t, u.in(t), about) })
	})
}

// with adds members to an object.
func with(base, more object) object {
	all := object{}
	for _, o := range []object{base, more} {
		for name, v := range o {
			all[name] = v
		}
	}
	return all
}

func workOfActivities(t *testing.T, u user, about object, rep crm.Owner) {
	t.Helper()
	call := u.make("/api/activities", with(about, object{"type": "call"}))
	expect(t, call, with(about, object{
		"type": "call", "status": "completed", "priority": nil, "description": nil, "amount": nil, "quantity": nil,
		"owner_id": rep.ID.String(), "date": call["created_at"],
	}))
	sale := u.make("/api/activities", object{"type": "sale", "status": "pending", "date": "2026-01-31", "amount": 99.5, "quantity": 3, "description": " Signed "})
	expect(t, sale, object{"date": "2026-01-31T00:00:00.000000Z", "amount": 99.5, "quantity": 3, "description": "Signed", "company_id": nil})
	path := "/api/activities/" + id(sale)
	expect(t, u.change(path, object{"date": "2026-02-01T01:00:00+01:00", "amount": nil}), object{"date": "2026-02-01T00:00:00.000000Z", "amount": nil, "quantity": 3})
	expect(t, u.record(http.StatusOK, "PUT", path, object{"status": "completed", "id": id(call)}), object{"status": "completed", "type": "sale", "id": id(sale)})
	for _, filter := range []string{
		"contactId=" + about["contact_id"].(string), "company_id=" + about["company_id"].(string), "dealId=" + about["deal_id"].(string), "type=call",
	} {
		if rows, _ := u.list("/api/activities?" + filter); len(rows) != 1 || id(rows[0]) != id(call) {
			t.Errorf("by %s: %v", filter, rows)
		}
	}
	if rows, _ := u.list("/api/activities?status=completed&sort=date&owner_id=" + rep.ID.String()); mapped(rows, "type") != "sale call" {
		t.Errorf("by date: %v", rows)
	}
	for _, parent := range []string{"/api/companies/" + about["company_id"].(string), "/api/contacts/" + about["contact_id"].(string), "/api/deals/" + about["deal_id"].(string)} {
		if rows, _ := u.list(parent + "/activities"); len(rows) != 1 || id(rows[0]) != id(call) {
			t.Errorf("activities of %s: %v", parent, rows)
		}
	}
	expect(t, u.record(http.StatusOK, "DELETE", path, nil), object{"deleted": true, "id": id(sale)})
	u.ask(http.StatusNotFound, "GET", path, nil)
}

func workOfTasks(t *testing.T, u user, about object, rep crm.Owner) {
	t.Helper()
	late := u.make("/api/tasks", object{"title": " Call  back ", "due_date": "2026-01-31"})
	expect(t, late, object{
		"title": "Call back", "due_date": "2026-01-31T00:00:00.000000Z", "priority": "medium", "status": "overdue", "task_type": "general",
		"completed": false, "completed_at": nil, "assigned_to": rep.ID.String(), "created_by": rep.ID.String(), "deal_id": nil,
	})
	open := u.make("/api/tasks", with(about, object{"title": "Open", "due_date": "9999-12-31", "status": "in_progress"}))
	expect(t, open, with(about, object{"status": "in_progress", "due_date": "9999-12-31T00:00:00.000000Z"}))
	u.make("/api/tasks", object{"title": "Some day"})

	for filter, want := range map[string]string{
		"status=overdue": "Call back", "status=pending": "Some day", "status=in_progress": "Open", "status=completed": "",
		"assignedTo=" + rep.ID.String(): "Call back Open Some day", "assigned_to=" + rep.ID.String() + "&status=overdue": "Call back",
		"dealId=" + id(object{"id": about["deal_id"]}): "Open", "contact_id=" + about["contact_id"].(string): "Open",
		"companyId=" + about["company_id"].(string): "Open", "sort=-due_date": "Open Call back Some day", "sort=title": "Call back Open Some day",
	} {
		if filter[:4] != "sort" {
			filter += "&sort=title"
		}
		if rows, _ := u.list("/api/tasks?" + filter); mapped(rows, "title") != want {
			t.Errorf("by %s: %s, want %s", filter, mapped(rows, "title"), want)
		}
	}

	path := "/api/tasks/" + id(late)
	// A client that sends back what it has read changes nothing.
	expect(t, u.record(http.StatusOK, "PUT", path, late), object{"status": "overdue", "updated_at": late["updated_at"]})
	done := u.record(http.StatusOK, "PUT", path, with(late, object{"completed": true}))
	expect(t, done, object{"status": "completed", "completed": true, "completed_at": done["updated_at"]})
	expect(t, u.change(path, object{"status": "in_progress"}), object{"status": "overdue", "completed": false, "completed_at": nil})
	expect(t, u.change(path, object{"due_date": nil}), object{"status": "in_progress", "due_date": nil})
	u.ask(http.StatusOK, "DELETE", path, nil)
	u.ask(http.StatusNotFound, "GET", path, nil)
}

func workOfNumbers(t *testing.T, u user, about object) {
	t.Helper()
	company, contact := about["company_id"].(string), about["contact_id"].(string)
	for _, more := range []object{
		{"type": "meeting", "date": "2026-01-02"}, {"type": "email", "date": "2026-01-03"}, {"type": "note", "status": "cancelled", "date": "2999-01-01"},
	} {
		u.make("/api/activities", with(about, more))
	}
	for _, more := range []object{
		{"name": "Won", "value": 50.25, "status": "won"}, {"name": "Lost", "value": 7, "currency": "EUR", "status": "lost"}, {"name": "Open", "value": nil},
	} {
		u.make("/api/deals", with(object{"company_id": company, "primary_contact_id": contact}, more))
	}
	call, _ := u.list("/api/activities?type=call")
	expect(t, u.get("/api/companies/"+company+"/stats"), object{
		"contactCount": 1, "dealsCount": 4, "dealsValue": 12050.25, "dealsValueByCurrency": object{"EUR": 7.0, "GBP": 12050.25},
		"openDeals": 2, "openValue": 12000, "wonDeals": 1, "wonValue": 50.25, "lostDeals": 1, "lastActivityAt": call[0]["date"],
	})
	expect(t, u.get("/api/contacts/"+contact+"/stats"), object{
		"meetings": 1, "emails": 1, "calls": 1, "totalDeals": 4, "activeDeals": 2, "totalDealsValue": 12050.25, "engagementScore": 30,
	})
	empty := u.make("/api/companies", object{"name": "Empty"})
	want := object{
		"contactCount": 0.0, "dealsCount": 0.0, "dealsValue": 0.0, "openDeals": 0.0, "openValue": 0.0,
		"wonDeals": 0.0, "wonValue": 0.0, "lostDeals": 0.0, "lastActivityAt": nil,
	}
	if diff := cmp.Diff(want, u.get("/api/companies/"+id(empty)+"/stats")); diff != "" {
		t.Errorf("of nothing (-want +got):\n%s", diff)
	}
}

// workOfFollowUps tests the follow-ups of a contact.
func workOfFollowUps(t *testing.T, u user, about object) {
	t.Helper()
	contact := u.make("/api/contacts", object{"first_name": "Grace"})
	on := object{"contact_id": id(contact)}
	now := time.Now().UTC()
	day := func(n int) string { return now.AddDate(0, 0, n).Format(time.RFC3339) }
	u.make("/api/tasks", with(on, object{"title": "Whenever"}))
	task := u.make("/api/tasks", with(on, object{"title": "Soon", "due_date": day(1), "priority": "urgent", "description": "why", "completed": true}))
	old := u.make("/api/tasks", with(on, object{"title": "Long ago", "due_date": "2001-01-01"}))
	u.make("/api/tasks", with(about, object{"title": "About another one"}))
	call := u.make("/api/activities", with(on, object{"type": "call", "date": day(-5), "description": "said", "priority": "low"}))
	u.make("/api/activities", with(on, object{"type": "call", "date": day(-31)}))
	u.make("/api/activities", with(on, object{"type": "meeting", "status": "pending", "date": day(3)}))
	var deals []object
	for _, d := range []object{{"name": "Big", "value": 10000.01}, {"name": "Medium", "value": 10000, "status": "won"}, {"name": "Small", "value": 5000}} {
		deals = append(deals, u.make("/api/deals", with(object{"primary_contact_id": id(contact)}, d)))
	}
	u.make("/api/deals", object{"name": "Lost", "primary_contact_id": id(contact), "value": 1, "status": "lost"})

	path := "/api/contacts/" + id(contact) + "/tasks"
	rows, answer := u.list(path)
	if got := mapped(rows, "title"); got != "Follow up on deal: Small Follow up on deal: Medium Follow up on deal: Big Soon Follow up on call Long ago Whenever" {
		t.Fatalf("to be done: %s", got)
	}
	if got := mapped(rows, "source"); got != "deal deal deal task activity task task" {
		t.Errorf("from %s", got)
	}
	if got := mapped(rows, "priority"); got != "low medium high urgent low medium medium" {
		t.Errorf("priorities %s", got)
	}
	after := func(instant any, days int) string {
		at, err := time.Parse(time.RFC3339, instant.(string))
		if err != nil {
			t.Fatal(err)
		}
		return at.AddDate(0, 0, days).Format("2006-01-02T15:04:05.000000Z")
	}
	expect(t, rows[2], object{"id": id(deals[0]), "due_date": after(deals[0]["updated_at"], 7), "completed": false})
	expect(t, rows[3], object{"id": id(task), "due_date": task["due_date"], "completed": true, "description": "why"})
	expect(t, rows[4], object{"id": id(call), "due_date": after(call["date"], 3), "completed": false, "description": "said"})
	expect(t, rows[5], object{"id": id(old)})
	if at(answer, "pagination", "hasMore") != false {
		t.Errorf("the pagination is %v", answer["pagination"])
	}

	for range 12 {
		u.make("/api/activities", with(on, object{"type": "email"}))
	}
	if rows, _ := u.list(path); len(rows) != 10 {
		t.Errorf("%d records are to be done, want the newest 10", len(rows))
	}
}

// workByQuery reads sub-resources of a contact by query: the responses are those of their
// own paths.
func workByQuery(t *testing.T, u user, about object) {
	t.Helper()
	contact := about["contact_id"].(string)
	for _, part := range []string{"stats", "deals", "activities", "owner", "tasks"} {
		want := u.ask(http.StatusOK, "GET", "/api/contacts/"+contact+"/"+part, nil)
		got := u.ask(http.StatusOK, "GET", "/api/contacts?id="+contact+"&"+part+"=true", nil)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-path +query):\n%s", part, diff)
		}
		answer := u.ask(http.StatusNotFound, "GET", "/api/contacts?"+part+"=true&id="+about["deal_id"].(string), nil)
		if answer["detail"] != "There is no such contact." {
			t.Errorf("%s of no record: %v", part, answer["detail"])
		}
		if answer := u.ask(http.StatusBadRequest, "GET", "/api/contacts?"+part+"=true", nil); invalid(answer) != "id" {
			t.Errorf("%s of an unknown id: %v", part, answer)
		}
		expect(t, u.get("/api/contacts?id="+contact+"&"+part+"=false"), object{"id": contact})
	}
	// Lists have their own parameters and cursors.
	q := url.Values{"id": {contact}, "deals": {"true"}, "limit": {"1"}, "sort": {"-value"}}
	w := u.walk(t, "/api/contacts", q)
	if rows, _ := u.list("/api/deals?sort=-value&contactId=" + contact); len(rows) < 3 || cmp.Diff(ids(rows), w.rows) != "" || cmp.Diff(w.rows, w.back) != "" {
		t.Errorf("walked %v and back %v, want %v", w.rows, w.back, ids(rows))
	}
	for query, want := range map[string]string{
		"&deals=true&stats=true": "stats", "&deals=perhaps": "deals", "&deals=true&sort=title": "sort", "&deals=true&cursor=x": "cursor",
	} {
		_, _, answer := u.do("GET", "/api/contacts?id="+contact+query, u.key, nil)
		if status := answer["status"]; status != 422.0 && status != 400.0 || invalid(answer) != want && invalid(answer) != "deals" {
			t.Errorf("%s: %v", query, answer)
		}
	}
	u.ask(http.StatusBadRequest, "GET", "/api/contacts?id=42&stats=true", nil)
}

// workOfDeletions deletes what activities and tasks refer to: they stay, without the reference.
func workOfDeletions(t *testing.T, u user, about object) {
	t.Helper()
	activity := u.make("/api/activities", with(about, object{"type": "note"}))
	task := u.make("/api/tasks", with(about, object{"title": "Stays"}))
	left := with(about, nil)
	for _, gone := range []struct{ path, member string }{
		{"/api/deals/", "deal_id"}, {"/api/contacts/", "contact_id"}, {"/api/companies/", "company_id"},
	} {
		u.ask(http.StatusOK, "DELETE", gone.path+about[gone.member].(string), nil)
		left[gone.member] = nil
		expect(t, u.get("/api/activities/"+id(activity)), left)
		expect(t, u.get("/api/tasks/"+id(task)), left)
		u.ask(http.StatusNotFound, "GET", gone.path+about[gone.member].(string)+"/activities", nil)
	}
}

// A rep writes the activities that they own, and the tasks that are assigned to or created by
// them.
func TestRolesOfWork(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		manager := newUser(c, "Roles of work", crm.RoleManager)
		rep, viewer := manager.as(crm.RoleRep), manager.as(crm.RoleViewer)
		boss, me := manager.get("/api/user"), rep.get("/api/user")
		const ok, no = http.StatusOK, http.StatusForbidden

		theirs := manager.make("/api/activities", object{"type": "call"})
		rep.ask(ok, "GET", "/api/activities/"+id(theirs), nil)
		rep.ask(no, "PATCH", "/api/activities/"+id(theirs), object{"type": "email"})
		rep.ask(no, "DELETE", "/api/activities/"+id(theirs), nil)
		rep.ask(no, "POST", "/api/activities", object{"type": "call", "owner_id": id(boss)})
		own := rep.make("/api/activities", object{"type": "call"})
		rep.ask(no, "PATCH", "/api/activities/"+id(own), object{"owner_id": id(boss)})
		manager.ask(ok, "PATCH", "/api/activities/"+id(own), object{"priority": "high"})
		rep.ask(ok, "DELETE", "/api/activities/"+id(own), nil)

		task := manager.make("/api/tasks", object{"title": "For the boss"})
		rep.ask(no, "PATCH", "/api/tasks/"+id(task), object{"completed": true})
		rep.ask(no, "DELETE", "/api/tasks/"+id(task), nil)
		manager.ask(ok, "PATCH", "/api/tasks/"+id(task), object{"assigned_to": id(me)})
		rep.ask(ok, "PATCH", "/api/tasks/"+id(task), object{"completed": true})
		rep.ask(no, "PATCH", "/api/tasks/"+id(task), object{"assigned_to": id(boss)})
		rep.ask(no, "PATCH", "/api/tasks/"+id(task), object{"created_by": id(me)})
		given := rep.make("/api/tasks", object{"title": "For the boss", "assigned_to": id(boss)})
		expect(t, given, object{"assigned_to": id(boss), "created_by": id(me)})
		rep.ask(ok, "PATCH", "/api/tasks/"+id(given), object{"priority": "urgent"})
		rep.ask(no, "POST", "/api/tasks", object{"title": "By the boss", "created_by": id(boss)})
		rep.ask(ok, "DELETE", "/api/tasks/"+id(given), nil)

		viewer.ask(ok, "GET", "/api/tasks", nil)
		viewer.ask(no, "POST", "/api/tasks", object{"title": "X"})
		viewer.ask(no, "POST", "/api/activities", object{"type": "call"})
	})
}
