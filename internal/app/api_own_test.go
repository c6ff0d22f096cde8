package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// hidden is in every text of what a rep must not see, and hiddenValue is its value.
const (
	hidden      = "hiddenmarker"
	hiddenValue = 424242
)

// office is an organisation with two reps, each with a record of every kind.
type office struct {
	admin            user
	rita, rory       user
	ritaID, roryID   string
	ritas, rorys     records
	unowned, unknown string // the id of a company without an owner, and one of no record
}

// newOffice returns an office whose reps see only what they own.
func newOffice(c *client) office {
	c.t.Helper()
	o := office{admin: newUser(c, "Office", crm.RoleAdmin), unknown: crm.NewID().String()}
	rep := func(name, email string) (user, string) {
		p := c.person(o.admin.org, name, email, crm.RoleRep)
		return user{c, o.admin.org, c.keyOf(o.admin.org, p.ID, crm.RoleRep)}, p.ID.String()
	}
	o.rita, o.ritaID = rep("Rita Rep", "rita@office.example")
	o.rory, o.roryID = rep("Rory Rep", "rory@office.example")
	o.ritas, o.rorys = o.rita.estate("plain", 1), o.rory.estate(hidden, hiddenValue)
	o.unowned = id(o.admin.make("/api/companies", object{"name": hidden + " without owner", "owner_id": nil}))
	o.reps("own")
	return o
}

func (o office) reps(see string) {
	o.admin.t.Helper()
	expect(o.admin.t, o.admin.change("/api/organisation", object{"reps_see": see}), object{"reps_see": see})
}

// estate creates a record of every kind that the user owns, with a word in its texts.
func (u user) estate(word string, value int) records {
	u.t.Helper()
	company := u.make("/api/companies", object{"name": word, "domain": word + ".example", "industry": word, "description": word})
	contact := u.make("/api/contacts", object{
		"first_name": word, "last_name": word, "email": word + "@" + word + ".example", "title": word, "company_id": id(company),
	})
	deal := u.make("/api/deals", object{
		"name": word, "company_id": id(company), "primary_contact_id": id(contact), "value": value, "next_steps": word, "external_id": word,
	})
	u.record(http.StatusOK, "PUT", "/api/deals/"+id(deal)+"/contacts/"+id(contact), object{"role": "champion"})
	about := object{"company_id": id(company), "contact_id": id(contact), "deal_id": id(deal), "description": word}
	activity := u.make("/api/activities", with(about, object{"type": "call", "amount": value}))
	task := u.make("/api/tasks", with(about, object{"title": word}))
	owner := deal["owner_id"].(string)
	person, err := crm.ParseID(owner)
	if err != nil {
		u.t.Fatal(err)
	}
	session := u.sessionOf(crm.Owner{OrgID: u.org, ID: person})
	_, key, err := u.app.Core().Keys.Create(u.t.Context(), crm.Operator(u.org), word, crm.RoleRep, &person)
	if err != nil {
		u.t.Fatal(err)
	}
	webhook, delivery := u.webhookOf(u.org)
	return records{
		"company": id(company), "contact": id(contact), "deal": id(deal), "activity": id(activity), "task": id(task),
		"webhook": webhook.String(), "delivery": delivery.String(),
		"job": u.doneJob(u.org, owner).ID.String(), "schedule": u.aSchedule(u.org).ID.String(),
		"stage": deal["stage_id"].(string), "owner": owner, "user": owner, "key": key.ID.String(), "session": session.ID.String(),
		"export": u.exportOf(owner), "import": u.importOf(owner).ID.String(), "message": u.message(),
	}
}

// mix creates records of Rita that refer to Rory's, as a manager may.
func (o office) mix() {
	o.admin.t.Helper()
	o.admin.make("/api/contacts", object{"first_name": "Mixed", "owner_id": o.ritaID, "company_id": o.rorys["company"]})
	deal := o.admin.make("/api/deals", object{
		"name": "Mixed", "owner_id": o.ritaID, "company_id": o.rorys["company"], "primary_contact_id": o.rorys["contact"],
	})
	o.admin.record(http.StatusOK, "PUT", "/api/deals/"+id(deal)+"/contacts/"+o.rorys["contact"], object{"role": "champion"})
	about := object{"company_id": o.rorys["company"], "contact_id": o.rorys["contact"], "deal_id": o.rorys["deal"]}
	o.admin.make("/api/activities", with(about, object{"type": "call", "owner_id": o.ritaID}))
	o.admin.make("/api/tasks", with(about, object{"title": "Mixed", "assigned_to": o.ritaID}))
	// And the other way round.
	about = object{"company_id": o.ritas["company"], "contact_id": o.ritas["contact"], "deal_id": o.ritas["deal"], "description": hidden}
	o.admin.make("/api/activities", with(about, object{"type": "meeting", "owner_id": o.roryID, "amount": hiddenValue}))
	o.admin.make("/api/tasks", with(about, object{"title": hidden, "assigned_to": o.roryID}))
	o.admin.make("/api/contacts", object{"first_name": hidden, "owner_id": o.roryID, "company_id": o.ritas["company"]})
	o.admin.make("/api/deals", object{
		"name": hidden, "owner_id": o.roryID, "company_id": o.ritas["company"], "primary_contact_id": o.ritas["contact"], "value": hiddenValue,
	})
}

// For a rep who sees only their own records, another's record looks as if it did not exist,
// in every operation of the API document.
func TestOwnOnly(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		before := o.admin.everything()
		doc, tried := c.document(), 0
		for _, op := range doc.operations() {
			if op.open {
				continue
			}
			t.Run(op.String(), func(t *testing.T) {
				o := o
				o.rita = o.rita.in(t)
				tried += o.paths(doc, op) + o.parameters(doc, op) + o.references(doc, op)
			})
		}
		if tried < 100 {
			t.Errorf("only %d requests were tried", tried)
		}
		if diff := cmp.Diff(before, o.admin.everything()); diff != "" {
			t.Errorf("things have changed:\n%s", diff)
		}
		o.mix()
		shown, viewer := 0, o.admin.as(crm.RoleViewer)
		for _, op := range doc.operations() {
			if op.open || op.method != http.MethodGet {
				continue
			}
			for _, path := range o.readings(op) {
				o.hides(path)
				if _, _, body := viewer.raw("GET", path, viewer.key, nil); strings.Contains(string(body), hidden) {
					shown++
				}
			}
		}
		if shown < 15 {
			t.Errorf("a viewer is shown what is hidden in %d answers: little has been tried", shown)
		}
		for _, path := range []string{"/api/companies/" + o.unowned, "/api/companies/" + o.rorys["company"]} {
			o.rita.ask(http.StatusNotFound, "GET", path, nil)
			viewer.ask(http.StatusOK, "GET", path, nil)
		}
	})
}

// owned reports whether the owner of a record of a kind determines who sees it. Users and
// keys are for admins alone.
func owned(kind string) bool {
	switch kind {
	case "stage", "owner", "user", "key", "schedule":
		return false
	}
	return true
}

// alike sends Rita's request with the id of Rory's record and with one of no record: the
// responses must be the same.
func (o office) alike(op apiOperation, body func(foreign string) any, path func(foreign string) string, foreign string) {
	t := o.rita.t
	t.Helper()
	ask := func(id string) string {
		status, _, text := o.rita.raw(op.method, path(id), o.rita.key, body(id))
		return fmt.Sprint(status, " ", strings.ReplaceAll(string(text), id, "ID"))
	}
	if theirs, nothing := ask(foreign), ask(o.unknown); theirs != nothing {
		t.Errorf("%s %s is answered\n%s\nand of what is not there\n%s", op.method, path(foreign), theirs, nothing)
	}
}

func (o office) paths(doc apiDocument, op apiOperation) int {
	t := o.rita.t
	t.Helper()
	ids := pathIDs(t, op.path)
	for i, kind := range ids {
		if !owned(kind) {
			continue
		}
		o.alike(op, func(string) any { return isolation{doc: doc}.body(op) }, func(foreign string) string {
			own := records{}
			for k, v := range o.ritas {
				own[k] = v
			}
			return isolation{own: own, foreign: records{kind: foreign}}.fill(op.path, ids, 1<<i)
		}, o.rorys[kind])
	}
	return len(ids)
}

func (o office) parameters(doc apiDocument, op apiOperation) int {
	t := o.rita.t
	t.Helper()
	tries := 0
	for _, p := range op.query {
		if at(p, "schema", "format") != "uuid" || op.method != http.MethodGet {
			continue
		}
		name := p["name"].(string)
		kind := kinds[name]
		if name == "id" {
			kind = kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]
		}
		if kind == "stage" {
			continue
		}
		o.alike(op, func(string) any { return nil }, func(foreign string) string {
			return isolation{own: o.ritas}.fill(op.path, pathIDs(t, op.path), 0) + "?" + url.Values{name: {foreign}}.Encode()
		}, o.rorys[kind])
		tries++
	}
	return tries
}

func (o office) references(doc apiDocument, op apiOperation) int {
	t := o.rita.t
	t.Helper()
	tries := 0
	for _, name := range references(op.body) {
		kind := kinds[name]
		if !owned(kind) {
			continue
		}
		o.alike(op, func(foreign string) any {
			body := doc.minimal(op.body)
			body[name] = foreign
			return body
		}, func(string) string {
			path := isolation{own: o.ritas}.fill(op.path, pathIDs(t, op.path), 0)
			if len(op.query) > 0 {
				path += "?id=" + o.ritas[kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]]
			}
			return path
		}, o.rorys[kind])
		tries++
	}
	return tries
}

// readings returns the requests about the user's own records by an operation that reads.
func (o office) readings(op apiOperation) []string {
	path := isolation{own: o.ritas}.fill(op.path, pathIDs(o.rita.t, op.path), 0)
	all := []string{path, path + op.asking("limit=1000", "includeStats=true", "includeCompany=true", "includeRelationships=true", "count=exact")}
	for _, p := range op.query {
		switch name := p["name"].(string); name {
		case "q", "search":
			all = append(all, path+"?"+name+"="+hidden)
		case "id":
			for _, part := range []string{"stats", "deals", "activities", "owner", "tasks"} {
				all = append(all, path+"?id="+o.ritas["contact"]+"&"+part+"=true")
			}
		}
	}
	return all
}

// hides sends a request as Rita, whose response must have nothing of Rory's records, except
// the ids of his company and contact to which hers refer.
func (o office) hides(path string) {
	t := o.admin.t
	t.Helper()
	status, _, body := o.rita.raw("GET", path, o.rita.key, nil)
	if status != http.StatusOK && status != http.StatusForbidden {
		t.Errorf("GET %s: %d %s", path, status, body)
	}
	for _, secret := range []string{hidden, fmt.Sprint(hiddenValue), o.unowned, o.rorys["activity"], o.rorys["task"]} {
		if strings.Contains(string(body), secret) {
			t.Errorf("GET %s tells %s: %s", path, secret, body)
		}
	}
}

// A record that refers to another's has null where that would be joined. Writes may keep the
// reference, and cannot set one.
func TestOwnOnlyReferences(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		deal := o.admin.make("/api/deals", object{
			"name": "Mixed", "company": "Label", "owner_id": o.ritaID, "company_id": o.rorys["company"], "primary_contact_id": o.rorys["contact"],
		})
		path := "/api/deals/" + id(deal)
		o.admin.record(http.StatusOK, "PUT", path+"/contacts/"+o.rorys["contact"], object{"role": "champion"})
		expect(t, o.rita.get(path+"?includeRelationships=true"), object{
			"company": "Label", "company_id": o.rorys["company"], "companies": nil, "company_name": nil, "contacts": nil,
			"contact_name": nil, "contact_email": nil, "deal_contacts": []any{},
		})
		if rows, _ := o.rita.list(path + "/contacts"); len(rows) > 0 {
			t.Errorf("further contacts: %v", rows)
		}
		expect(t, o.rita.change(path, object{"name": "Renamed", "company_id": o.rorys["company"]}), object{"company_id": o.rorys["company"]})
		o.rita.ask(http.StatusNotFound, "DELETE", path+"/contacts/"+o.rorys["contact"], nil)
		// Uniqueness is within the organisation, not the owner's records.
		if got := invalid(o.rita.ask(http.StatusConflict, "POST", "/api/companies", object{"name": "Another", "domain": hidden + ".example"})); got != "#/domain" {
			t.Errorf("a domain that is taken: %s", got)
		}
		// A record that she gets is visible at once, and one that she loses is not.
		o.admin.change("/api/contacts/"+o.rorys["contact"], object{"owner_id": o.ritaID})
		expect(t, o.rita.get(path), object{"contact_name": hidden + " " + hidden})
		if rows, _ := o.rita.list(path + "/contacts"); len(rows) != 1 {
			t.Errorf("further contacts: %v", rows)
		}
		o.admin.change(path, object{"owner_id": o.roryID})
		o.rita.ask(http.StatusNotFound, "GET", path, nil)
		o.rory.get(path)
		// A task is visible to its assignee and its creator.
		task := o.rita.make("/api/tasks", object{"title": "For Rory", "assigned_to": o.roryID})
		for _, u := range []user{o.rita, o.rory} {
			u.get("/api/tasks/" + id(task))
		}
	})
}
