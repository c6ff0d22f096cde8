package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/imports"
)

// generated are the requests that are made from the API document on each engine.
var generated = map[string]int{"sqlite": 6000, "postgres": 4500}

// Every response to requests that are made from the API document is one that the document has,
// and every response that it has is seen. What its schemas allow is not rejected, but for
// reasons of state, and what they exclude is not accepted. SIXTY_VALIDATION_SEED makes
// other requests.
func TestAPIDocumentHolds(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			seed, err := strconv.ParseUint(os.Getenv("SIXTY_VALIDATION_SEED"), 10, 64)
			if err != nil {
				seed = 1
			}
			v := newValidation(t, engine, seed)
			v.sweep()
			v.signIns()
			v.stream()
			v.removals()
			v.conditions()
			v.rateLimits(engine)
			v.generate(generated[engine])
			for _, what := range v.missing(statusExcused, headerExcused) {
				if what != "any 409 Retry-After" { // TestIdempotency
					t.Errorf("%s was never seen", what)
				}
			}
			t.Logf("seed %d: %d requests, %d of the %d that the schemas allow succeeded", seed, v.n, v.succeeded, v.allowed)
			if v.succeeded*2 < v.allowed {
				t.Error("less than half of what the schemas allow succeeded: the test checks too little")
			}
		})
	}
}

// statusExcused reports whether a documented status need not be seen here.
func statusExcused(op *contractOperation, status int) bool {
	switch status {
	case http.StatusInternalServerError:
		return true // defects
	case http.StatusServiceUnavailable:
		return true // TestOverload, TestDatabaseOutage and others
	case http.StatusConflict:
		return true // two requests with one Idempotency-Key at once: TestIdempotency
	case http.StatusGone, http.StatusRequestedRangeNotSatisfiable:
		return true // of files: TestExports, TestLinks
	}
	switch op.id {
	case "startOIDC", "finishOIDC": // needs a provider: TestOIDC
		return true
	case "streamJob": // TestJobEvents
		return status == http.StatusOK
	case "getJobResult": // of a file: TestJobs
		return status == http.StatusSeeOther
	case "cancelJob", "retryJob": // of a job that waits, or has failed: TestCancelAndRetry
		return true
	case "downloadByLink": // needs a link: TestRightsOfExports
		return true
	case "createWebhook", "redeliverWebhook", "enableWebhook", "replayWebhook": // needs a public address, and deliveries: TestWebhooks
		return status < 300 || status == http.StatusUnprocessableEntity && op.id != "createWebhook"
	}
	return status == http.StatusNotModified && changing[op.id]
}

// changing are the operations whose responses change from one request to the next: their
// figures are of the moment.
var changing = map[string]bool{"listJobs": true, "getJob": true, "getJobStats": true, "getPerformanceStats": true, "getPerformanceAnalysis": true}

// headerExcused reports whether a documented header field of a success need not be seen here.
func headerExcused(op *contractOperation, name string) bool {
	switch name {
	case "Set-Cookie":
		return true // for browsers: TestSignIn, TestConsistencyOfBrowsers
	case "Sixty-Consistency":
		return op.open // only where an organisation's records were changed
	case "Link":
		return true // where there is another page: TestPagesOfEveryList
	case "Idempotency-Replayed":
		return true // TestIdempotency
	}
	return strings.HasPrefix(name, "Ratelimit") && op.open && op.method == http.MethodGet
}

// validation calls a program, and checks its responses.
type validation struct {
	*conformance
	*client
	gen                *generator
	org                crm.ID
	admin, viewer      user
	writer             string // a key that may not read
	engine             string
	seed               uint64
	n                  int
	allowed, succeeded int
	tags               map[string]string // ETags by path
	cursors            map[string]string // by path and query
}

func newValidation(t *testing.T, engine string, seed uint64) *validation {
	t.Helper()
	c := boot(t, engine, func(cfg *config.Config) {
		cfg.ImportMaxBytes = 1 << 20
		// Limits that are never reached, for their header fields.
		cfg.LimitGlobal.Requests, cfg.LimitAPI.Requests, cfg.LimitExpensive.Requests = many, many, many
	})
	admin := newUser(c, "Validation", crm.RoleAdmin)
	v := &validation{
		conformance: newConformance(t, c), client: c, org: admin.org, admin: admin, viewer: admin.as(crm.RoleViewer), engine: engine, seed: seed,
		tags: map[string]string{}, cursors: map[string]string{},
	}
	v.gen = &generator{Rand: rand.New(rand.NewPCG(seed, 1)), doc: v.doc, pool: map[string][]string{}}
	v.writer = v.scoped(crm.ScopeWrite)
	for range 3 {
		for kind, id := range admin.ours() {
			v.gen.pool[kind] = append(v.gen.pool[kind], id)
		}
	}
	return v
}

// call is a request of this test.
type validatedCall struct {
	op      *contractOperation
	path    string // with the query
	key     string
	headers []string
	body    []byte
}

// send sends a request and checks the response.
func (v *validation) send(r validatedCall) (int, http.Header, object) {
	v.conformance.t.Helper()
	var body any
	if r.body != nil {
		body = r.body
	}
	v.n++
	status, header, text := v.raw(r.op.method, r.path, r.key, body, r.headers...)
	v.check(r.op, func() string { return v.describe(r) }, status, header, text, r.key == v.writer)
	var answer object
	_ = json.Unmarshal(text, &answer)
	return status, header, answer
}

func (v *validation) describe(r validatedCall) string {
	return fmt.Sprintf("seed %d, request %d: %s", v.seed, v.n, curl(r.op.method, v.base+r.path, r.key, r.headers, r.body))
}

// fill puts ids into the path of an operation.
func (v *validation) fill(op *contractOperation) string {
	ids := pathIDs(v.conformance.t, op.path)
	i := 0
	return inBraces.ReplaceAllStringFunc(withKind(op.path), func(string) string {
		i++
		return v.gen.id(ids[i-1])
	})
}

// sorted returns the operations in the order of their names.
func (v *validation) sorted() []*contractOperation {
	var all []*contractOperation
	for _, name := range slices.Sorted(maps.Keys(v.ops)) {
		all = append(all, v.ops[name])
	}
	return all
}

// sweep provokes the failures that each operation documents.
func (v *validation) sweep() {
	t := v.conformance.t
	t.Helper()
	none, narrow, reader := crm.NewID().String(), v.scoped(crm.ScopeExport), v.scoped(crm.ScopeRead)
	for _, op := range v.sorted() {
		key := v.admin.key
		path := inBraces.ReplaceAllString(op.path, none)
		if slices.ContainsFunc(op.query, func(p object) bool { return p["required"] == true }) {
			path += "?id=" + none
		}
		try := func(want int, r validatedCall) {
			t.Helper()
			r.op = op
			if op.responses[want] == nil || statusExcused(op, want) {
				return
			}
			if status, _, _ := v.send(r); status != want {
				v.fail(fmt.Sprintf("the status is not %d", want), v.describe(r), status, nil)
			}
		}
		body := []byte(`{}`)
		if op.input == nil {
			body = nil
		}
		if !op.open {
			try(http.StatusUnauthorized, validatedCall{path: path, key: "sixty_no_such_key", body: body})
			lacking := narrow
			if op.scope == crm.ScopeExport.String() {
				lacking = reader
			}
			try(http.StatusForbidden, validatedCall{path: path, key: lacking, body: body})
		} else {
			try(http.StatusForbidden, validatedCall{path: path, body: body, headers: []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}})
		}
		if op.input != nil {
			most := 1 << 20
			if op.id == "createJob" {
				most = 16 << 20
			}
			try(http.StatusRequestEntityTooLarge, validatedCall{path: path, key: key, body: []byte(`{"name":"` + strings.Repeat("x", most) + `"}`)})
			try(http.StatusUnsupportedMediaType, validatedCall{path: path, key: key, body: body, headers: []string{"Content-Type", "text/plain"}})
			try(http.StatusUnsupportedMediaType, validatedCall{path: path, key: key, body: body, headers: []string{"Content-Encoding", "compress"}})
			try(http.StatusBadRequest, validatedCall{path: path, key: key, body: []byte(`{`)})
			if !needsSession[op.id] {
				try(http.StatusUnprocessableEntity, validatedCall{path: v.gen.there(t, op), key: key, body: []byte(`{"no_such_member":1}`)})
			}
		} else if op.files {
			try(http.StatusUnsupportedMediaType, validatedCall{path: path, key: key, body: []byte(aFile), headers: []string{"Content-Encoding", "compress"}})
			try(http.StatusRequestEntityTooLarge, validatedCall{path: path, key: key, body: []byte(strings.Repeat("x", imports.MaxPreview+2<<20))})
			try(http.StatusUnprocessableEntity, validatedCall{path: path, key: key, body: []byte(aFile)})
			try(http.StatusBadRequest, validatedCall{path: path, key: key, body: []byte(aFile), headers: []string{"Content-Type", "multipart/form-data"}})
		}
		if op.input == nil && op.method != http.MethodGet && !ignoresKeys[op.id] {
			try(http.StatusBadRequest, validatedCall{path: path, key: key, headers: []string{"Idempotency-Key", strings.Repeat("k", 300)}})
		}
		if strings.Contains(op.path, "{") {
			good := body
			if op.input != nil {
				good = v.text(v.gen.object(v.doc.resolve(op.body), usual))
			}
			try(http.StatusNotFound, validatedCall{path: path, key: key, body: good})
		}
		if op.method == http.MethodGet && len(op.query) > 0 {
			there := v.fill(op)
			try(http.StatusBadRequest, validatedCall{path: there + "?limit=%zz", key: key})
			try(http.StatusUnprocessableEntity, validatedCall{path: there + "?" + beyond(op), key: key})
		}
		for _, p := range op.query {
			if bad, ok := v.gen.badParameter(p["schema"].(object)); ok && op.method == http.MethodGet {
				status, _, _ := v.send(validatedCall{op: op, path: v.fill(op) + "?" + url.Values{p["name"].(string): {bad}}.Encode(), key: key})
				if status == http.StatusOK {
					v.fail("a bad "+p["name"].(string)+" is accepted", v.describe(validatedCall{op: op, path: path, key: key}), status, nil)
				}
			}
		}
	}
}

// ignoresKeys are the writes that take no Idempotency-Key, and ignore one.
var ignoresKeys = map[string]bool{"previewImport": true}

// beyond returns a query that can be parsed, and has a value that is not allowed.
func beyond(op *contractOperation) string {
	for _, p := range op.query {
		switch p["name"] {
		case "limit":
			return "limit=0"
		case "for":
			return "for=writes"
		case "from":
			return "from=2024-01-02&to=2024-01-01"
		}
	}
	return ""
}

// conditions calls the operations on records that are there, with conditions on them.
func (v *validation) conditions() {
	for _, op := range v.sorted() {
		r := validatedCall{op: op, path: v.gen.there(v.conformance.t, op), key: v.admin.key}
		switch {
		case op.method == http.MethodGet && op.responses[http.StatusNotModified] != nil && !changing[op.id]:
			if strings.HasSuffix(op.path, "/owner") {
				r.path = strings.Replace(op.path, "{id}", v.gen.pool["contact"][0], 1)
			}
			for _, p := range op.query {
				if p["required"] == true {
					r.path += "?" + p["name"].(string) + "=acme"
				}
			}
			for range 10 { // entries of the audit trail may be written meanwhile
				r.headers = nil
				_, header, _ := v.send(r)
				r.headers = []string{"If-None-Match", header.Get("ETag")}
				if status, _, _ := v.send(r); status == http.StatusNotModified {
					break
				}
			}
		case op.method == http.MethodPut || op.method == http.MethodPatch:
			r.body, r.headers = v.text(v.gen.usual(op)), []string{"If-Match", otherTag}
			v.want(http.StatusPreconditionFailed, r)
			r.headers = nil
			v.send(r)
		}
	}
}

// otherTag is an ETag that no record has.
const otherTag = `"999999.0000000000000000"`

// want sends a request that must have a status.
func (v *validation) want(status int, r validatedCall) {
	v.conformance.t.Helper()
	if got, _, answer := v.send(r); got != status {
		v.fail(fmt.Sprintf("the status is not %d", status), v.describe(r), got, v.text(answer))
	}
}

// removals removes new records, restores them, or undoes imports: under a condition that does not hold, then with an
// idempotency key, and then with that key in another request.
func (v *validation) removals() {
	t := v.conformance.t
	for _, op := range v.sorted() {
		switching, restoring, undoing := strings.HasSuffix(op.path, "activate"), strings.HasSuffix(op.path, "/restore"), strings.HasSuffix(op.path, "/undo")
		if op.method != http.MethodDelete && !switching && !restoring && !undoing || op.path == "/api/auth/sessions/{id}" {
			continue
		}
		fresh := v.admin.ours()
		if op.path == "/api/auth/tokens/{user_id}" {
			fresh["owner"] = id(v.admin.make("/api/auth/invite", object{"email": strings.ToLower(crm.NewID().String()) + "@acme.example"})["user"].(object))
		}
		if op.id == "unlinkUser" {
			v.want(http.StatusOK, validatedCall{
				op: v.ops["PUT /api/users/{id}/identity"], path: "/api/users/" + fresh["user"] + "/identity", key: v.admin.key,
				body: v.text(object{"issuer": "https://id.example", "subject": fresh["user"]}),
			})
		}
		r := validatedCall{op: op, path: isolation{own: fresh}.fill(op.path, pathIDs(t, op.path), 0) + "?", key: v.admin.key}
		if record, _, found := strings.Cut(r.path, "/restore"); found && restoring {
			v.admin.ask(http.StatusOK, "DELETE", record, nil)
		}
		if op.path == "/api/contacts" {
			r.path += "id=" + fresh["contact"] + "&"
		}
		done := http.StatusOK
		if undoing { // by a job
			done = http.StatusAccepted
		}
		if op.method == http.MethodDelete {
			r.headers = []string{"If-Match", otherTag}
			v.want(http.StatusPreconditionFailed, r)
		}
		r.headers = []string{"Idempotency-Key", op.id}
		v.want(done, r)
		r.path += "other=1"
		v.want(http.StatusUnprocessableEntity, r)
	}
}

// needsSession are the operations that an API key cannot use.
var needsSession = map[string]bool{"reauthenticate": true, "changePassword": true}

// text returns a body as JSON.
func (v *validation) text(body any) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		v.conformance.t.Fatal(err)
	}
	return text
}

func (v *validation) scoped(scopes crm.Scopes) string {
	a := access{client: v.client, org: v.org, people: map[crm.Role]crm.Owner{crm.RoleAdmin: v.person(v.org, "Scoped", fmt.Sprintf("scoped-%d@acme.example", scopes), crm.RoleAdmin)}}
	return a.scoped(scopes).key
}

// signIns calls the operations that need a session or a token.
func (v *validation) signIns() {
	t := v.conformance.t
	t.Helper()
	call := func(want int, name, key, cookie string, body any) (http.Header, object) {
		t.Helper()
		r := validatedCall{op: v.ops[name], key: key}
		r.path = r.op.path
		if body != nil {
			r.body = v.text(body)
		}
		if cookie != "" {
			r.headers = []string{"Cookie", cookie, "Origin", v.base}
		}
		status, header, answer := v.send(r)
		if status != want {
			v.fail(fmt.Sprintf("the status is not %d", want), v.describe(r), status, v.text(answer))
		}
		return header, answer
	}
	session := func(h http.Header) string {
		for _, line := range h.Values("Set-Cookie") {
			if c, err := http.ParseSetCookie(line); err == nil && strings.HasSuffix(c.Name, "sixty_session") {
				return c.Name + "=" + c.Value
			}
		}
		return ""
	}
	v.member(v.org, "ada@acme.example", crm.RoleRep)
	logIn := object{"email": "ada@acme.example", "password": goodPassword}
	h, _ := call(200, "POST /api/auth/login", "", "", logIn)
	cookie := session(h)
	call(200, "POST /api/auth/reauthenticate", "", cookie, object{"password": goodPassword})
	own := func() string {
		h, _ := call(200, "POST /api/auth/login", "", "", logIn)
		_, answer := call(200, "GET /api/auth/sessions", "", session(h), nil)
		return id(at(answer, "data").([]any)[0].(object))
	}
	for status, headers := range map[int][]string{412: {"If-Match", otherTag}, 200: {"Idempotency-Key", "own"}, 422: {"Idempotency-Key", "other"}} {
		op := v.ops["DELETE /api/auth/sessions/{id}"]
		r := validatedCall{op: op, path: "/api/auth/sessions/" + own(), headers: append(headers, "Cookie", cookie, "Origin", v.base)}
		if status == 422 {
			v.want(200, r)
			r.path += "?other=1"
		}
		v.want(status, r)
	}
	call(422, "POST /api/auth/reauthenticate", "", cookie, object{})
	call(422, "POST /api/auth/password", "", cookie, object{})
	call(200, "GET /api/auth/sessions", "", cookie, nil)
	h, _ = call(200, "POST /api/auth/password", "", cookie, object{"old": goodPassword, "new": otherPassword})
	call(200, "POST /api/auth/logout", "", session(h), nil)
	_, answer := call(201, "POST /api/auth/invite", v.admin.key, "", object{"email": "invited@acme.example"})
	call(200, "POST /api/auth/accept", "", "", object{"token": at(answer, "data", "token"), "password": goodPassword})
	invited := at(answer, "data", "user", "id")
	_, answer = call(200, "POST /api/auth/reset-request", v.admin.key, "", object{"user_id": invited})
	h, _ = call(200, "POST /api/auth/reset", "", "", object{"token": at(answer, "data", "token"), "password": otherPassword})
	call(200, "POST /api/auth/logout-all", "", session(h), nil)
	call(202, "POST /api/auth/forgot", "", "", object{"email": "unknown@acme.example"})
	call(401, "POST /api/auth/login", "", "", object{"email": "ada@acme.example", "password": "wrong wrong wrong"})
}

// stream opens and closes the event stream.
func (v *validation) stream() {
	t := v.conformance.t
	t.Helper()
	op := v.ops["GET /api/events"]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	v.n++
	res, err := v.http.Do(v.request(op.method, op.path, v.admin.key, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 10)
	_, err = io.ReadFull(res.Body, begun)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	v.check(op, func() string { return "GET /api/events" }, res.StatusCode, res.Header, begun, false)
	status, _, _ := v.send(validatedCall{op: op, path: op.path, key: v.admin.key, headers: []string{"Last-Event-ID", "?"}})
	if status != http.StatusBadRequest {
		t.Errorf("a bad Last-Event-ID is a %d", status)
	}
}

// rateLimits calls every operation of a program whose limits are used up.
func (v *validation) rateLimits(engine string) {
	t := v.conformance.t
	t.Helper()
	c := boot(t, engine, func(cfg *config.Config) {
		cfg.LimitGlobal.Requests, cfg.LimitAPI.Requests, cfg.LimitExpensive.Requests = 1, 1, 1
	})
	org := c.organisation("Limits")
	key := c.key(org.ID, crm.RoleAdmin)
	for _, op := range v.sorted() {
		if op.responses[http.StatusTooManyRequests] == nil {
			continue
		}
		path := inBraces.ReplaceAllString(op.path, crm.NewID().String())
		for range 12 {
			status, header, body := c.raw(op.method, path, key, nil)
			v.n++
			v.check(op, func() string { return op.String() + " over the limit" }, status, header, body, false)
			if status == http.StatusTooManyRequests {
				break
			}
		}
	}
}

// generate sends n requests that are made from the schemas.
func (v *validation) generate(n int) {
	operations := slices.DeleteFunc(v.sorted(), func(op *contractOperation) bool { return op.stream })
	for i := range n {
		op := operations[i%len(operations)]
		if slow[op.id] && v.gen.chance(80) {
			continue // passwords are hashed slowly on purpose, and failures are delayed
		}
		v.one(op)
	}
}

// slow are the operations that hash passwords.
var slow = map[string]bool{
	"logIn": true, "reauthenticate": true, "changePassword": true, "acceptInvitation": true, "resetPassword": true,
}

// one sends one generated request.
func (v *validation) one(op *contractOperation) {
	g := v.gen
	e := usual
	if g.chance(25) {
		e = boundary
	}
	r := validatedCall{op: op, path: v.fill(op), key: v.admin.key}
	switch {
	case op.open:
		r.key = ""
	case g.chance(5):
		r.key = v.viewer.key
	case g.chance(6):
		r.key = v.writer
	}
	if op.files {
		r.path, r.body = op.path+"?"+importing.Encode(), []byte(g.file())
		if g.chance(10) {
			r.headers = append(r.headers, "Idempotency-Key", fmt.Sprint("k", g.IntN(200)))
		}
		status, _, answer := v.send(r)
		v.judge(r, status, answer, true, false)
		return
	}
	valid, given := true, url.Values{}
	for _, p := range op.query {
		name, schema := p["name"].(string), p["schema"].(object)
		if name == "cursor" || p["required"] != true && !g.chance(15) || p["deprecated"] == true && p["required"] != true && !g.chance(10) {
			continue
		}
		if main, alias := p["x-go-name"].(string); alias {
			if main = strings.TrimPrefix(main, "Deprecated"); given.Has(strings.ToLower(main[:1]) + main[1:]) {
				continue
			}
		}
		if bad, ok := g.badParameter(schema); ok && g.chance(5) {
			given.Set(name, bad)
			valid = false
			continue
		}
		of := name
		if name == "id" { // of what the path is a list of
			of = op.path[strings.LastIndexByte(op.path, '/')+1:]
		}
		value := inQuery(g.value(schema, of, e))
		if strings.TrimSpace(value) != "" {
			given.Set(name, value)
		}
	}
	paged := slices.ContainsFunc(op.query, func(p object) bool { return p["name"] == "cursor" })
	if cursor := v.cursors[r.path+"?"+given.Encode()]; paged && cursor != "" && g.chance(50) {
		given.Set("cursor", cursor)
	}
	query := given.Encode()
	if query != "" {
		r.path += "?" + query
	}
	lenient := false
	if op.input != nil {
		body := any(g.object(v.doc.resolve(op.body), e))
		mutated := g.chance(30)
		if mutated {
			body = g.mutate(op.body, body.(object))
		}
		if r.body = v.text(body); mutated && g.chance(5) {
			r.body, valid = []byte(malformed[g.IntN(len(malformed))]), false
			lenient = len(r.body) == 0 && op.optionalBody
		} else if err := op.input.Validate(jsonValue(v.conformance.t, body)); err != nil {
			valid = false
			lenient = v.isLenient(op, body)
		} else if mutated {
			lenient = true // it may break what the schema cannot say
		}
		if op.method == http.MethodPatch && g.chance(30) {
			r.headers = append(r.headers, "Content-Type", "application/merge-patch+json")
		}
	}
	plain := inBraces.ReplaceAllString(r.path, "")
	if tag := v.tags[plain]; tag != "" && op.responses[http.StatusNotModified] != nil && g.chance(50) {
		r.headers = append(r.headers, "If-None-Match", tag)
	}
	if op.responses[http.StatusPreconditionFailed] != nil && g.chance(10) {
		r.headers = append(r.headers, "If-Match", `"1.0000000000000000"`)
	}
	if repeatable := slices.ContainsFunc(op.parameters, func(p object) bool { return p["name"] == "Idempotency-Key" }); repeatable && g.chance(10) {
		r.headers = append(r.headers, "Idempotency-Key", fmt.Sprint("k", g.IntN(200)))
	}
	status, header, answer := v.send(r)
	v.judge(r, status, answer, valid, lenient)
	if status < 300 {
		v.remember(op, r.path, query, header, answer)
	}
}

// judge compares what the schemas say of a request with the response.
func (v *validation) judge(r validatedCall, status int, answer object, valid, lenient bool) {
	v.conformance.t.Helper()
	switch {
	case !valid && status < 300 && !lenient:
		v.fail("a request that the document does not allow is accepted", v.describe(r), status, v.text(answer))
	case valid && !lenient:
		v.allowed++
		if status < 400 {
			v.succeeded++
		}
		detail, _ := answer["detail"].(string)
		rejected := status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || status == http.StatusUnsupportedMediaType
		if rejected && !slices.ContainsFunc(reasonsOfState, func(reason *regexp.Regexp) bool { return reason.MatchString(detail) }) {
			v.fail("a request that the document allows is rejected", v.describe(r), status, v.text(answer))
		}
	}
}

// isLenient reports whether a body that its schema does not allow is accepted all the same: it
// is what the schema allows, in a form that docs/api.md has under Leniencies.
func (v *validation) isLenient(op *contractOperation, body any) bool {
	given, ok := body.(object)
	if !ok {
		return false
	}
	schema := v.doc.resolve(op.body)
	strict := object{}
	for name, value := range given {
		if op.id == "reportWebVital" && name != "name" && name != "value" {
			continue // what browsers send beside them is ignored
		}
		member, _ := at(schema, "properties", name).(object)
		if member == nil {
			if readOnly[name] {
				continue
			}
			return false
		}
		text, isText := value.(string)
		shown := strings.Trim(text, " \u200b")
		switch form := fmt.Sprint(member["format"], member["type"]); {
		case isText && shown == "" && member["minLength"] == nil, value == nil && form == "<nil>boolean":
			continue // cleared, or not given
		case isText && strings.Contains(form, "number") && decimal.MatchString(shown):
			strict[name] = json.Number(shown)
		case isText && strings.Contains(form, "integer") && decimal.MatchString(shown):
			strict[name] = json.Number(shown)
		case isText && strings.HasPrefix(form, "date-time") && len(shown) == len("2024-01-01"):
			strict[name] = shown + "T00:00:00Z"
		case isText && strings.HasPrefix(form, "uri") && !strings.Contains(shown, "://"):
			strict[name] = "https://" + shown
		case isText:
			strict[name] = shown // without white space and invisible characters at its ends
		default:
			strict[name] = value
		}
	}
	return op.input.Validate(jsonValue(v.conformance.t, strict)) == nil
}

var decimal = regexp.MustCompile(`^-?\d+(\.\d{1,2})?$`)

// readOnly are members that are ignored in a write.
var readOnly = map[string]bool{"id": true, "created_at": true, "updated_at": true, "full_name": true}

// reasonsOfState are why requests that the schemas allow are rejected.
var reasonsOfState = []*regexp.Regexp{
	regexp.MustCompile(`refers to|does not exist|is deleted`), // ids of records that are not there
	regexp.MustCompile(`token must be one that was given out`),
	regexp.MustCompile(`email must be an e-mail address`),
	regexp.MustCompile(`which is the maximum of the organisation`),
	regexp.MustCompile(`Idempotency-Key was used with another body`),
	regexp.MustCompile(`expires_at must lie in the future`),
	regexp.MustCompile(`scopes must be of those that the role`),
	regexp.MustCompile(`status must be \w+ in the stage`),
	regexp.MustCompile(`completed must be \w+ with the status`),
	regexp.MustCompile(`is_primary needs a company_id`),
	regexp.MustCompile(`must not be sent together with`),
	regexp.MustCompile(`kind must be one of bulk-import|kind must be one of data-export|kind must be one of generate-report|args/\w+ must|cron must|run_at must be within`),
	regexp.MustCompile(`columns/\d+ must be a column|format must be xlsx for all types`),
	regexp.MustCompile(`since must be a position of the present epoch|since must not be after the last change`),
	regexp.MustCompile(`pattern must be a part of an operation's or a kind's name`),
	regexp.MustCompile(`issuer must be given: no identity provider|issuer must be a URL|subject must have 1 to 255 bytes`),
	regexp.MustCompile(`to must not be before from|must not be below`),
	regexp.MustCompile(`must not be given with deleted=true`),
	regexp.MustCompile(`closed_at must not be given: an active deal has none|completed_at must not be given`),
	regexp.MustCompile(`first_name must be there when there is neither`), // docs/api.md: what a schema cannot say
}

// remember keeps what later requests need.
func (v *validation) remember(op *contractOperation, path, query string, header http.Header, answer object) {
	if tag := header.Get("ETag"); tag != "" && op.method == http.MethodGet {
		v.tags[path] = tag
	}
	if next, ok := at(answer, "pagination", "nextCursor").(string); ok && !strings.Contains(query, "cursor=") {
		v.cursors[strings.TrimSuffix(path, "?"+query)+"?"+query] = next
	}
	kind := kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]
	id, _ := at(answer, "data", "id").(string)
	if op.method == http.MethodPost && kind != "" && id != "" && len(v.gen.pool[kind]) < 40 {
		v.gen.pool[kind] = append(v.gen.pool[kind], id)
	}
	if op.method == http.MethodDelete && id != "" {
		for kind, ids := range v.gen.pool {
			if len(ids) > 3 {
				v.gen.pool[kind] = slices.DeleteFunc(ids, func(s string) bool { return s == id })
			}
		}
	}
}
