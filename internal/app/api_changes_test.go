package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// changes returns a page of the change log, and where the next one starts.
func (u user) changes(query string) (entries []object, next string, more, reset bool) {
	u.t.Helper()
	rows, answer := u.list("/api/changes" + query)
	next, _ = at(answer, "pagination", "nextCursor").(string)
	reset, there := at(answer, "meta", "reset").(bool)
	if !there {
		u.t.Fatalf("it is not said whether the log goes on: %v", answer)
	}
	return rows, next, at(answer, "pagination", "hasMore") == true, reset
}

// The log can be read from start to end in pages of any size, without gaps, and has every
// change.
func TestChanges(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Changes", crm.RoleAdmin)
		foreign := newUser(c, "Foreign", crm.RoleManager)
		actor := u.get("/api/user")["id"]
		ours, theirs := u.ours(), foreign.ours()
		u.change("/api/deals/"+ours["deal"], object{"value": 2})
		u.ask(http.StatusOK, "DELETE", "/api/tasks/"+ours["task"], nil)
		all, end, more, reset := u.changes("?limit=1000")
		if more || reset || len(all) < 8 {
			t.Fatalf("%d changes, more %t, reset %t", len(all), more, reset)
		}
		for i, e := range all {
			expect(t, e, object{"seq": i + 1})
			if at, err := time.Parse(time.RFC3339, e["at"].(string)); err != nil || time.Since(at) > time.Hour {
				t.Errorf("%v: %v", e, err)
			}
			for _, id := range theirs {
				if strings.Contains(fmt.Sprint(e), id) {
					t.Errorf("the change of another owner is visible: %v", e)
				}
			}
		}
		deal, task := all[len(all)-2], all[len(all)-1]
		expect(t, deal, object{"entity": "deal", "id": ours["deal"], "op": "updated", "actor_id": actor})
		expect(t, task, object{"entity": "task", "id": ours["task"], "op": "deleted", "actor_id": actor})
		if got := fmt.Sprint(at(deal, "refs", "company_id")); got != "["+ours["company"]+"]" {
			t.Errorf("the deal's refs are %v", deal["refs"])
		}
		for _, limit := range []int{1, 3, len(all), len(all) + 1} {
			met, since, more := 0, "0", true
			for more {
				var part []object
				part, since, more, reset = u.changes(fmt.Sprintf("?limit=%d&since=%s", limit, since))
				if reset || len(part) == 0 || len(part) > limit || more && len(part) < limit {
					t.Fatalf("limit %d: %d changes, reset %t, more %t", limit, len(part), reset, more)
				}
				for _, e := range part {
					met++
					expect(t, e, object{"seq": met})
				}
			}
			if met != len(all) || since != end {
				t.Errorf("limit %d: %d changes of %d, and the next would be after %s", limit, met, len(all), since)
			}
		}
		epoch, number, _ := strings.Cut(end, ".")
		if number != fmt.Sprint(len(all)) {
			t.Errorf("the end is %s after %d changes", end, len(all))
		}
		for _, since := range []string{end, number} {
			if part, next, _, reset := u.changes("?since=" + since); len(part) > 0 || next != end || reset {
				t.Errorf("since %s: %v, next %s, reset %t", since, part, next, reset)
			}
		}
		for _, since := range []string{"ANOTHERONE.1", epoch + "X." + number} {
			if part, next, _, reset := u.changes("?since=" + since); len(part) > 0 || next != end || !reset {
				t.Errorf("since %s, of another epoch: %v, next %s, reset %t", since, part, next, reset)
			}
		}
		if part, next, _, reset := u.changes("?since=" + end + "0"); len(part) > 0 || next != end || !reset {
			t.Errorf("beyond the end: %v, next %s, reset %t", part, next, reset)
		}
		u.as(crm.RoleViewer).changes("")
	})
}

// A client that continues from before the retained log must read everything again; others
// need not.
func TestChangesBeforeTheRetainedLog(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Pruned", crm.RoleManager)
		for _, name := range []string{"A", "B", "C"} {
			u.make("/api/companies", object{"name": name})
		}
		_, end, _, _ := u.changes("")
		prune := func(limit int) {
			t.Helper()
			ahead := crm.InstantOf(time.Now().Add(time.Hour))
			if n, err := c.app.Core().Store.PruneLog(t.Context(), ahead, limit); err != nil || n == 0 {
				t.Fatalf("%d entries were pruned: %v", n, err)
			}
		}
		expectReset := func(since string, entries int, want bool) {
			t.Helper()
			part, next, _, reset := u.changes("?since=" + since)
			if len(part) != entries || reset != want || next != end {
				t.Errorf("since %s: %d changes, next %s, reset %t; want %d, %s, %t", since, len(part), next, reset, entries, end, want)
			}
		}
		all, _, _, _ := u.changes("")
		prune(1)
		expectReset("0", len(all)-1, true)
		expectReset("1", len(all)-1, false)
		prune(1000)
		expectReset("0", 0, true)
		expectReset("1", 0, true)
		expectReset(end, 0, false)
		u.make("/api/companies", object{"name": "D"})
		last := end
		part, next, _, _ := u.changes("?since=" + last)
		end = next
		expectReset(last, len(part), false)
		expectReset("1", len(part), true)
	})
}

func TestChangesRejected(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Junk", crm.RoleViewer)
	for query, want := range map[string]int{
		"since=x": http.StatusBadRequest, "since=-1": http.StatusBadRequest, "since=1.5": http.StatusBadRequest, "since=99999999999999999999": http.StatusBadRequest,
		"since=1&since=2": http.StatusBadRequest, "limit=x": http.StatusBadRequest, "limit=0": http.StatusUnprocessableEntity, "limit=1001": http.StatusUnprocessableEntity,
	} {
		name, _, _ := strings.Cut(query, "=")
		if answer := u.ask(want, "GET", "/api/changes?"+query, nil); invalid(answer) != name {
			t.Errorf("%s: %v", query, answer)
		}
	}
}
