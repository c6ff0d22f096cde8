package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// conformance checks responses against the API document: their status, media type, header
// fields and body must be documented. It records what it has seen.
type conformance struct {
	t        *testing.T
	doc      apiDocument
	compiler *jsonschema.Compiler
	ops      map[string]*contractOperation // by method and path
	seen     map[string]map[int]int        // statuses by operation
	sent     map[string]map[string]bool    // header fields by operation and status
	reported map[string]bool
}

// contractOperation is an operation with the schemas of its requests and responses.
type contractOperation struct {
	apiOperation
	id           string
	optionalBody bool
	parameters   []object // of every kind
	values       map[string]*jsonschema.Schema
	input        *jsonschema.Schema
	responses    map[int]*contractResponse
}

type contractResponse struct {
	headers map[string]bool // in canonical form
	media   map[string]*jsonschema.Schema
}

const documentURL = "https://sixty.example/openapi.json"

func newConformance(t *testing.T, c *client) *conformance {
	t.Helper()
	_, _, text := c.raw("GET", "/openapi.json", "", nil)
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	k := &conformance{
		t: t, doc: c.document(), compiler: jsonschema.NewCompiler(), ops: map[string]*contractOperation{},
		reported: map[string]bool{}, seen: map[string]map[int]int{}, sent: map[string]map[string]bool{},
	}
	k.compiler.AssertFormat()
	if err := k.compiler.AddResource(documentURL, root); err != nil {
		t.Fatal(err)
	}
	for _, op := range k.doc.all() {
		k.ops[op.String()] = k.operation(op)
	}
	return k
}

// pointer returns a JSON pointer to a part of the document.
func pointer(steps ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	for i := range steps {
		steps[i] = escape.Replace(steps[i])
	}
	return "#/" + strings.Join(steps, "/")
}

func (k *conformance) schema(at string) *jsonschema.Schema {
	k.t.Helper()
	s, err := k.compiler.Compile(documentURL + at)
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

func (k *conformance) operation(op apiOperation) *contractOperation {
	k.t.Helper()
	o := &contractOperation{apiOperation: op, values: map[string]*jsonschema.Schema{}, responses: map[int]*contractResponse{}}
	method := strings.ToLower(op.method)
	entry := at(k.doc.root, "paths", op.path, method).(object)
	o.id = entry["operationId"].(string)
	parameters, _ := entry["parameters"].([]any)
	for i, p := range parameters {
		whole := k.doc.resolve(p.(object))
		o.parameters = append(o.parameters, whole)
		where := pointer("paths", op.path, method, "parameters", strconv.Itoa(i), "schema")
		if ref, shared := p.(object)["$ref"].(string); shared {
			where = ref + "/schema"
		}
		o.values[whole["name"].(string)] = k.schema(where)
	}
	if op.body != nil {
		o.optionalBody = at(entry, "requestBody", "required") != true
		o.input = k.schema(pointer("paths", op.path, method, "requestBody", "content", "application/json", "schema"))
	}
	for status, r := range entry["responses"].(object) {
		n, err := strconv.Atoi(status)
		if err != nil {
			k.t.Fatalf("%s documents the status %s", op, status)
		}
		where := pointer("paths", op.path, method, "responses", status)
		if ref, shared := r.(object)["$ref"].(string); shared {
			where = ref
		}
		whole := k.doc.resolve(r.(object))
		res := &contractResponse{headers: map[string]bool{}, media: map[string]*jsonschema.Schema{}}
		headers, _ := whole["headers"].(object)
		for name := range headers {
			res.headers[http.CanonicalHeaderKey(name)] = true
		}
		content, _ := whole["content"].(object)
		for media := range content {
			res.media[media] = k.schema(where + strings.TrimPrefix(pointer("", "content", media, "schema"), "#/"))
		}
		o.responses[n] = res
	}
	return o
}

// ofHTTP are header fields that the document leaves to HTTP, to CORS and to the safety of
// browsers.
func ofHTTP(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Content-Encoding", "Date", "Vary", "Cache-Control", "Connection", "Transfer-Encoding",
		"X-Content-Type-Options", "X-Frame-Options", "X-Accel-Buffering", "Referrer-Policy", "Permissions-Policy":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "Cross-Origin-") || strings.HasPrefix(name, "Content-Security-")
}

// check checks a response. idOnly is what a credential that may not read gets of a written
// record.
func (k *conformance) check(op *contractOperation, describe func() string, status int, header http.Header, body []byte, idOnly bool) {
	k.t.Helper()
	fail := func(format string, args ...any) {
		k.fail(fmt.Sprintf(format, args...), describe(), status, body)
	}
	if k.seen[op.String()] == nil {
		k.seen[op.String()] = map[int]int{}
	}
	k.seen[op.String()][status]++
	res := op.responses[status]
	switch {
	case status >= http.StatusInternalServerError:
		fail("the status is %d", status)
		return
	case res == nil:
		fail("the status %d is not documented", status)
		return
	}
	at := op.String() + " " + strconv.Itoa(status)
	if k.sent[at] == nil {
		k.sent[at] = map[string]bool{}
	}
	for name := range header {
		k.sent[at][name] = true
		if !ofHTTP(name) && !res.headers[name] {
			fail("the header field %s is not documented", name)
		}
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	schema := res.media[media]
	if schema == nil && media != "" && status < 300 { // a file has its own
		schema = res.media["*/*"]
	}
	switch {
	case len(body) == 0 && len(res.media) == 0:
		return
	case schema == nil:
		fail("the media type %q is not documented", media)
		return
	case !strings.HasSuffix(media, "json"):
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		fail("the body is not JSON: %v", err)
		return
	}
	if idOnly && status < 300 && op.method != http.MethodGet && isIDAlone(value) {
		return
	}
	if err := schema.Validate(value); err != nil {
		fail("the body breaks its schema: %v", err)
	}
	if code := codeOf(value); media == "application/problem+json" && code == "" {
		fail("the problem has no code")
	}
}

func isIDAlone(value any) bool {
	data, _ := at(value.(object), "data").(object)
	return len(data) == 1 && data["id"] != nil
}

func codeOf(value any) string {
	o, _ := value.(object)
	code, _ := o["code"].(string)
	return code
}

// digits are what failures of one kind differ in.
var digits = regexp.MustCompile(`[0-9a-f-]{8,}|[0-9]+`)

// fail reports what is wrong with a response.
func (k *conformance) fail(what, request string, status int, body []byte) {
	k.t.Helper()
	detail, _, _ := strings.Cut(string(body), `"error"`) // failures of one kind are reported once
	if kind := fmt.Sprintf("%s %d %s", what, status, digits.ReplaceAllString(detail, "")); !k.reported[kind] {
		k.reported[kind] = true
	} else {
		return
	}
	if len(k.reported) > 60 {
		k.t.Fatal("there are more")
	}
	k.t.Errorf("%s\n%s\n%d %.600s", what, request, status, body)
}

// curl returns a request as a command.
func curl(method, address, key string, headers []string, body []byte) string {
	b := "curl -X " + method
	if key != "" {
		b += " -H 'Authorization: Bearer KEY'"
	}
	for i := 0; i+1 < len(headers); i += 2 {
		b += " -H '" + headers[i] + ": " + headers[i+1] + "'"
	}
	if body != nil {
		b += fmt.Sprintf(" --data-binary '%.2000s'", strings.ReplaceAll(string(body), "'", `'\''`))
	}
	return b + " '" + address + "'"
}

// missing returns the documented statuses that were not seen, and the documented header
// fields of successes that were not.
func (k *conformance) missing(statusExcused func(op *contractOperation, status int) bool, headerExcused func(op *contractOperation, name string) bool) (all []string) {
	for name, op := range k.ops {
		for status, res := range op.responses {
			if k.seen[name][status] == 0 {
				if !statusExcused(op, status) {
					all = append(all, fmt.Sprintf("%s %d", name, status))
				}
				continue
			}
			for header := range res.headers {
				if status < 300 && !k.sent[name+" "+strconv.Itoa(status)][header] && !headerExcused(op, header) {
					all = append(all, fmt.Sprintf("%s %d without %s", name, status, header))
				}
			}
		}
	}
	// Header fields of 304 and of failures are shared by all operations.
	seen, documented := map[string]bool{}, map[string]bool{}
	for name, op := range k.ops {
		for status, res := range op.responses {
			if sent := k.sent[name+" "+strconv.Itoa(status)]; status >= 300 && sent != nil {
				for header := range res.headers {
					at := strconv.Itoa(status) + " " + header
					documented[at], seen[at] = true, seen[at] || sent[header]
				}
			}
		}
	}
	for at := range maps.Keys(documented) {
		if !seen[at] {
			all = append(all, "any "+at)
		}
	}
	slices.Sort(all)
	return all
}

// jsonValue returns a value as the validator reads it.
func jsonValue(tb testing.TB, v any) any {
	tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	return value
}
