package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// Statistics are of the rep's own records, whatever they are part of.
func TestOwnOnlyNumbers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		o.mix()
		company, contact := "/api/companies/"+o.ritas["company"], "/api/contacts/"+o.ritas["contact"]
		for _, see := range []struct {
			u                  user
			contacts, deals    int
			value              string
			meetings, upcoming int
		}{
			{o.rita, 1, 1, "1", 0, 3},
			{o.admin, 2, 2, fmt.Sprint(hiddenValue + 1), 1, 6},
		} {
			expect(t, see.u.get(company+"/stats"), object{"contactCount": see.contacts, "dealsCount": see.deals, "dealsValue": see.value, "openDeals": see.deals})
			expect(t, see.u.get(company+"?includeStats=true"), object{"contactCount": see.contacts, "dealsCount": see.deals, "dealsValue": see.value})
			expect(t, see.u.get(contact+"/stats"), object{"totalDeals": see.deals, "totalDealsValue": see.value, "meetings": see.meetings, "calls": 1})
			if rows, _ := see.u.list(contact + "/tasks"); len(rows) != see.upcoming {
				t.Errorf("%d follow-ups, want %d: %v", len(rows), see.upcoming, rows)
			}
		}
		for _, row := range first(o.rita.list("/api/owners")) {
			want := object{"deal_count": 0, "total_value": 0}
			if row["id"] == o.ritaID {
				want = object{"deal_count": 2, "total_value": 1}
			}
			expect(t, row, want)
		}
		numbers := o.rita.get("/api/dashboard")
		expect(t, numbers["totals"].([]any)[0].(object), object{"open_count": 2, "open_value": 1})
		if by := numbers["by_owner"].([]any); len(by) != 1 || by[0].(object)["owner_id"] != o.ritaID {
			t.Errorf("the dashboard tells of %v", by)
		}
		if activities := numbers["activities"].([]any); len(activities) != 1 {
			t.Errorf("the dashboard tells of the activities %v", activities)
		} else {
			expect(t, activities[0].(object), object{"type": "call", "count": 2, "amount": 1})
		}
		if got := o.rita.get("/api/dashboard?ownerId=" + o.roryID); !holdsNothing(got) {
			t.Errorf("another's dashboard: %v", got)
		}
		if got := o.rita.total("/api/deals"); got != 2 {
			t.Errorf("%d deals are counted", got)
		}
	})
}

func first(rows []object, _ object) []object { return rows }

// Callers who see the same share cached responses, and those who see less have their own. A
// cursor is bound to what its caller sees.
func TestOwnOnlyIsCachedSeparately(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		o.rita.make("/api/deals", object{"name": "Second"})
		viewer := o.admin.as(crm.RoleViewer)
		const deals = "/api/deals"
		o.admin.fill(deals, "/api/stages")
		viewer.hits(deals)
		o.rita.misses(deals)
		o.rory.misses(deals)
		if mine, his := o.rita.hits(deals).body, o.rory.hits(deals).body; mine == his || strings.Contains(mine, hidden) {
			t.Errorf("one is told %s, the other %s", mine, his)
		}
		o.rita.hits("/api/stages") // which all see
		// Another's writes do not invalidate responses about one's own records.
		o.rory.change("/api/deals/"+o.rorys["deal"], object{"value": 3})
		o.rita.hits(deals)

		_, page := o.rita.list(deals + "?limit=1")
		cursor := at(page, "pagination", "nextCursor").(string)
		o.rita.ask(http.StatusOK, "GET", deals+"?limit=1&cursor="+cursor, nil)
		for _, u := range []user{o.rory, o.admin, viewer} {
			u.ask(http.StatusBadRequest, "GET", deals+"?limit=1&cursor="+cursor, nil)
		}
	})
}

// Whatever is cached, a change of the setting takes effect on every instance soon.
func TestOwnOnlyEverywhere(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			a, b := instances(t, engine, false)
			o := newOffice(a)
			there := user{b, o.rita.org, o.rita.key}
			paths := []string{"/api/deals", "/api/dashboard", "/api/search?q=" + hidden, "/api/deals/" + o.rorys["deal"]}
			for _, see := range []string{"everything", "own", "everything", "own"} {
				there.fill(paths[:3]...)
				o.reps(see)
				changed := time.Now()
				for _, path := range paths {
					want := see == "everything"
					if _, _, body := o.rita.raw("GET", path, o.rita.key, nil); showsHidden(body) != want {
						t.Errorf("where it was changed, reps see %s: %s", see, body)
					}
					eventually(t, "the other instance follows", func() bool {
						late := time.Since(changed) > allHear
						_, _, body := there.raw("GET", path, there.key, nil)
						if follows := showsHidden(body) == want; follows || !late {
							return follows
						}
						t.Fatalf("asked after more than %s, where reps see %s: %s", allHear, see, body)
						return false
					})
				}
			}
			rows, _ := o.admin.list("/api/audit?action=settings.changed")
			if len(rows) != 5 {
				t.Errorf("the audit trail tells of %d changes", len(rows))
			}
			expect(t, rows[0], object{"target": "organisation", "target_id": o.admin.org.String()})
			expect(t, rows[0]["details"].(object), object{"reps_see": "own"})
		})
	}
}

func showsHidden(body []byte) bool {
	return strings.Contains(string(body), hidden) || strings.Contains(string(body), fmt.Sprint(hiddenValue))
}

// A rep gets events of their own records, a record that they lose is deleted, and a reset
// when they come to see more or less.
func TestOwnOnlyEvents(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		from := o.admin.end()
		s, _ := o.rita.begin("", "ready")
		o.rory.change("/api/deals/"+o.rorys["deal"], object{"value": 5})
		o.rita.change("/api/deals/"+o.ritas["deal"], object{"value": 6})
		o.admin.change("/api/companies/"+o.rorys["company"], object{"name": "Hers now", "owner_id": o.ritaID})
		o.admin.change("/api/contacts/"+o.ritas["contact"], object{"company_id": o.unowned, "owner_id": o.roryID})
		o.admin.change("/api/activities/"+o.ritas["activity"], object{"owner_id": nil})
		stage := o.admin.make("/api/stages", object{"name": "Everybody's"})
		told := []object{
			{"entity": "deal", "id": o.ritas["deal"], "op": "updated", "actor_id": o.ritaID},
			{"entity": "company", "id": o.rorys["company"], "op": "updated", "refs": object{"owner_id": []any{o.ritaID}}},
			{"entity": "contact", "id": o.ritas["contact"], "op": "deleted", "refs": object{"owner_id": []any{o.ritaID}}},
			{"entity": "activity", "id": o.ritas["activity"], "op": "deleted", "refs": object{"owner_id": []any{o.ritaID}}},
			{"entity": "deal_stage", "id": id(stage), "op": "created"},
		}
		for _, want := range told {
			expect(t, s.change().data, want)
		}
		rows, next, more, reset := o.rita.changes(fmt.Sprint("?since=", from))
		if len(rows) != len(told) || more || reset || !strings.HasSuffix(next, fmt.Sprint(".", o.admin.end())) {
			t.Fatalf("the log tells %v, and goes on after %s (%t, %t)", rows, next, more, reset)
		}
		for i, want := range told {
			expect(t, rows[i], want)
		}
		// Changes that they do not see are skipped.
		rows, next, more, _ = o.rita.changes(fmt.Sprint("?limit=1&since=", from))
		if len(rows) != 0 || !strings.HasSuffix(next, fmt.Sprint(".", from+1)) || !more {
			t.Errorf("of another's change, the log tells %v, and goes on after %s (%t)", rows, next, more)
		}

		o.reps("everything")
		s.until("reset")
		o.rory.change("/api/deals/"+o.rorys["deal"], object{"value": 7})
		expect(t, s.change().data, object{"entity": "deal", "id": o.rorys["deal"]})
		o.reps("own")
		s.until("reset")
		o.rory.change("/api/deals/"+o.rorys["deal"], object{"value": 8})
		o.rita.change("/api/deals/"+o.ritas["deal"], object{"value": 9})
		expect(t, s.change().data, object{"entity": "deal", "id": o.ritas["deal"]})
	})
}

// change returns the next change event.
func (s *events) change() event {
	s.t.Helper()
	e := s.next()
	for strings.HasPrefix(e.name, ":") || e.name == "" {
		e = s.next()
	}
	if e.name != "change" {
		s.t.Fatalf("want a change, got %+v", e)
	}
	return e
}

// until skips the events before one of a name.
func (s *events) until(name string) {
	s.t.Helper()
	for range 100 {
		if s.next().name == name {
			return
		}
	}
	s.t.Fatalf("no %s is told", name)
}

// The settings are read by all roles and changed by admins, to valid values.
func TestOrganisation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		admin := newUser(c, "Settings", crm.RoleAdmin)
		newUser(c, "Taken", crm.RoleAdmin)
		const path = "/api/organisation"
		want := object{"id": admin.org.String(), "name": "Settings", "default_currency": "GBP", "reps_see": "everything"}
		for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
			u := admin.as(role)
			expect(t, u.get(path), want)
			u.ask(http.StatusForbidden, "PATCH", path, object{"reps_see": "own"})
		}
		for field, body := range map[string]object{
			"#/reps_see": {"reps_see": "nothing"}, "#/name": {"name": " "}, "#/colour": {"colour": "red"},
		} {
			if got := invalid(admin.ask(http.StatusUnprocessableEntity, "PATCH", path, body)); got != field {
				t.Errorf("%v: it complains of %s", body, got)
			}
		}
		if got := invalid(admin.ask(http.StatusConflict, "PATCH", path, object{"name": "TAKEN"})); got != "#/name" {
			t.Errorf("a name that is taken: it complains of %s", got)
		}
		expect(t, admin.get(path), want)
		before := admin.end()
		admin.change(path, want) // read-only members are ignored, and nothing changes
		if got := admin.end(); got != before {
			t.Errorf("%d changes are entered of a setting that stays", got-before)
		}
		want["name"] = "Renamed"
		expect(t, admin.change(path, object{"name": " Renamed ", "default_currency": "EUR"}), want)
		expect(t, admin.as(crm.RoleViewer).get(path), want)
	})
}
