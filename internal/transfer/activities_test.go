package transfer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// TestActivities: they are recognised by their external id and refer to what exists
// in any of the ways that there are.
func TestActivities(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "external_id,name\nC-1,Acme\nC-2,Other\n", summary(2, 0, 0, 0))
		w.expect(contacts, "external_id,name,email\nP-1,Ada King,ada@x.example\n", summary(1, 0, 0, 0))
		w.expect(deals, "external_id,name\nD-1,Licences\nD-2,Twins\nD-3,twins\n", summary(3, 0, 0, 0))
		w.expect(owners, "email,name\nbob@x.example,Bob Own\n", summary(1, 0, 0, 0))
		activities := transfer.Options{Kind: transfer.Activities}
		w.expect(activities, `external_id,type,status,date,amount,quantity,description,company,contact,deal,owner,created_at
1,CALL,,2017-01-31,,,said,acme,ada@x.example,Licences,Bob Own,
2,meeting,No_Show,2017-02-01T09:30:00+01:00,,,,C-1,P-1,D-1,bob@x.example,
3,sale,,,1250.5,2,,,ada king,D-1,,2016-05-06
4,visit,,,-1,many,,,,,,
5,note,,,,,,Unknown,Unknown,Twins,Unknown,
,note,,,,,,,,,,
`, summary(3, 0, 0, 3),
			`quantity must be a number (it is "many"); type must be one of outbound, meeting, proposal, sale, call, email, note (it is "visit"); amount must be between 0.00 and 999999999999.99 (it is "-1")`,
			`no company called "Unknown"; no owner called "Unknown"; no contact called "Unknown"; 2 deals are called "twins": name the one by its id or external_id (use --create-missing company,owner,contact)`,
			"has no external_id to recognise it by")
		w.expect(activities, "external_id,type,company\n1,email,C-2\n", summary(0, 1, 0, 0))
		w.expect(activities, "external_id,type,deal_id\n1,email,D-1\n2,meeting,\n", summary(0, 0, 2, 0))

		people, firms := named(all(w, w.service.Owners), func(o *crm.Owner) (crm.ID, string) { return o.ID, o.FullName }),
			named(all(w, w.service.Companies), func(c *crm.Company) (crm.ID, string) { return c.ID, c.Name })
		persons, chances := named(all(w, w.service.Contacts), func(c *crm.Contact) (crm.ID, string) { return c.ID, c.FullName }),
			named(all(w, w.service.Deals), func(d *crm.Deal) (crm.ID, string) { return d.ID, d.Name })
		page, err := w.service.Activities(t.Context(), w.by, crm.List[crm.ActivityFilter]{Sort: crm.Sort{Field: "date"}, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range page.Rows {
			got = append(got, fmt.Sprint(*a.ExternalID, " ", a.Type, " ", a.Status, " ", a.Date, " ", a.Amount, " v", a.Version, ": ",
				firms(a.CompanyID), ", ", persons(a.ContactID), ", ", chances(a.DealID), ", ", people(a.OwnerID)))
		}
		want := []string{
			"3 sale completed 2016-05-06T00:00:00.000000Z 1250.50 v1: , Ada King, Licences, ",
			"1 email completed 2017-01-31T00:00:00.000000Z <nil> v2: Other, Ada King, Licences, Bob Own",
			"2 meeting no_show 2017-02-01T08:30:00.000000Z <nil> v1: Acme, Ada King, Licences, Bob Own",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// named returns a function from ids to names, "" for an unknown id.
func named[T any](rows []T, of func(*T) (crm.ID, string)) func(*crm.ID) string {
	names := map[crm.ID]string{}
	for i := range rows {
		id, name := of(&rows[i])
		names[id] = name
	}
	return func(id *crm.ID) string {
		if id == nil {
			return ""
		}
		return names[*id]
	}
}
