package transfer_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// TestOrderOfFiles: the files of an export end in the same records, imported all at once or one
// command each, those first that refer to the others.
func TestOrderOfFiles(t *testing.T) {
	t.Parallel()
	order := map[string][]string{
		"hubspot":    {"hubspot-crm-exports-all-deals.csv", "all-contacts.csv", "all-companies.csv", "owners.csv"},
		"salesforce": {"Opportunity.csv", "Contact.csv", "Account.csv", "User.csv"},
		"pipedrive":  {"deals-1234.csv", "people-1234.csv", "organizations-1234.csv", "users.csv"},
	}
	kinds := []transfer.Kind{transfer.Deals, transfer.Contacts, transfer.Companies, transfer.Owners}
	eachEngine(t, func(t *testing.T, w *world) {
		for system, files := range order {
			var paths []string
			reversed := w.sibling(system + " reversed")
			for i, name := range files {
				path := filepath.Join("testdata", "presets", system, name)
				paths = append(paths, path)
				if _, reasons := reversed.load(transfer.Options{Kind: kinds[i], From: system}, source(t, path)); len(reasons) > 0 {
					t.Errorf("%s: %q", path, reasons)
				}
			}
			together := w.sibling(system + " together")
			s, err := transfer.ImportFolder(t.Context(), w.bulk, together.by, transfer.Options{From: system}, paths...)
			if err != nil || s.Rejected > 0 {
				t.Errorf("%s: %d rejected, %v", system, s.Rejected, err)
			}
			if diff := gocmp.Diff(recordLines(together), recordLines(reversed)); diff != "" {
				t.Errorf("%s, together (-) and in the reverse order (+):\n%s", system, diff)
			}
		}
	})
}

// recordLines tells everything of an organisation but ids and times of this program, one record a line.
func recordLines(w *world) (lines []string) {
	w.t.Helper()
	of := map[crm.ID]string{}
	ref := func(id *crm.ID) string {
		if id == nil {
			return "-"
		}
		return cmp.Or(of[*id], "?")
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, o := range all(w, w.service.Owners) {
		of[o.ID] = fmt.Sprint(o.FullName, " ", text(o.Email))
		lines = append(lines, fmt.Sprint("owner ", of[o.ID], " ", text(o.ExternalID)))
	}
	for _, c := range all(w, w.service.Companies) {
		of[c.ID] = fmt.Sprint(c.Name, " ", text(c.ExternalID))
		lines = append(lines, fmt.Sprint("company ", of[c.ID], " ", text(c.Domain), " ", text(c.Size), " ", ref(c.OwnerID), " ", c.CreatedAt))
	}
	for _, c := range all(w, w.service.Contacts) {
		of[c.ID] = fmt.Sprint(c.FullName, " ", text(c.ExternalID))
		lines = append(lines, fmt.Sprint("contact ", of[c.ID], " ", text(c.FirstName), "/", text(c.LastName), " ", text(c.Email), " ", ref(c.CompanyID), " ", ref(c.OwnerID), " ", c.CreatedAt))
	}
	for _, s := range all(w, w.service.Stages) {
		of[s.ID] = s.Name
		lines = append(lines, fmt.Sprint("stage ", s.Name, " ", s.Outcome))
	}
	for _, d := range all(w, w.service.Deals) {
		links, err := w.store.Reads(w.by).DealContacts(w.t.Context(), w.by.Org, []crm.ID{d.ID})
		if err != nil {
			w.t.Fatal(err)
		}
		further := make([]string, len(links))
		for i, l := range links {
			further[i] = ref(&l.ContactID) + " " + l.Role
		}
		slices.Sort(further)
		lines = append(lines, fmt.Sprint("deal ", d.Name, " ", text(d.ExternalID), " ", d.Value, " ", d.Currency, " ", d.Status, " ", text(d.Company), " ",
			ref(d.CompanyID), " ", ref(d.OwnerID), " ", ref(&d.StageID), " ", ref(d.PrimaryContactID), " ", strings.Join(further, ", ")))
	}
	slices.Sort(lines)
	return lines
}
