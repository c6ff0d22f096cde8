package bulk_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// TestReferencesByID: a record that is created for an id of another system has it as its external
// id, whatever it is called. The record of a name is meant instead if it has no external id.
func TestReferencesByID(t *testing.T) {
	const uuid = "00000000-0000-4000-8000-000000000001"
	eachEngine(t, func(w *world) {
		load(w, w.bulk.ImportCompanies, bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}, rowsOf(
			crm.CompanyPatch{Name: crm.Of("Plain")}, crm.CompanyPatch{Name: crm.Of("Other"), ExternalID: crm.Of("x1")}))
		n := 0
		deal := func(id, name string, further ...string) bulk.ImportRow[crm.DealPatch] {
			n++
			row := bulk.ImportRow[crm.DealPatch]{
				Patch:      crm.DealPatch{Name: crm.Of(fmt.Sprint(n)), ExternalID: crm.Of(fmt.Sprint(n))},
				References: bulk.References{Company: id}, Fallback: bulk.References{Company: name}, FurtherContacts: further,
			}
			if id != "" {
				row.IDs = row.IDs.With(bulk.RefCompany)
			} else {
				row.Company, row.Fallback.Company = name, ""
			}
			if further != nil {
				row.Contact, row.IDs = "k1", row.IDs.With(bulk.RefContact)
			}
			return row
		}
		rows := []bulk.ImportRow[crm.DealPatch]{
			deal("", "Fabrik"), deal("a1", "Fabrik"), deal("a1", "Fabrik AG"), deal("a2", ""), deal("a2", "Second"), deal("aB", ""), deal("ab", ""),
			deal("b1", "Twin"), deal("b2", "Twin"), deal("c1", "Plain"), deal("c2", "Other"), deal("d1", "d.example"), deal("d2", "https://d.example"),
			deal(uuid, ""), deal("shop.example", ""), deal("", "Twin"), deal("e1", "E", "k2", "k3"), deal("e2", "rejected"),
		}
		rows[17].Patch.Value = crm.Of(crm.Money(-1))
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyExternalID}, CreateMissing: []bulk.Reference{bulk.RefCompany, bulk.RefContact}}
		report, results := load(w, w.bulk.ImportDeals, opt, rows)
		want := make([]string, len(rows))
		for i := range want {
			want[i] = "created"
		}
		want[13] = "no company has the id " + uuid + ", and an id is no name to create one by"
		want[15] = `2 companies are called "Twin": name the one by its id, external_id or domain`
		want[17] = "value must be between 0.00 and 999999999999.99"
		if diff := cmp.Diff(want, verdicts(results)); diff != "" {
			w.Errorf("(-want +got):\n%s", diff)
		}
		check := func(what string) {
			w.Helper()
			var companies []string
			for _, c := range all(w, w.service.Companies) {
				companies = append(companies, c.Name+"="+text(c.ExternalID))
			}
			slices.Sort(companies)
			want := []string{"E=e1", "Fabrik=a1", "Other=c2", "Other=x1", "Plain=", "Second=a2", "Twin=b1", "Twin=b2", "aB=aB", "ab=ab", "d.example=d1", "shop.example="}
			if diff := cmp.Diff(want, companies); diff != "" {
				w.Errorf("%s: companies (-want +got):\n%s", what, diff)
			}
		}
		check("first")
		of := map[string]*crm.ID{}
		for _, d := range all(w, w.service.Deals) {
			of[d.Name] = d.CompanyID
		}
		for _, same := range [][2]string{{"1", "2"}, {"2", "3"}, {"4", "5"}, {"12", "13"}} {
			if a, b := of[same[0]], of[same[1]]; a == nil || crm.Differ(a, b) {
				w.Errorf("the companies of the deals %q differ", same)
			}
		}
		var contacts []string
		for _, c := range all(w, w.service.Contacts) {
			contacts = append(contacts, c.FullName+"="+text(c.ExternalID))
		}
		if diff := cmp.Diff([]string{"k1=k1", "k2=k2", "k3=k3"}, contacts); diff != "" {
			w.Errorf("contacts (-want +got):\n%s", diff)
		}
		if got := report.Created[0]; got.Count != 10 || got.First[0] != (bulk.CreatedReference{Name: "Fabrik", ExternalID: "a1"}) || len(report.Created) != 2 {
			w.Errorf("report: %+v", report.Created)
		}
		_, results = load(w, w.bulk.ImportDeals, opt, append(rows[:13:13], rows[14], rows[16]))
		for _, v := range verdicts(results) {
			if v != "unchanged" {
				w.Errorf("again: %s", v)
			}
		}
		check("again")
	})
}
