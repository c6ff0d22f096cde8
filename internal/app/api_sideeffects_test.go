package app_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// A write of a rep's that would change a member of another's record is rejected, and changes
// nothing. References to a record that its owner deletes are cleared, also in records
// that others own.
func TestSideEffectsOnRecordsOfOthers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		admin := newUser(c, "Effects", crm.RoleAdmin)
		ritaID := c.person(admin.org, "Rita Rep", "rita@effects.example", crm.RoleRep).ID
		rita := user{c, admin.org, c.keyOf(admin.org, ritaID, crm.RoleRep)}
		company, other := id(rita.make("/api/companies", object{"name": "Shared"})), id(admin.make("/api/companies", object{"name": "Other"}))
		contact := func(by user, company string, primary bool) string {
			return id(by.make("/api/contacts", object{"first_name": "C", "company_id": company, "is_primary": primary}))
		}
		theirs, theirOther := contact(admin, company, true), contact(admin, other, true)
		mine := contact(rita, company, false)
		mover := id(rita.make("/api/contacts", object{"first_name": "Mover", "company_id": id(rita.make("/api/companies", object{"name": "Third"})), "is_primary": true}))
		deal := id(admin.make("/api/deals", object{"name": "Theirs", "company_id": company, "primary_contact_id": mine}))
		task := id(admin.make("/api/tasks", object{"title": "Theirs", "contact_id": mine, "company_id": company}))

		before := admin.everything()
		for _, x := range []struct {
			name, method, path string
			body               object
		}{
			{"PrimaryByPatch", "PATCH", "/api/contacts/" + mine, object{"is_primary": true}},
			{"PrimaryByPut", "PUT", "/api/contacts/" + mine, object{"is_primary": true}},
			{"PrimaryByQuery", "PATCH", "/api/contacts?id=" + mine, object{"is_primary": true}},
			{"PrimaryByPost", "POST", "/api/contacts", object{"first_name": "New", "company_id": company, "is_primary": true}},
			{"PrimaryInOthersCompany", "POST", "/api/contacts", object{"first_name": "New", "company_id": other, "is_primary": true}},
			{"PrimaryMoves", "PATCH", "/api/contacts/" + mover, object{"company_id": company}},
			{"DealContact", "PUT", "/api/deals/" + deal + "/contacts/" + mine, object{"role": "champion"}},
			{"NoDealContact", "DELETE", "/api/deals/" + deal + "/contacts/" + mine, nil},
			{"DealsPrimaryContact", "PATCH", "/api/deals/" + deal, object{"primary_contact_id": nil}},
			{"Task", "PATCH", "/api/tasks/" + task, object{"contact_id": nil}},
			{"Stage", "DELETE", "/api/deal-stages/" + admin.get("/api/deals/" + deal)["stage_id"].(string), nil},
			{"StageDefault", "PATCH", "/api/deal-stages/" + admin.get("/api/deals/" + deal)["stage_id"].(string), object{"default_probability": 1}},
		} {
			t.Run(x.name, func(t *testing.T) { rita.in(t).ask(http.StatusForbidden, x.method, x.path, x.body) })
		}
		if diff := cmp.Diff(before, admin.everything()); diff != "" {
			t.Errorf("something has changed (-before +after):\n%s", diff)
		}

		// In a batch and as a manager, the flag moves or not as it does alone.
		rita.ask(http.StatusOK, "PATCH", "/api/contacts/"+mover, object{"company_id": company, "is_primary": false})
		admin.change("/api/contacts/"+theirs, object{"is_primary": false})
		rita.change("/api/contacts/"+mine, object{"is_primary": true}) // the company has none
		rita.change("/api/contacts/"+mover, object{"is_primary": true})
		expect(t, admin.get("/api/contacts/"+mine), object{"is_primary": false})
		admin.change("/api/contacts/"+theirs, object{"is_primary": true})
		expect(t, admin.get("/api/contacts/"+mover), object{"is_primary": false})
		expect(t, admin.get("/api/contacts/"+theirOther), object{"is_primary": true})

		// The rule: what is deleted is no longer referred to.
		rita.record(http.StatusOK, "DELETE", "/api/contacts/"+mine, nil)
		expect(t, admin.get("/api/deals/"+deal), object{"primary_contact_id": nil})
		expect(t, admin.get("/api/tasks/"+task), object{"contact_id": nil})
		rita.record(http.StatusOK, "DELETE", "/api/companies/"+company, nil)
		expect(t, admin.get("/api/contacts/"+theirs), object{"company_id": nil, "is_primary": false})
		expect(t, admin.get("/api/deals/"+deal), object{"company_id": nil})
	})
}

// A rep who sees only their own records does not learn whether another's contact is primary:
// the response is the same as where none is.
func TestPrimaryContactIsHidden(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		company := func() string { return id(o.rita.make("/api/companies", object{"name": "Rita's"})) }
		taken, free, own := company(), company(), company()
		hiddenID := id(o.admin.make("/api/contacts", object{"first_name": hidden, "owner_id": o.roryID, "company_id": taken, "is_primary": true}))
		primary := id(o.admin.make("/api/contacts", object{"first_name": "Own", "owner_id": o.ritaID, "company_id": own, "is_primary": true}))
		answers := map[string][]object{}
		for _, at := range []string{taken, free} {
			contact := id(o.rita.make("/api/contacts", object{"first_name": "Mine", "company_id": at}))
			answers["PATCH"] = append(answers["PATCH"], o.rita.ask(http.StatusForbidden, "PATCH", "/api/contacts/"+contact, object{"is_primary": true}))
			answers["POST"] = append(answers["POST"], o.rita.ask(http.StatusForbidden, "POST", "/api/contacts", object{"first_name": "New", "company_id": at, "is_primary": true}))
			answers["move"] = append(answers["move"], o.rita.ask(http.StatusForbidden, "PATCH", "/api/contacts/"+primary, object{"company_id": at}))
		}
		for name, two := range answers {
			for _, a := range two {
				delete(a, "instance")
			}
			if diff := cmp.Diff(two[0], two[1]); diff != "" {
				t.Errorf("%s tells the two apart:\n%s", name, diff)
			}
		}
		expect(t, o.admin.get("/api/contacts/"+hiddenID), object{"is_primary": true})
		// Of their own contacts one follows another.
		next := o.rita.make("/api/contacts", object{"first_name": "Next", "company_id": own, "is_primary": true})
		expect(t, o.rita.get("/api/contacts/"+primary), object{"is_primary": false})
		expect(t, o.rita.get("/api/contacts/"+id(next)), object{"is_primary": true})
	})
}

// Contacts of one company that are made primary at the same time are so one after the other.
func TestPrimaryContactsConcurrently(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Race", crm.RoleManager)
		company := id(u.make("/api/companies", object{"name": "Race"}))
		var group sync.WaitGroup
		for range 6 {
			contact := id(u.make("/api/contacts", object{"first_name": "P", "company_id": company}))
			group.Go(func() {
				for range 4 {
					if status, _, answer := c.do("PATCH", "/api/contacts/"+contact, u.key, object{"is_primary": true}); status != http.StatusOK {
						t.Errorf("%d %v", status, answer["error"])
					}
					if status, _, answer := c.do("POST", "/api/contacts", u.key, object{"first_name": "N", "company_id": company, "is_primary": true}); status != http.StatusCreated {
						t.Errorf("%d %v", status, answer["error"])
					}
				}
			})
		}
		group.Wait()
		rows, _ := u.list("/api/companies/" + company + "/contacts?limit=100")
		n := 0
		for _, r := range rows {
			if r["is_primary"] == true {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d of %d contacts are primary", n, len(rows))
		}
	})
}
