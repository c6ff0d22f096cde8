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
			"Request bodies may be compressed too (`Content-Encoding`); they are at most 1 MiB long when decoded, unless an operation says otherwise. Every path that takes GET takes HEAD.",
		"A write whose outcome is unknown may be repeated with the same `Idempotency-Key`: it is done once, and for 24 hours its response is replayed. " +
			"The key is scoped to the caller, the method and the path; with another body it is a 422. Failed requests are not stored.",
		"Ids are UUIDs, instants are RFC 3339 in UTC, dates are YYYY-MM-DD.",
		"Money is an exact decimal with two places, written as a JSON number of at most 14 digits. A double carries 15 digits exactly: a client that reads it as one, " +
			"and rounds what it calculates to two places, loses nothing. An amount with more than two places is a 422.",
		"The schemas of request bodies are the strict form. Beyond it, forms may be sent as browsers fill them in: a number as a decimal string (`\"1250.00\"`), an instant as a date, which is its midnight in UTC, " +
			"and an empty string for a number, id, date, enumerated value, e-mail address, domain or URL, which is as if it were not sent in a POST, and null in a PUT or PATCH. Read-only members of the record are ignored.",
		"What is marked as deprecated goes on working for existing clients: the names of query parameters in snake_case, and the older forms of some paths.",
	}, "\n\n")
	c.Info.Contact = &huma.Contact{Name: "The operator of this server"}
	c.Servers = []*huma.Server{{URL: "/"}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", Description: "An API key, as `sixty apikey create` prints it, or a token (JWT) of the identity provider that is configured. " +
			"An API key needs the scope that an operation names (x-scope); a token has them all. Without read, the data of a written record is its id alone."},
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
		{Name: "Changes", Description: "The change log, as a list or a stream."},
		{Name: "People", Description: "The users who own records, and their organisation."},
		{Name: "Sign-in", Description: "Sessions, passwords, invitations and the identity provider."},
		{Name: "API keys", Description: "The credentials of programs."},
		{Name: jobsTag, Description: "Work in the background, its progress and its results, and schedules."},
		{Name: importsTag, Description: "Files that records are imported from, and the undoing of imports."},
		{Name: exportsTag, Description: "Files of records, and their download."},
		{Name: webhooksTag, Description: "Changes that are sent to other programs."},
		{Name: mailTag, Description: "Messages that are sent, or wait for it."},
		{Name: "Performance", Description: "The cache and its statistics."},
		{Name: "System", Description: "Health, rate limits and the audit trail."},
	}
	return c.OpenAPI
}

// The security schemes of the document.
const bearer, session = "bearer", "sessionCookie"

// scopeExtension is the scope that an API key needs for an operation. A security requirement
// of OpenAPI has scopes of OAuth alone.
const scopeExtension = "x-scope"

// problemDescriptions are the descriptions of the statuses of failure.
var problemDescriptions = map[int]string{
	http.StatusBadRequest:                   "The request cannot be parsed: malformed JSON or cursor, or a malformed parameter.",
	http.StatusUnauthorized:                 "There is no valid API key, token or session, or the sign-in failed.",
	http.StatusForbidden:                    "The caller's role does not permit this, or (code key.scope) the scopes of the API key do not.",
	http.StatusNotFound:                     "There is no such record in the caller's organisation.",
	http.StatusConflict:                     "It conflicts with stored data.",
	http.StatusGone:                         "It is no longer kept.",
	http.StatusRequestedRangeNotSatisfiable: "The file has no such range.",
	http.StatusPreconditionFailed:           "The record no longer matches If-Match: it was changed meanwhile. Nothing was done.",
	http.StatusRequestEntityTooLarge:        "The body is larger than 1 MiB, or than the operation says.",
	http.StatusUnsupportedMediaType:         "The body is not JSON in UTF-8, or its Content-Encoding is none of br, zstd and gzip.",
	http.StatusUnprocessableEntity:          "The request can be parsed, but has invalid values; all of them are named.",
	http.StatusTooManyRequests:              "Too many requests. Retry-After says when more are allowed, RateLimit and RateLimit-Policy how many.",
	http.StatusServiceUnavailable:           "The database cannot be reached or is too slow, or the server is overloaded.",
	http.StatusInternalServerError:          "A defect of the program.",
}

// describe returns an operation's entry in the API document.
func (a *API) describe(op operation, p *server.Operation) *huma.Operation {
	entry := &huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag}, Deprecated: op.deprecated,
		Summary: op.summary, Description: cmp.Or(op.description, op.summary+"."),
		Parameters: slices.Concat(pathParameters(op.path), op.query, op.headers),
		Responses:  map[string]*huma.Response{},
	}
	entry.Security = []map[string][]string{{}} // none is required
	if !op.public {
		entry.Security = []map[string][]string{{bearer: {}}, {session: {}}}
		entry.Extensions = map[string]any{scopeExtension: strings.Join(p.Scope.Names(), " ")}
	}
	if op.body != nil {
		entry.RequestBody = &huma.RequestBody{Required: !op.bodyOptional, Content: map[string]*huma.MediaType{}}
		for _, media := range bodyTypes(op.method) {
			entry.RequestBody.Content[media] = &huma.MediaType{Schema: op.body, Example: op.bodyExample}
		}
	}
	if op.files {
		entry.RequestBody = uploadBody()
	}
	status := cmp.Or(op.status, http.StatusOK)
	answer := &huma.Response{Description: server.StatusText(status), Headers: answerHeaders(&op, p)}
	if op.answer != nil {
		answer.Content = map[string]*huma.MediaType{cmp.Or(op.media, "application/json"): {Schema: op.answer, Example: op.example}}
	}
	if op.written {
		answer.Description += ". An API key without the scope read gets data with the id alone."
	}
	entry.Responses[strconv.Itoa(status)] = answer
	if op.seeOther {
		entry.Responses[strconv.Itoa(http.StatusSeeOther)] = &huma.Response{
			Description: "It is a file, which is at the Location.", Headers: refer(slices.Concat(everywhere, handled, []string{"Location"})),
		}
	}
	problems := slices.Concat(op.problems, describeRepeats(p, entry), describeConditions(p, entry),
		[]int{http.StatusInternalServerError, http.StatusServiceUnavailable})
	if op.method != http.MethodGet || !op.public {
		problems = append(problems, http.StatusForbidden)
	}
	if op.body != nil {
		problems = append(problems, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if op.files {
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
	}
	for _, p := range problems {
		entry.Responses[strconv.Itoa(p)] = &huma.Response{Ref: "#/components/responses/" + a.problemResponse(p)}
	}
	return entry
}

// bodyTypes returns the media types of a request body. A PATCH is a merge patch (RFC 7396).
func bodyTypes(method string) []string {
	if method == http.MethodPatch {
		return []string{"application/json", "application/merge-patch+json"}
	}
	return []string{"application/json"}
}

// The components of the document for conditional and repeated requests.
const (
	repeatKey     = "IdempotencyKey"
	unlikeTags    = "IfNoneMatch"
	matchingTags  = "IfMatch"
	unchangedTags = "NotModified"
)

// sharedComponents adds the components that many operations refer to.
func sharedComponents(c *huma.Components) {
	text := textSchema()
	c.Headers = map[string]*huma.Header{}
	for name, h := range sentHeaders {
		c.Headers[name] = &huma.Header{Description: h.doc, Schema: h.schema}
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
		unchangedTags: {Description: "The client's copy is current.", Headers: refer(slices.Concat(everywhere, handled, []string{"ETag"}))},
	}
}

// describeConditions documents the preconditions of an operation, and returns the
// statuses of their failure.
func describeConditions(op *server.Operation, entry *huma.Operation) []int {
	switch {
	case op.Method == http.MethodGet && op.Stream == nil:
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
func describeRepeats(op *server.Operation, entry *huma.Operation) []int {
	if op.Unrepeatable() {
		entry.Description += " With an Idempotency-Key it is a 400: its response is told once."
		return []int{http.StatusBadRequest}
	}
	if !op.Repeatable() {
		return nil
	}
	entry.Parameters = append(entry.Parameters, &huma.Param{Ref: "#/components/parameters/" + repeatKey})
	return []int{http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity}
}

// problemResponse returns the name of the response component of a status.
func (a *API) problemResponse(status int) string {
	name := strings.ReplaceAll(server.StatusText(status), " ", "")
	c := a.openAPI.Components
	c.Responses[name] = &huma.Response{
		Description: problemDescriptions[status],
		Headers:     refer(slices.Concat(everywhere, problemHeaders[status])),
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: a.schemas.record("Problem", reflect.TypeFor[server.ProblemBody]())},
		},
	}
	return name
}

// kindParameter is the parameter of a path that is the name of a kind of jobs.
const kindParameter = "kind"

// pathParameters returns the parameters of a path. But for the kind of jobs, they are ids.
func pathParameters(path string) []*huma.Param {
	var all []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			p := &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: idSchema()}
			if p.Name == kindParameter {
				p.Schema = ref("JobKind")
			}
			all = append(all, p)
		}
	}
	return all
}
