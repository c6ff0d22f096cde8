package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// The members of each kind of record, as the front end reads them.
const (
	ownerMembers   = "id first_name last_name full_name email stage avatar_url role external_id created_at updated_at"
	companyMembers = "id name domain industry size website address phone description linkedin_url owner_id external_id created_at updated_at"
	contactMembers = "id first_name last_name full_name email phone title linkedin_url is_primary company_id owner_id external_id created_at updated_at"
	stageMembers   = "id name description color order_position default_probability outcome created_at updated_at"
	dealMembers    = "id name company company_id primary_contact_id contact_name contact_email contact_phone contact_identifier contact_identifier_type value currency " +
		"one_off_revenue monthly_mrr description stage_id stage_changed_at probability status priority annual_value deal_size lead_source_type lead_source_channel " +
		"next_steps expected_close_date first_billing_date closed_at owner_id external_id created_at updated_at"
	activityMembers = "id type status priority description amount quantity date contact_id company_id deal_id owner_id created_at updated_at"
	taskMembers     = "id title description notes due_date completed completed_at priority status task_type assigned_to created_by deal_id company_id contact_id created_at updated_at"

	flatCompany    = "company_name company_domain company_size company_industry"
	companyOfDeal  = "id name domain size industry website linkedin_url"
	contactOfDeal  = "id first_name last_name full_name email phone title linkedin_url is_primary"
	companySummary = "id name domain size industry website"
	followUp       = "source id title description priority due_date completed"
	joinedToDeal   = flatCompany + " contact_title stage_name stage_color stage_probability default_probability daysInStage companies contacts deal_stages deal_contacts"
)

// TestShapes: answers have the members that the front end reads, and no others.
func TestShapes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Shapes", crm.RoleAdmin)
		c.person(u.org, "Pat Person", "pat@acme.example", crm.RoleRep)
		company := id(u.make("/api/companies", object{"name": "Acme", "domain": "acme.example"}))
		contact := id(u.make("/api/contacts", object{"first_name": "Ada", "email": "ada@acme.example", "company_id": company}))
		further := id(u.make("/api/contacts", object{"first_name": "Grace"}))
		deal := id(u.make("/api/deals", object{"name": "Deal", "value": 10, "company_id": company, "primary_contact_id": contact}))
		u.make("/api/deals", object{"name": "Alone"})
		u.record(200, "PUT", "/api/deals/"+deal+"/contacts/"+further, object{"role": "champion"})
		activity := id(u.make("/api/activities", object{"type": "call", "contact_id": contact, "company_id": company, "deal_id": deal}))
		task := id(u.make("/api/tasks", object{"title": "Task", "contact_id": contact, "due_date": "2026-01-31"}))
		stage := u.get("/api/deals/" + deal)["stage_id"].(string)

		for path, want := range map[string]string{
			"/api/user":                           ownerMembers + " is_admin",
			"/api/owners":                         ownerMembers + " deal_count total_value",
			"/api/contacts/" + contact + "/owner": ownerMembers + " name title assigned_date",

			"/api/companies":                                   companyMembers,
			"/api/companies?includeStats=true":                 companyMembers + " contactCount dealsCount dealsValue",
			"/api/companies/" + company:                        companyMembers,
			"/api/companies/" + company + "?includeStats=true": companyMembers + " contactCount dealsCount dealsValue",
			"/api/companies/" + company + "/contacts":          contactMembers,
			"/api/companies/" + company + "/deals":             dealMembers,
			"/api/companies/" + company + "/activities":        activityMembers + " company_name",
			"/api/companies/" + company + "/stats":             "contactCount dealsCount dealsValue openDeals openValue wonDeals wonValue lostDeals lastActivityAt",

			"/api/contacts":                                                 contactMembers,
			"/api/contacts?includeCompany=true":                             contactMembers + " company company_website companies " + flatCompany,
			"/api/contacts/" + contact:                                      contactMembers,
			"/api/contacts/" + contact + "?includeCompany=true":             contactMembers + " company company_website companies " + flatCompany,
			"/api/contacts/" + contact + "/deals":                           dealMembers + " stage_name stage_color default_probability",
			"/api/contacts?id=" + contact + "&deals=true":                   dealMembers + " stage_name stage_color default_probability",
			"/api/contacts/" + contact + "/deals?includeRelationships=true": dealMembers + " " + joinedToDeal,
			"/api/contacts/" + contact + "/activities":                      activityMembers + " company_name",
			"/api/contacts/" + contact + "/tasks":                           followUp,
			"/api/contacts/" + contact + "/stats":                           "meetings emails calls totalDeals activeDeals totalDealsValue engagementScore recentActivities",
			"/api/contacts?id=" + contact + "&stats=true":                   "meetings emails calls totalDeals activeDeals totalDealsValue engagementScore recentActivities",
			"/api/contacts?id=" + contact + "&owner=true":                   ownerMembers + " name title assigned_date",

			"/api/deals":                                        dealMembers,
			"/api/deals?includeRelationships=true":              dealMembers + " " + joinedToDeal,
			"/api/deals/" + deal:                                dealMembers,
			"/api/deals/" + deal + "?includeRelationships=true": dealMembers + " " + joinedToDeal,
			"/api/deals/" + deal + "/contacts":                  "contact_id role contact",
			"/api/deals/" + deal + "/activities":                activityMembers + " company_name",
			"/api/deals/" + deal + "/history":                   "stage_id stage_name entered_at exited_at duration_seconds user_id",

			"/api/activities": activityMembers, "/api/activities/" + activity: activityMembers,
			"/api/tasks": taskMembers, "/api/tasks/" + task: taskMembers,
			"/api/deal-stages": stageMembers, "/api/stages": stageMembers, "/api/deal-stages/" + stage: stageMembers,

			"/api/search?q=acme":   "kind id title subtitle owner_id rank updated_at",
			"/api/dashboard":       "totals by_month by_stage by_owner activities",
			"/api/changes?since=0": "seq entity id op actor_id key_id at refs",
		} {
			rows := u.rows(path)
			if len(rows) == 0 {
				t.Errorf("%s is empty", path)
			}
			for _, row := range rows {
				hasMembers(t, path, row, want)
			}
		}

		joined := u.get("/api/deals/" + deal + "?includeRelationships=true")
		for name, want := range map[string]string{
			"companies": companyOfDeal, "contacts": contactOfDeal, "deal_stages": "id name color default_probability", "deal_contacts": "contact_id role contact",
		} {
			for _, row := range rowsOf(joined[name]) {
				hasMembers(t, name+" of a deal", row, want)
			}
		}
		hasMembers(t, "further contact", at(rowsOf(joined["deal_contacts"])[0], "contact").(object), "id full_name email title")
		person := u.get("/api/contacts/" + contact + "?includeCompany=true")
		hasMembers(t, "companies of a contact", person["companies"].(object), companySummary)
		hasMembers(t, "company of a contact", person["company"].(object), companySummary)
		expect(t, person, object{"company_name": "Acme", "company_domain": "acme.example", "company_website": nil})
		for _, list := range []string{"/api/contacts/" + contact + "/activities", "/api/companies/" + company + "/activities", "/api/deals/" + deal + "/activities"} {
			expect(t, u.rows(list)[0], object{"company_name": "Acme"})
		}
		expect(t, u.rows("/api/contacts/" + contact + "/deals")[0], object{"stage_name": "Lead", "default_probability": 10})
		board := u.get("/api/dashboard")
		for name, want := range map[string]string{
			"totals":     "currency won_value won_count lost_value lost_count open_value open_count weighted_value win_rate average_won_value average_days_to_close",
			"by_stage":   "stage_id name color order_position currency count value weighted_value",
			"by_owner":   "owner_id full_name currency won_value won_count lost_count open_value open_count win_rate",
			"activities": "type count amount",
		} {
			for _, row := range rowsOf(board[name]) {
				hasMembers(t, name+" of the dashboard", row, want)
			}
		}
	})
}

// rows returns the data of an answer: the rows of a list, or the one record.
func (u user) rows(path string) []object {
	u.t.Helper()
	return rowsOf(u.ask(200, "GET", path, nil)["data"])
}

func rowsOf(data any) (rows []object) {
	switch d := data.(type) {
	case object:
		return []object{d}
	case []any:
		for _, row := range d {
			rows = append(rows, row.(object))
		}
	}
	return rows
}

func hasMembers(tb testing.TB, what string, record object, want string) {
	tb.Helper()
	got := []string{}
	for name := range record {
		got = append(got, name)
	}
	wanted := strings.Fields(want)
	slices.Sort(got)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, got); diff != "" {
		tb.Errorf("%s: the members (-want +got)\n%s", what, diff)
	}
}

// TestRecentActivities: a contact's statistics have the latest five, newest first.
func TestRecentActivities(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Recent", crm.RoleManager)
		contact := id(u.make("/api/contacts", object{"first_name": "Ada"}))
		path := "/api/contacts/" + contact + "/stats"
		if recent := rowsOf(u.get(path)["recentActivities"]); len(recent) != 0 {
			t.Errorf("there are %d", len(recent))
		}
		for day := 1; day <= 6; day++ {
			u.make("/api/activities", object{"type": "note", "description": fmt.Sprint(day), "contact_id": contact, "date": fmt.Sprintf("2026-01-%02d", day)})
		}
		u.make("/api/activities", object{"type": "note", "description": "of another"})
		recent := rowsOf(u.get(path)["recentActivities"])
		if got := mapped(recent, "description"); got != "6 5 4 3 2" || recent[0]["created_at"] == nil {
			t.Errorf("they are %s", got)
		}
	})
}

// TestDaysInStage: the days are those of the calendar in UTC, and answers with them are cached
// until midnight.
func TestDaysInStage(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var clock clock
			clock.advance(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour))) // noon
			u := newUser(run(t, newAppBy(t, clock.now, engine)), "Days", crm.RoleManager)
			path := "/api/deals/" + id(u.make("/api/deals", object{"name": "Deal"})) + "?includeRelationships=true"
			expect(t, u.get(path), object{"daysInStage": 0})
			clock.advance(12*time.Hour - 2*time.Minute)
			u.fill(path)
			if kept := u.hits(path); kept.ttl > 120 || !strings.Contains(kept.body, `"daysInStage":0`) {
				t.Errorf("before midnight: %s\n%s", kept.said, kept.body)
			}
			clock.advance(2 * time.Minute)
			expect(t, u.get(path), object{"daysInStage": 1})
			clock.advance(47 * time.Hour)
			expect(t, u.get(path), object{"daysInStage": 2})
			clock.advance(time.Hour)
			expect(t, u.get(path), object{"daysInStage": 3})
		})
	}
}
