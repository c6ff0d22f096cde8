package transfer_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// kinds are in the order in which they refer to each other.
var kinds = []transfer.Kind{transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities}

const people = "email,full_name\nada@x.example,Ada Lovelace\ngrace@x.example,\"=Grace \"\"H\"\"\"\n"

// awkward are the characters that something on the way might take for its own.
var awkward = rapid.OneOf(
	rapid.SampledFrom([]rune("=+-@'\",;|\t\r\n \\ aZ0é漢🙂\u00a0\u2028\ufeff\x01\x7f＝")),
	rapid.Rune().Filter(func(r rune) bool { return r != 0 }),
)

// someText draws a member that is not there, or is of at most so many characters.
func someText(t *rapid.T, most int) crm.Field[string] {
	if rapid.IntRange(0, 3).Draw(t, "text") == 0 {
		return crm.Null[string]()
	}
	return crm.Of(rapid.StringOfN(awkward, 0, most, -1).Draw(t, "text"))
}

func someOf[V any](t *rapid.T, values ...V) crm.Field[V] {
	i := rapid.IntRange(-1, len(values)-1).Draw(t, "choice")
	if i < 0 {
		return crm.Null[V]()
	}
	return crm.Of(values[i])
}

func someMoney(t *rapid.T) crm.Field[crm.Money] {
	return someOf(t, 0, 1, 1250_00, crm.MaxMoney, crm.Money(rapid.Int64Range(0, int64(crm.MaxMoney)).Draw(t, "money")))
}

func someTime(t *rapid.T) time.Time {
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return time.Unix(rapid.Int64Range(first.Unix(), last.Unix()).Draw(t, "second"), rapid.Int64Range(0, 999_999).Draw(t, "microsecond")*1000)
}

func someDate(t *rapid.T) crm.Field[crm.Date] { return someOf(t, crm.DateOf(someTime(t))) }

func someInstant(t *rapid.T) crm.Field[crm.Instant] { return someOf(t, crm.InstantOf(someTime(t))) }

// drawn returns a value that is drawn, always the same of a seed.
func drawn[V any](seed int, draw func(*rapid.T) V) V { return rapid.Custom(draw).Example(seed) }

// patched draws a patch of an entity that sets every property that a client can write,
// but for references.
func patched[T, P, F any](t *rapid.T, e *crm.Entity[T, P, F]) (patch P) {
	for _, p := range e.Properties {
		switch _, sent := p.At(new(T), &patch); f := sent.(type) {
		case nil, *crm.Field[crm.ID]:
		case *crm.Field[string]:
			switch {
			case p.Enum != nil:
				*f = someOf(t, p.Enum...)
			case strings.HasSuffix(p.Name, "_url") || p.Name == "website":
				*f = someOf(t, "www.acme.example/a?b=c,d;e&f=%22", "https://é.example")
			case strings.HasSuffix(p.Name, "_email"):
				*f = someOf(t, "someone@x.example", "no address at all, \"quoted\"")
			default:
				*f = someText(t, rapid.SampledFrom([]int{20, 60}).Draw(t, "length"))
			}
		case *crm.Field[crm.Money]:
			*f = someMoney(t)
		case *crm.Field[int]:
			*f = crm.Of(rapid.IntRange(p.Min, min(p.Max, 100)).Draw(t, p.Name))
		case *crm.Field[bool]:
		case *crm.Field[crm.Date]:
			*f = someDate(t)
		case *crm.Field[crm.Instant]:
			*f = someInstant(t)
		case *crm.Field[crm.Moment]:
			*f = crm.Of(crm.Moment(crm.InstantOf(someTime(t))))
		default:
			panic(fmt.Sprintf("no value for %s, a %T", p.Name, f))
		}
	}
	return patch
}

// fill makes n of every kind out of whatever clients may say. What the rules refuse,
// they refuse.
func (w *world) fill(n int) {
	w.t.Helper()
	ctx := w.t.Context()
	w.expect(owners, people, summary(2, 0, 0, 0))
	var ownerIDs, stageIDs, companyIDs, contactIDs, dealIDs []crm.ID
	for _, o := range all(w, w.service.Owners) {
		ownerIDs = append(ownerIDs, o.ID)
	}
	closing := map[crm.ID]bool{}
	for _, s := range all(w, w.service.Stages) {
		stageIDs, closing[s.ID] = append(stageIDs, s.ID), s.Outcome != crm.OutcomeOpen
	}
	keep := func(ids *[]crm.ID, id crm.ID, err error) {
		w.t.Helper()
		switch {
		case err == nil:
			*ids = append(*ids, id)
		case crm.CodeOf(err) != crm.CodeInvalid:
			w.t.Fatal(err)
		}
	}
	for seed := range n {
		c, err := w.service.CreateCompany(ctx, w.by, drawn(seed, func(t *rapid.T) crm.CompanyPatch {
			p := patched(t, crm.Companies)
			p.Domain = someOf(t, fmt.Sprintf("d%d.example", seed))
			p.OwnerID, p.ExternalID = someOf(t, ownerIDs...), someOf(t, fmt.Sprintf("%s#%d", someText(t, 30).Value, seed))
			return p
		}))
		keep(&companyIDs, c.ID, err)
	}
	for seed := range n {
		c, err := w.service.CreateContact(ctx, w.by, drawn(seed, func(t *rapid.T) crm.ContactPatch {
			p := patched(t, crm.Contacts)
			p.Email, p.ExternalID = someOf(t, fmt.Sprintf("c%d@x.example", seed)), crm.Field[string]{}
			p.CompanyID, p.OwnerID = someOf(t, companyIDs...), someOf(t, ownerIDs...)
			p.IsPrimary = crm.Of(!p.CompanyID.Null && rapid.Bool().Draw(t, "primary"))
			return p
		}))
		keep(&contactIDs, c.ID, err)
	}
	for seed := range n {
		d, err := w.service.CreateDeal(ctx, w.by, drawn(seed, func(t *rapid.T) crm.DealPatch {
			p := patched(t, crm.Deals)
			p.CompanyID, p.PrimaryContactID, p.OwnerID = someOf(t, companyIDs...), someOf(t, contactIDs...), someOf(t, ownerIDs...)
			p.Currency, p.ExternalID, p.Status = crm.Of(rapid.SampledFrom([]string{"GBP", "EUR"}).Draw(t, "currency")), crm.Field[string]{}, crm.Field[string]{}
			p.StageID = crm.Of(rapid.SampledFrom(stageIDs).Draw(t, "stage"))
			if !closing[p.StageID.Value] {
				p.ClosedAt = crm.Field[crm.Moment]{}
			}
			return p
		}))
		keep(&dealIDs, d.ID, err)
		if err == nil && seed%3 == 0 { // a status that is not the stage's, and no label
			_, err = w.service.UpdateDeal(ctx, w.by, d.ID, crm.VersionCondition{}, drawn(seed, func(t *rapid.T) crm.DealPatch {
				return crm.DealPatch{Company: crm.Null[string](), Status: crm.Of(rapid.SampledFrom([]string{"active", "won", "lost"}).Draw(t, "status"))}
			}))
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	var activityIDs []crm.ID
	for seed := range n {
		a, err := w.service.CreateActivity(ctx, w.by, drawn(seed, func(t *rapid.T) crm.ActivityPatch {
			p := patched(t, crm.Activities)
			p.Type, p.Status, p.ExternalID = crm.Of(rapid.SampledFrom(crm.Activities.Enum("type")).Draw(t, "type")), crm.Of(rapid.SampledFrom([]string{"pending", "completed"}).Draw(t, "status")), crm.Field[string]{}
			p.ContactID, p.CompanyID = someOf(t, contactIDs...), someOf(t, companyIDs...)
			p.DealID, p.OwnerID, p.Date = someOf(t, dealIDs...), someOf(t, ownerIDs...), crm.Field[crm.Moment]{}
			return p
		}))
		keep(&activityIDs, a.ID, err)
	}
	var taskIDs []crm.ID
	for seed := range n {
		a, err := w.service.CreateTask(ctx, w.by, drawn(seed, func(t *rapid.T) crm.TaskPatch {
			p := patched(t, crm.Tasks)
			p.Priority, p.TaskType = crm.Of(rapid.SampledFrom(crm.Tasks.Enum("priority")).Draw(t, "priority")), crm.Of(rapid.SampledFrom(crm.Tasks.Enum("task_type")).Draw(t, "type"))
			p.Status, p.CompletedAt = crm.Of(rapid.SampledFrom([]string{"pending", "in_progress", "completed", "cancelled"}).Draw(t, "status")), crm.Field[crm.Moment]{}
			p.AssignedTo, p.CreatedBy = someOf(t, ownerIDs...), someOf(t, ownerIDs...)
			p.ContactID, p.CompanyID, p.DealID = someOf(t, contactIDs...), someOf(t, companyIDs...), someOf(t, dealIDs...)
			return p
		}))
		keep(&taskIDs, a.ID, err)
	}
	for i, ids := range [][]crm.ID{companyIDs, contactIDs, dealIDs, activityIDs, taskIDs} {
		if len(ids) < n/2 {
			w.t.Fatalf("of %d records of type %d only %d could be made", n, i, len(ids))
		}
	}
}

// without returns CSV less some columns.
func without(t *testing.T, text string, names ...string) string {
	t.Helper()
	rows := records(t, text)
	var b strings.Builder
	w := csv.NewWriter(&b)
	header := rows[0]
	for _, row := range rows {
		var kept []string
		for i, cell := range row {
			if !slices.Contains(names, header[i]) {
				kept = append(kept, cell)
			}
		}
		if err := w.Write(kept); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return b.String()
}

// TestRoundTrip: whatever clients entered comes out as a file that another, empty
// organisation reads in and writes out again, byte by byte. Only people and stages,
// which are found there by address and by name, have other ids.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.fill(60)
		other := w.sibling("Other")
		other.expect(owners, people, summary(2, 0, 0, 0))
		for _, kind := range kinds {
			text := w.export(kind, transfer.CSV)
			opt := transfer.Options{Kind: kind, Keys: []string{"id"}, Notice: func(s string) {
				if strings.Contains(s, "left") {
					t.Errorf("%s: %s", kind, s)
				}
			}}
			n := int64(len(records(t, text)) - 1)
			other.expect(opt, text, summary(n, 0, 0, 0))
			again := other.export(kind, transfer.CSV)
			if diff := cmp.Diff(without(t, text, "owner_id", "stage_id"), without(t, again, "owner_id", "stage_id")); diff != "" {
				t.Errorf("%s (-first +second):\n%s", kind, diff)
			}
			// Read in once more, it says nothing new, there as here.
			other.expect(opt, text, summary(0, 0, n, 0))
			w.expect(opt, text, summary(0, 0, n, 0))
		}
	})
}

// TestRoundTripByExternalID: a file also reads in by what it is called elsewhere;
// references lead to what has the same names.
func TestRoundTripByExternalID(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(owners, people, summary(2, 0, 0, 0))
		w.expect(companies, "external_id,name,owner\nA,Acme,ada@x.example\nB,=Bolt,\n", summary(2, 0, 0, 0))
		w.expect(contacts, "external_id,email,name,company\n1,jo@x.example,Jo Doe,A\n2,,Only Name,B\n", summary(2, 0, 0, 0))
		w.expect(deals, `external_id,name,company,company_name,contact,owner,stage,closed_at,created_at
1,One,Label,Acme,jo@x.example,grace@x.example,Won,2024-02-03,2024-01-01
2,Two,Just a label,,Only Name,,Lead,,2024-01-02
3,Three,,=Bolt,,ada@x.example,Lost,2024-02-05,2024-01-03
`, summary(3, 0, 0, 0))
		other := w.sibling("Other")
		other.expect(owners, people, summary(2, 0, 0, 0))
		for _, kind := range kinds[:3] {
			text := w.export(kind, transfer.CSV)
			opt := transfer.Options{Kind: kind, Keys: []string{"external_id"}}
			other.expect(opt, text, summary(int64(len(records(t, text))-1), 0, 0, 0))
			ids := []string{"id", "owner_id", "company_id", "stage_id", "primary_contact_id"}
			if diff := cmp.Diff(without(t, text, ids...), without(t, other.export(kind, transfer.CSV), ids...)); diff != "" {
				t.Errorf("%s (-first +second):\n%s", kind, diff)
			}
		}
	})
}

// TestRecognitionByID: a row's id recognises its thing, and is the id of what it
// makes.
func TestRecognitionByID(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		a, b, gone := crm.NewID(), crm.NewID(), crm.NewID()
		byID := companies
		byID.Keys = []string{"id"}
		w.inTurn(byID, fmt.Sprintf(`id,name,domain,updated_at
%[1]s,Acme,acme.example,2020-01-02T03:04:05Z
%[2]s,Acme,,2020-01-02T03:04:05Z
%[1]s,Acme Ltd,,2021-01-02T03:04:05Z
%[2]s,,,
,Unknown,,
7,Unknown,,
%[3]s,Gone,acme.example,
%[3]s,Gone,,
`, a, strings.ToUpper(b.String()), gone), summary(3, 1, 1, 3),
			"has no id to recognise it by", `id must be a UUID (it is "7")`, `domain "acme.example" is already used by another company`)
		rows := all(w, w.service.Companies)
		for i, want := range []crm.ID{b, a, gone} {
			if rows[i].ID != want {
				t.Errorf("company %d is %s %q, want %s", i, rows[i].ID, rows[i].Name, want)
			}
		}
		if got := rows[0].UpdatedAt.String(); got != "2020-01-02T03:04:05.000000Z" {
			t.Errorf("the company that was made was last changed at %s", got)
		}
		w.expect(byID, fmt.Sprintf("id,name,updated_at\n%s,Acme plc,2020-01-01\n", a), summary(0, 1, 0, 0))
		if got := all(w, w.service.Companies)[1].UpdatedAt; got.Time().Before(enginetest.Started) {
			t.Errorf("an import changed a company at %s", got)
		}

		// What was deleted keeps its id.
		if err := w.service.DeleteCompany(t.Context(), w.by, gone, crm.VersionCondition{}); err != nil {
			t.Fatal(err)
		}
		s, reasons := w.load(byID, file(t, fmt.Sprintf("id,name\n%s,Back\n%s,Acme\n", gone, crm.NewID())))
		if s != summary(1, 0, 0, 1) || !strings.Contains(strings.Join(reasons, ""), "already in use") {
			t.Errorf("%+v, %q", s, reasons)
		}

		// In another organisation the same ids are other things.
		other := w.sibling("Other")
		other.expect(byID, fmt.Sprintf("id,name\n%s,Elsewhere\n", a), summary(1, 0, 0, 0))

		// Ids of another system are ignored unless the option says what they are.
		var notices []string
		plain := companies
		plain.Notice = func(s string) { notices = append(notices, s) }
		w.expect(plain, "id,external_id,name\n7,X-7,Seven\n", summary(1, 0, 0, 0))
		if text := strings.Join(notices, "\n"); !strings.Contains(text, "companies are recognised by external_id, else name") || !strings.Contains(text, `columns that are left out: "id"`) {
			t.Errorf("notices %q", notices)
		}
		mapped := companies
		mapped.Maps = []string{"uuid=id"}
		w.expect(mapped, fmt.Sprintf("uuid,external_id\n%s,X-8\n", a), summary(0, 1, 0, 0))
		mapped.Keys = []string{"external_id"}
		if _, err := transfer.Import(t.Context(), w.bulk, w.by, mapped, file(t, "uuid,external_id\n,X-8\n")); err == nil || !strings.Contains(err.Error(), "use --key id") {
			t.Errorf("error %v", err)
		}
	})
}

// TestSecondNames: an id counts before a name, if it leads anywhere.
func TestSecondNames(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "external_id,name\nA,Acme\nB,Bolt\n", summary(2, 0, 0, 0))
		acme, nowhere := all(w, w.service.Companies)[0].ID, crm.NewID()
		making := deals
		making.CreateMissing = []string{"company"}
		head := "external_id,name,company,company_name,company_id\n"
		w.expect(making, head+fmt.Sprintf("1,D,L,Bolt,%s\n2,D,L,Bolt,%s\n3,D,L,Bolt,\n4,D,Acme,,\n5,D,L,New,%s\n", acme, nowhere, nowhere), summary(5, 0, 0, 0))
		w.expect(deals, head+fmt.Sprintf("6,D,L,Unknown,%s\n7,D,L,,%s\n", nowhere, nowhere), summary(0, 0, 0, 2),
			`no company called "Unknown" (use --create-missing company)`, fmt.Sprintf(`no company called %q (use --create-missing company)`, nowhere))
		// Without a label of its own a deal bears the company's name.
		w.expect(deals, "external_id,name,company_name\n8,D,bolt\n", summary(1, 0, 0, 0))
		text := w.export(transfer.Deals, transfer.CSV)
		if diff := cmp.Diff([]string{"Acme", "Bolt", "Bolt", "", "New", "Bolt"}, column(t, text, "company_name")); diff != "" {
			t.Errorf("companies (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"L", "L", "L", "Acme", "L", "bolt"}, column(t, text, "company")); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		if n := len(all(w, w.service.Companies)); n != 3 {
			t.Errorf("there are %d companies, want 3", n)
		}
	})
}
