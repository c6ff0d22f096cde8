package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// maxDecodeErrors bounds the validation errors of one body: enough for every member of
// any record, and no response much larger than its request.
const maxDecodeErrors = 64

// A bodyReader decodes a JSON object into a patch P, a struct of crm.Field members.
type bodyReader[P any] struct {
	members   map[string]int  // JSON name to index of the struct's field
	ignored   map[string]bool // read-only members of the record
	formatted map[string]bool // texts of which an empty one is no value
	unread    func(*P) *crm.DecodeErrors
}

// newBodyReader returns a reader of patches. Members of the views that the patch does not
// have are read-only.
func newBodyReader[P any](unread func(*P) *crm.DecodeErrors, views ...reflect.Type) *bodyReader[P] {
	b := &bodyReader[P]{members: map[string]int{}, ignored: map[string]bool{}, unread: unread}
	patch := reflect.TypeFor[P]()
	for i := range patch.NumField() {
		if name := jsonName(patch.Field(i)); name != "" {
			b.members[name] = i
		}
	}
	for _, view := range views {
		for _, f := range reflect.VisibleFields(view) {
			if name := jsonName(f); name != "" {
				b.ignore(name)
			}
		}
	}
	return b
}

// sentAlong are members of no record that the front end's forms send with every kind.
var sentAlong = []string{"close_date", "client_name", "details", "sales_rep", "user_id"}

// newRecordReader returns a reader of patches of the records that an entity declares, which
// are shown as view.
func newRecordReader[T, P, F any](e *crm.Entity[T, P, F], view reflect.Type) *bodyReader[P] {
	b := newBodyReader(e.DecodeErrors, view)
	b.ignore(sentAlong...)
	b.formatted = map[string]bool{}
	for i := range e.Properties {
		if p := &e.Properties[i]; p.HasFormat() {
			b.formatted[p.Name] = true
		}
	}
	return b
}

// ignore makes members read-only that the patch does not have.
func (b *bodyReader[P]) ignore(names ...string) {
	for _, name := range names {
		if _, writable := b.members[name]; !writable {
			b.ignored[name] = true
		}
	}
}

// jsonName returns the JSON name of a struct's field; "" if it has none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// read decodes a request's body. It returns an error if the body is malformed. Errors of
// single members are stored in the patch, for the use case to return together with others.
func (b *bodyReader[P]) read(r *http.Request) (P, error) {
	var patch P
	text, err := server.ReadJSON(r)
	if err != nil {
		return patch, err
	}
	unread := b.unread(&patch)
	v := reflect.ValueOf(&patch).Elem()
	seen := make(map[string]bool, len(b.members))
	err = server.EachMember(text, func(name string, value json.RawMessage) bool {
		message := ""
		i, known := b.members[name]
		switch {
		case b.ignored[name]:
			return true
		case seen[name]:
			message = "must not be given twice"
		case !known:
			message = "is not a known member"
		default:
			field := v.Field(i).Addr().Interface()
			if string(value) == `""` && b.isNoValue(name, field) {
				if r.Method == http.MethodPost {
					break
				}
				value = jsonNull
			}
			if err := readMember(field, value); err != nil {
				message = err.Error()
			} else if text, ok := field.(*crm.Field[string]); ok && b.formatted[name] && text.Value != "" && crm.Text(text.Value) == "" {
				message = "must not be blank, as " + shown(text.Value) + " is"
			}
		}
		seen[name] = true
		if message != "" {
			*unread = append(*unread, crm.FieldError{Field: memberName(name), Message: message})
		}
		return len(*unread) < maxDecodeErrors
	})
	return patch, err
}

// memberName returns an unknown member's name for a message: of bounded length, and
// escaped, so that it is one step of a JSON pointer (RFC 6901 section 3).
func memberName(name string) string {
	const most = 100
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

var (
	jsonNull = json.RawMessage("null")

	errNotText    = errors.New("must be a string")
	errNotTexts   = errors.New("must be an array of strings")
	errNotNumber  = errors.New("must be a number")
	errNotDecimal = errors.New("must be a number with at most two decimal places")
	errNotInteger = errors.New("must be a whole number")
	errNotBool    = errors.New("must be true or false")
)

// readMember decodes a JSON value into a *crm.Field. The error's text is "must be …".
func readMember(field any, value json.RawMessage) error {
	null := string(value) == "null"
	switch f := field.(type) {
	case *crm.Field[string]:
		return setMember(f, null, value, readText)
	case *crm.Field[[]string]:
		return setMember(f, null, value, readTexts)
	case *crm.Field[int]:
		return setMember(f, null, value, readInteger)
	case *crm.Field[bool]:
		return setMember(f, null, value, readBool)
	case *crm.Field[crm.ID]:
		return setMember(f, null, value, textThen(crm.ParseID))
	case *crm.Field[crm.Date]:
		return setMember(f, null, value, textThen(crm.ParseDate))
	case *crm.Field[crm.Instant]:
		return setMember(f, null, value, textThen(crm.ParseInstant))
	case *crm.Field[crm.Moment]:
		return setMember(f, null, value, textThen(crm.ParseMoment))
	case *crm.Field[crm.Money]:
		return setMember(f, null, value, readMoney)
	case *crm.Field[json.RawMessage]:
		return setMember(f, null, value, func(value []byte) (json.RawMessage, error) { return value, nil })
	}
	return errors.New("is of a kind that cannot be written") // a test of every patch excludes it
}

func setMember[V any](f *crm.Field[V], null bool, value []byte, read func([]byte) (V, error)) error {
	if null {
		*f = crm.Null[V]()
		return nil
	}
	v, err := read(value)
	if err != nil {
		return err
	}
	*f = crm.Of(v)
	return nil
}

func readText(value []byte) (string, error) {
	var s string
	if value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", errNotText
	}
	return s, nil
}

func readTexts(value []byte) (texts []string, err error) {
	if value[0] != '[' || json.Unmarshal(value, &texts) != nil {
		return nil, errNotTexts
	}
	return texts, nil
}

// textThen decodes a string with a domain type's own parser.
func textThen[V any](parse func(string) (V, error)) func([]byte) (V, error) {
	return func(value []byte) (V, error) {
		s, err := readText(value)
		if err != nil {
			var none V
			return none, err
		}
		v, err := parse(s)
		return v, not(err, s)
	}
}

func isNumber(value []byte) bool { return value[0] == '-' || '0' <= value[0] && value[0] <= '9' }

// readInteger decodes a number without a fraction: 1, and also 1.0 and 1e2. A number
// beyond ±2^53 is clamped to it, and the member's own rule rejects it.
func readInteger(value []byte) (int, error) {
	if text, err := readText(value); err == nil {
		if value, err = decimal(text, errNotInteger); err != nil {
			return 0, err
		}
		n, err := readInteger(value)
		return n, not(err, text)
	}
	if !isNumber(value) {
		return 0, errNotInteger
	}
	if n, err := strconv.Atoi(string(value)); err == nil {
		return n, nil
	}
	const exact = 1 << 53 // up to here a float64 holds every whole number
	f, _ := strconv.ParseFloat(string(value), 64)
	switch {
	case f != math.Trunc(f):
		return 0, errNotInteger
	case f > exact:
		return exact, nil
	case f < -exact:
		return -exact, nil
	}
	return int(f), nil
}

func readBool(value []byte) (bool, error) {
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNotBool
}

func readMoney(value []byte) (crm.Money, error) {
	if text, err := readText(value); err == nil {
		if value, err = decimal(text, errNotDecimal); err != nil {
			return 0, err
		}
	}
	if !isNumber(value) {
		return 0, errNotNumber
	}
	return crm.ParseMoney(string(value))
}
