package app_test

import (
	"slices"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// apiDocument is the API document as a running program serves it. Tests of every operation
// take the operations from it, so that a new one is tested too.
type apiDocument struct {
	t    testing.TB
	root object
}

func (c *client) document() apiDocument {
	c.t.Helper()
	_, _, root := c.do("GET", "/openapi.json", "", nil)
	return apiDocument{c.t, root}
}

// apiOperation is an operation as the document describes it.
type apiOperation struct {
	method, path string
	query        []object // its query parameters
	body         object   // the schema of its body, nil if it takes none
	files        bool     // its body is files
	open         bool     // it needs no credentials
	scope        string   // that an API key needs; "" if it is open
	stream       bool     // its response has no end
}

func (op apiOperation) String() string { return op.method + " " + op.path }

// operations returns those that are no streams.
func (d apiDocument) operations() []apiOperation {
	d.t.Helper()
	return slices.DeleteFunc(d.all(), func(op apiOperation) bool { return op.stream })
}

// all returns every operation.
func (d apiDocument) all() []apiOperation {
	d.t.Helper()
	var all []apiOperation
	paths, _ := d.root["paths"].(object)
	for path, item := range paths {
		for method, entry := range item.(object) {
			e := entry.(object)
			op := apiOperation{
				method: strings.ToUpper(method), path: path,
				stream: at(e, "responses", "200", "content", "text/event-stream") != nil,
			}
			parameters, _ := e["parameters"].([]any)
			for _, p := range parameters {
				if p := d.resolve(p.(object)); p["in"] == "query" {
					p["schema"] = d.oneValue(p["schema"].(object))
					op.query = append(op.query, p)
				}
			}
			if security := e["security"].([]any); len(security) == 1 && len(security[0].(object)) == 0 {
				op.open = true
			} else if op.scope, _ = e["x-scope"].(string); op.scope == "" {
				d.t.Errorf("%s declares no scope", op)
			}
			if schema, ok := at(e, "requestBody", "content", "application/json", "schema").(object); ok {
				op.body = d.resolve(schema)
			}
			op.files = at(e, "requestBody", "content", "multipart/form-data") != nil
			all = append(all, op)
		}
	}
	if len(all) < 30 {
		d.t.Fatalf("the API document has %d operations: it is read wrongly", len(all))
	}
	return all
}

// oneValue returns the schema of one value of a parameter that takes several. A pattern of ids
// that allows null is one of ids.
func (d apiDocument) oneValue(schema object) object {
	schema = d.resolve(schema)
	items, several := schema["items"].(object)
	if !several {
		return schema
	}
	if pattern, _ := items["pattern"].(string); strings.HasPrefix(pattern, "^(null|") {
		return object{"type": "string", "format": "uuid"}
	}
	return d.resolve(items)
}

// asking returns the query with those of the parameters that the operation has.
func (op apiOperation) asking(parameters ...string) string {
	return "?" + strings.Join(slices.DeleteFunc(parameters, func(parameter string) bool {
		name, _, _ := strings.Cut(parameter, "=")
		return !slices.ContainsFunc(op.query, func(p object) bool { return p["name"] == name })
	}), "&")
}

// resolve follows a schema's reference.
func (d apiDocument) resolve(schema object) object {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	resolved, ok := at(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(object)
	if !ok {
		d.t.Fatalf("%s is not there", ref)
	}
	return resolved
}

// references returns the names of a schema's members that are ids.
func references(schema object) []string {
	var names []string
	properties, _ := schema["properties"].(object)
	for name, p := range properties {
		if p.(object)["format"] == "uuid" {
			names = append(names, name)
		}
	}
	return names
}

// minimal returns a body with just what a schema requires.
func (d apiDocument) minimal(schema object) object {
	d.t.Helper()
	body := object{}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		p := d.resolve(at(schema, "properties", name.(string)).(object))
		values, _ := p["enum"].([]any)
		switch {
		case aJobs[name.(string)] != nil && at(schema, "properties", "args") != nil:
			body[name.(string)] = aJobs[name.(string)]
		case len(values) > 0:
			body[name.(string)] = values[0]
		case p["format"] == "uuid":
			body[name.(string)] = crm.NewID().String() // of no record
		case p["pattern"] == "^([A-Z0-9]{8,16}\\.)?[0-9]{1,18}$":
			body[name.(string)] = "0"
		case p["type"] == "string" && p["format"] == nil:
			body[name.(string)] = "text"
		case p["type"] == "number":
			body[name.(string)] = 1
		case p["format"] == "uri":
			body[name.(string)] = aHook
		case p["type"] == "array":
			values, _ := at(p, "items", "enum").([]any)
			body[name.(string)] = values[:1]
		default:
			d.t.Fatalf("cannot make a %s: teach the test", name)
		}
	}
	return body
}
