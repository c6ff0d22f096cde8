package app_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// restorables are the paths of what can be restored, by kind.
var restorables = map[string]string{
	"company": "/api/companies", "contact": "/api/contacts", "deal": "/api/deals", "activity": "/api/activities", "task": "/api/tasks",
}

// untimed returns an answer without the times of changes.
func untimed(answer any) any {
	switch v := answer.(type) {
	case object:
		delete(v, "updated_at")
		for _, member := range v {
			untimed(member)
		}
	case []any:
		for _, item := range v {
			untimed(item)
		}
	}
	return answer
}

// state reads what the API shows of records, without the times of changes.
func (u user) state(r records) map[string]any {
	u.t.Helper()
	shown := map[string]any{}
	for kind, path := range restorables {
		record := u.get(path + "/" + r[kind])
		shown[path] = untimed(record)
		rows, _ := u.list(path + "?sort=created_at")
		shown[path+" in all"] = mapped(rows, "id")
	}
	for _, path := range []string{
		"/api/companies/" + r["company"] + "/stats", "/api/contacts/" + r["contact"] + "/stats", "/api/dashboard", "/api/owners",
		"/api/deals/" + r["deal"] + "/history", "/api/deals/" + r["deal"] + "/contacts",
	} {
		shown[path] = untimed(u.ask(http.StatusOK, "GET", path, nil)["data"])
	}
	for _, path := range []string{
		"/api/companies/" + r["company"] + "/contacts", "/api/companies/" + r["company"] + "/deals", "/api/companies/" + r["company"] + "/activities",
		"/api/contacts/" + r["contact"] + "/deals", "/api/contacts/" + r["contact"] + "/activities", "/api/deals/" + r["deal"] + "/activities",
		"/api/tasks?dealId=" + r["deal"],
	} {
		rows, _ := u.list(path)
		shown[path] = mapped(rows, "id")
	}
	found, _ := u.list("/api/search?q=isolated")
	names := ids(found)
	slices.Sort(names)
	shown["search"] = names
	return shown
}

// A record that was deleted and is restored is as it was, and so is what referred to it, in
// whatever order several are.
func TestRestoredRecordsAreAsTheyWere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Restore", crm.RoleManager)
		ours := u.ours()
		u.change("/api/contacts/"+ours["contact"], object{"is_primary": true})
		before := u.state(ours)
		for _, order := range [][2]string{
			{"company", "company"}, {"contact", "contact"}, {"deal", "deal"}, {"activity", "activity"}, {"task", "task"},
			{"company contact deal activity task", "company contact deal activity task"},
			{"company contact deal activity task", "task activity deal contact company"},
			{"task deal contact company", "deal company task contact"},
			{"contact company", "contact company"}, {"deal contact", "deal contact"}, {"deal contact", "contact deal"}, {"contact deal", "contact deal"},
		} {
			for kind := range strings.FieldsSeq(order[0]) {
				u.ask(http.StatusOK, "DELETE", restorables[kind]+"/"+ours[kind], nil)
				rows, _ := u.list(restorables[kind] + "?deleted=true&limit=1")
				if len(rows) != 1 || id(rows[0]) != ours[kind] {
					t.Errorf("the latest deletion of a %s is %v", kind, rows)
				}
			}
			for kind := range strings.FieldsSeq(order[1]) {
				restored := u.record(http.StatusOK, "POST", restorables[kind]+"/"+ours[kind]+"/restore", nil)
				if id(restored) != ours[kind] {
					t.Errorf("restored %v", restored)
				}
				u.ask(http.StatusNotFound, "POST", restorables[kind]+"/"+ours[kind]+"/restore", nil)
				if rows, _ := u.list(restorables[kind] + "?deleted=true"); len(rows) != 0 {
					t.Errorf("%d of them are still deleted", len(rows))
				}
			}
			if diff := cmp.Diff(before, u.state(ours)); diff != "" {
				t.Fatalf("deleted %s and restored %s (-before +after):\n%s", order[0], order[1], diff)
			}
		}
	})
}

// What others did meanwhile stays.
func TestRestoreAfterChanges(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Restore after changes", crm.RoleManager)
		company := u.make("/api/companies", object{"name": "Old", "domain": "acme.example", "external_id": "A1"})
		other := u.make("/api/companies", object{"name": "Other"})
		first := u.make("/api/contacts", object{"first_name": "First", "company_id": id(company), "is_primary": true, "email": "first@acme.example"})
		moved := u.make("/api/deals", object{"name": "Moved", "company_id": id(company)})
		stays := u.make("/api/deals", object{"name": "Stays", "company_id": id(company)})
		u.ask(http.StatusOK, "DELETE", "/api/companies/"+id(company), nil)
		u.change("/api/deals/"+id(moved), object{"company_id": id(other)})
		taken := u.make("/api/companies", object{"name": "New", "domain": "acme.example", "external_id": "A1"})
		path := "/api/companies/" + id(company) + "/restore"
		answer := u.ask(http.StatusConflict, "POST", path, nil)
		if text := answer["error"].(string); invalid(answer) != "#/domain #/external_id" && !strings.Contains(text, "domain") || !strings.Contains(text, id(taken)) {
			t.Errorf("the conflict is %v", answer)
		}
		u.ask(http.StatusOK, "DELETE", "/api/companies/"+id(taken), nil)
		u.record(http.StatusOK, "POST", path, nil)
		expect(t, u.get("/api/deals/"+id(moved)), object{"company_id": id(other)})
		expect(t, u.get("/api/deals/"+id(stays)), object{"company_id": id(company)})
		expect(t, u.get("/api/contacts/"+id(first)), object{"company_id": id(company), "is_primary": true})

		u.ask(http.StatusOK, "DELETE", "/api/contacts/"+id(first), nil)
		second := u.make("/api/contacts", object{"first_name": "Second", "company_id": id(company), "is_primary": true})
		expect(t, u.record(http.StatusOK, "POST", "/api/contacts/"+id(first)+"/restore", nil), object{"is_primary": false, "company_id": id(company)})
		expect(t, u.get("/api/contacts/"+id(second)), object{"is_primary": true})
	})
}

// The list of deleted records takes nothing that narrows or orders it. Stages are not restored.
func TestDeletedLists(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	u := newUser(c, "Deleted lists", crm.RoleManager)
	for query, want := range map[string]string{
		"/api/companies?deleted=true&industry=Food": "industry", "/api/companies?deleted=true&sort=name": "sort", "/api/companies?deleted=true&search=x": "search",
		"/api/deals?deleted=true&status=won": "status", "/api/contacts?deleted=true&id=" + crm.NewID().String(): "id",
	} {
		if answer := u.ask(http.StatusUnprocessableEntity, "GET", query, nil); invalid(answer) != want {
			t.Errorf("%s: %v", query, answer)
		}
	}
	u.ask(http.StatusBadRequest, "GET", "/api/companies?deleted=perhaps", nil)
	var made []string
	for range 5 {
		made = append([]string{id(u.make("/api/tasks", object{"title": "T"}))}, made...)
	}
	for i := range made {
		u.ask(http.StatusOK, "DELETE", "/api/tasks/"+made[len(made)-1-i], nil)
	}
	var got []string
	for path := "/api/tasks?deleted=true&limit=2"; path != ""; {
		rows, answer := u.list(path)
		got = append(got, ids(rows)...)
		next, _ := at(answer, "pagination", "nextCursor").(string)
		if path = ""; next != "" {
			path = "/api/tasks?deleted=true&limit=2&cursor=" + next
		}
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("deleted, latest first (-want +got):\n%s", diff)
	}
	stage := u.make("/api/deal-stages", object{"name": "Gone"})
	u.ask(http.StatusOK, "DELETE", "/api/deal-stages/"+id(stage), nil)
	u.ask(http.StatusNotFound, "POST", "/api/deal-stages/"+id(stage)+"/restore", nil)
}

// Records that refer to each other are restored at the same time: all are, with their references.
func TestRestoreConcurrently(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Restore concurrently", crm.RoleManager)
		ours := u.ours()
		before := u.state(ours)
		for range 3 {
			for _, kind := range []string{"task", "deal", "company", "contact", "activity"} {
				u.ask(http.StatusOK, "DELETE", restorables[kind]+"/"+ours[kind], nil)
			}
			var all sync.WaitGroup
			for kind, path := range restorables {
				all.Go(func() {
					if status, _, body := u.raw("POST", path+"/"+ours[kind]+"/restore", u.key, nil); status != http.StatusOK {
						t.Errorf("%s: %d, %s", kind, status, body)
					}
				})
			}
			all.Wait()
			if diff := cmp.Diff(before, u.state(ours)); diff != "" {
				t.Fatalf("(-before +after):\n%s", diff)
			}
		}
	})
}
