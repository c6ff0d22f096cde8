package httpapi

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// FuzzFilters parses arbitrary query strings as the list of deals does: each is rejected as a
// whole, with what is invalid, or parsed to one query of the database.
func FuzzFilters(f *testing.F) {
	for _, raw := range []string{
		"", "limit=1000&direction=backward&sort=-value&count=exact", "ownerId=" + someID + "&owner_id=" + someID, "status=won&minValue=1e1&maxValue=0.01",
		"closeBefore=2026-02-30&closeAfter=2026-02-28", "search=%00", "search=%ff", "search=a+b&limit=0", "cursor=AAAA", "minValue=99999999999999999999", "%zz", "&&=;",
		"includeRelationships=true&contactId=" + someID,
	} {
		f.Add(raw)
	}
	a := newAPI(f)
	deals := a.deals()
	var names []string
	for _, p := range deals.pager.query.document() {
		names = append(names, p.Name)
	}
	read := func(t *testing.T, raw string) (listArgs[crm.DealFilter], string, error) {
		r := &http.Request{Method: http.MethodGet, URL: httptest.NewRequest(http.MethodGet, "/api/deals", http.NoBody).URL}
		r.URL.RawQuery = raw
		args, scope, err := deals.pager.read(&call{Context: t.Context(), Request: r, Actor: crm.Actor{Org: crm.ID{15: 1}}}, nil)
		return args, scope.Filters, err
	}
	f.Fuzz(func(t *testing.T, raw string) {
		args, narrowed, err := read(t, raw)
		if err != nil {
			p := server.ProblemOf(err)
			if p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity || len(p.Errors) == 0 {
				t.Errorf("%q: %d, %v", raw, p.Status, err)
			}
			return
		}
		q := args.list
		if q.Limit < 1 || q.Limit > crm.MaxLimit || q.Sort != crm.ByRank && !slices.Contains(crm.Deals.Sorts.Fields, q.Sort.Field) {
			t.Errorf("%q asks for %+v", raw, q)
		}
		for _, status := range q.Filter.Status.Values {
			if !slices.Contains([]string{"active", "won", "lost"}, status) {
				t.Errorf("%q asks for the status %q", raw, status)
			}
		}
		// Responses are cached by the canonical form, which must be parsed to the same values.
		same, again, err := read(t, server.CanonicalQuery(names, raw))
		if err != nil || again != narrowed || same.list.Limit != q.Limit || same.list.Sort != q.Sort || same.list.Backward != q.Backward || same.token != args.token {
			t.Errorf("%q means %q, and in the canonical form %q: %v", raw, narrowed, again, err)
		}
	})
}
