package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// request makes a request with a body of unknown length.
func request(body, contentType string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(body)))
	r.Header.Set("Content-Type", contentType)
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, maxBody)
	return r
}

func dealBody() *bodyReader[crm.DealPatch] {
	return newBodyReader(func(p *crm.DealPatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[dealView]())
}

func TestUnreadableBodies(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for name, test := range map[string]struct {
		body, contentType string
		want              int
	}{
		"Empty":             {"", "application/json", 400},
		"Blank":             {" \n", "application/json", 400},
		"NotJSON":           {"name=x", "application/json", 400},
		"Unfinished":        {`{"name":"x"`, "application/json", 400},
		"Trailing":          {`{"name":"x"} {}`, "application/json", 400},
		"TrailingComma":     {`{"name":"x",}`, "application/json", 400},
		"Array":             {`[]`, "application/json", 400},
		"Null":              {`null`, "application/json", 400},
		"String":            {`"x"`, "application/json", 400},
		"NotUTF8":           {"{\"name\":\"\xff\"}", "application/json", 400},
		"HalfACharacter":    {`{"name":"\ud83d"}`, "application/json", 400},
		"OtherHalf":         {`{"name":"x\uDE00"}`, "application/json", 400},
		"HalvesTurned":      {`{"name":"\ude00\ud83d"}`, "application/json", 400},
		"HalfAndAHalf":      {`{"name":"\ud83d\ud83d\ude00"}`, "application/json", 400},
		"HalfInAName":       {`{"\ud83d":1}`, "application/json", 400},
		"TooDeep":           {nested(maxDepth), "application/json", 400},
		"EndlesslyDeep":     {strings.Repeat("[", maxBody), "application/json", 400},
		"TooLarge":          {`{"name":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", 413},
		"Form":              {"name=x", "application/x-www-form-urlencoded", 415},
		"Text":              {"{}", "text/plain", 415},
		"JSONInLatin1":      {"{}", "application/json; charset=iso-8859-1", 415},
		"BadContentType":    {"{}", ";;", 415},
		"TextThatEndsAlike": {"{}", "text/x+json", 415},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dealBody().read(request(test.body, test.contentType))
			if got := problemOf(err).status; got != test.want {
				t.Errorf("got %d (%v), want %d", got, err, test.want)
			}
		})
	}
}

func TestReadableBodies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, contentType string }{
		"Plain":           {`{"name":"x"}`, "application/json"},
		"Charset":         {`{"name":"x"}`, "application/json; charset=UTF-8"},
		"MergePatch":      {`{"name":"x"}`, "application/merge-patch+json"},
		"NoType":          {`{"name":"x"}`, ""},
		"Space":           {"\n {\"name\" : \"x\"}\r\n", "application/json"},
		"Escapes":         {`{"\u006eame":"\u0078"}`, "application/json"},
		"BracketsInText":  {`{"name":"x","description":"` + strings.Repeat(`[{\"`, maxDepth) + `"}`, "application/json"},
		"ReadOnlyMembers": {`{"id":1,"created_at":null,"companies":{},"deal_contacts":[],"stage_name":"y","name":"x","stage_changed_at":[]}`, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := dealBody().read(request(test.body, test.contentType))
			if err != nil || len(p.DecodeErrors) > 0 || p.Name.Value != "x" {
				t.Errorf("got name %q, %v, %v", p.Name.Value, p.DecodeErrors, err)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	id, _ := crm.ParseID(someID)
	day, _ := crm.ParseDate("2026-01-31")
	for body, want := range map[string]crm.DealPatch{
		`{}`:                                        {},
		`{"name":"a\nb"}`:                           {Name: crm.Of("a\nb")},
		`{"name":null,"value":null}`:                {Name: crm.Null[string](), Value: crm.Null[crm.Money]()},
		`{"probability":1.0}`:                       {Probability: crm.Of(1)},
		`{"probability":1e1}`:                       {Probability: crm.Of(10)},
		`{"probability":1e400}`:                     {Probability: crm.Of(1 << 53)},
		`{"probability":-99999999999999999999}`:     {Probability: crm.Of(-1 << 53)},
		`{"value":12.5}`:                            {Value: crm.Of(crm.Money(1250))},
		`{"value":1.25E+2}`:                         {Value: crm.Of(crm.Money(12500))},
		`{"owner_id":"` + someID + `"}`:             {OwnerID: crm.Of(id)},
		`{"expected_close_date":"2026-01-31"}`:      {ExpectedCloseDate: crm.Of(day)},
		`{"closed_at":"2026-01-31T01:00:00+01:00"}`: {ClosedAt: crm.Of(day.Instant())},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			got, err := dealBody().read(request(body, "application/json"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestBadMembersAreToldAllAtOnce(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]crm.DecodeErrors{
		`{"name":1}`:                                {{Field: "name", Message: "must be a string"}},
		`{"name":["x"]}`:                            {{Field: "name", Message: "must be a string"}},
		`{"probability":1.5}`:                       {{Field: "probability", Message: "must be a whole number"}},
		`{"probability":"1"}`:                       {{Field: "probability", Message: "must be a whole number"}},
		`{"value":"12"}`:                            {{Field: "value", Message: "must be a number"}},
		`{"value":1.005}`:                           {{Field: "value", Message: "must have at most two decimal places"}},
		`{"value":true}`:                            {{Field: "value", Message: "must be a number"}},
		`{"owner_id":"x"}`:                          {{Field: "owner_id", Message: "must be a UUID"}},
		`{"owner_id":7}`:                            {{Field: "owner_id", Message: "must be a string"}},
		`{"expected_close_date":"2026-02-30"}`:      {{Field: "expected_close_date", Message: "must be a date such as 2026-01-31"}},
		`{"closed_at":"yesterday"}`:                 {{Field: "closed_at", Message: "must be a date-time such as 2026-01-31T09:30:00Z"}},
		`{"colour":1}`:                              {{Field: "colour", Message: "is not a member that this thing has"}},
		`{"a/b~c":1}`:                               {{Field: "a~1b~0c", Message: "is not a member that this thing has"}},
		`{"":1}`:                                    {{Field: "", Message: "is not a member that this thing has"}},
		`{"name":"x","name":"y"}`:                   {{Field: "name", Message: "must not be given twice"}},
		`{"value":[],"name":{},"colour":0,"id":{}}`: {{Field: "value", Message: "must be a number"}, {Field: "name", Message: "must be a string"}, {Field: "colour", Message: "is not a member that this thing has"}},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			got, err := dealBody().read(request(body, "application/json"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.DecodeErrors); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestIsPrimaryIsTrueOrFalse(t *testing.T) {
	t.Parallel()
	b := newBodyReader(func(p *crm.ContactPatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[contactView]())
	for body, want := range map[string]crm.ContactPatch{
		`{"is_primary":true}`:  {IsPrimary: crm.Of(true)},
		`{"is_primary":false}`: {IsPrimary: crm.Of(false)},
		`{"is_primary":null}`:  {IsPrimary: crm.Null[bool]()},
		`{"is_primary":1}`:     {DecodeErrors: crm.DecodeErrors{{Field: "is_primary", Message: "must be true or false"}}},
	} {
		got, err := b.read(request(body, "application/json"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", body, diff)
		}
	}
}

// An answer must not be larger than the question because of what is wrong with it.
func TestComplaintsAreBounded(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteString(`{"` + strings.Repeat("long", 1000) + `":1`)
	for range 10_000 {
		many.WriteString(`,"x":1`)
	}
	many.WriteString("}")
	p, err := dealBody().read(request(many.String(), "application/json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.DecodeErrors) != maxComplaints || len(p.DecodeErrors[0].Field) > 110 {
		t.Errorf("%d complaints, the first about a name of %d bytes", len(p.DecodeErrors), len(p.DecodeErrors[0].Field))
	}
}

// Every member that any patch has can be read: null is fit for all of them.
func TestEveryPatchCanBeRead(t *testing.T) {
	t.Parallel()
	for _, patch := range []any{&crm.CompanyPatch{}, &crm.ContactPatch{}, &crm.DealPatch{}, &crm.StagePatch{}, &crm.ActivityPatch{}, &crm.TaskPatch{}, &rolePatch{}} {
		v := reflect.ValueOf(patch).Elem()
		for i := range v.NumField() {
			if name := jsonName(v.Type().Field(i)); name != "" {
				if err := readMember(v.Field(i).Addr().Interface(), []byte("null")); err != nil {
					t.Errorf("%T.%s: %v", patch, name, err)
				}
			}
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x","value":1e2}`, `{"a":[{"b":"\ud800"}]}`, `{"name":1,"name":2}`, `[`, "\xff"} {
		f.Add(seed)
	}
	body := dealBody()
	f.Fuzz(func(t *testing.T, text string) {
		_, err := body.read(request(text, "application/json"))
		if err == nil {
			return
		}
		if status := problemOf(err).status; status != 400 && status != 413 {
			t.Errorf("%q: %d, %v", text, status, err)
		}
	})
}

// Whole characters are read however they are written, and what only looks like half of one
// is none.
func TestWholeCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`\ud83d\ude00`: "😀", `\uD83D\uDE00\u00e9`: "😀é", `😀`: "😀", `\\ud83d`: `\ud83d`, `\ufffd`: "\ufffd", `\\\ud83d\ude00`: `\😀`, `\ue000\"`: "\ue000\"",
	} {
		patch, err := dealBody().read(request(`{"name":"`+text+`"}`, "application/json"))
		if err != nil || patch.Name.Value != want {
			t.Errorf("%s: %q, %v", text, patch.Name.Value, err)
		}
	}
	_, err := dealBody().read(request(`{"name":"ab\uDC01"}`, "application/json"))
	if err == nil || !strings.Contains(err.Error(), `\uDC01, at byte 12`) {
		t.Errorf("it is not said where: %v", err)
	}
}
