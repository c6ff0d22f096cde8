package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// badInput is a request that must be rejected, and the expected problem.
type badInput struct {
	name, method, path string
	body               any
	want               int
	complains          string // JSON pointers and parameters, in any order
	says               string // part of the detail
}

// Every invalid request is a specific problem, none is a 500, and nothing is partly written.
func TestBadInput(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Bad input", crm.RoleManager)
		other := newUser(c, "Another organisation", crm.RoleManager)
		company := u.make("/api/companies", object{"name": "Acme", "domain": "acme.example", "external_id": "A1"})
		contact := u.make("/api/contacts", object{"first_name": "Ada", "email": "ada@acme.example"})
		deal := u.make("/api/deals", object{"name": "Deal", "value": 10, "external_id": "D1"})
		foreign := other.make("/api/companies", object{"name": "Foreign"})
		before := u.everything()

		for _, test := range badInputs(id(company), id(contact), id(deal), id(foreign)) {
			t.Run(test.name, func(t *testing.T) {
				u := u.in(t)
				status, header, answer := u.do(test.method, test.path, u.key, test.body)
				if status != test.want {
					t.Fatalf("%d, want %d: %v", status, test.want, answer)
				}
				if got := header.Get("Content-Type"); got != "application/problem+json" {
					t.Errorf("Content-Type = %s", got)
				}
				expect(t, answer, object{"status": test.want, "data": nil, "error": answer["detail"], "title": titles[test.want]})
				if got := invalid(answer); !sameWords(got, test.complains) {
					t.Errorf("it complains of %q, want %q: %v", got, test.complains, answer["detail"])
				}
				detail, _ := answer["detail"].(string)
				if detail == "" || !strings.Contains(detail, test.says) {
					t.Errorf("the detail is %q, which does not say %q", detail, test.says)
				}
				for _, word := range strings.Fields(test.complains) {
					if name := word[strings.LastIndexAny(word, "/?")+1:]; !strings.Contains(detail, name) {
						t.Errorf("the detail does not name %s: %s", name, detail)
					}
				}
				for _, secret := range []string{id(foreign), "SELECT", "INSERT", ".go:", "sqlite", "pgx"} {
					if strings.Contains(detail, secret) {
						t.Errorf("the detail tells %s: %s", secret, detail)
					}
				}
			})
		}
		if diff := cmp.Diff(before, u.everything()); diff != "" {
			t.Errorf("something was written:\n%s", diff)
		}
	})
}

// everything returns all records of an organisation.
func (u user) everything() object {
	u.t.Helper()
	all := object{}
	for _, path := range []string{"/api/companies", "/api/contacts", "/api/deals?includeRelationships=true", "/api/deal-stages", "/api/owners", "/api/activities", "/api/tasks"} {
		_, all[path] = u.list(path)
	}
	return all
}

func badInputs(company, contact, deal, foreign string) []badInput {
	const nowhere = "019a3c5e-7000-7000-8000-0000000000ff"
	oneDeal, companies, contacts, deals := "/api/deals/"+deal, "/api/companies", "/api/contacts", "/api/deals"
	long := func(n int) string { return strings.Repeat("x", n) }
	return []badInput{
		{"WrongTypes", "POST", deals, object{"name": 7, "value": "12x", "probability": 1.5, "owner_id": true, "expected_close_date": 5}, 422,
			"#/name #/value #/probability #/owner_id #/expected_close_date", "must be a whole number"},
		{"WrongTypesAndBrokenRules", "PATCH", oneDeal, object{"value": "12x", "name": "", "currency": "XXX1", "priority": "urgent", "colour": 1}, 422,
			"#/value #/name #/currency #/priority #/colour", "must not be empty"},
		{"WrongTypesAndReferences", "POST", deals, object{"name": []string{}, "company_id": nowhere, "primary_contact_id": foreign, "stage_id": nowhere}, 422,
			"#/name #/company_id #/primary_contact_id #/stage_id", "does not exist"},
		{"NothingAtAll", "POST", companies, object{}, 422, "#/name", "must not be empty"},
		{"NameCleared", "PATCH", companies + "/" + company, object{"name": nil}, 422, "#/name", "must not be empty"},
		{"TooLong", "POST", companies, object{"name": long(256), "phone": long(51), "description": long(10_001)}, 422, "#/name #/phone #/description", "at most 255"},
		{"OutOfRange", "PATCH", oneDeal, object{"probability": 101, "value": -1, "annual_value": 1e20}, 422, "#/probability #/value #/annual_value", "between 0 and 100"},
		{"HugeNumber", "PATCH", oneDeal, `{"probability":1e400}`, 422, "#/probability", "between 0 and 100"},
		{"ThreeDecimals", "PATCH", oneDeal, `{"value":1.005}`, 422, "#/value", "two decimal places"},
		{"ImpossibleDate", "PATCH", oneDeal, object{"expected_close_date": "2026-02-30"}, 422, "#/expected_close_date", "must be a date"},
		{"ImpossibleInstant", "PATCH", oneDeal, object{"closed_at": "2026-01-31T25:00:00Z", "status": "won"}, 422, "#/closed_at", "must be a date-time"},
		{"NulInText", "PATCH", oneDeal, object{"description": "a\x00b"}, 422, "#/description", "NUL"},
		{"BadEnum", "POST", companies, object{"name": "X", "size": "huge"}, 422, "#/size", "startup, small, medium, large, enterprise"},
		{"BadDomain", "POST", companies, object{"name": "X", "domain": "not a domain"}, 422, "#/domain", "host name"},
		{"BadEmail", "POST", contacts, object{"first_name": "X", "email": "x@"}, 422, "#/email", "e-mail address"},
		{"ScriptLink", "POST", companies, object{"name": "X", "website": "javascript:alert(1)"}, 422, "#/website", "web address"},
		{"UnknownMembers", "POST", companies, object{"name": "X", "nickname": "Y", "a/b": 1}, 422, "#/nickname #/a~1b", "is not a known member"},
		{"MemberTwice", "POST", companies, `{"name":"X","name":"Y"}`, 422, "#/name", "must not be given twice"},
		{"UnknownReference", "PATCH", oneDeal, object{"company_id": nowhere}, 422, "#/company_id", "does not exist"},
		{"ForeignReference", "PATCH", oneDeal, object{"company_id": foreign}, 422, "#/company_id", "does not exist"},
		{"ReferenceOfAnotherKind", "PATCH", oneDeal, object{"company_id": contact}, 422, "#/company_id", "does not exist"},
		{"BadReference", "PATCH", oneDeal, object{"company_id": "acme"}, 422, "#/company_id", "must be a UUID"},
		{"StageCleared", "PATCH", oneDeal, object{"stage_id": nil}, 422, "#/stage_id", "must not be null"},
		{"FormNumber", "POST", deals, object{"name": "X", "value": "1,000", "one_off_revenue": "1e3", "monthly_mrr": " 5 ", "annual_value": "\u200b", "probability": "5.5"}, 422,
			"#/value #/one_off_revenue #/monthly_mrr #/annual_value #/probability", `annual_value must be a number with at most two decimal places, not "\u200b"`},
		{"FormThirdDecimal", "PATCH", oneDeal, object{"value": "1.005"}, 422, "#/value", `not "1.005"`},
		{"FormBeyondBounds", "PATCH", oneDeal, object{"value": "1000000000000.00", "probability": "101"}, 422, "#/value #/probability", "must be between"},
		{"FormRequired", "PATCH", oneDeal, object{"probability": "", "currency": "", "status": "", "stage_id": ""}, 422, "#/probability #/currency #/status #/stage_id", "must not be"},
		{"FormInvisible", "POST", contacts, object{"first_name": "X", "email": "\u200b", "company_id": "\u200b"}, 422, "#/email #/company_id", `not "\u200b"`},
		{"NobodyAtAll", "POST", contacts, object{"title": "CEO"}, 422, "#/first_name", ""},
		{"BadRole", "PUT", oneDeal + "/contacts/" + contact, object{"role": "friend"}, 422, "#/role", "decision_maker"},
		{"NoRole", "PUT", oneDeal + "/contacts/" + contact, object{}, 422, "#/role", "must be one of"},
		{"RoleOfWrongType", "PUT", oneDeal + "/contacts/" + contact, object{"role": 1}, 422, "#/role", "must be a string"},
		{"BadActivity", "POST", "/api/activities", object{"status": "won", "quantity": -1, "date": "yesterday", "amount": "x", "deal_id": nowhere, "external_id": "x"}, 422,
			"#/type #/status #/quantity #/date #/amount #/deal_id #/external_id", "must be a date-time such as 2026-01-31T09:30:00Z, or a date"},
		{"ForeignInActivity", "POST", "/api/activities", object{"type": "call", "company_id": foreign, "contact_id": deal, "owner_id": contact}, 422,
			"#/company_id #/contact_id #/owner_id", "does not exist"},
		{"DateCleared", "POST", "/api/activities", object{"type": "call", "date": nil}, 422, "#/date", "must not be null"},
		{"BadTask", "POST", "/api/tasks", object{"priority": "top", "status": "done", "task_type": "visit", "due_date": "2026-02-30", "completed": 1, "assigned_to": nowhere}, 422,
			"#/title #/priority #/status #/task_type #/due_date #/completed #/assigned_to", "pending, in_progress, completed, cancelled, overdue"},
		{"TaskDoneAndNot", "POST", "/api/tasks", object{"title": "X", "status": "pending", "completed": true}, 422, "#/completed", "must be false with the status pending"},
		{"TaskDoneAndOverdue", "POST", "/api/tasks", object{"title": "X", "status": "overdue", "completed": true}, 422, "#/completed", "must be false with the status overdue"},

		{"DuplicateDomain", "POST", companies, object{"name": "X", "domain": "ACME.example"}, 409, "#/domain", "already used"},
		{"DuplicateEmail", "POST", contacts, object{"first_name": "X", "email": "ADA@acme.example"}, 409, "#/email", "already used"},
		{"DuplicateExternalID", "POST", deals, object{"name": "X", "external_id": "D1"}, 409, "#/external_id", "already used"},
		{"TwoDuplicates", "POST", companies, object{"name": "X", "domain": "acme.example", "external_id": "A1"}, 409, "#/domain #/external_id", "already used"},

		{"NotJSON", "POST", companies, `{"name":`, 400, "", "not valid JSON"},
		{"Trailing", "POST", companies, `{"name":"X"}{"name":"Y"}`, 400, "", "not valid JSON"},
		{"NoObject", "POST", companies, `[{"name":"X"}]`, 400, "", "must be a JSON object"},
		{"EmptyBody", "POST", companies, "", 400, "", "empty"},
		{"NotUTF8", "POST", companies, []byte("{\"name\":\"\xff\"}"), 400, "", "UTF-8"},
		{"NestingWithoutEnd", "POST", companies, `{"name":` + strings.Repeat("[", 100_000), 400, "", "nested"},
		{"NestedObjects", "POST", companies, `{"name":` + strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 66), 400, "", "nested"},
		{"TooLarge", "POST", companies, object{"name": long(1 << 20)}, 413, "", "larger than 1048576 bytes"},

		{"LimitTen", "GET", deals + "?limit=ten", nil, 400, "limit", "must be a whole number"},
		{"LimitZero", "GET", deals + "?limit=0", nil, 422, "limit", "between 1 and 1000"},
		{"LimitNegative", "GET", deals + "?limit=-1", nil, 422, "limit", "between 1 and 1000"},
		{"LimitLarge", "GET", companies + "?limit=100000", nil, 422, "limit", "between 1 and 1000"},
		{"UnknownSort", "GET", contacts + "?sort=value", nil, 422, "sort", "must be one of"},
		{"ManyParameters", "GET", deals + "?limit=0&sort=x&ownerId=nope&status=open", nil, 400, "limit sort ownerId status", "must be a UUID"},
		{"BothNames", "GET", deals + "?ownerId=" + company + "&owner_id=" + contact, nil, 400, "ownerId", "different values"},
		{"BadFilters", "GET", "/api/tasks?assignedTo=me&status=late&sort=name", nil, 400, "assignedTo status sort", "must be a UUID"},
		{"BadType", "GET", "/api/activities?type=visit", nil, 422, "type", "outbound, meeting"},
		{"EmptyValue", "GET", deals + "?status=won,,lost", nil, 422, "status", "position 2 of 3 is empty"},
		{"NullOrID", "GET", deals + "?ownerId=null,abc", nil, 400, "ownerId", `or null: "abc" is not`},
		{"NullOfRequired", "GET", deals + "?status=null&stageId=null", nil, 400, "status stageId", "must be one of active, won, lost"},
		{"OneOfSeveral", "GET", deals + "?priority=low,urgent", nil, 422, "priority", `"urgent" is not`},
		{"ManyValues", "GET", deals + "?ownerId=" + strings.Repeat(nowhere+",", 50) + nowhere, nil, 422, "ownerId", "at most 50 values, not 51"},
		{"ManyTimesNull", "GET", deals + "?ownerId=" + strings.Repeat("null,", 50) + "null", nil, 422, "ownerId", "at most 50 values, not 51"},
		{"ValueOfThreeDecimals", "GET", deals + "?minValue=1.005", nil, 422, "minValue", "two decimal places"},
		{"ValueTooGreat", "GET", deals + "?maxValue=1e15", nil, 422, "maxValue", "must be"},
		{"ValueOfLetters", "GET", deals + "?minValue=1,000", nil, 400, "minValue", "must be a number"},
		{"ReversedValues", "GET", deals + "?minValue=2&maxValue=1.99", nil, 422, "maxValue", "minValue"},
		{"ReversedDays", "GET", deals + "?closeFrom=2026-02-01&closeTo=2026-01-31&closeAfter=2026-02-01&closeBefore=2026-01-31&closedFrom=2026-02-01&closedTo=2026-01-31", nil, 422,
			"closeTo closeBefore closedTo", "closeAfter"},
		{"ReversedActivities", "GET", "/api/activities?startDate=2026-02-01&endDate=2026-01-31T23:59:59Z", nil, 422, "endDate", "startDate"},
		{"ReversedTasks", "GET", "/api/tasks?dueAfter=2026-02-01&dueBefore=2026-01-31", nil, 422, "dueBefore", "dueAfter"},
		{"ImpossibleDays", "GET", deals + "?closedFrom=2026-02-30&closeTo=tomorrow", nil, 400, "closedFrom closeTo", "must be a date"},
		{"BadDomainFilter", "GET", companies + "?domain=not+a+domain", nil, 422, "domain", "host name"},
		{"BadEmailFilter", "GET", contacts + "?email=ada", nil, 422, "email", "e-mail address"},
		{"UnknownParameters", "GET", deals + "?statuss=won&limit=0&%ff=1&=1", nil, 400, "statuss limit \ufffd \"\"", "closedTo"},
		{"BadCursor", "GET", deals + "?cursor=abc", nil, 400, "cursor", "must be a cursor"},
		{"BadPercent", "GET", deals + "?limit=%zz", nil, 400, "?", "percent-encoded"},
		{"BadInclude", "GET", companies + "?includeStats=yes", nil, 400, "includeStats", "true or false"},
		{"BadIncludeOfOne", "GET", oneDeal + "?includeRelationships=yes", nil, 400, "includeRelationships", "true or false"},

		{"UnknownPath", "GET", "/api/nothing", nil, 404, "", "nothing at this path"},
		{"UnknownThing", "GET", companies + "/" + nowhere, nil, 404, "", "no such company"},
		{"NoID", "PATCH", companies + "/42", object{"name": "X"}, 404, "", "no such company"},
		{"WrongMethod", "DELETE", companies, nil, 405, "", "GET, HEAD, POST, OPTIONS"},
	}
}

// sameWords compares two lists of words without regard to their order.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestWrongContentType(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Content types", crm.RoleManager)
	for contentType, want := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "application/merge-patch+json": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/json; charset=latin1": 415,
	} {
		status, _, answer := u.raw("POST", "/api/companies", u.key, `{"name":"X"}`, "Content-Type", contentType)
		if status != want {
			t.Errorf("%s: %d, want %d: %s", contentType, status, want, answer)
		}
	}
	if n := u.total("/api/companies"); n != 3 {
		t.Errorf("%d companies were made, want 3", n)
	}
}

// A cursor is bound to organisation, list, filters and sort; the problem says what differs.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u, other := newUser(c, "Mine", crm.RoleManager), newUser(c, "Theirs", crm.RoleManager)
		for range 3 {
			u.make("/api/deals", object{"name": "Deal"})
			u.make("/api/companies", object{"name": "Company"})
			other.make("/api/deals", object{"name": "Deal"})
		}
		_, page := u.list("/api/deals?limit=1")
		token := at(page, "pagination", "nextCursor").(string)
		for _, company := range []string{"One", "Two"} {
			owner := u.make("/api/companies", object{"name": company})
			for range 2 {
				u.make("/api/deals", object{"name": "Deal", "company_id": id(owner)})
			}
		}
		companies, _ := u.list("/api/companies?sort=-created_at&limit=2")
		_, page = u.list("/api/companies/" + id(companies[0]) + "/deals?limit=1")
		ofTwo := at(page, "pagination", "nextCursor").(string)
		if rows, _ := u.list("/api/deals?limit=2&includeRelationships=true&cursor=" + token); len(rows) != 2 {
			t.Errorf("the rest has %d rows, want 2", len(rows))
		}
		// A company's deals are the same list as the deals filtered by that company.
		if rows, _ := u.list("/api/deals?company_id=" + id(companies[0]) + "&cursor=" + ofTwo); len(rows) != 1 {
			t.Errorf("the rest has %d rows, want 1", len(rows))
		}
		altered := token[:len(token)-2] + map[bool]string{true: "AA", false: "gA"}[token[len(token)-2:] != "AA"]
		for path, by := range map[string]user{
			"/api/companies?cursor=" + token:                                u,
			"/api/companies/" + id(companies[1]) + "/deals?cursor=" + ofTwo: u,
			"/api/deals?cursor=" + ofTwo:                                    u,
			"/api/deals?sort=name&cursor=" + token:                          u,
			"/api/deals?sort=updated_at&cursor=" + token:                    u,
			"/api/deals?status=active&cursor=" + token:                      u,
			"/api/deals?cursor=" + altered:                                  u,
			"/api/deals?limit=2&cursor=" + token:                            other,
		} {
			answer := by.ask(http.StatusBadRequest, "GET", path, nil)
			if invalid(answer) != "cursor" || !strings.Contains(answer["detail"].(string), "unaltered, with the list, filters and sort") {
				t.Errorf("%s: %v", path, answer["detail"])
			}
		}
	})
}

// titles are the phrases of RFC 9110.
var titles = map[int]string{
	http.StatusBadRequest: "Bad Request", http.StatusNotFound: "Not Found", http.StatusMethodNotAllowed: "Method Not Allowed", http.StatusConflict: "Conflict",
	http.StatusRequestEntityTooLarge: "Content Too Large", http.StatusUnsupportedMediaType: "Unsupported Media Type",
	http.StatusUnprocessableEntity: "Unprocessable Content",
}
