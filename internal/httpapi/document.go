package httpapi

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/server"
)

// newDocument returns the API document before it has any operations. huma's own pages
// are off: those of serveDocs load nothing from other hosts.
func newDocument() *huma.OpenAPI {
	c := huma.DefaultConfig("sixty", "1")
	c.Info.Description = strings.Join([]string{
		"The backend of a sales dashboard: companies, contacts, deals, their pipeline and the people who own them.",
		"Requests are authenticated by `Authorization: Bearer KEY`, or by a session cookie, with which only pages of this or a trusted origin may change " +
			"anything. The key or the user determines the organisation and the role: a viewer reads; " +
			"a rep reads everything and writes what they own; a manager writes everything; an admin also manages users and keys.",
		"Responses are envelopes, `{\"data\": …, \"error\": null}`. Failures are problems (RFC 9457) that name every bad field at once: " +
			"400 for what cannot be parsed, 422 for invalid values, 409 for conflicts with stored data.",
		"Lists are read a page at a time, in either direction, with opaque cursors that do not expire. " +
			"A parameter with an empty value counts as not given; unknown parameters are ignored.",
		"Responses to GET and HEAD have an ETag: sent back in `If-None-Match`, an unchanged response is a 304, and in `If-Match` of a PUT, PATCH or DELETE, " +
			"the request is a 412 if the record was changed meanwhile. Responses of 1 KiB and more are compressed for clients that accept br, zstd or gzip. " +
			"Request bodies may be compressed too (`Content-Encoding`); they are at most 1 MiB long when decoded. Every path that takes GET takes HEAD.",
		"A write whose outcome is unknown may be repeated with the same `Idempotency-Key`: it is done once, and for 24 hours its response is replayed. " +
			"The key is scoped to the caller, the method and the path; with another body it is a 422. Failed requests are not stored.",
		"Ids are UUIDs, instants are RFC 3339 in UTC, dates are YYYY-MM-DD, money is an exact decimal with two places.",
	}, "\n\n")
	c.Servers = []*huma.Server{{URL: "/"}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", Description: "An API key, as `sixty apikey create` prints it, or a token (JWT) of the identity provider that is configured. " +
			"An API key needs the scope that an operation names; a token has them all. Without read, the data of a written record is its id alone."},
		session: {Type: "apiKey", In: "cookie", Name: "sixty_session", Description: "The session that POST /api/auth/login starts. Behind TLS it is called __Host-sixty_session."},
	}
	c.Tags = []*huma.Tag{
		{Name: "Companies", Description: "Accounts."},
		{Name: "Contacts", Description: "People at companies."},
		{Name: "Deals", Description: "Opportunities, the contacts who take part in them, and their progress through the pipeline."},
		{Name: "Deal stages", Description: "The stages of the pipeline."},
		{Name: "Activities", Description: "Past and planned contacts with customers."},
		{Name: "Tasks", Description: "Work that is assigned to users."},
		{Name: "Search", Description: "Companies, contacts and deals together."},
		{Name: "Dashboard", Description: "The team's numbers."},
		{Name: "People", Description: "The users who own records, and their organisation."},
		{Name: "Sign-in", Description: "Sessions, passwords, invitations and the identity provider."},
		{Name: "System", Description: "For operators."},
	}
	return c.OpenAPI
}

// The security schemes of the document.
const bearer, session = "bearer", "session"

// problemDescriptions are the descriptions of the statuses of failure.
var problemDescriptions = map[int]string{
	http.StatusBadRequest:            "The request cannot be parsed: malformed JSON or cursor, or a malformed parameter.",
	http.StatusUnauthorized:          "There is no valid API key, token or session, or the sign-in failed.",
	http.StatusForbidden:             "The caller's role does not permit this, or (code key.scope) the scopes of the API key do not.",
	http.StatusNotFound:              "There is no such record in the caller's organisation.",
	http.StatusConflict:              "It conflicts with stored data.",
	http.StatusPreconditionFailed:    "The record no longer matches If-Match: it was changed meanwhile. Nothing was done.",
	http.StatusRequestEntityTooLarge: "The body is larger than 1 MiB.",
	http.StatusUnsupportedMediaType:  "The body is not JSON in UTF-8, or its Content-Encoding is none of br, zstd and gzip.",
	http.StatusUnprocessableEntity:   "The request can be parsed, but has invalid values; all of them are named.",
	http.StatusTooManyRequests:       "Too many requests. Retry-After says when more are allowed, RateLimit and RateLimit-Policy how many.",
	http.StatusServiceUnavailable:    "The database cannot be reached or is too slow, or the server is overloaded.",
	http.StatusInternalServerError:   "A defect of the program.",
}

// locations are the descriptions of Location, by the statuses that have it.
var locations = map[int]string{http.StatusCreated: "The path of the new record.", http.StatusFound: "Where the browser is sent."}

// describe returns an operation's entry in the API document.
func (a *API) describe(op operation, p *server.Operation) *huma.Operation {
	entry := &huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description,
		Parameters: slices.Concat(pathParameters(op.path), op.query, op.headers),
		Responses:  map[string]*huma.Response{},
	}
	entry.Security = []map[string][]string{{}} // none is required
	if !op.public {
		entry.Security = []map[string][]string{{bearer: p.Scope.Names()}, {session: {}}}
	}
	if op.body != nil {
		entry.RequestBody = &huma.RequestBody{
			Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: op.body}},
		}
	}
	status := http.StatusOK
	if op.status != 0 {
		status = op.status
	}
	answer := &huma.Response{Description: server.StatusText(status), Headers: map[string]*huma.Header{}}
	if op.answer != nil {
		schema := op.answer
		if op.written {
			answer.Description += ". Without the scope read, an API key gets the id alone."
			schema = &huma.Schema{AnyOf: []*huma.Schema{op.answer, a.schemas.written()}}
		}
		answer.Content = map[string]*huma.MediaType{cmp.Or(op.media, "application/json"): {Schema: schema, Example: op.example}}
	}
	if where, ok := locations[status]; ok {
		answer.Headers["Location"] = &huma.Header{Description: where, Schema: &huma.Schema{Type: huma.TypeString, Format: "uri-reference"}}
	}
	if op.answer != nil && strings.HasSuffix(op.answer.Ref, "List") {
		answer.Headers["Link"] = &huma.Header{
			Description: "The pages around this one, rel=next and rel=prev (RFC 8288).", Schema: &huma.Schema{Type: huma.TypeString},
		}
	}
	entry.Responses[strconv.Itoa(status)] = answer
	problems := slices.Concat(op.problems, describeRepeats(p, entry, answer), []int{http.StatusInternalServerError, http.StatusServiceUnavailable})
	if op.method != http.MethodGet || !op.public {
		problems = append(problems, http.StatusForbidden)
	}
	if op.body != nil {
		problems = append(problems, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if strings.Contains(op.path, "{") {
		problems = append(problems, http.StatusNotFound)
	}
	if !op.cost.Free {
		problems = append(problems, http.StatusTooManyRequests)
	}
	if !op.public {
		problems = append(problems, http.StatusUnauthorized)
		problems = append(problems, describeConditions(p, entry, answer)...)
	}
	for _, p := range problems {
		entry.Responses[strconv.Itoa(p)] = &huma.Response{Ref: "#/components/responses/" + a.problemResponse(p)}
	}
	return entry
}

// The components of the document for conditional and repeated requests.
const (
	repeatKey     = "IdempotencyKey"
	replayed      = "IdempotencyReplayed"
	tagHeader     = "ETag"
	unlikeTags    = "IfNoneMatch"
	matchingTags  = "IfMatch"
	unchangedTags = "NotModified"
)

// conditionComponents adds them to the document, once for all operations.
func conditionComponents(c *huma.Components) {
	text := &huma.Schema{Type: huma.TypeString}
	c.Headers = map[string]*huma.Header{
		tagHeader: {Description: "Identifies these bytes and the version of the record (RFC 9110 section 8.8.3).", Schema: text},
		replayed:  {Description: "true: this is the replayed response to an earlier request.", Schema: text},
	}
	c.Parameters = map[string]*huma.Param{
		unlikeTags: {Name: "If-None-Match", In: "header", Description: "The ETags of the client's copies: 304 if one is current.", Schema: text},
		repeatKey: {
			Name: server.IdempotencyKey, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(server.MaxIdempotencyKey)},
			Description: "A key of the client's choice, such as a UUID: when the request is repeated with it within 24 hours, it is not done again, and the response is replayed.",
		},
		matchingTags: {Name: "If-Match", In: "header", Description: "The ETags of the client's copies: 412 if the record has changed since.", Schema: text},
	}
	c.Responses = map[string]*huma.Response{
		unchangedTags: {
			Description: "The client's copy is current.",
			Headers:     map[string]*huma.Header{"ETag": {Ref: "#/components/headers/" + tagHeader}},
		},
	}
}

// describeConditions documents the preconditions of an operation, and returns the
// statuses of their failure.
func describeConditions(op *server.Operation, entry *huma.Operation, answer *huma.Response) []int {
	if op.Method != http.MethodPut && op.Method != http.MethodDelete {
		answer.Headers["ETag"] = &huma.Header{Ref: "#/components/headers/" + tagHeader}
	}
	switch {
	case op.Method == http.MethodGet:
		entry.Parameters = append(entry.Parameters, &huma.Param{Ref: "#/components/parameters/" + unlikeTags})
		entry.Responses["304"] = &huma.Response{Ref: "#/components/responses/" + unchangedTags}
	case op.Conditional():
		entry.Parameters = append(entry.Parameters, &huma.Param{Ref: "#/components/parameters/" + matchingTags})
		return []int{http.StatusBadRequest, http.StatusPreconditionFailed}
	}
	return nil
}

// describeRepeats documents the idempotency key of an operation, and returns the statuses
// of its failure.
func describeRepeats(op *server.Operation, entry *huma.Operation, answer *huma.Response) []int {
	if !op.Repeatable() {
		return nil
	}
	entry.Parameters = append(entry.Parameters, &huma.Param{Ref: "#/components/parameters/" + repeatKey})
	answer.Headers[server.IdempotencyReplayed] = &huma.Header{Ref: "#/components/headers/" + replayed}
	return []int{http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity}
}

// problemResponse returns the name of the response component of a status.
func (a *API) problemResponse(status int) string {
	name := strings.ReplaceAll(server.StatusText(status), " ", "")
	c := a.openAPI.Components
	c.Responses[name] = &huma.Response{
		Description: problemDescriptions[status],
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: a.schemas.record("Problem", reflect.TypeFor[server.ProblemBody]())},
		},
	}
	return name
}

// pathParameters returns the parameters of a path, all of which are ids.
func pathParameters(path string) []*huma.Param {
	var all []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			all = append(all, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: idSchema()})
		}
	}
	return all
}
