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

// maxComplaints bounds what is said about one body: enough for every member that any
// thing has, and no answer larger than what was asked.
const maxComplaints = 64

// A bodyReader reads the members of a JSON object into a patch P, a struct of
// crm.Field members.
type bodyReader[P any] struct {
	members map[string]int  // JSON name to index of the struct's field
	ignored map[string]bool // read-only members of the thing that is changed
	unread  func(*P) *crm.DecodeErrors
}

// newBodyReader makes the reader for patches of a thing. What the thing, or one of
// the views of it, has and the patch has not is read-only.
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
				if _, writable := b.members[name]; !writable {
					b.ignored[name] = true
				}
			}
		}
	}
	return b
}

// jsonName gives the JSON name of a struct's field, "" for one that has none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// read reads a request's body. A body that cannot be read at all is the error;
// what is wrong with single members is kept in the patch, for the use case to tell
// together with whatever else it finds.
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
		complaint := ""
		i, known := b.members[name]
		switch {
		case b.ignored[name]:
			return true
		case seen[name]:
			complaint = "must not be given twice"
		case !known:
			complaint = "is not a member that this thing has"
		default:
			if err := readMember(v.Field(i).Addr().Interface(), value); err != nil {
				complaint = err.Error()
			}
		}
		seen[name] = true
		if complaint != "" {
			*unread = append(*unread, crm.FieldError{Field: memberName(name), Message: complaint})
		}
		return len(*unread) < maxComplaints
	})
	return patch, err
}

// memberName gives an unknown member's name as it is told back: of bounded length,
// and escaped, so that it stays one step of a JSON pointer (RFC 6901 section 3).
func memberName(name string) string {
	const most = 100
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

var (
	errNotText    = errors.New("must be a string")
	errNotNumber  = errors.New("must be a number")
	errNotInteger = errors.New("must be a whole number")
	errNotBool    = errors.New("must be true or false")
)

// readMember reads a JSON value into a *crm.Field. The error says what it must be.
func readMember(field any, value json.RawMessage) error {
	null := string(value) == "null"
	switch f := field.(type) {
	case *crm.Field[string]:
		return setMember(f, null, value, readText)
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
	}
	return errors.New("is of a kind that cannot be written") // held off by a test over every patch
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

// textThen reads a string with a domain type's own reader.
func textThen[V any](parse func(string) (V, error)) func([]byte) (V, error) {
	return func(value []byte) (V, error) {
		s, err := readText(value)
		if err != nil {
			var none V
			return none, err
		}
		return parse(s)
	}
}

func isNumber(value []byte) bool { return value[0] == '-' || '0' <= value[0] && value[0] <= '9' }

// readInteger reads a number without a fraction: 1, and also 1.0 and 1e2, which are
// the same number. One beyond every bound is taken to the bound's side, where its
// member's own rule meets it.
func readInteger(value []byte) (int, error) {
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
	if !isNumber(value) {
		return 0, errNotNumber
	}
	return crm.ParseMoney(string(value))
}
