package bulk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// furtherContacts tells the contacts of the deal "Ship" by name, the primary one first.
func furtherContacts(w *world) (out []string) {
	w.Helper()
	names := map[crm.ID]string{}
	for _, c := range all(w, w.service.Contacts) {
		names[c.ID] = c.FullName
	}
	d := all(w, w.service.Deals)[0]
	links, err := w.store.Reads(w.by).DealContacts(w.Context(), w.by.Org, []crm.ID{d.ID})
	if err != nil {
		w.Fatal(err)
	}
	for _, l := range links {
		out = append(out, names[l.ContactID]+" "+l.Role)
	}
	slices.Sort(out)
	if d.PrimaryContactID != nil {
		out = append([]string{names[*d.PrimaryContactID]}, out...)
	}
	return out
}

// TestFurtherContacts: the contacts of a row beside its first one are added as stakeholders.
func TestFurtherContacts(t *testing.T) {
	eachEngine(t, func(w *world) {
		load(w, w.bulk.ImportContacts, bulk.ImportOptions{Keys: contactKeys}, rowsOf(
			contact("Ada", "", "1"), contact("Ben", "ben@x.example", "2"), contact("Cleo", "", "3"), contact("Dan", "", "4")))
		ship := func(name, primary string, further ...string) bulk.ImportRow[crm.DealPatch] {
			return bulk.ImportRow[crm.DealPatch]{
				Patch:      crm.DealPatch{Name: crm.Of(name), ExternalID: crm.Of("S")},
				References: bulk.References{Contact: primary}, FurtherContacts: further,
			}
		}
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyExternalID}}
		check := func(what string, rows []bulk.ImportRow[crm.DealPatch], verdict, contacts []string) {
			w.Helper()
			_, results := load(w, w.bulk.ImportDeals, opt, rows)
			if diff := cmp.Diff(verdict, verdicts(results)); diff != "" {
				w.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff(contacts, furtherContacts(w)); diff != "" {
				w.Errorf("%s: contacts (-want +got):\n%s", what, diff)
			}
		}
		one := []bulk.ImportRow[crm.DealPatch]{ship("Ship", "1", "ben@x.example", "2", "1", "000000000000000AAA")}
		check("new", one, []string{"created"}, []string{"Ada", "Ben stakeholder"})
		check("again", one, []string{"unchanged"}, []string{"Ada", "Ben stakeholder"})
		d := all(w, w.service.Deals)[0]

		if _, err := w.service.PutDealContact(w.Context(), w.by, d.ID, all(w, w.service.Contacts)[1].ID, crm.VersionCondition{}, "champion"); err != nil {
			w.Fatal(err)
		}
		changed := all(w, w.service.Deals)[0]
		check("another role", one, []string{"unchanged"}, []string{"Ada", "Ben champion"})
		if now := all(w, w.service.Deals)[0]; now.Version != changed.Version || now.UpdatedAt != changed.UpdatedAt {
			w.Errorf("what was unchanged: version %d, was %d", now.Version, changed.Version)
		}
		check("one more", []bulk.ImportRow[crm.DealPatch]{ship("Ship", "1", "2", "Cleo")}, []string{"updated"}, []string{"Ada", "Ben champion", "Cleo stakeholder"})
		if now := all(w, w.service.Deals)[0]; now.Version != changed.Version+1 || now.UpdatedAt <= changed.UpdatedAt {
			w.Errorf("with one more contact: version %d, was %d", now.Version, changed.Version)
		}
		check("unknown", []bulk.ImportRow[crm.DealPatch]{ship("Boat", "1", "2", "9", "10")},
			[]string{`no contact called "9"; no contact called "10"`}, []string{"Ada", "Ben champion", "Cleo stakeholder"})
		check("a rejected row adds none", []bulk.ImportRow[crm.DealPatch]{ship("", "1", "4"), ship("Ship", "1", "3")},
			[]string{"name must not be empty", "unchanged"}, []string{"Ada", "Ben champion", "Cleo stakeholder"})
		check("added, and then the primary one", []bulk.ImportRow[crm.DealPatch]{ship("Ship", "1", "4"), ship("Ship", "4", "1")},
			[]string{"updated", "updated"}, []string{"Dan", "Ada stakeholder", "Ben champion", "Cleo stakeholder"})
		opt.Lenient = true
		_, results := load(w, w.bulk.ImportDeals, opt, []bulk.ImportRow[crm.DealPatch]{ship("Ship", "4", "9", "2")})
		if diff := cmp.Diff([]bulk.RowResult{{Verdict: bulk.RowUnchanged, Omitted: []crm.FieldError{{Field: "contact", Message: `no contact called "9"`}}}}, results); diff != "" {
			w.Errorf("lenient (-want +got):\n%s", diff)
		}
	})
}

// TestLenient: rows are taken without their wrong optional members, and each is told. Required
// ones, keys of others and rows that cannot be read are rejected all the same.
func TestLenient(t *testing.T) {
	eachEngine(t, func(w *world) {
		long := strings.Repeat("x", 256)
		unread := contact("Fay", "f@x.example", "")
		unread.Title, unread.DecodeErrors = crm.Of("CEO"), crm.DecodeErrors{{Field: "is_primary", Message: "must be true or false"}, {Field: "created_at", Message: "must be a date"}}
		whole := contact("Gil", "g@x.example", "")
		whole.DecodeErrors = crm.DecodeErrors{{Message: "the record has too many fields"}}
		rows := rowsOf(
			crm.ContactPatch{FirstName: crm.Of("Ada"), Email: crm.Of("a@x.example"), Phone: crm.Of(long), Title: crm.Of("CEO"), LinkedInURL: crm.Of("ftp://x")},
			contact("Ben", "wrong", ""), contact("", "wrong", ""), contact("Cleo", "a@x.example", "3"), unread, whole,
			contact("Dan", "d@x.example", ""),
		)
		rows[6].References = bulk.References{Company: "Unknown", Owner: "None"}
		opt := bulk.ImportOptions{Keys: contactKeys, Lenient: true}
		_, results := load(w, w.bulk.ImportContacts, opt, rows)
		invalidEmail := crm.FieldError{Field: "email", Message: "must be an e-mail address"}
		want := []bulk.RowResult{
			{Verdict: bulk.RowCreated, Omitted: []crm.FieldError{{Field: "phone", Message: "must be at most 50 characters long"}, {Field: "linkedin_url", Message: "must be a web address (http or https)"}}},
			{Verdict: bulk.RowCreated, Omitted: []crm.FieldError{invalidEmail}},
			{Verdict: bulk.RowRejected, Reason: "email must be an e-mail address", Wrong: []crm.FieldError{invalidEmail}},
			{Verdict: bulk.RowCreated, Omitted: []crm.FieldError{{Field: "email", Message: `"a@x.example" is already used by another contact`}}},
			{Verdict: bulk.RowCreated, Omitted: unread.DecodeErrors},
			{Verdict: bulk.RowRejected, Reason: "the record has too many fields", Wrong: whole.DecodeErrors},
			{Verdict: bulk.RowCreated, Omitted: []crm.FieldError{{Field: "company", Message: `no company called "Unknown"`}, {Field: "owner", Message: `no owner called "None"`}}},
		}
		if diff := cmp.Diff(want, results); diff != "" {
			w.Errorf("lenient (-want +got):\n%s", diff)
		}
		_, results = load(w, w.bulk.ImportContacts, opt, rows)
		for i := range want {
			if want[i].Verdict == bulk.RowCreated {
				want[i].Verdict = bulk.RowUnchanged
			}
		}
		if diff := cmp.Diff(want, results); diff != "" {
			w.Errorf("again (-want +got):\n%s", diff)
		}
		// What a stored record has stays.
		opt.Lenient = true
		load(w, w.bulk.ImportContacts, opt, rowsOf(crm.ContactPatch{FirstName: crm.Of("Ada"), Email: crm.Of("a@x.example"), Title: crm.Of(long)}))
		if ada := all(w, w.service.Contacts)[0]; text(ada.Title) != "CEO" {
			w.Errorf("a title that was left out: %+v", ada)
		}
		// A deal is not put into another stage than its own.
		deal := []bulk.ImportRow[crm.DealPatch]{
			{Patch: crm.DealPatch{Name: crm.Of("Ship"), Value: crm.Of(crm.Money(-1))}, References: bulk.References{Stage: "Unknown"}},
			{Patch: crm.DealPatch{Name: crm.Of("Boat"), Value: crm.Of(crm.Money(-1)), Status: crm.Of("active"), ClosedAt: crm.Of(crm.Moment(1))}, References: bulk.References{Stage: "Lead"}},
			{Patch: crm.DealPatch{Name: crm.Of("Boat")}, References: bulk.References{Stage: "Unknown"}},
		}
		noStage := crm.FieldError{Field: "stage", Message: `no stage called "Unknown"`}
		_, deals := load(w, w.bulk.ImportDeals, bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}, Lenient: true}, deal)
		if diff := cmp.Diff([]bulk.RowResult{
			{Verdict: bulk.RowRejected, Reason: `no stage called "Unknown"; value must be between 0.00 and 999999999999.99`, Wrong: []crm.FieldError{{Message: noStage.Message}, {Field: "value", Message: "must be between 0.00 and 999999999999.99"}}, Missing: []bulk.Reference{bulk.RefStage}},
			{Verdict: bulk.RowCreated, Omitted: []crm.FieldError{{Field: "value", Message: "must be between 0.00 and 999999999999.99"}, {Field: "closed_at", Message: "must not be given: an active deal has none"}}},
			{Verdict: bulk.RowUnchanged, Omitted: []crm.FieldError{noStage}},
		}, deals); diff != "" {
			w.Errorf("deals (-want +got):\n%s", diff)
		}
		_, strict := load(w, w.bulk.ImportContacts, bulk.ImportOptions{Keys: contactKeys}, rows[:1])
		if strict[0].Verdict != bulk.RowRejected {
			w.Errorf("strict: %+v", strict)
		}
	})
}
