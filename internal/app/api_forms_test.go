package app_test

import (
	"strings"
	"testing"

	"sixty/internal/crm"
)

// The front end's forms send what their inputs hold: texts, and empty ones for what was not
// filled in.
func TestFormValues(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Forms", crm.RoleManager)
		t.Run("Deal", func(t *testing.T) { formDeal(t, u.in(t)) })
		t.Run("Others", func(t *testing.T) { formOthers(t, u.in(t)) })
		t.Run("SentAlong", func(t *testing.T) { formMembersSentAlong(t, u.in(t)) })
		t.Run("Primary", func(t *testing.T) { primaryOfNoCompany(t, u.in(t)) })
	})
}

func formDeal(t *testing.T, u user) {
	t.Helper()
	empty := object{
		"name": "Form", "value": "", "one_off_revenue": "", "monthly_mrr": "", "annual_value": "", "probability": "", "company_id": "", "primary_contact_id": "",
		"owner_id": "", "stage_id": "", "expected_close_date": "", "first_billing_date": "", "closed_at": "", "status": "", "priority": "", "currency": "",
		"contact_identifier_type": "", "contact_email": "", "contact_phone": "", "description": "",
	}
	standard := u.make("/api/deals", object{"name": "Form"})
	deal := u.make("/api/deals", empty)
	for _, name := range []string{"id", "created_at", "updated_at", "stage_changed_at"} {
		delete(standard, name)
	}
	expect(t, deal, standard)

	path := "/api/deals/" + id(deal)
	expect(t, u.change(path, object{"value": "1234567.89", "one_off_revenue": "0", "monthly_mrr": "0099.5", "annual_value": "5.00", "probability": "40.00", "priority": "low",
		"expected_close_date": "2026-03-31"}), object{
		"value": 1234567.89, "one_off_revenue": 0, "monthly_mrr": 99.5, "annual_value": 5, "probability": 40, "priority": "low", "expected_close_date": "2026-03-31",
	})
	_, _, raw := u.raw("GET", path, u.key, nil)
	if !strings.Contains(string(raw), `"value":1234567.89,`) {
		t.Errorf("the value is not there and back: %s", raw)
	}
	cleared := object{"value": "", "priority": "", "expected_close_date": "", "owner_id": "", "contact_email": ""}
	expect(t, u.record(200, "PUT", path, cleared), object{
		"value": nil, "priority": nil, "expected_close_date": nil, "owner_id": nil, "contact_email": nil, "probability": 40, "name": "Form",
	})
}

func formOthers(t *testing.T, u user) {
	t.Helper()
	for path, body := range map[string]object{
		"/api/companies":   {"name": "Form", "domain": "", "size": "", "website": "", "linkedin_url": "", "owner_id": "", "phone": ""},
		"/api/contacts":    {"first_name": "Form", "email": "", "linkedin_url": "", "company_id": "", "owner_id": ""},
		"/api/activities":  {"type": "call", "status": "", "priority": "", "amount": "", "quantity": "", "date": "", "contact_id": "", "company_id": "", "deal_id": "", "owner_id": ""},
		"/api/tasks":       {"title": "Form", "due_date": "", "completed_at": "", "priority": "", "status": "", "task_type": "", "assigned_to": "", "created_by": "", "deal_id": ""},
		"/api/deal-stages": {"name": "Form", "color": "", "order_position": "", "default_probability": "", "outcome": ""},
	} {
		made := u.make(path, body)
		for name, value := range body {
			if value != "" {
				continue
			}
			standard := map[string]any{"status": map[string]any{"/api/activities": "completed", "/api/tasks": "pending"}[path], "task_type": "general", "outcome": "open"}[name]
			switch {
			case standard != nil && made[name] != standard:
				t.Errorf("%s: %s is %v", path, name, made[name])
			case standard == nil && made[name] == "":
				t.Errorf("%s: %s is empty", path, name)
			}
		}
	}
	// A meeting of the form: counted and summed as it was typed.
	expect(t, u.make("/api/activities", object{"type": "sale", "amount": "10.5", "quantity": "2.0"}), object{"amount": 10.5, "quantity": 2})
}

// formMembersSentAlong: what the forms know of a record besides its own members is ignored.
func formMembersSentAlong(t *testing.T, u user) {
	t.Helper()
	for path, body := range map[string]object{
		"/api/companies": {"name": "Along"}, "/api/contacts": {"first_name": "Along"}, "/api/deals": {"name": "Along"},
		"/api/activities": {"type": "note"}, "/api/tasks": {"title": "Along"}, "/api/deal-stages": {"name": "Along"},
	} {
		for _, name := range []string{"id", "created_at", "updated_at", "stage_changed_at"} {
			if _, has := u.make(path, body)[name]; has {
				body[name] = "x"
			}
		}
		for _, name := range []string{"close_date", "client_name", "details", "sales_rep", "user_id"} {
			body[name] = "x"
		}
		made := u.make(path, body)
		u.change(path+"/"+id(made), body)
		body["sales_representative"] = "x"
		if answer := u.ask(422, "POST", path, body); invalid(answer) != "#/sales_representative" {
			t.Errorf("%s complains of %s", path, invalid(answer))
		}
	}
}

func primaryOfNoCompany(t *testing.T, u user) {
	t.Helper()
	company := u.make("/api/companies", object{"name": "Primary"})
	alone := u.make("/api/contacts", object{"first_name": "Alone", "is_primary": true})
	expect(t, alone, object{"is_primary": false, "company_id": nil})
	path := "/api/contacts/" + id(alone)
	expect(t, u.change(path, object{"is_primary": true}), object{"is_primary": false})
	expect(t, u.change(path, object{"is_primary": true, "company_id": id(company)}), object{"is_primary": true})
	expect(t, u.change(path, object{"company_id": ""}), object{"is_primary": false, "company_id": nil})
	expect(t, u.change(path, object{"company_id": id(company)}), object{"is_primary": false})
}
