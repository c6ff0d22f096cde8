package bulk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

var contactKeys = []crm.Key{crm.KeyExternalID, crm.KeyEmail, crm.KeyName}

func contact(first, email, external string) crm.ContactPatch {
	p := crm.ContactPatch{FirstName: crm.Of(first)}
	if email != "" {
		p.Email = crm.Of(email)
	}
	if external != "" {
		p.ExternalID = crm.Of(external)
	}
	return p
}

// TestKeysInOrder: a row's record is found by the first key that the row has, and by that alone.
func TestKeysInOrder(t *testing.T) {
	eachEngine(t, func(w *world) {
		opt := bulk.ImportOptions{Keys: contactKeys}
		rows := rowsOf(contact("Ada", "ada@x.example", "1"), contact("Ben", "ben@x.example", ""), contact("Cleo", "", ""), contact("", "", ""),
			contact("Ada", "", ""), contact("Dan", "not an address", ""))
		_, results := load(w, w.bulk.ImportContacts, opt, rows)
		want := []string{"created", "created", "created", "has no external_id, email or name to recognise it by", "unchanged", "email must be an e-mail address"}
		if diff := cmp.Diff(want, verdicts(results)); diff != "" {
			w.Errorf("first (-want +got):\n%s", diff)
		}
		_, results = load(w, w.bulk.ImportContacts, opt, rows)
		want[0], want[1], want[2] = "unchanged", "unchanged", "unchanged"
		if diff := cmp.Diff(want, verdicts(results)); diff != "" {
			w.Errorf("again (-want +got):\n%s", diff)
		}
		// One renames the record that a later one names; one of two of a name takes another.
		_, results = load(w, w.bulk.ImportContacts, opt, rowsOf(
			contact("Adam", "", "1"), contact("Adam", "", ""), contact("Ada", "", ""), contact("Twin", "", "2"), contact("Twin", "", "3"),
		))
		if diff := cmp.Diff([]string{"updated", "unchanged", "created", "created", "created"}, verdicts(results)); diff != "" {
			w.Errorf("renamed (-want +got):\n%s", diff)
		}
		_, results = load(w, w.bulk.ImportContacts, opt, rowsOf(contact("Twin", "", ""), contact("Other", "", "3"), contact("Twin", "t@x.example", "2"), contact("Twin", "", "")))
		if diff := cmp.Diff([]string{"2 contacts have this name", "updated", "updated", "unchanged"}, verdicts(results)); diff != "" {
			w.Errorf("of twins (-want +got):\n%s", diff)
		}
	})
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, keys := range [][]crm.Key{nil, {crm.KeyDomain}, {crm.KeyEmail, crm.KeyEmail}, {crm.KeyEmail, crm.KeyID}} {
		_, err := w.bulk.ImportContacts(t.Context(), w.by, bulk.ImportOptions{Keys: keys}, func(bulk.Load[crm.ContactPatch]) error { return nil })
		if crm.CodeOf(err) != crm.CodeInvalid {
			t.Errorf("keys %v: %v", keys, err)
		}
	}
}

// TestKeyOf: rows of the same key are about the same record, and others are not.
func TestKeyOf(t *testing.T) {
	eachEngine(t, func(w *world) {
		var rows []bulk.ImportRow[crm.ContactPatch]
		for i := range 60 {
			p := contact([]string{"Ann", "ANN ", "Bob", "Cleo"}[i%4], "", "")
			if i%3 == 0 {
				p.Email = crm.Of([]string{"a@x.example", "A@X.example", "b@bücher.example", "b@xn--bcher-kva.example"}[i/3%4])
			}
			if i%5 == 0 {
				p.Email, p.ExternalID = crm.Field[string]{}, crm.Of(fmt.Sprint("x", i%4))
			}
			p.Title = crm.Of(fmt.Sprint(i))
			rows = append(rows, bulk.ImportRow[crm.ContactPatch]{Patch: p})
		}
		seen := map[string]bool{}
		for i, row := range rows {
			// Names of records that are found by another key would be found as well.
			key, value := bulk.ContactKey([]crm.Key{crm.KeyExternalID, crm.KeyEmail, crm.KeyName}, &row)
			if key != crm.KeyName {
				row.Patch.FirstName = crm.Of(fmt.Sprint("Only ", key, value))
			}
			rows[i] = row
			want := bulk.RowCreated
			if seen[string(key)+value] {
				want = bulk.RowUpdated
			}
			seen[string(key)+value] = true
			_, results := load(w, w.bulk.ImportContacts, bulk.ImportOptions{Keys: contactKeys}, rows[i:i+1])
			if results[0].Verdict != want {
				w.Errorf("row %d, %s %s: %v, want %s", i, key, value, verdicts(results), want)
			}
		}
	})
}

// TestReferenceTexts: what looks the same is the same record, and null references say nothing.
func TestReferenceTexts(t *testing.T) {
	eachEngine(t, func(w *world) {
		load(w, w.bulk.ImportCompanies, bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}, rowsOf(
			crm.CompanyPatch{Name: crm.Of("Acme GmbH"), Domain: crm.Of("acme.example")},
			crm.CompanyPatch{Name: crm.Of("AT&amp;T"), Domain: crm.Of("bücher.example")},
		))
		texts := []string{
			"Fritz Dräxl & Söhne", "Fritz  Dräxl & Söhne ", "FRITZ DRÄXL & SÖHNE", "Fritz Dra\u0308xl & So\u0308hne", "Fritz Dräxl & Söhne\u200b",
			"Fritz Dräxl &amp; Söhne", "\u200eFritz Dräxl & Söhne", "Fritz\u200b Dräxl & Söh\u00adne", // one
			"acme.example", "https://www.acme.example/about?x=1", "ACME.example", "Acme Gmbh", "www.acme.example", // stored
			"AT&amp;T", "xn--bcher-kva.example", // stored
			"booking.example", "Booking.example", "http://booking.example/", // another
			"v1.2", "12.500", "St. Gallen", // names
			"000000000000000AAA", "000000000000000", "00000000-0000-0000-0000-000000000000", " ", // none
			"می\u200cخواهم", "میخواهم", // two: the joiner is visible
		}
		var rows []bulk.ImportRow[crm.ContactPatch]
		for i, company := range texts {
			rows = append(rows, bulk.ImportRow[crm.ContactPatch]{
				Patch: contact("C", fmt.Sprintf("c%d@x.example", i), ""), References: bulk.References{Company: company},
			})
		}
		opt := bulk.ImportOptions{Keys: contactKeys, CreateMissing: []bulk.Reference{bulk.RefCompany}}
		report, results := load(w, w.bulk.ImportContacts, opt, rows)
		for i, r := range results {
			if r.Verdict != bulk.RowCreated {
				w.Errorf("%q: %+v", texts[i], r)
			}
		}
		names := map[crm.ID]string{}
		var companies []string
		for _, c := range all(w, w.service.Companies) {
			names[c.ID] = c.Name
			companies = append(companies, strings.TrimSpace(c.Name+" "+text(c.Domain)))
		}
		if diff := cmp.Diff([]string{
			"12.500", "Acme GmbH acme.example", "AT&amp;T bücher.example", "booking.example booking.example", "Fritz Dräxl & Söhne", "St. Gallen", "v1.2", "میخواهم", "می\u200cخواهم",
		}, companies); diff != "" {
			w.Errorf("companies (-want +got):\n%s", diff)
		}
		if len(report.Created) != 1 || report.Created[0].Count != 7 || report.Created[0].First[0] != (bulk.CreatedReference{Name: "Fritz Dräxl & Söhne"}) {
			w.Errorf("the report: %+v", report)
		}
		without := 0
		for _, c := range all(w, w.service.Contacts) {
			if c.CompanyID == nil {
				without++
			}
		}
		if without != 4 {
			w.Errorf("%d contacts have no company", without)
		}
		report, results = load(w, w.bulk.ImportContacts, opt, rows)
		if i := slices.IndexFunc(results, func(r bulk.RowResult) bool { return r.Verdict != bulk.RowUnchanged }); i >= 0 || report.Created != nil {
			w.Errorf("again: row %d, %+v", i, report)
		}
	})
}

// TestPeopleByExternalID finds people by what another system calls them.
func TestPeopleByExternalID(t *testing.T) {
	eachEngine(t, func(w *world) {
		ann := crm.OwnerPatch{FirstName: crm.Of("Ann"), Email: crm.Of("ann@x.example"), ExternalID: crm.Of("005A")}
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyExternalID, crm.KeyEmail, crm.KeyName}}
		for _, want := range []bulk.RowVerdict{bulk.RowCreated, bulk.RowUnchanged} {
			if _, results := load(w, w.bulk.ImportOwners, opt, rowsOf(ann)); results[0].Verdict != want {
				w.Errorf("%+v, want %s", results, want)
			}
		}
		_, results := load(w, w.bulk.ImportOwners, opt, rowsOf(crm.OwnerPatch{Email: crm.Of("ben@x.example"), ExternalID: crm.Of(strings.Repeat("x", 256))}))
		if verdicts(results)[0] != "external_id must be at most 255 characters long" {
			w.Errorf("%+v", results)
		}
		load(w, w.bulk.ImportCompanies, bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}, []bulk.ImportRow[crm.CompanyPatch]{
			{Patch: crm.CompanyPatch{Name: crm.Of("Acme")}, References: bulk.References{Owner: "005A"}},
		})
		owner := all(w, w.service.Companies)[0].OwnerID
		if owner == nil || text(all(w, w.service.Owners)[0].ExternalID) != "005A" || *owner != all(w, w.service.Owners)[0].ID {
			w.Errorf("the company's owner: %v", owner)
		}
	})
}
