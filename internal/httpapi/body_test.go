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

// request returns a request with a body of unknown length.
func request(body, contentType string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(body)))
	r.Header.Set("Content-Type", contentType)
	return r
}

func dealBody() *bodyReader[crm.DealPatch] {
	return newRecordReader(crm.Deals, reflect.TypeFor[dealView]())
}

func TestAcceptedBodies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, contentType string }{
		"Plain":           {`{"name":"x"}`, "application/json"},
		"Charset":         {`{"name":"x"}`, "application/json; charset=UTF-8"},
		"MergePatch":      {`{"name":"x"}`, "application/merge-patch+json"},
		"NoType":          {`{"name":"x"}`, ""},
		"Space":           {"\n {\"name\" : \"x\"}\r\n", "application/json"},
		"Escapes":         {`{"\u006eame":"\u0078"}`, "application/json"},
		"BracketsInText":  {`{"name":"x","description":"` + strings.Repeat(`[{\"`, 64) + `"}`, "application/json"},
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
		`{}`:                                          {},
		`{"name":"a\nb"}`:                             {Name: crm.Of("a\nb")},
		`{"name":null,"value":null}`:                  {Name: crm.Null[string](), Value: crm.Null[crm.Money]()},
		`{"probability":1.0}`:                         {Probability: crm.Of(1)},
		`{"probability":1e1}`:                         {Probability: crm.Of(10)},
		`{"probability":1e400}`:                       {Probability: crm.Of(1 << 53)},
		`{"probability":-99999999999999999999}`:       {Probability: crm.Of(-1 << 53)},
		`{"value":12.5}`:                              {Value: crm.Of(crm.Money(1250))},
		`{"value":"1234567.89","probability":"5.00"}`: {Value: crm.Of(crm.Money(123456789)), Probability: crm.Of(5)},
		`{"value":"-0007.5","probability":"-3"}`:      {Value: crm.Of(crm.Money(-750)), Probability: crm.Of(-3)},
		`{"name":"","value":"","probability":"","owner_id":"","expected_close_date":"","closed_at":"","priority":"","currency":"","contact_email":""}`: {Name: crm.Of("")},
		`{"close_date":"2026-01-31","client_name":1,"details":{},"sales_rep":[],"user_id":null}`:                                                       {},
		`{"value":1.25E+2}`:                         {Value: crm.Of(crm.Money(12500))},
		`{"owner_id":"` + someID + `"}`:             {OwnerID: crm.Of(id)},
		`{"expected_close_date":"2026-01-31"}`:      {ExpectedCloseDate: crm.Of(day)},
		`{"closed_at":"2026-01-31T01:00:00+01:00"}`: {ClosedAt: crm.Of(crm.Moment(day.Instant()))},
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

// TestEmptyValuesOfAChange: what a POST takes as not sent, PUT and PATCH take as null.
func TestEmptyValuesOfAChange(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodPatch} {
		r := request(`{"name":"","value":"","probability":"","owner_id":"","expected_close_date":"","closed_at":"","priority":"","currency":"","contact_email":"","contact_phone":""}`, "application/json")
		r.Method = method
		got, err := dealBody().read(r)
		if err != nil {
			t.Fatal(err)
		}
		want := crm.DealPatch{
			Name: crm.Of(""), ContactPhone: crm.Of(""), Value: crm.Null[crm.Money](), Probability: crm.Null[int](), OwnerID: crm.Null[crm.ID](),
			ExpectedCloseDate: crm.Null[crm.Date](), ClosedAt: crm.Null[crm.Moment](), Priority: crm.Null[string](), Currency: crm.Null[string](), ContactEmail: crm.Null[string](),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", method, diff)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]crm.DecodeErrors{
		`{"name":1}`:                                {{Field: "name", Message: "must be a string"}},
		`{"name":["x"]}`:                            {{Field: "name", Message: "must be a string"}},
		`{"probability":1.5}`:                       {{Field: "probability", Message: "must be a whole number"}},
		`{"probability":"1.5"}`:                     {{Field: "probability", Message: `must be a whole number, not "1.5"`}},
		`{"probability":"1e1"}`:                     {{Field: "probability", Message: `must be a whole number, not "1e1"`}},
		`{"value":"1,000"}`:                         {{Field: "value", Message: `must be a number with at most two decimal places, not "1,000"`}},
		`{"value":"1e3"}`:                           {{Field: "value", Message: `must be a number with at most two decimal places, not "1e3"`}},
		`{"value":" 5 "}`:                           {{Field: "value", Message: `must be a number with at most two decimal places, not " 5 "`}},
		`{"value":"1.005"}`:                         {{Field: "value", Message: `must be a number with at most two decimal places, not "1.005"`}},
		`{"value":"5."}`:                            {{Field: "value", Message: `must be a number with at most two decimal places, not "5."`}},
		`{"value":"+5"}`:                            {{Field: "value", Message: `must be a number with at most two decimal places, not "+5"`}},
		`{"value":"5\n"}`:                           {{Field: "value", Message: `must be a number with at most two decimal places, not "5\n"`}},
		`{"value":"` + "\u200b" + `"}`:              {{Field: "value", Message: `must be a number with at most two decimal places, not "\u200b"`}},
		`{"priority":"` + "\u200b" + `"}`:           {{Field: "priority", Message: `must not be blank, as "\u200b" is`}},
		`{"contact_email":" "}`:                     {{Field: "contact_email", Message: `must not be blank, as " " is`}},
		`{"value":1.005}`:                           {{Field: "value", Message: "must have at most two decimal places"}},
		`{"value":true}`:                            {{Field: "value", Message: "must be a number"}},
		`{"owner_id":"x"}`:                          {{Field: "owner_id", Message: `must be a UUID, not "x"`}},
		`{"owner_id":7}`:                            {{Field: "owner_id", Message: "must be a string"}},
		`{"expected_close_date":"2026-02-30"}`:      {{Field: "expected_close_date", Message: `must be a date such as 2026-01-31, not "2026-02-30"`}},
		`{"closed_at":"yesterday"}`:                 {{Field: "closed_at", Message: `must be a date-time such as 2026-01-31T09:30:00Z, or a date such as 2026-01-31, not "yesterday"`}},
		`{"colour":1}`:                              {{Field: "colour", Message: "is not a known member"}},
		`{"a/b~c":1}`:                               {{Field: "a~1b~0c", Message: "is not a known member"}},
		`{"":1}`:                                    {{Field: "", Message: "is not a known member"}},
		`{"name":"x","name":"y"}`:                   {{Field: "name", Message: "must not be given twice"}},
		`{"value":[],"name":{},"colour":0,"id":{}}`: {{Field: "value", Message: "must be a number"}, {Field: "name", Message: "must be a string"}, {Field: "colour", Message: "is not a known member"}},
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
	b := newRecordReader(crm.Contacts, reflect.TypeFor[contactView]())
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

// A response must not be much larger than the request that it rejects.
func TestDecodeErrorsAreBounded(t *testing.T) {
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
	if len(p.DecodeErrors) != maxDecodeErrors || len(p.DecodeErrors[0].Field) > 110 {
		t.Errorf("%d errors, the first with a name of %d bytes", len(p.DecodeErrors), len(p.DecodeErrors[0].Field))
	}
}

// Every member of every patch can be decoded from null.
func TestEveryPatchCanBeDecoded(t *testing.T) {
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
