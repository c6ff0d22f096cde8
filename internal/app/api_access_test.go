package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/goldentest"
)

// accessPath is the committed table of responses by caller.
const accessPath = "../../api/access.md"

const accessHead = `# How operations answer each kind of caller

Every operation of [openapi.yaml](openapi.yaml) with a valid request, and the status of the response for each
caller. ` + "`scripts/with-servers go test ./internal/app -run Access`" + ` sends the requests on both engines and
compares; ` + "`make update`" + ` rewrites this page.

- *foreign ids*: an admin who uses another organisation's ids in the path, the query and the body; – if the request
  takes no ids. A list is then empty.
- The roles write to records that another user of their organisation owns, *rep, own* to a rep's own records; – if the
  operation does not write to an existing owned record. A created record is owned by its creator.
- Each role is tried with an API key and with a session. One status means that both get the same.
- There are two organisations. What only operators may do is thus forbidden to an admin too, who is none.
- *scope* is the one that an API key needs: with it alone an admin's key gets what a key with all scopes does, and
  with all others a 403. A session has them all. Without read, the data of a changed record is its id alone. To
  invite a user, to reset a password or to link a user, a key needs the scopes of the user's role too.

`

// The columns of the table.
const (
	noCredentials  = "no credentials"
	revokedKey     = "revoked key"
	expiredSession = "expired session"
	foreignIDs     = "foreign ids"
	repOwn         = "rep, own"
)

var roles = []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager, crm.RoleAdmin}

var accessColumns = []string{
	noCredentials, revokedKey, expiredSession, foreignIDs,
	string(crm.RoleViewer), string(crm.RoleRep), repOwn, string(crm.RoleManager), string(crm.RoleAdmin),
}

// Every operation of the API document responds to each kind of caller as in the table. An
// operation that is missing in the table or in the document fails.
func TestAccess(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			goldentest.Compare(t, accessPath, newAccess(t, engine).table())
		})
	}
}

// access calls the operations of a program as each kind of caller.
type access struct {
	*client
	doc        apiDocument
	org        crm.ID
	admin      user // who creates the records
	people     map[crm.Role]crm.Owner
	callers    map[string][]caller   // by column
	allScopes  caller                // an admin's key
	only       map[crm.Scopes]caller // keys of the same admin, with one scope
	allBut     map[crm.Scopes]caller // and with all others
	foreign    records
	permanent  map[bool]records // records that are not deleted, by whether the rep owns them
	invitation int
}

// caller holds the credentials of a request.
type caller struct {
	kind        string // key or session; "" for none
	key, cookie string
	role        crm.Role // "" for none, and where the credential is not valid
}

func newAccess(t *testing.T, engine string) *access {
	t.Helper()
	c, now := bootByClock(t, engine)
	org := c.organisation("Access").ID
	a := &access{
		client: c, doc: c.document(), org: org, people: map[crm.Role]crm.Owner{}, callers: map[string][]caller{noCredentials: {{}}},
		foreign: newUser(c, "Foreign", crm.RoleAdmin).ours(),
	}
	// The session that expires is created first: the clock is advanced once.
	late := c.member(org, "late@acme.example", crm.RoleAdmin)
	a.callers[expiredSession] = []caller{{kind: "session", cookie: a.session(late)}}
	now.Add(int64(config.Default().SessionIdle + time.Minute))

	revoked, key, err := c.app.Core().Keys.Create(t.Context(), crm.Operator(org), "revoked", crm.RoleAdmin, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.callers[revokedKey] = []caller{{kind: "key", key: revoked}}
	if status, _, _ := c.do("GET", "/api/user", revoked, nil); status != http.StatusOK {
		t.Fatalf("the key is no good before it is revoked: %d", status)
	}
	if err := c.app.Core().Keys.Revoke(t.Context(), crm.Operator(org), key.ID); err != nil {
		t.Fatal(err)
	}
	c.bindTo(org, accounts.BindingChange{Issuer: new(anIssuer)})
	for _, role := range roles {
		a.people[role] = c.member(org, string(role)+"@acme.example", role)
		a.callers[string(role)] = []caller{{kind: "session", role: role}, {kind: "key", role: role, key: c.keyOf(org, a.people[role].ID, role)}}
	}
	a.allScopes, a.only, a.allBut = a.callers[string(crm.RoleAdmin)][1], map[crm.Scopes]caller{}, map[crm.Scopes]caller{}
	for _, name := range crm.ScopeNames() {
		scope := crm.ParseScope(name)
		a.only[scope] = a.scoped(scope)
		a.allBut[scope] = a.scoped(crm.AllScopes &^ scope)
	}
	a.callers[repOwn], a.callers[foreignIDs] = a.callers[string(crm.RoleRep)], a.callers[string(crm.RoleAdmin)]
	a.signIn()
	a.admin = user{c, org, c.key(org, crm.RoleAdmin)}
	a.permanent = map[bool]records{false: a.admin.ours(), true: a.admin.oursOf(a.people[crm.RoleRep].ID.String())}
	return a
}

// signIn starts a session of each role. Operations may end them.
func (a *access) signIn() {
	a.t.Helper()
	for role, p := range a.people {
		a.callers[string(role)][0].cookie = a.session(p)
	}
}

// session signs a user in and returns the cookie.
func (a *access) session(p crm.Owner) string {
	a.t.Helper()
	b := &browser{client: a.client}
	b.logIn(*p.Email, goodPassword)
	return b.cookie.Name + "=" + b.cookie.Value
}

// table calls every operation and returns the page.
func (a *access) table() string {
	a.t.Helper()
	var page strings.Builder
	page.WriteString(accessHead + "| operation | scope | " + strings.Join(accessColumns, " | ") + " |\n" + strings.Repeat("|---", 2+len(accessColumns)) + "|\n")
	operations := a.doc.all()
	slices.SortFunc(operations, func(x, y apiOperation) int {
		return cmp.Or(strings.Compare(x.path, y.path), strings.Compare(x.method, y.method))
	})
	for _, op := range operations {
		page.WriteString("| " + op.String() + " | " + cmp.Or(op.scope, "–") + " |")
		for _, column := range accessColumns {
			cell := a.cell(op, column)
			page.WriteString(" " + cell + " |")
			if column == string(crm.RoleManager) && strings.HasPrefix(cell, "403") && op.scope != "admin" {
				a.t.Errorf("%s is for admins, and declares the scope %q", op, op.scope)
			}
		}
		page.WriteByte('\n')
		if op.scope != "" {
			a.checkScope(op)
		}
		if strings.HasPrefix(op.path, "/api/auth/") && op.method != http.MethodGet {
			a.signIn()
		}
	}
	return page.String()
}

// cell calls an operation as one kind of caller.
func (a *access) cell(op apiOperation, column string) string {
	a.t.Helper()
	statuses := map[string]string{}
	for _, by := range a.callers[column] {
		path, body, ids := a.valid(op, column)
		if !ids && (column == foreignIDs || column == repOwn) || column == repOwn && op.method == http.MethodGet {
			return "–"
		}
		status, answer := a.try(op, path, body, by)
		statuses[by.kind] = strconv.Itoa(status)
		if column == foreignIDs && op.method == http.MethodGet && status == http.StatusOK {
			if !holdsNothing(answer["data"]) {
				a.t.Errorf("%s %s: there is something", op.method, path)
			}
			statuses[by.kind] += ", empty"
		}
	}
	if values := slices.Compact(slices.Collect(maps.Values(statuses))); len(values) == 1 {
		return values[0]
	}
	return statuses["session"] + ", by key " + statuses["key"]
}

// scoped returns a key of the admin with these scopes.
func (a *access) scoped(scopes crm.Scopes) caller {
	a.t.Helper()
	secret, _, err := a.app.Core().Keys.Issue(a.t.Context(), crm.Operator(a.org), accounts.APIKeyPatch{
		Name: crm.Of("scoped"), Role: crm.Of(string(crm.RoleAdmin)), Scopes: crm.Of(scopes.Names()), UserID: crm.Of(a.people[crm.RoleAdmin].ID),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return caller{kind: "key", key: secret}
}

// checkScope calls an operation by a key that has its scope alone, and by one that has all
// others.
func (a *access) checkScope(op apiOperation) {
	a.t.Helper()
	try := func(by caller) (int, object) {
		path, body, _ := a.valid(op, string(crm.RoleAdmin))
		return a.try(op, path, body, by)
	}
	scope := crm.ParseScope(op.scope)
	if status, answer := try(a.allBut[scope]); status != http.StatusForbidden || answer["code"] != "key.scope" {
		a.t.Errorf("%s without the scope %s: %d %v", op, op.scope, status, answer)
	}
	want, _ := try(a.allScopes)
	switch op.String() {
	case "POST /api/auth/invite", "POST /api/auth/reset-request", "PUT /api/users/{id}/identity", "DELETE /api/users/{id}/identity":
		want = http.StatusForbidden // the user would have more scopes (TestKeysReachNoFurther)
	}
	status, answer := try(a.only[scope])
	if op.String() == "POST /api/schedules" || op.String() == "PATCH /api/schedules/{id}" { // the kind of jobs needs its own, too
		if status != http.StatusForbidden || answer["code"] != "key.scope" {
			a.t.Errorf("%s with the scope %s alone: %d %v", op, op.scope, status, answer)
		}
		return
	}
	if status != want || answer["code"] == "key.scope" {
		a.t.Errorf("%s with the scope %s alone: %d %v, with all of them %d", op, op.scope, status, answer, want)
	}
	if data, ok := answer["data"].(object); ok && op.method != http.MethodGet && scope != crm.ScopeRead && status < 300 && !withoutRecords[op.String()] {
		for member := range data {
			if member != "id" && member != "deleted" {
				a.t.Errorf("%s without the scope read responds with %v", op, data)
			}
		}
	}
}

// withoutRecords are the writes that do not respond with a record that was there before.
var withoutRecords = map[string]bool{
	"POST /api/auth/logout-all": true, "POST /api/keys": true, "POST /api/performance/clear-cache": true, "POST /api/users/{id}/hand-over": true,
	"POST /api/exports/{id}/link": true, "POST /api/imports/preview": true,
	"POST /api/webhooks": true, "POST /api/webhooks/{id}/rotate": true, "POST /api/webhooks/{id}/test": true, "POST /api/webhooks/{id}/deliveries/{delivery_id}/redeliver": true,
}

// valid returns a valid request to an operation, and whether it has ids of records.
func (a *access) valid(op apiOperation, column string) (path string, body any, ids bool) {
	a.t.Helper()
	own := a.permanent[column == repOwn]
	if op.String() == "POST /api/schedules" {
		a.dropSchedules(a.org, a.permanent[false]["schedule"], a.permanent[true]["schedule"])
	}
	if op.String() == "POST /api/webhooks" {
		a.dropWebhooks(a.org, a.permanent[false]["webhook"], a.permanent[true]["webhook"])
	}
	if op.method == http.MethodDelete { // others are to be tried too
		owner := ""
		if column == repOwn {
			owner = a.people[crm.RoleRep].ID.String()
		}
		own = a.admin.oursOf(owner)
	}
	switch op.String() {
	case "DELETE /api/auth/sessions/{id}": // the caller's own
		if by := a.callers[column][0].role; by != "" {
			own["session"] = a.sessionOf(a.people[by]).ID.String()
		}
	case "PUT /api/users/{id}/identity": // of a user who is active
		own = a.admin.oursOf("")
	case "DELETE /api/users/{id}/identity":
		a.admin.record(http.StatusOK, "PUT", "/api/users/"+own["user"]+"/identity", a.linking())
	case "POST /api/jobs/{id}/cancel", "POST /api/jobs/{id}/retry":
		owner := a.people[crm.RoleAdmin].ID
		if column == repOwn {
			owner = a.people[crm.RoleRep].ID
		}
		own = maps.Clone(own)
		own["job"] = strings.Split(a.admin.jobToChange(op.path, owner.String()), "/")[3]
	case "POST /api/imports/{id}/undo":
		own = maps.Clone(own)
		own["import"] = a.admin.importOf(own["owner"]).ID.String()
	case "DELETE /api/auth/tokens/{user_id}":
		own["owner"] = id(a.admin.make("/api/auth/invite", object{"email": a.newAddress()})["user"].(object))
	}
	kindsOfPath := pathIDs(a.t, op.path)
	which := 0
	if column == foreignIDs {
		which = 1<<len(kindsOfPath) - 1
	}
	ids = len(kindsOfPath) > 0
	path = isolation{foreign: a.foreign, own: own}.fill(op.path, kindsOfPath, which)
	if strings.HasSuffix(op.path, "/restore") && column != foreignIDs {
		a.admin.raw("DELETE", strings.TrimSuffix(path, "/restore"), a.admin.key, nil) // it may be deleted still
	}
	if b := a.body(op); b != nil {
		for _, name := range references(op.body) {
			if column == foreignIDs {
				b[name], ids = a.foreign[kindOf(a.t, op, name)], true
			}
		}
		body = b
	}
	query := url.Values{}
	if op.files {
		body, query = aFile, maps.Clone(importing)
	}
	for _, p := range op.query {
		if name := p["name"].(string); at(p, "schema", "format") == "uuid" {
			switch kind := kindOf(a.t, op, name); {
			case column == foreignIDs:
				query.Set(name, a.foreign[kind])
			case op.method != http.MethodGet: // the record that is written to
				query.Set(name, own[kind])
			default:
				continue
			}
			ids = true
		} else if p["required"] == true {
			query.Set(name, "text")
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, body, ids
}

// body returns the body of a valid request: what the document requires, with the values
// here where that is not enough.
func (a *access) body(op apiOperation) object {
	a.t.Helper()
	if op.body == nil {
		return nil
	}
	switch op.String() {
	case "POST /api/contacts":
		return object{"first_name": "Ada"}
	case "POST /api/jobs":
		return with(aReport, later())
	case "POST /api/schedules":
		return with(aReport, object{"name": "Leap day", "cron": "0 0 29 2 *"})
	case "POST /api/keys":
		return object{"name": "key", "role": "admin", "scopes": []string{"admin"}} // which a key with that scope may create
	case "POST /api/auth/login":
		return object{"email": "late@acme.example", "password": goodPassword}
	case "POST /api/auth/reauthenticate":
		return object{"password": goodPassword}
	case "POST /api/auth/password":
		return object{"old": goodPassword, "new": goodPassword}
	case "POST /api/auth/invite":
		return object{"email": a.newAddress()}
	case "POST /api/auth/forgot":
		return object{"email": "unknown@acme.example"}
	case "POST /api/auth/accept":
		return object{"token": a.admin.make("/api/auth/invite", object{"email": a.newAddress()})["token"], "password": goodPassword}
	case "PUT /api/users/{id}/identity":
		return a.linking()
	case "POST /api/users/{id}/hand-over":
		return object{"to": a.people[crm.RoleManager].ID}
	case "POST /api/auth/reset-request":
		return object{"user_id": a.people[crm.RoleViewer].ID}
	case "POST /api/auth/reset":
		user := a.admin.make("/api/auth/invite", object{"email": a.newAddress()})["user"].(object)
		return object{"token": a.admin.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": id(user)})["token"], "password": goodPassword}
	}
	return a.doc.minimal(op.body)
}

// anIssuer is an identity provider that an organisation is bound to.
const anIssuer = "https://id.example"

// linking returns the body that links a user to a subject that no one is.
func (a *access) linking() object {
	return object{"issuer": anIssuer, "subject": a.newAddress()}
}

// newAddress returns an e-mail address that no one has.
func (a *access) newAddress() string {
	a.invitation++
	return fmt.Sprintf("invited-%d@acme.example", a.invitation)
}

// try sends a request, and returns the status of the response and its body, if that is JSON.
func (a *access) try(op apiOperation, path string, body any, by caller) (status int, answer object) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel() // which ends a stream
	req := a.request(op.method, path, by.key, body).WithContext(ctx)
	if by.cookie != "" {
		req.Header.Set("Cookie", by.cookie)
	}
	res, err := a.http.Do(req)
	if err != nil {
		a.t.Fatalf("%s: %v", op, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
		a.t.Errorf("%s: a 401 does not say what is wanted: %v", op, res.Header)
	}
	if op.stream && res.StatusCode == http.StatusOK {
		return res.StatusCode, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		a.t.Fatalf("%s: %v", op, err)
	}
	if res.StatusCode >= http.StatusInternalServerError {
		a.t.Errorf("%s %s: %d %s", op.method, path, res.StatusCode, text)
	}
	if json.Unmarshal(text, &answer) != nil {
		answer = nil
	}
	return res.StatusCode, answer
}
