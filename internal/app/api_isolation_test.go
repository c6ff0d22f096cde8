package app_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// records are the ids of one record of every kind, by its name in paths.
type records map[string]string

// ours creates a record of every kind.
func (u user) ours() records { u.t.Helper(); return u.oursOf("") }

// oursOf creates a record of every kind with an owner; "" is the creator. The stage has no
// owner, and no deals.
func (u user) oursOf(owner string) records {
	u.t.Helper()
	if owner == "" {
		owner = id(u.get("/api/user"))
	}
	unique := strings.ToLower(rand.Text()) + ".example"
	owned := object{"owner_id": owner}
	company := u.make("/api/companies", with(owned, object{"name": "Isolated", "domain": unique}))
	contact := u.make("/api/contacts", with(owned, object{"first_name": "Isolated", "company_id": id(company), "email": "isolated@" + unique}))
	deal := u.make("/api/deals", with(owned, object{"name": "Isolated", "company_id": id(company), "primary_contact_id": id(contact), "value": 1}))
	u.record(http.StatusOK, "PUT", "/api/deals/"+id(deal)+"/contacts/"+id(contact), object{"role": "champion"})
	about := object{"company_id": id(company), "contact_id": id(contact), "deal_id": id(deal)}
	activity := u.make("/api/activities", with(with(owned, about), object{"type": "call"}))
	task := u.make("/api/tasks", with(about, object{"title": "Isolated", "assigned_to": owner}))
	stage := u.make("/api/deal-stages", object{"name": unique})
	person := u.person(u.org, "Ida Isolated", "ida@"+unique, crm.RoleRep)
	_, key, err := u.app.Core().Keys.Create(u.t.Context(), crm.Operator(u.org), "Isolated", crm.RoleViewer, &person.ID)
	if err != nil {
		u.t.Fatal(err)
	}
	webhook, delivery := u.webhookOf(u.org)
	return records{
		"job": u.doneJob(u.org, owner).ID.String(), "schedule": u.aSchedule(u.org).ID.String(),
		"webhook": webhook.String(), "delivery": delivery.String(),
		"user": person.ID.String(), "key": key.ID.String(), "session": u.sessionOf(person).ID.String(), "message": u.message(),
		"activity": id(activity), "task": id(task), "export": u.exportOf(owner), "import": u.importOf(owner).ID.String(),
		"company": id(company), "contact": id(contact), "deal": id(deal), "stage": id(stage), "owner": owner,
	}
}

// kinds are the kinds of records by the names of ids in paths, parameters and bodies.
var kinds = map[string]string{
	"companies": "company", "contacts": "contact", "deals": "deal", "deal-stages": "stage", "stages": "stage", "contactId": "contact",
	"ownerId": "owner", "owner_id": "owner", "companyId": "company", "company_id": "company", "stageId": "stage", "stage_id": "stage",
	"contact_id": "contact", "primary_contact_id": "contact",
	"jobs": "job", "schedules": "schedule",
	"activities": "activity", "tasks": "task", "dealId": "deal", "deal_id": "deal",
	"assignedTo": "owner", "actorId": "owner", "actor_id": "owner", "assigned_to": "owner", "created_by": "owner", "user_id": "owner",
	"users": "user", "keys": "key", "keyId": "key", "key_id": "key", "to": "owner", "sessions": "session", "session_id": "session", "outbox": "message",
	"exports": "export", "imports": "import",
	"webhooks": "webhook", "delivery_id": "delivery",
}

// A key of one organisation reaches nothing of another with any operation of the API
// document.
func TestIsolation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) { isolated(t, c, "") })
}

// isolated has one of two new organisations try to reach what the other has.
func isolated(t *testing.T, c *client, suffix string) {
	t.Helper()
	theirs, mine := newUser(c, "Theirs"+suffix, crm.RoleAdmin), newUser(c, "Mine"+suffix, crm.RoleAdmin)
	iso := isolation{doc: c.document(), by: mine, foreign: theirs.ours(), own: mine.ours()}
	before := theirs.everything()
	tried := 0
	for _, op := range iso.doc.operations() {
		if op.open {
			continue
		}
		t.Run(op.String(), func(t *testing.T) {
			iso := iso
			iso.by = mine.in(t)
			tried += iso.paths(t, op) + iso.parameters(t, op) + iso.references(t, op) + iso.answer(t, op)
		})
	}
	if tried < 100 {
		t.Errorf("only %d requests were tried", tried)
	}
	if diff := cmp.Diff(before, theirs.everything()); diff != "" {
		t.Errorf("the other organisation's records changed:\n%s", diff)
	}
}

// isolation tries to reach foreign records.
type isolation struct {
	doc          apiDocument
	by           user
	foreign, own records
}

var pathParameter = regexp.MustCompile(`([^/]+)/\{([^}]+)\}`)

// pathIDs returns the kinds of the ids in an operation's path, in order.
func pathIDs(tb testing.TB, path string) []string {
	tb.Helper()
	var all []string
	for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
		if m[2] == "kind" { // is none
			continue
		}
		kind := kinds[m[2]]
		if m[2] == "id" {
			kind = kinds[m[1]]
		}
		if kind == "" {
			tb.Fatalf("what is {%s} in %s? Teach the test", m[2], path)
		}
		all = append(all, kind)
	}
	return all
}

// kindOf returns the kind of record that a parameter or a member of an operation refers to.
func kindOf(tb testing.TB, op apiOperation, name string) string {
	tb.Helper()
	kind := kinds[name]
	if name == "id" { // of what the path is a list of
		kind = kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]
	}
	if kind == "" {
		tb.Fatalf("what does %s of %s name? Teach the test", name, op)
	}
	return kind
}

// fill puts ids into a path, foreign ones where the bits of which say so.
func (iso isolation) fill(path string, ids []string, which int) string {
	i := 0
	return regexp.MustCompile(`\{[^}]+\}`).ReplaceAllStringFunc(withKind(path), func(string) string {
		from := iso.own
		if which&(1<<i) != 0 {
			from = iso.foreign
		}
		i++
		return from[ids[i-1]]
	})
}

func (iso isolation) body(op apiOperation) any {
	if op.files {
		return aFile
	}
	if op.body == nil {
		return nil
	}
	return iso.doc.minimal(op.body)
}

// paths tries every combination of ids in the path with a foreign one among them: 404.
func (iso isolation) paths(t *testing.T, op apiOperation) int {
	t.Helper()
	ids := pathIDs(t, op.path)
	tries := 0
	for which := 1; which < 1<<len(ids); which++ {
		path := iso.fill(op.path, ids, which)
		status, _, answer := iso.by.raw(op.method, path, iso.by.key, iso.body(op))
		if status != http.StatusNotFound {
			t.Errorf("%s %s: %d, want 404: %s", op.method, path, status, answer)
		}
		tries++
	}
	return tries
}

// parameters tries foreign ids in the query: a list is empty, a record is not found.
func (iso isolation) parameters(t *testing.T, op apiOperation) int {
	t.Helper()
	tries := 0
	for _, p := range op.query {
		if at(p, "schema", "format") != "uuid" {
			continue
		}
		name := p["name"].(string)
		kind := kindOf(t, op, name)
		path := iso.fill(op.path, pathIDs(t, op.path), 0) + "?" + url.Values{name: {iso.foreign[kind]}}.Encode()
		status, _, answer := iso.by.do(op.method, path, iso.by.key, iso.body(op))
		if empty := status == http.StatusOK && holdsNothing(answer["data"]); !empty && status != http.StatusNotFound {
			t.Errorf("%s %s: %d %v", op.method, path, status, answer)
		}
		tries++
	}
	return tries
}

// holdsNothing reports whether data is an empty list, or consists of empty lists.
func holdsNothing(data any) bool {
	switch d := data.(type) {
	case []any:
		return len(d) == 0
	case object:
		for _, v := range d {
			if !holdsNothing(v) {
				return false
			}
		}
		return true
	}
	return false
}

// references tries foreign ids in the body: 422, with the member's name.
func (iso isolation) references(t *testing.T, op apiOperation) int {
	t.Helper()
	tries := 0
	for _, name := range references(op.body) {
		body := iso.doc.minimal(op.body)
		body[name] = iso.foreign[kindOf(t, op, name)]
		path := iso.fill(op.path, pathIDs(t, op.path), 0)
		if len(op.query) > 0 {
			path += "?id=" + iso.own[kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]]
		}
		status, _, answer := iso.by.do(op.method, path, iso.by.key, body)
		if status != http.StatusUnprocessableEntity || !strings.Contains(invalid(answer), "#/"+name) {
			t.Errorf("%s %s with a foreign %s: %d %v", op.method, path, name, status, answer)
		}
		tries++
	}
	return tries
}

// answer looks for foreign ids in the responses about the user's own records.
func (iso isolation) answer(t *testing.T, op apiOperation) int {
	t.Helper()
	if op.method != http.MethodGet {
		return 0
	}
	path := iso.fill(op.path, pathIDs(t, op.path), 0) + op.asking("limit=1000", "includeStats=true", "includeCompany=true", "includeRelationships=true")
	status, _, answer := iso.by.raw(op.method, path, iso.by.key, nil)
	if forOperators := strings.HasPrefix(op.path, "/api/performance/"); forOperators != (status == http.StatusForbidden) || !forOperators && status != http.StatusOK {
		t.Errorf("%s %s: %d %s", op.method, path, status, answer)
	}
	for kind, foreign := range iso.foreign {
		if strings.Contains(string(answer), foreign) {
			t.Errorf("%s %s tells the other organisation's %s", op.method, path, kind)
		}
	}
	return 1
}
