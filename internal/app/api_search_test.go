package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// found returns the titles or names that a search finds, in order.
func (u user) found(path string, q url.Values) string {
	u.t.Helper()
	rows, _ := u.list(path + "?" + q.Encode())
	var all []string
	for _, row := range rows {
		for _, name := range []string{"title", "full_name", "name"} {
			if text, there := row[name].(string); there && (name != "title" || row["kind"] != nil) {
				all = append(all, text)
				break
			}
		}
	}
	return strings.Join(all, ", ")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u, other := newUser(c, "Searching", crm.RoleManager), newUser(c, "Other", crm.RoleManager)
		other.make("/api/companies", object{"name": "Acme of others"})
		acme := u.make("/api/companies", object{"name": "Acme", "domain": "acme.example", "industry": "toys"})
		u.make("/api/companies", object{"name": "Acmeville Ltd", "industry": "mining", "phone": "+44 (0)20 7946 0958"})
		jorg := u.make("/api/contacts", object{"first_name": "Jörg", "last_name": "Müller", "title": "Geschäftsführer", "email": "mul@post.test", "company_id": id(acme)})
		deal := u.make("/api/deals", object{"name": "200 licences", "company": "Acme", "company_id": id(acme), "primary_contact_id": id(jorg), "value": 5})
		u.make("/api/deals", object{"name": "Licences for Acmeville", "value": 7})

		t.Run("Everything", func(t *testing.T) {
			u := u.in(t)
			rows, answer := u.list("/api/search?q=acm")
			if got := mapped(rows, "kind"); got != "company company deal deal" {
				t.Fatalf("found %s: %v", got, rows)
			}
			expect(t, rows[1], object{"kind": "company", "id": id(acme), "title": "Acme", "subtitle": "acme.example", "owner_id": acme["owner_id"], "updated_at": acme["updated_at"]})
			expect(t, at(answer, "pagination").(object), object{"hasMore": false, "hasPrevious": false, "nextCursor": nil})
			last := rows[0]["rank"].(float64)
			for _, row := range rows {
				if rank := row["rank"].(float64); rank <= 0 || rank > last || rank != float64(int64(rank)) {
					t.Errorf("the ranks are %s", mapped(rows, "rank"))
				}
			}
		})
		for _, test := range []struct{ typed, want string }{
			{"acme", "Acme, Acmeville Ltd, Licences for Acmeville, 200 licences"},
			{"ACME ltd", "Acmeville Ltd"},
			{"jorg muller", "Jörg Müller, 200 licences"},
			{"jörg mül", "Jörg Müller, 200 licences"},
			{"mu\u0308ller geschafts", "Jörg Müller"},
			{"200", "200 licences"},
			{"cme", "Licences for Acmeville, Acmeville Ltd, Acme, 200 licences"}, {"me", ""}, {"acme nothing", ""}, {"others", ""}, {"", ""}, {"%", ""}, {`"`, ""}, {"'", ""}, {"🦀", ""}, {"\x00", ""}, {"\xff", ""},
			{"https://www.acme.example/path?x=1", "Acme"}, {"7946 0958", "Acmeville Ltd"}, {"02079460958", "Acmeville Ltd"}, {"licences jorg", "200 licences"}, {"licences mul@post.test", "200 licences"},
			{"\u200b", ""}, {strings.Repeat("w ", 1000), ""},
			{`"acme" OR x`, ""}, {"acme*", "Acme, Acmeville Ltd, Licences for Acmeville, 200 licences"},
			{strings.Repeat("a", 10_000), ""}, {strings.Repeat("200 ", 2_500), "200 licences"}, {strings.Repeat("ü", 10_000), ""}, {strings.Repeat("%", 10_000), ""}, {strings.Repeat("🦀", 10_000), ""},
		} {
			t.Run(fmt.Sprintf("%.20q", test.typed), func(t *testing.T) {
				if got := u.in(t).found("/api/search", url.Values{"q": {test.typed}}); got != test.want {
					t.Errorf("found %q, want %q", got, test.want)
				}
			})
		}
		t.Run("Kind", func(t *testing.T) {
			u := u.in(t)
			if got := u.found("/api/search", url.Values{"q": {"acm"}, "kind": {"deal"}}); got != "Licences for Acmeville, 200 licences" {
				t.Errorf("found %q", got)
			}
			u.ask(http.StatusUnprocessableEntity, "GET", "/api/search?q=acm&kind=stage", nil)
		})
		t.Run("Lists", func(t *testing.T) { searchOfLists(t, u.in(t), acme) })
		t.Run("KeepsUp", func(t *testing.T) {
			u := u.in(t)
			u.change("/api/companies/"+id(acme), object{"name": "Renamed"})
			if got := u.found("/api/search", url.Values{"q": {"renam"}}); got != "Renamed, 200 licences" {
				t.Errorf("found %q", got)
			}
			// A search of deals is not stale when a contact or company of theirs changes.
			contact, deals := "/api/contacts/"+id(jorg), url.Values{"search": {"grete"}}
			if got := u.found("/api/deals", deals); got != "" {
				t.Errorf("found %q", got)
			}
			u.change(contact, object{"first_name": "Grete"})
			if got := u.found("/api/deals", deals); got != "200 licences" {
				t.Errorf("found %q", got)
			}
			if got := u.found("/api/search", url.Values{"q": {"grete"}, "kind": {"deal"}}); got != "200 licences" {
				t.Errorf("found %q", got)
			}
			u.ask(http.StatusOK, "DELETE", contact, nil)
			for path, q := range map[string]url.Values{"/api/deals": deals, "/api/search": {"q": {"grete"}, "kind": {"deal"}}} {
				if got := u.found(path, q); got != "" {
					t.Errorf("%s: found %q", path, got)
				}
			}
			u.ask(http.StatusOK, "DELETE", "/api/deals/"+id(deal), nil)
			if got := u.found("/api/search", url.Values{"q": {"licences"}}); got != "Licences for Acmeville" {
				t.Errorf("found %q", got)
			}
		})
	})
}

func searchOfLists(t *testing.T, u user, acme object) {
	t.Helper()
	for _, test := range []struct {
		path string
		q    url.Values
		want string
	}{
		{"/api/companies", url.Values{"search": {"acme"}}, "Acme, Acmeville Ltd"},
		{"/api/companies", url.Values{"search": {"acm"}, "sort": {"-name"}}, "Acmeville Ltd, Acme"},
		{"/api/companies", url.Values{"search": {"acm"}, "sort": {"name"}}, "Acme, Acmeville Ltd"},
		{"/api/companies", url.Values{"search": {"acm"}, "industry": {"mining"}}, "Acmeville Ltd"},
		{"/api/companies", url.Values{"search": {"%"}}, ""},
		{"/api/companies", url.Values{"search": {""}, "sort": {"name"}}, "Acme, Acmeville Ltd"},
		{"/api/contacts", url.Values{"search": {"muller"}, "includeCompany": {"true"}}, "Jörg Müller"},
		{"/api/contacts", url.Values{"search": {"acme"}}, ""},
		{"/api/deals", url.Values{"search": {"licen"}, "sort": {"-value"}}, "Licences for Acmeville, 200 licences"},
		{"/api/deals", url.Values{"search": {"licences"}, "minValue": {"6"}}, "Licences for Acmeville"},
		{"/api/companies/" + id(acme) + "/deals", url.Values{"search": {"licences"}}, "200 licences"},
		{"/api/companies/" + id(acme) + "/contacts", url.Values{"search": {"jo"}}, "Jörg Müller"},
	} {
		if got := u.found(test.path, test.q); got != test.want {
			t.Errorf("%s?%s: found %q, want %q", test.path, test.q.Encode(), got, test.want)
		}
	}
	rows, answer := u.list("/api/companies?search=acm&includeStats=true&count=exact&limit=1")
	if len(rows) != 1 || rows[0]["dealsCount"] == nil || at(answer, "meta", "totalCount") != float64(2) || at(answer, "pagination", "hasMore") != true {
		t.Errorf("a page of one: %v", answer)
	}
}

// The pages of a search have cursors that are bound to it, and stay valid while records
// change.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Walking", crm.RoleManager)
		const n = 60
		made := make([]object, n)
		for i := range made {
			made[i] = u.make([]string{"/api/companies", "/api/deals"}[i%2], object{"name": fmt.Sprintf("%s %d", []string{"Acme", "Acmeville", "The Acme"}[i%3], i)})
		}
		for _, order := range []string{"", "name", "-updated_at"} {
			q := url.Values{"search": {"acm"}, "limit": {"7"}}
			if order != "" {
				q.Set("sort", order)
			}
			w := u.walk(t, "/api/companies", q)
			if len(w.rows) != n/2 {
				t.Errorf("by %q met %d companies", order, len(w.rows))
			}
			w.check(t, func(string) bool { return true })
		}
		w := u.walk(t, "/api/search", url.Values{"q": {"acm"}, "limit": {"7"}})
		if len(w.rows) != n {
			t.Errorf("met %d things", len(w.rows))
		}
		w.check(t, func(string) bool { return true })

		first, answer := u.list("/api/search?q=acm&limit=20")
		token := at(answer, "pagination", "nextCursor").(string)
		for _, path := range []string{"/api/search?q=acme&limit=20&cursor=", "/api/search?q=acm&kind=deal&cursor=", "/api/companies?search=acm&cursor="} {
			if got := invalid(u.ask(http.StatusBadRequest, "GET", path+token, nil)); got != "cursor" {
				t.Errorf("%s: complaints of %s", path, got)
			}
		}
		// Of the later rows one is deleted, one changed and one created: all others appear once.
		rest, _ := u.list("/api/search?q=acm&limit=100&cursor=" + token)
		u.ask(http.StatusOK, "DELETE", pathOf(rest[5]), nil)
		u.change(pathOf(rest[10]), object{"name": "Elsewhere", "company": nil})
		u.make("/api/companies", object{"name": "Acme"})
		after, _ := u.list("/api/search?q=acm&limit=100&cursor=" + token)
		var want []object
		for i, row := range rest {
			if i != 5 && i != 10 {
				want = append(want, row)
			}
		}
		if mapped(after, "id") != mapped(want, "id") || len(first)+len(rest) != n {
			t.Errorf("after the changes:\n%s\nwant\n%s", mapped(after, "title"), mapped(want, "title"))
		}
		// Equivalent queries have the same cursors.
		same, _ := u.list("/api/search?q=%20ACM%21&limit=100&cursor=" + token)
		if mapped(same, "id") != mapped(after, "id") {
			t.Error("the same words, typed differently, are another search")
		}
	})
}

func pathOf(hit object) string {
	return map[any]string{"company": "/api/companies/", "deal": "/api/deals/"}[hit["kind"]] + id(hit)
}
