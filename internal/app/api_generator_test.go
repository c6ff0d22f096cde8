package app_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

// generator makes requests from the schemas of the API document.
type generator struct {
	*rand.Rand
	doc  apiDocument
	pool map[string][]string // ids of records that are there, by kind
	n    int                 // for values that are unique
}

// An extent says how far values go.
type extent int

const (
	usual    extent = iota // somewhere within the limits
	boundary               // at the limits
)

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// id returns an id of a kind of record, sometimes one of none.
func (g *generator) id(kind string) string {
	if all := g.pool[kind]; len(all) > 0 && !g.chance(4) {
		return all[g.IntN(len(all))]
	}
	return crm.NewID().String()
}

// value returns a value that a schema allows. name is that of the member or parameter.
func (g *generator) value(schema object, name string, e extent) any {
	schema = g.doc.resolve(schema)
	if alternatives, ok := schema["anyOf"].([]any); ok {
		if g.chance(20) {
			return nil
		}
		return g.value(alternatives[0].(object), name, e)
	}
	if values, ok := schema["enum"].([]any); ok {
		return values[g.IntN(len(values))]
	}
	kind, _ := schema["type"].(string)
	if kinds, ok := schema["type"].([]any); ok {
		if kind = kinds[0].(string); g.chance(20) {
			return nil
		}
	}
	switch kind {
	case "boolean":
		return g.chance(50)
	case "integer":
		least, most := limit(schema, "minimum", 0), limit(schema, "maximum", 1000)
		if e == boundary {
			return []float64{least, most}[g.IntN(2)]
		}
		return least + float64(g.IntN(int(most-least)+1))
	case "number":
		if e == boundary {
			return json.Number([]string{"0", "0.01", "999999999999.99", "0.00", "1e2", "-0"}[g.IntN(6)])
		}
		return json.Number(fmt.Sprintf("%d.%02d", g.IntN(1_000_000), g.IntN(100)))
	case "array":
		items, _ := schema["items"].(object)
		all := []any{}
		for range g.IntN(3) + int(limit(schema, "minItems", 0)) {
			all = append(all, g.value(items, name, e))
		}
		return all
	case "object":
		return g.object(schema, e)
	case "string":
		return g.text(schema, name, e)
	case "":
		return "anything"
	}
	panic("what is the type of " + fmt.Sprint(schema) + "? Teach the test")
}

func limit(schema object, name string, standard float64) float64 {
	if n, ok := schema[name].(float64); ok {
		return n
	}
	return standard
}

// object returns an object with what a schema requires, and some of what it allows.
func (g *generator) object(schema object, e extent) object {
	o := object{}
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names) // the requests of a seed are the same each time
	for _, name := range names {
		if slices.Contains(required, any(name)) || g.chance(30) {
			if known, job := aJobs[name], properties["args"] != nil; job && known != nil {
				o[name] = known
				continue
			}
			o[name] = g.value(properties[name].(object), name, e)
		}
	}
	return o
}

var alphabet = []rune("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-éüßñ日本語ж😀")

func (g *generator) text(schema object, name string, e extent) string {
	g.n++
	unique := strconv.Itoa(g.n) + "-" + strconv.FormatUint(g.Uint64(), 36)
	switch schema["format"] {
	case "uuid":
		return g.id(kinds[name])
	case "date-time":
		if e == boundary {
			return []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-02-29T23:59:59Z", "2024-06-30T12:00:00.123456+14:00"}[g.IntN(4)]
		}
		return fmt.Sprintf("%d-%02d-%02dT%02d:%02d:00Z", 2020+g.IntN(9), 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(60))
	case "date":
		if e == boundary {
			return []string{"0001-01-01", "9999-12-31", "2024-02-29"}[g.IntN(3)]
		}
		return fmt.Sprintf("%d-%02d-%02d", 2020+g.IntN(9), 1+g.IntN(12), 1+g.IntN(28))
	case "uri":
		if name == "url" { // of a webhook: no name is resolved
			return aHook + unique
		}
		return "https://" + unique + ".example/a?b=" + strings.Repeat("c", g.IntN(20))
	case "idn-email":
		return "u" + unique + "@" + []string{"acme.example", "bücher.example"}[g.IntN(2)]
	case "idn-hostname":
		return "c" + unique + []string{".example", ".bücher.example"}[g.IntN(2)]
	}
	if pattern, ok := schema["pattern"].(string); ok {
		if strings.Contains(pattern, "[A-Z]{3}") { // not every three letters are a currency
			return []string{"GBP", "EUR", "JPY", "USD"}[g.IntN(4)]
		}
		if strings.HasPrefix(pattern, "^[0-9]{4}-[0-9]{2}-[0-9]{2}") { // not every number is a day
			return g.text(object{"format": []string{"date", "date-time"}[g.IntN(2)]}, name, e)
		}
		return rapid.StringMatching(pattern).Example(g.IntN(1 << 30))
	}
	least, most := int(limit(schema, "minLength", 0)), int(limit(schema, "maxLength", 40))
	length := least + g.IntN(min(most-least, 30)+1)
	if e == boundary {
		length = []int{least, most}[g.IntN(2)]
	}
	text := make([]rune, length)
	for i := range text {
		text[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(text)
}

// file returns a file of companies.
func (g *generator) file() string {
	text := aFile
	for range g.IntN(5) {
		text += g.text(object{"minLength": 1.0}, "name", usual) + ",\n"
	}
	return text
}

// mutate changes one thing of a body that its schema allows; most results break the schema.
func (g *generator) mutate(schema object, body object) any {
	schema = g.doc.resolve(schema)
	properties, _ := schema["properties"].(object)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[g.IntN(len(names))]
	member := g.doc.resolve(properties[name].(object))
	switch g.IntN(13) {
	case 0:
		body["no_such_member"] = 1
	case 12:
		body[[]string{"id", "created_at", "full_name"}[g.IntN(3)]] = "ignored where it is a member of the record"
	case 1:
		body[name] = nil
	case 2:
		body[name] = object{}
	case 3:
		body[name] = []any{1}
	case 4:
		body[name] = true
	case 5:
		body[name] = -1
	case 6:
		body[name] = json.Number("1e400")
	case 7:
		body[name] = strings.Repeat("x", int(limit(member, "maxLength", 300))+1)
	case 8:
		body[name] = []string{"\x00", "a\u0000b", "\u200b", "not-a-value", "2024-02-30", "1,000", "1e3", " 5 "}[g.IntN(8)]
	case 9:
		required, _ := schema["required"].([]any)
		for _, r := range required {
			delete(body, r.(string))
		}
	case 10:
		return []any{body}
	case 11:
		body[name] = limit(member, "maximum", 1e15) + 1
	}
	return body
}

var malformed = []string{"", "{", `{"a":1,}`, "null", `"text"`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100), `{"name":"a","name":"b"}`}

// badParameter returns a value that a parameter's schema does not allow, if there is one.
func (g *generator) badParameter(schema object) (string, bool) {
	schema = g.doc.resolve(schema)
	if schema["type"] == "array" {
		return g.badParameter(schema["items"].(object))
	}
	switch {
	case schema["enum"] != nil:
		return "no-such-value", true
	case schema["type"] == "integer":
		return []string{"x", "1.5", "-1", "99999999999999999999"}[g.IntN(4)], true
	case schema["type"] == "number":
		return []string{"x", "1.005"}[g.IntN(2)], true
	case schema["type"] == "boolean":
		return "maybe", true
	case schema["format"] == "uuid", schema["format"] == "date", schema["format"] == "date-time":
		return []string{"x", "2024-02-30", "0"}[g.IntN(3)], true
	}
	return "", false
}

// inQuery returns a generated value as the text of a query parameter.
func inQuery(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = inQuery(v[i])
		}
		return strings.Join(texts, ",")
	}
	return fmt.Sprint(v)
}

var inBraces = regexp.MustCompile(`\{[^}]+\}`)

// there returns the path of an operation with ids of records that are there.
func (g *generator) there(tb testing.TB, op *contractOperation) string {
	tb.Helper()
	ids, i := pathIDs(tb, op.path), 0
	path := inBraces.ReplaceAllStringFunc(withKind(op.path), func(string) string {
		i++
		return g.pool[ids[i-1]][0]
	})
	if op.method != "GET" && len(op.query) > 0 && !op.files {
		path += "?id=" + g.pool[kindOf(tb, op.apiOperation, "id")][0]
	}
	return path
}

// usual returns a body that an operation's schema allows.
func (g *generator) usual(op *contractOperation) object {
	return g.object(g.doc.resolve(op.body), usual)
}
