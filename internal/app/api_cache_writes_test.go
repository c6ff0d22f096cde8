package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// A write invalidates the responses that it changes, and no others.
func TestWritesInvalidateWhatTheyChange(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Writes", crm.RoleManager)
		mine := c.person(u.org, "Ada Lovelace", "ada@example.com", crm.RoleRep).ID.String()
		theirs := c.person(u.org, "Grace Hopper", "grace@example.com", crm.RoleRep).ID.String()
		acme := id(u.make("/api/companies", object{"name": "Acme"}))
		deal := id(u.make("/api/deals", object{"name": "Mine", "value": 1, "owner_id": mine, "company_id": acme}))
		other := id(u.make("/api/deals", object{"name": "Theirs", "value": 2, "owner_id": theirs}))
		contact := id(u.make("/api/contacts", object{"first_name": "Ada", "company_id": acme}))
		const everything = "?includeRelationships=true"
		all := []string{
			"/api/deals", "/api/deals?ownerId=" + mine, "/api/deals?ownerId=" + theirs, "/api/deals?companyId=" + acme, "/api/deals?search=theirs",
			"/api/deals/" + deal, "/api/deals/" + deal + everything, "/api/deals/" + other, "/api/deals/" + other + everything,
			"/api/deals/" + deal + "/history", "/api/deals/" + deal + "/contacts",
			"/api/companies", "/api/companies?includeStats=true", "/api/companies/" + acme, "/api/companies/" + acme + "/stats", "/api/companies/" + acme + "/deals",
			"/api/contacts", "/api/contacts/" + contact, "/api/contacts?id=" + contact + "&stats=true", "/api/contacts?companyId=" + acme,
			"/api/deal-stages", "/api/owners", "/api/user", "/api/dashboard", "/api/dashboard?ownerId=" + theirs, "/api/search?q=ada", "/api/activities", "/api/tasks",
		}
		for _, write := range []struct {
			name, method, path string
			body               object
			changes            []string // responses that have the change
			may                []string // others that may be invalidated
		}{
			{
				"Deal", "PATCH", "/api/deals/" + deal, object{"value": 4711},
				[]string{
					"/api/deals", "/api/deals?ownerId=" + mine, "/api/deals?companyId=" + acme, "/api/deals/" + deal, "/api/deals/" + deal + everything,
					"/api/companies?includeStats=true", "/api/companies/" + acme + "/stats", "/api/companies/" + acme + "/deals", "/api/owners", "/api/dashboard",
				},
				[]string{
					"/api/deals?search=theirs", "/api/deals/" + deal + "/history", "/api/deals/" + deal + "/contacts",
					"/api/contacts?id=" + contact + "&stats=true", "/api/search?q=ada",
				},
			},
			{
				"Activity", "POST", "/api/activities", object{"type": "meeting", "company_id": acme, "amount": 4711, "date": "2024-04-07T04:07:11Z"},
				[]string{"/api/activities", "/api/companies/" + acme + "/stats", "/api/dashboard"}, nil,
			},
			{
				"Contact", "PATCH", "/api/contacts/" + contact, object{"title": "Number 4711"},
				[]string{"/api/contacts", "/api/contacts/" + contact, "/api/contacts?companyId=" + acme, "/api/search?q=ada"},
				[]string{"/api/companies?includeStats=true", "/api/companies/" + acme + "/stats", "/api/contacts?id=" + contact + "&stats=true", "/api/deals?search=theirs"},
			},
			{"Task", "POST", "/api/tasks", object{"title": "Call 4711"}, []string{"/api/tasks"}, nil},
			{
				"Company", "PATCH", "/api/companies/" + acme, object{"industry": "Number 4711"},
				[]string{"/api/companies", "/api/companies?includeStats=true", "/api/companies/" + acme, "/api/deals/" + deal + everything},
				[]string{
					"/api/companies/" + acme + "/stats", "/api/companies/" + acme + "/deals", "/api/search?q=ada", "/api/deals?search=theirs",
				},
			},
			{
				"Stage", "POST", "/api/deal-stages", object{"name": "Stage 4711"},
				[]string{"/api/deal-stages"}, []string{"/api/dashboard", "/api/dashboard?ownerId=" + theirs},
			},
		} {
			t.Run(write.name, func(t *testing.T) {
				u := u.in(t)
				u.fill(all...)
				status, _, answer := u.raw(write.method, write.path, u.key, write.body)
				if status != http.StatusOK && status != http.StatusCreated {
					t.Fatalf("%d: %s", status, answer)
				}
				changes, may := setOf(write.changes), setOf(write.may)
				for _, path := range all {
					switch {
					case may[path]:
					case !changes[path]:
						u.hits(path)
					default:
						if k := u.misses(path); !strings.Contains(k.body, "11") {
							t.Errorf("%s does not show the change: %s", path, k.body)
						}
					}
				}
			})
		}
	})
}

func setOf(all []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range all {
		set[s] = true
	}
	return set
}

// uncachedReads are the reads that are not cached, and why. A path without a query stands
// for all of its queries.
var uncachedReads = map[string]string{
	"/api/changes":              "it is what tells caches what has changed",
	"/api/performance/stats":    "figures of the moment",
	"/api/performance/analysis": "the same",
	"/api/performance/analyses": "they concern no organisation",
	"/api/limits":               "the same",
	"/api/auth/sessions":        "the time of its last use is not in the log",
	"/api/users/{id}/sessions":  "the same",
	"/api/auth/tokens":          "they are not in the log",
	"/api/audit":                "readers of the trail look for what is new",
	"/api/users":                "the last sign-in is not in the change log",
	"/api/users/{id}":           "the same",
	"/api/outbox":               "messages are not in the log",
	"/api/outbox/{id}":          "the same",
	"/api/outbox/{id}/eml":      "the same",
	"/api/keys":                 "when a key was used last is not in the log",
	"/api/keys/{id}":            "the same",
	"/api/jobs":                 "jobs are not in the change log",
	"/api/jobs/{id}":            "the same",
	"/api/jobs/{id}/result":     "the same",
	"/api/jobs/stats":           "the same",
	"/api/schedules":            "schedules are not in the change log",
	"/api/schedules/{id}":       "the same",
	"/api/exports/{id}":         "it is a file",

	"/api/webhooks":                 "what was delivered is not in the log",
	"/api/webhooks/{id}":            "the same",
	"/api/webhooks/{id}/deliveries": "the same",
	"/api/imports":                  "the records of imports are not in the change log",
	"/api/imports/{id}":             "the same",
	"/api/imports/{id}/rejected":    "the same",
}

// Every read of the API document, with each of its parameters, is cached unless there is a
// reason. This also shows that it reads nothing that it does not declare: such a response
// is not cached.
func TestEveryReadIsCached(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Every read", crm.RoleAdmin)
		ours := u.ours()
		tried, without := 0, map[string]bool{}
		for _, op := range c.document().operations() {
			if op.method != http.MethodGet || op.open {
				continue
			}
			for _, q := range queriesOf(op) {
				name := op.path + q
				path := isolation{own: ours}.fill(op.path, pathIDs(t, op.path), 0)
				for kind, id := range ours {
					q = strings.ReplaceAll(q, "{"+kind+"}", id)
				}
				if uncachedReads[name] != "" || uncachedReads[op.path] != "" {
					without[name], without[op.path] = true, true
					status, header, body := u.raw("GET", path+q, u.key, nil)
					if status != http.StatusOK || strings.Contains(header.Get("Cache-Status"), "stored") {
						t.Errorf("%s: %d, %s\n%s", name, status, header.Get("Cache-Status"), body)
					}
					continue
				}
				tried++
				first := u.looked("GET", path+q)
				if again := u.looked("GET", path+q); first.status != http.StatusOK || !again.hit || again.body != first.body {
					t.Errorf("%s: %d, first %q and then %q\n%.300s", name, first.status, first.said, again.said, first.body)
				}
			}
		}
		for name := range uncachedReads {
			if !without[name] {
				t.Errorf("%s is an exception to nothing", name)
			}
		}
		if tried < 150 {
			t.Errorf("only %d reads were tried", tried)
		}
	})
}

// queriesOf returns an operation's queries: none, and one with each parameter. The kind of
// a record in braces stands for its id.
func queriesOf(op apiOperation) []string {
	all := []string{""}
	if op.method == "GET" && op.path == "/api/contacts" { // older forms
		all = append(all, "?id={contact}")
		for _, part := range []string{"stats", "deals", "activities", "owner", "tasks"} {
			all = append(all, "?id={contact}&"+part+"=true")
		}
	}
	for _, p := range op.query {
		name := p["name"].(string)
		values, _ := at(p, "schema", "enum").([]any)
		kind, format := at(p, "schema", "type"), at(p, "schema", "format")
		value := "1"
		switch {
		case name == "cursor":
			continue // comes from a page, and is cached like it
		case len(values) > 0:
			value = values[0].(string)
		case name == "id":
			value = "{contact}"
		case format == "uuid":
			value = "{" + kinds[name] + "}"
		case format == "date", at(p, "schema", "examples") != nil:
			value = "2024-04-07"
		case name == "domain", name == "email":
			value = map[string]string{"domain": "acme.example", "email": "ada@acme.example"}[name]
		case kind == "boolean":
			value = "true"
		}
		all = append(all, "?"+name+"="+value)
	}
	return all
}

// Sub-resources that are addressed by query at the list's path take their own parameters,
// and are cached separately for each.
func TestSubresourcesByQueryAreCachedSeparately(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Parts", crm.RoleManager)
	ours := u.ours()
	u.make("/api/deals", object{"name": "Lost", "status": "lost", "primary_contact_id": ours["contact"]})
	for _, q := range []url.Values{{}, {"status": {"lost"}}, {"status": {"active"}}, {"includeRelationships": {"true"}}, {"minValue": {"1"}}} {
		own := u.looked("GET", "/api/contacts/"+ours["contact"]+"/deals?"+q.Encode())
		q.Set("id", ours["contact"])
		q.Set("deals", "true")
		for range 2 {
			if k := u.looked("GET", "/api/contacts?"+q.Encode()); k.body != own.body {
				t.Errorf("%s: %s\nwant %s", q.Encode(), k.body, own.body)
			}
		}
	}
}
