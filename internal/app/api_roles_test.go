package app_test

import (
	"net/http"
	"testing"

	"sixty/internal/crm"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		manager := newUser(c, "Roles", crm.RoleManager)
		company := manager.make("/api/companies", object{"name": "Theirs"})
		contact := manager.make("/api/contacts", object{"first_name": "Theirs"})
		deal := manager.make("/api/deals", object{"name": "Theirs"})
		stage := manager.make("/api/deal-stages", object{"name": "Theirs"})

		const ok, made, no = http.StatusOK, http.StatusCreated, http.StatusForbidden
		for role, want := range map[crm.Role]struct{ own, others, stages int }{
			crm.RoleViewer:  {no, no, no},
			crm.RoleRep:     {made, no, no},
			crm.RoleManager: {made, ok, made},
			crm.RoleAdmin:   {made, ok, made},
		} {
			t.Run(string(role), func(t *testing.T) {
				u := manager.in(t).as(role)
				expect(t, u.get("/api/user"), object{"is_admin": role == crm.RoleAdmin})
				for _, path := range []string{
					"/api/companies", "/api/contacts", "/api/deals", "/api/deal-stages", "/api/owners", "/api/companies/" + id(company) + "/deals",
				} {
					u.ask(ok, "GET", path, nil)
				}
				u.ask(ok, "GET", "/api/deals/"+id(deal)+"?includeRelationships=true", nil)

				// What others own.
				u.ask(want.others, "PATCH", "/api/companies/"+id(company), object{"phone": string(role)})
				u.ask(want.others, "PUT", "/api/contacts/"+id(contact), object{"phone": string(role)})
				u.ask(want.others, "PATCH", "/api/deals/"+id(deal), object{"priority": "low"})
				u.ask(want.others, "PUT", "/api/deals/"+id(deal)+"/contacts/"+id(contact), object{"role": "champion"})
				u.ask(want.others, "DELETE", "/api/deals/"+id(deal)+"/contacts/"+id(contact), nil)
				// Reference data.
				u.ask(want.stages, "POST", "/api/deal-stages", object{"name": "By " + string(role)})
				if want.stages == no {
					u.ask(no, "PATCH", "/api/deal-stages/"+id(stage), object{"name": "Mine"})
					u.ask(no, "DELETE", "/api/stages/"+id(stage), nil)
					u.ask(no, "DELETE", "/api/companies/"+id(company), nil)
					// Records without an owner are not their own either.
					u.ask(no, "POST", "/api/companies", object{"name": "X", "owner_id": nil})
				}
				// A rep creates their own records, and cannot give them to another or create them for one.
				mine := u.ask(want.own, "POST", "/api/companies", object{"name": "Mine"})
				if want.own == made {
					path := "/api/companies/" + id(mine["data"].(object))
					u.ask(ok, "PATCH", path, object{"phone": "1"})
					hand := ok
					if role == crm.RoleRep {
						hand = no
					}
					u.ask(hand, "PATCH", path, object{"owner_id": company["owner_id"]})
					u.ask(ok, "DELETE", path, nil)
				}
			})
		}
		if got := manager.get("/api/deal-stages/" + id(stage)); got["name"] != "Theirs" {
			t.Errorf("the stage is called %v", got["name"])
		}
	})
}

// Missing permission takes precedence over validation errors.
func TestForbiddenTakesPrecedence(t *testing.T) {
	t.Parallel()
	viewer := newUser(boot(t, "sqlite"), "Forbidden", crm.RoleViewer)
	answer := viewer.ask(http.StatusForbidden, "POST", "/api/deals", object{"name": "", "value": "x"})
	if invalid(answer) != "" {
		t.Errorf("it complains of %s", invalid(answer))
	}
}
