package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// texts are what breaks JSON writers: bytes that are no UTF-8, control characters,
// HTML, the line ends of JavaScript, and anything else.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
		rapid.StringOf(rapid.SampledFrom([]rune("a\"\\<>&/\b\f\n\r\t\x00\x1f\x7f\u2027\u2028\u2029\u202a\ufffdé€😀"))),
	)
}

// arbitrary generates records whose times are within the supported years.
func arbitrary[T any]() *rapid.Generator[T] {
	const micros = 1e6
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() * micros
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix() * micros
	return rapid.MakeCustom[T](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[crm.Instant](): rapid.Map(rapid.Int64Range(first, last), func(n int64) crm.Instant { return crm.Instant(n) }).AsAny(),
			reflect.TypeFor[crm.Date](): rapid.Map(rapid.Int64Range(first, last), func(n int64) crm.Date {
				return crm.DateOf(crm.Instant(n).Time())
			}).AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.String: texts().AsAny(),
		},
	})
}

func TestRecordsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	t.Run("Company", sameBytes(appendCompany))
	t.Run("Contact", sameBytes(appendContact))
	t.Run("Deal", sameBytes(appendDeal))
	t.Run("Stage", sameBytes(appendStage))
	t.Run("Owner", sameBytes(appendOwner))
	t.Run("Activity", sameBytes(appendActivity))
	t.Run("Task", sameBytes(appendTask))
	t.Run("FollowUp", sameBytes(appendFollowUp))
}

// TestDeclaredPropertiesAreWritten: answers hold the properties that are declared as part
// of the API, and no others.
func TestDeclaredPropertiesAreWritten(t *testing.T) {
	t.Parallel()
	writesDeclared(t, crm.Companies, appendCompany)
	writesDeclared(t, crm.Contacts, appendContact)
	writesDeclared(t, crm.Deals, appendDeal)
	writesDeclared(t, crm.Stages, appendStage)
	writesDeclared(t, crm.Owners, appendOwner)
	writesDeclared(t, crm.Activities, appendActivity)
	writesDeclared(t, crm.Tasks, appendTask)
	writesDeclared(t, accounts.APIKeys, appendJSON)
}

// TestDealContactRoles: the roles that the document names are those that crm accepts.
func TestDealContactRoles(t *testing.T) {
	t.Parallel()
	role := fieldByJSON(reflect.TypeFor[dealContact](), "role")
	if diff := cmp.Diff(crm.DealContactRoles, strings.Split(role.Tag.Get("enum"), ",")); diff != "" {
		t.Errorf("(-accepted +documented)\n%s", diff)
	}
}

func writesDeclared[T, P, F any](t *testing.T, e *crm.Entity[T, P, F], write appender[T]) {
	t.Helper()
	var written map[string]any
	if err := json.Unmarshal(write(nil, new(T)), &written); err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Properties {
		if _, ok := written[p.Name]; !ok && !p.Internal {
			t.Errorf("%s: answers lack the property %s", e.Name, p.Name)
		} else if ok && p.Internal {
			t.Errorf("%s: answers hold the property %s, which is internal", e.Name, p.Name)
		}
		delete(written, p.Name)
	}
	for name := range written {
		t.Errorf("%s: answers hold %s, which is not declared", e.Name, name)
	}
}

func sameBytes[T any](write appender[T]) func(*testing.T) {
	records := arbitrary[T]()
	return func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			v := records.Draw(t, "record")
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := write(nil, &v); !bytes.Equal(got, want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// same compares two JSON texts, whatever the order of their members.
func same(t interface{ Fatalf(string, ...any) }, got []byte, want any) {
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got)
	}
	if err := json.Unmarshal(wanted, &b); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, wanted)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func TestDealWithRelations(t *testing.T) {
	t.Parallel()
	deals, companies, contacts, stages := arbitrary[crm.Deal](), arbitrary[crm.Company](), arbitrary[crm.Contact](), arbitrary[crm.Stage]()
	rapid.Check(t, func(t *rapid.T) {
		deal := deals.Draw(t, "deal")
		view := dealView{deal, &dealRelations{DealContacts: []dealContact{}, DaysInStage: new(7)}}
		rel := relations{
			companies: map[crm.ID]*crm.Company{}, contacts: map[crm.ID]*crm.Contact{},
			stages: map[crm.ID]*crm.Stage{}, further: map[crm.ID][]crm.DealContact{},
			days: func(*crm.Deal) int { return 7 },
		}
		if rapid.Bool().Draw(t, "has company") && deal.CompanyID != nil {
			c := companies.Draw(t, "company")
			rel.companies[*deal.CompanyID] = &c
			view.CompanyName, view.CompanyDomain, view.CompanySize, view.CompanyIndustry = &c.Name, c.Domain, c.Size, c.Industry
			view.Companies = &dealCompany{companySummary{c.ID, c.Name, c.Domain, c.Size, c.Industry, c.Website}, c.LinkedInURL}
		}
		if rapid.Bool().Draw(t, "has contact") && deal.PrimaryContactID != nil {
			c := contacts.Draw(t, "contact")
			c.ID = *deal.PrimaryContactID
			rel.contacts[c.ID] = &c
			view.ContactTitle = c.Title
			view.Contacts = &dealPrimaryContact{c.ID, c.FirstName, c.LastName, c.FullName, c.Email, c.Phone, c.Title, c.LinkedInURL, c.IsPrimary}
			rel.further[deal.ID] = []crm.DealContact{{ContactID: c.ID, Role: "champion"}, {ContactID: crm.ID{15: 1}, Role: "gone"}}
			view.DealContacts = []dealContact{{c.ID, "champion", contactBrief{c.ID, c.FullName, c.Email, c.Title}}}
		}
		if rapid.Bool().Draw(t, "has stage") {
			s := stages.Draw(t, "stage")
			rel.stages[deal.StageID] = &s
			view.StageName, view.StageColor, view.StageProbability, view.DefaultProbability = &s.Name, s.Color, &s.DefaultProbability, &s.DefaultProbability
			view.DealStages = &dealStageSummary{s.ID, s.Name, s.Color, s.DefaultProbability}
		}
		same(t, rel.append(nil, &deal), view)
	})
}

func TestSums(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sums []crm.Sum
		want string
	}{
		"None":        {nil, `,"v":0.00`},
		"DefaultOnly": {[]crm.Sum{{Currency: "GBP", Amount: 1250}}, `,"v":12.50`},
		"OtherOnly":   {[]crm.Sum{{Currency: "EUR", Amount: 100}}, `,"v":0.00,"vByCurrency":{"EUR":1.00}`},
		"Several": {[]crm.Sum{{Currency: "EUR", Amount: 100}, {Currency: "GBP", Amount: 5}},
			`,"v":0.05,"vByCurrency":{"EUR":1.00,"GBP":0.05}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(appendSums(nil, "v", test.sums, "GBP")); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestStageEntry(t *testing.T) {
	t.Parallel()
	entered, exited := crm.Instant(1_000_000), crm.Instant(61_999_999)
	seconds, name, user := int64(60), "Lead", crm.ID{15: 7}
	ended := crm.StageHistoryEntry{StageID: crm.ID{15: 1}, EnteredAt: entered, ExitedAt: &exited, UserID: &user}
	same(t, appendStageEntry(nil, &ended, &crm.Stage{Name: name}),
		stageEntry{ended.StageID, &name, entered, &exited, &seconds, &user})
	open := crm.StageHistoryEntry{StageID: crm.ID{15: 1}, EnteredAt: entered}
	same(t, appendStageEntry(nil, &open, nil), stageEntry{StageID: open.StageID, EnteredAt: entered})
}
