package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// A sales person's day over HTTP.
func TestSalesDay(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Day")
		rep := c.person(org.ID, "Rita Rep", "rita@day.example", crm.RoleRep)
		u := user{c, org.ID, c.keyOf(org.ID, rep.ID, crm.RoleRep)}
		me := u.get("/api/user")
		expect(t, me, object{"id": rep.ID.String(), "full_name": "Rita Rep", "email": "rita@day.example", "is_admin": false})

		company := u.make("/api/companies", object{"name": "  Acme   Corporation ", "domain": "ACME.example", "size": "medium", "industry": "toys"})
		expect(t, company, object{"name": "Acme Corporation", "domain": "acme.example", "owner_id": rep.ID.String(), "website": nil})
		ada := u.make("/api/contacts", object{"first_name": "Ada", "last_name": "King", "email": "Ada@acme.example", "company_id": id(company), "is_primary": true})
		expect(t, ada, object{"full_name": "Ada King", "email": "ada@acme.example", "is_primary": true, "owner_id": rep.ID.String()})
		grace := u.make("/api/contacts", object{"first_name": "Grace", "email": "grace@acme.example", "title": "CTO", "company_id": id(company)})

		stages, _ := u.list("/api/deal-stages")
		if got := mapped(stages, "name"); got != "Lead Qualified Proposal Negotiation Won Lost" {
			t.Fatalf("the stages are %s", got)
		}
		if other, _ := u.list("/api/stages"); cmp.Diff(stages, other) != "" {
			t.Error("/api/stages is another list")
		}
		lead, won := stages[0], stages[4]

		deal := u.make("/api/deals", object{"name": "200 licences", "company_id": id(company), "primary_contact_id": id(ada), "value": 12500})
		expect(t, deal, object{
			"name": "200 licences", "company": "200 licences", "stage_id": id(lead), "probability": 10, "status": "active",
			"currency": "GBP", "value": 12500, "owner_id": rep.ID.String(), "contact_name": "Ada King", "contact_email": "ada@acme.example",
			"closed_at": nil, "stage_changed_at": deal["created_at"], "expected_close_date": nil,
		})
		path := "/api/deals/" + id(deal)

		t.Run("Location", func(t *testing.T) {
			u := u.in(t)
			status, header, answer := u.do("POST", "/api/companies", u.key, object{"name": "Located"})
			if status != http.StatusCreated || header.Get("Location") != "/api/companies/"+id(answer["data"].(object)) {
				t.Fatalf("%d, Location %q", status, header.Get("Location"))
			}
			if diff := cmp.Diff(answer["data"], any(u.get(header.Get("Location")))); diff != "" {
				t.Errorf("what is there differs from what was made:\n%s", diff)
			}
			u.ask(http.StatusOK, "DELETE", header.Get("Location"), nil)
		})
		t.Run("Stages", func(t *testing.T) { dayOfStages(t, u.in(t), path, lead, won) })
		t.Run("PartialChanges", func(t *testing.T) { dayOfChanges(t, u.in(t), path) })
		t.Run("DealContacts", func(t *testing.T) { dayOfContacts(t, u.in(t), deal, company, ada, grace, lead) })
		t.Run("Numbers", func(t *testing.T) { dayOfNumbers(t, u.in(t), company, rep) })
		t.Run("ContactsByQuery", func(t *testing.T) { dayOfQueries(t, u.in(t), grace, company) })
		t.Run("DeleteCompany", func(t *testing.T) {
			u := u.in(t)
			gone := u.record(http.StatusOK, "DELETE", "/api/companies/"+id(company), nil)
			expect(t, gone, object{"deleted": true, "id": id(company)})
			u.ask(http.StatusNotFound, "GET", "/api/companies/"+id(company), nil)
			u.ask(http.StatusNotFound, "GET", "/api/companies/"+id(company)+"/deals", nil)
			expect(t, u.get(path), object{"company_id": nil, "name": "200 licences", "primary_contact_id": id(ada)})
			expect(t, u.get("/api/contacts/"+id(ada)), object{"company_id": nil, "is_primary": false})
			// Its domain is free again.
			u.make("/api/companies", object{"name": "Acme again", "domain": "acme.example"})
		})
		t.Run("DeleteDeal", func(t *testing.T) {
			u := u.in(t)
			u.ask(http.StatusOK, "DELETE", path, nil)
			for _, p := range []string{path, path + "/contacts", path + "/history"} {
				u.ask(http.StatusNotFound, "GET", p, nil)
			}
			u.ask(http.StatusNotFound, "DELETE", path, nil)
		})
	})
}

// dayOfStages wins a deal and takes it back.
func dayOfStages(t *testing.T, u user, path string, lead, won object) {
	t.Helper()
	after := u.record(http.StatusOK, "PUT", path, object{"stage_id": id(won)})
	expect(t, after, object{"stage_id": id(won), "status": "won", "name": "200 licences", "closed_at": after["stage_changed_at"]})
	back := u.change(path, object{"stage_id": id(lead)})
	expect(t, back, object{"stage_id": id(lead), "status": "active", "closed_at": nil})
	given := u.change(path, object{"stage_id": id(won), "closed_at": "2026-01-31T10:00:00+01:00"})
	expect(t, given, object{"closed_at": "2026-01-31T09:00:00.000000Z", "status": "won"})
	// Setting the status directly does the same to closed_at.
	expect(t, u.change(path, object{"status": "active"}), object{"stage_id": id(won), "closed_at": nil})
	u.change(path, object{"stage_id": id(lead)})

	history, _ := u.list(path + "/history")
	if got := mapped(history, "stage_name"); got != "Lead Won Lead Won Lead" {
		t.Fatalf("the history is %s", got)
	}
	for i, h := range history {
		last := i == len(history)-1
		if (h["exited_at"] == nil) != last || (h["duration_seconds"] == nil) != last || h["user_id"] != u.get("/api/user")["id"] {
			t.Errorf("stay %d is %v", i, h)
		}
		if i > 0 && h["entered_at"] != history[i-1]["exited_at"] {
			t.Errorf("stay %d does not begin where the one before it ends", i)
		}
	}
}

func dayOfChanges(t *testing.T, u user, path string) {
	t.Helper()
	before := u.get(path)
	high := u.record(http.StatusOK, "PUT", path, object{"priority": "high", "expected_close_date": "2026-03-31"})
	expect(t, high, object{"priority": "high", "expected_close_date": "2026-03-31", "name": before["name"], "value": before["value"], "company_id": before["company_id"]})
	if high["updated_at"] == before["updated_at"] {
		t.Error("a change leaves updated_at as it was")
	}
	cleared := u.change(path, object{"priority": nil, "expected_close_date": nil, "value": nil})
	expect(t, cleared, object{"priority": nil, "expected_close_date": nil, "value": nil})
	u.change(path, object{"value": 12500})

	// A record can be written back as it was read: read-only members are ignored.
	whole := u.get(path + "?includeRelationships=true")
	same := u.record(http.StatusOK, "PUT", path, whole)
	if same["updated_at"] != whole["updated_at"] {
		t.Error("writing a deal back unchanged changes it")
	}
}

func dayOfContacts(t *testing.T, u user, deal, company, ada, grace, lead object) {
	t.Helper()
	path := "/api/deals/" + id(deal)
	item := path + "/contacts/" + id(grace)
	put := u.record(http.StatusOK, "PUT", item, object{"role": "champion"})
	expect(t, put, object{"contact_id": id(grace), "role": "champion"})
	expect(t, put["contact"].(object), object{"id": id(grace), "full_name": "Grace", "email": "grace@acme.example", "title": "CTO"})
	u.record(http.StatusOK, "PUT", item, object{"role": "blocker"})
	if rows, _ := u.list(path + "/contacts"); len(rows) != 1 || rows[0]["role"] != "blocker" {
		t.Errorf("the deal's contacts are %v", rows)
	}
	// The contactId filter means primary contact or further contact.
	for _, contact := range []object{ada, grace} {
		for _, list := range []string{"/api/contacts/" + id(contact) + "/deals", "/api/deals?contactId=" + id(contact), "/api/deals?contact_id=" + id(contact)} {
			if rows, _ := u.list(list); mapped(rows, "id") != id(deal) {
				t.Errorf("%s gives %s", list, mapped(rows, "id"))
			}
		}
	}

	listed, _ := u.list("/api/deals?includeRelationships=true")
	full := u.get(path + "?includeRelationships=true")
	if diff := cmp.Diff(full, listed[0]); diff != "" {
		t.Errorf("the list's deal differs from the single one:\n%s", diff)
	}
	expect(t, full, object{
		"company_name": "Acme Corporation", "company_domain": "acme.example", "company_size": "medium", "company_industry": "toys",
		"contact_name": "Ada King", "contact_email": "ada@acme.example", "contact_title": nil,
		"stage_name": "Lead", "stage_color": lead["color"], "stage_probability": 10, "default_probability": 10, "daysInStage": 0,
	})
	for member, want := range map[string]object{
		"companies":   {"id": id(company), "name": "Acme Corporation", "domain": "acme.example", "size": "medium", "industry": "toys", "website": nil, "linkedin_url": nil},
		"contacts":    {"id": id(ada), "first_name": "Ada", "last_name": "King", "full_name": "Ada King", "email": "ada@acme.example", "phone": nil, "title": nil, "linkedin_url": nil, "is_primary": true},
		"deal_stages": {"id": id(lead), "name": "Lead", "color": lead["color"], "default_probability": float64(10)},
	} {
		if diff := cmp.Diff(any(want), full[member]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", member, diff)
		}
	}
	further := []any{object{"contact_id": id(grace), "role": "blocker", "contact": object{
		"id": id(grace), "full_name": "Grace", "email": "grace@acme.example", "title": "CTO",
	}}}
	if diff := cmp.Diff(any(further), full["deal_contacts"]); diff != "" {
		t.Errorf("deal_contacts (-want +got)\n%s", diff)
	}

	expect(t, u.record(http.StatusOK, "DELETE", item, nil), object{"deleted": true, "id": id(grace)})
	u.ask(http.StatusNotFound, "DELETE", item, nil)
	if rows, _ := u.list(path + "/contacts"); len(rows) != 0 {
		t.Errorf("the deal's contacts are %v", rows)
	}
}

func dayOfNumbers(t *testing.T, u user, company object, rep crm.Owner) {
	t.Helper()
	_, _, raw := u.raw("GET", "/api/companies/"+id(company)+"?includeStats=true", u.key, nil)
	if !strings.Contains(string(raw), `"contactCount":2,"dealsCount":1,"dealsValue":12500.00}`) {
		t.Errorf("the company's numbers: %s", raw)
	}
	euros := u.make("/api/deals", object{"name": "Euros", "company_id": id(company), "value": 12, "currency": "eur"})
	_, _, raw = u.raw("GET", "/api/companies?includeStats=true", u.key, nil)
	if !strings.Contains(string(raw), `"dealsCount":2,"dealsValue":12500.00,"dealsValueByCurrency":{"EUR":12.00,"GBP":12500.00}}`) {
		t.Errorf("the companies' numbers: %s", raw)
	}
	owners, _ := u.list("/api/owners")
	for _, o := range owners {
		if o["id"] == rep.ID.String() {
			expect(t, o, object{"deal_count": 2, "total_value": 12500, "total_valueByCurrency": object{"EUR": float64(12), "GBP": float64(12500)}})
		} else {
			expect(t, o, object{"deal_count": 0, "total_value": 0})
		}
	}
	u.ask(http.StatusOK, "DELETE", "/api/deals/"+id(euros), nil)
}

// dayOfQueries addresses a contact by query, as the front end does.
func dayOfQueries(t *testing.T, u user, grace, company object) {
	t.Helper()
	plain, joined := "/api/contacts?id="+id(grace), "/api/contacts/"+id(grace)+"?includeCompany=true"
	if diff := cmp.Diff(u.get("/api/contacts/"+id(grace)), u.get(plain)); diff != "" {
		t.Errorf("named in the query, a contact differs:\n%s", diff)
	}
	if diff := cmp.Diff(u.get(joined), u.get(plain+"&includeCompany=true")); diff != "" {
		t.Errorf("with its company, a contact named in the query differs:\n%s", diff)
	}
	want := any(object{"id": id(company), "name": "Acme Corporation", "domain": "acme.example", "size": "medium", "industry": "toys", "website": nil})
	rows, _ := u.list("/api/companies/" + id(company) + "/contacts?includeCompany=true&sort=name")
	if mapped(rows, "full_name") != "Ada King Grace" {
		t.Errorf("the company's contacts are %s", mapped(rows, "full_name"))
	}
	for _, contact := range append(rows, u.get(joined)) {
		if diff := cmp.Diff([]any{want, want}, []any{contact["companies"], contact["company"]}); diff != "" {
			t.Errorf("a contact's company (-want +got)\n%s", diff)
		}
	}
	owner, me := u.get("/api/contacts/"+id(grace)+"/owner"), u.get("/api/user")
	delete(me, "is_admin")
	expect(t, owner, me) // who made her
	expect(t, owner, object{"name": me["full_name"], "title": me["stage"], "assigned_date": grace["created_at"]})
	expect(t, u.change(plain, object{"title": "CEO"}), object{"title": "CEO", "first_name": "Grace"})

	made := u.make("/api/contacts", object{"last_name": "Brief"})
	u.record(http.StatusOK, "DELETE", "/api/contacts?id="+id(made), nil)
	u.ask(http.StatusNotFound, "GET", "/api/contacts?id="+id(made), nil)
	u.ask(http.StatusNotFound, "DELETE", "/api/contacts?id="+id(made), nil)
	u.ask(http.StatusBadRequest, "DELETE", "/api/contacts", nil)
}
