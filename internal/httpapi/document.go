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
// are off: serveDocs has what needs nothing from elsewhere.
func newDocument() *huma.OpenAPI {
	c := huma.DefaultConfig("sixty", "1")
	c.Info.Description = strings.Join([]string{
		"The backend of a sales dashboard: companies, contacts, deals, their pipeline and the people who own them.",
		"Requests are signed with `Authorization: Bearer KEY`, or by the cookie of a session, which only pages of this or a trusted origin may change " +
			"things with. The key or the person decides the organisation and the role: a viewer reads; " +
			"a rep reads everything and writes what they own; a manager writes everything; an admin also manages people and keys.",
		"Answers are envelopes, `{\"data\": …, \"error\": null}`. Failures are problems (RFC 9457) that name every bad field at once: " +
			"400 for what cannot be read, 422 for what reads but breaks rules, 409 for what collides with what is stored.",
		"Lists are read a page at a time, in either direction, with opaque cursors that never age. " +
			"A parameter with an empty value counts as not given; unknown parameters are ignored.",
		"Answers to GET and HEAD carry an ETag: sent back in `If-None-Match` it makes an unchanged answer a 304, and in `If-Match` of a PUT, PATCH or DELETE " +
			"it makes the request a 412 when somebody else has changed the thing meanwhile. Answers of 1 KiB and more are compressed for whoever accepts br, zstd or gzip, " +
			"and so may be the bodies of requests (`Content-Encoding`), which are at most 1 MiB long when they are decoded. Whatever answers GET answers HEAD.",
		"A write may be sent again, when it is not known what became of it, with the same `Idempotency-Key`: it is done once, and for 24 hours answered as it was " +
			"the first time. The key belongs to who sends it, the method and the path; with another body it is a 422. What failed is not kept.",
		"Ids are UUIDs, instants are RFC 3339 in UTC, dates are YYYY-MM-DD, money is an exact decimal with two places.",
	}, "\n\n")
	c.Servers = []*huma.Server{{URL: "/"}}
	c.Security = []map[string][]string{{"bearer": {}}, {"session": {}}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer":  {Type: "http", Scheme: "bearer", Description: "An API key, as `sixty apikey create` prints it, or a token (JWT) of the identity provider that is configured."},
		"session": {Type: "apiKey", In: "cookie", Name: "sixty_session", Description: "The session that POST /api/auth/login has begun. Behind TLS it is called __Host-sixty_session."},
	}
	c.Tags = []*huma.Tag{
		{Name: "Companies", Description: "Accounts."},
		{Name: "Contacts", Description: "People at companies."},
		{Name: "Deals", Description: "Opportunities, the contacts who take part in them, and their way through the pipeline."},
		{Name: "Deal stages", Description: "The steps of the pipeline."},
		{Name: "Activities", Description: "What was done, or is to be done, with customers."},
		{Name: "Tasks", Description: "What somebody is to do."},
		{Name: "Search", Description: "Companies, contacts and deals together."},
		{Name: "Dashboard", Description: "The team's numbers."},
		{Name: "People", Description: "Who owns records, and the organisation that they are of."},
		{Name: "Sign-in", Description: "How people come in, and go."},
		{Name: "System", Description: "For whoever runs the program."},
	}
	return c.OpenAPI
}

// problemWords says what a status means, wherever it is answered.
func problemWords(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "The request cannot be read: malformed JSON or cursor, or a parameter that does not parse."
	case http.StatusUnauthorized:
		return "The request is not signed with a valid API key or session, or what was to sign in is wrong."
	case http.StatusForbidden:
		return "The key's role may not do this."
	case http.StatusNotFound:
		return "There is no such thing in the key's organisation."
	case http.StatusConflict:
		return "It collides with what is stored."
	case http.StatusPreconditionFailed:
		return "The thing is no longer what If-Match names: somebody else has changed it. Nothing was done."
	case http.StatusRequestEntityTooLarge:
		return "The body is larger than 1 MiB."
	case http.StatusUnsupportedMediaType:
		return "The body is not JSON in UTF-8, or its Content-Encoding is none of br, zstd and gzip."
	case http.StatusUnprocessableEntity:
		return "The request reads, but parts of it break rules; all of them are named."
	case http.StatusTooManyRequests:
		return "Too many requests came. Retry-After says when more are allowed, RateLimit and RateLimit-Policy how many."
	case http.StatusServiceUnavailable:
		return "The database cannot be reached or is too slow, or too much is being done."
	default:
		return "A defect of the program."
	}
}

// locations says what Location names, in answers of the statuses that have it.
var locations = map[int]string{http.StatusCreated: "The path of what was made.", http.StatusFound: "Where to go on."}

// describe gives an operation's entry in the API document.
func (a *API) describe(op operation, p *server.Operation) *huma.Operation {
	entry := &huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description,
		Parameters: slices.Concat(pathParameters(op.path), op.query, op.headers),
		Responses:  map[string]*huma.Response{},
	}
	if op.public {
		entry.Security = []map[string][]string{{}} // OpenAPI's way to say: none is needed
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
		answer.Content = map[string]*huma.MediaType{cmp.Or(op.media, "application/json"): {Schema: op.answer, Example: op.example}}
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
	if op.method != http.MethodGet {
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

// The parts of the document that say how requests are made conditional, and safe to repeat.
const (
	repeatKey     = "IdempotencyKey"
	replayed      = "IdempotencyReplayed"
	tagHeader     = "ETag"
	unlikeTags    = "IfNoneMatch"
	matchingTags  = "IfMatch"
	unchangedTags = "NotModified"
)

// conditionComponents enters them in the document, once for all operations.
func conditionComponents(c *huma.Components) {
	text := &huma.Schema{Type: huma.TypeString}
	c.Headers = map[string]*huma.Header{
		tagHeader: {Description: "Names these very bytes, and the version of the thing (RFC 9110 section 8.8.3).", Schema: text},
		replayed:  {Description: "true: the request was answered before, and with this.", Schema: text},
	}
	c.Parameters = map[string]*huma.Param{
		unlikeTags: {Name: "If-None-Match", In: "header", Description: "The ETags of what the client has: 304 when that is unchanged.", Schema: text},
		repeatKey: {
			Name: server.IdempotencyKey, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(server.MaxIdempotencyKey)},
			Description: "A key of the client's choice, such as a UUID: sent again with it within 24 hours, the request is not done again, and answered as before.",
		},
		matchingTags: {Name: "If-Match", In: "header", Description: "The ETags of what the client has read: 412 when the thing has changed since.", Schema: text},
	}
	c.Responses = map[string]*huma.Response{
		unchangedTags: {
			Description: "What If-None-Match names is unchanged.",
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

// describeRepeats says how an operation is made safe to repeat, and gives the problems
// that come of it.
func describeRepeats(op *server.Operation, entry *huma.Operation, answer *huma.Response) []int {
	if !op.Repeatable() {
		return nil
	}
	entry.Parameters = append(entry.Parameters, &huma.Param{Ref: "#/components/parameters/" + repeatKey})
	answer.Headers[server.IdempotencyReplayed] = &huma.Header{Ref: "#/components/headers/" + replayed}
	return []int{http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity}
}

// problemResponse names the response that a problem of a status is.
func (a *API) problemResponse(status int) string {
	name := strings.ReplaceAll(server.StatusText(status), " ", "")
	c := a.openAPI.Components
	c.Responses[name] = &huma.Response{
		Description: problemWords(status),
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: a.schemas.thing("Problem", reflect.TypeFor[server.ProblemBody]())},
		},
	}
	return name
}

// pathParameters describes the ids in a path.
func pathParameters(path string) []*huma.Param {
	var all []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			all = append(all, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: idSchema()})
		}
	}
	return all
}
