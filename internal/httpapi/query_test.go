package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/cursor"
	"sixty/internal/server"
)

// readDeals reads a query string as the deals list does.
func readDeals(t *testing.T, raw string) (listArgs[crm.DealFilter], cursor.Scope, error) {
	t.Helper()
	a := newAPI(t)
	deals := a.deals()
	r := httptest.NewRequest(http.MethodGet, "/api/deals", nil)
	r.URL.RawQuery = raw
	return deals.pager.read(&call{Context: t.Context(), Request: r, Actor: crm.Actor{Org: crm.ID{15: 1}}}, nil)
}

func newSealer(tb testing.TB, secrets ...string) *cursor.Sealer {
	tb.Helper()
	s, err := cursor.NewSealer(secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const someID = "019a3c5e-7000-7000-8000-000000000001"

func TestListParameters(t *testing.T) {
	t.Parallel()
	id, _ := crm.ParseID(someID)
	least, day := crm.Money(1000), crm.Date(0)
	both := crm.OneOf[string]{Values: []string{"lost", "won"}}
	standard := crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 50}
	with := func(change func(*crm.List[crm.DealFilter])) crm.List[crm.DealFilter] {
		q := standard
		change(&q)
		return q
	}
	for raw, want := range map[string]crm.List[crm.DealFilter]{
		"":                     standard,
		"_=1&t=2&select=id":    standard,
		"utm_source=mail":      standard,
		"unknown=":             standard,
		"limit=&ownerId=":      standard,
		"limit=1000":           with(func(q *crm.List[crm.DealFilter]) { q.Limit = 1000 }),
		"limit=7&limit=7":      with(func(q *crm.List[crm.DealFilter]) { q.Limit = 7 }),
		"direction=backward":   with(func(q *crm.List[crm.DealFilter]) { q.Backward = true }),
		"sort=-value":          with(func(q *crm.List[crm.DealFilter]) { q.Sort = crm.Sort{Field: "value", Desc: true} }),
		"count=exact":          with(func(q *crm.List[crm.DealFilter]) { q.Count = crm.CountExact }),
		"ownerId=" + someID:    with(func(q *crm.List[crm.DealFilter]) { q.Filter.OwnerID = crm.Only(id) }),
		"owner_id=" + someID:   with(func(q *crm.List[crm.DealFilter]) { q.Filter.OwnerID = crm.Only(id) }),
		"contact_id=" + someID: with(func(q *crm.List[crm.DealFilter]) { q.Filter.ContactID = crm.Only(id) }),
		"stageId=" + someID + "&stage_id=" + someID:                  with(func(q *crm.List[crm.DealFilter]) { q.Filter.StageID = crm.Only(id) }),
		"status=won&minValue=1e1":                                    with(func(q *crm.List[crm.DealFilter]) { q.Filter.Status, q.Filter.MinValue = crm.Only("won"), &least }),
		"closeBefore=1970-01-01":                                     with(func(q *crm.List[crm.DealFilter]) { q.Filter.CloseBefore = &day }),
		"ownerId=" + someID + "&owner_id=" + strings.ToUpper(someID): with(func(q *crm.List[crm.DealFilter]) { q.Filter.OwnerID = crm.Only(id) }),
		"minValue=10&minValue=10.0&minValue=1e1":                     with(func(q *crm.List[crm.DealFilter]) { q.Filter.MinValue = &least }),
		"ownerId=null":                                               with(func(q *crm.List[crm.DealFilter]) { q.Filter.OwnerID.Null = true }),
		"ownerId=null," + someID + "," + someID: with(func(q *crm.List[crm.DealFilter]) {
			q.Filter.OwnerID = crm.OneOf[crm.ID]{Values: []crm.ID{id}, Null: true}
		}),
		"status=won,lost,won":               with(func(q *crm.List[crm.DealFilter]) { q.Filter.Status = both }),
		"status=lost%2Cwon&status=won,lost": with(func(q *crm.List[crm.DealFilter]) { q.Filter.Status = both }),
		"priority=null,high": with(func(q *crm.List[crm.DealFilter]) {
			q.Filter.Priority = crm.OneOf[string]{Values: []string{"high"}, Null: true}
		}),
		"closedFrom=1970-01-01":         with(func(q *crm.List[crm.DealFilter]) { q.Filter.ClosedFrom = &crm.Span{Last: 86_400_000_000 - 1} }),
		"closedTo=1970-01-01T00:00:01Z": with(func(q *crm.List[crm.DealFilter]) { q.Filter.ClosedTo = &crm.Span{First: 1_000_000, Last: 1_000_000} }),
		"minValue=10&maxValue=10&closeFrom=1970-01-01&closeTo=1970-01-01&closeBefore=1970-01-01": with(func(q *crm.List[crm.DealFilter]) {
			q.Filter = crm.DealFilter{MinValue: &least, MaxValue: &least, CloseFrom: &day, CloseTo: &day, CloseBefore: &day}
		}),
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			args, _, err := readDeals(t, raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, args.list); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestBadListParameters(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		status int
		names  string // of the parameters that are complained of
	}{
		"limit=ten":                     {400, "limit"},
		"limit=1.5":                     {400, "limit"},
		"limit=0":                       {422, "limit"},
		"limit=-1":                      {422, "limit"},
		"limit=1001":                    {422, "limit"},
		"limit=100000":                  {422, "limit"},
		"limit=99999999999999999999999": {422, "limit"},
		"limit=1&limit=2":               {400, "limit"},
		"sort=colour":                   {422, "sort"},
		"sort=-":                        {422, "sort"},
		"direction=up":                  {422, "direction"},
		"count=all":                     {422, "count"},
		"status=open":                   {422, "status"},
		"ownerId=nope":                  {400, "ownerId"},
		"owner_id=nope":                 {400, "ownerId"},
		"minValue=1.005":                {422, "minValue"},
		"minValue=1e15":                 {422, "minValue"},
		"minValue=1&minValue=2":         {400, "minValue"},
		"minValue=1&minValue=much":      {400, "minValue"},
		"minValue=2&maxValue=1":         {422, "maxValue"},
		"closeFrom=2026-02-01&closeTo=2026-01-31":            {422, "closeTo"},
		"closeAfter=2026-02-01&closeBefore=2026-01-31":       {422, "closeBefore"},
		"closedFrom=2026-02-01&closedTo=2026-01-31":          {422, "closedTo"},
		"closedFrom=yesterday":                               {400, "closedFrom"},
		"closeFrom=2026-02-01T00:00:00Z":                     {400, "closeFrom"},
		"status=won,,lost":                                   {422, "status"},
		"status=,":                                           {422, "status"},
		"status=won,open":                                    {422, "status"},
		"status=null":                                        {422, "status"},
		"status=" + strings.Repeat("won,", 49) + "lost,lost": {422, "status"},
		"ownerId=null,abc":                                   {400, "ownerId"},
		"ownerId=,abc":                                       {400, "ownerId"},
		"ownerId=null,":                                      {422, "ownerId"},
		"stageId=null":                                       {400, "stageId"},
		"ownerId=" + strings.Repeat(someID+",", 50) + someID: {422, "ownerId"},
		"colour=red&ownerID=" + someID:                       {400, "colour ownerID"},
		"colour=red&limit=0":                                 {400, "colour limit"},
		"minValue=much":                                      {400, "minValue"},
		"closeAfter=2026-02-30":                              {400, "closeAfter"},
		"includeRelationships=maybe":                         {400, "includeRelationships"},
		"cursor=!!!":                                         {400, "cursor"},
		"cursor=" + strings.Repeat("A", 150):                 {400, "cursor"},
		"ownerId=" + someID + "&owner_id=019a3c5e-7000-7000-8000-000000000002": {400, "ownerId"},
		"%zz=1":                                  {400, "?"},
		"limit=0&sort=colour&status=open":        {422, "limit sort status"},
		"limit=ten&sort=colour&cursor=!!!":       {400, "limit sort cursor"},
		"ownerId=a&stageId=b&companyId=c&limit=": {400, "ownerId stageId companyId"},
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			_, _, err := readDeals(t, raw)
			var p *server.Problem
			if !errors.As(err, &p) {
				t.Fatalf("the error is %v, no problem", err)
			}
			var names []string
			for _, f := range p.Errors {
				if !f.InQuery {
					t.Errorf("%s is reported as a member of the body", f.Name)
				}
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); p.Status != want.status || !sameWords(got, want.names) {
				t.Errorf("got %d for %s, want %d for %s", p.Status, got, want.status, want.names)
			}
		})
	}
}

// sameWords compares two lists of words without regard to their order.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestIndustryIsText(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(crm.Companies.Filters, func(x crm.Filter[crm.Company, crm.CompanyFilter]) bool { return x.Name == "industry" })
	p := filterParameter(&crm.Companies.Filters[i])
	for _, bad := range []string{"a\x00b", "\xff", strings.Repeat("x", 1025), "\u200b"} {
		if err := p.read(&listArgs[crm.CompanyFilter]{}, bad); err == nil {
			t.Errorf("%.10q is accepted", bad)
		}
	}
	var args listArgs[crm.CompanyFilter]
	if err := p.read(&args, "R&D; =é"); err != nil || *args.list.Filter.Industry != "R&D; =é" {
		t.Errorf("read %v, %v", args.list.Filter, err)
	}
}

// Equal filters have equal scopes however they are spelled, and different ones do not.
func TestFiltersAreCanonical(t *testing.T) {
	t.Parallel()
	scope := func(raw string) cursor.Scope {
		_, s, err := readDeals(t, raw)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	equal := []string{
		"minValue=10&ownerId=" + someID,
		"owner_id=" + strings.ToUpper(someID) + "&minValue=10.00",
		"minValue=10.0&ownerId=" + someID + "," + strings.ToUpper(someID),
		"minValue=1e1&limit=3&direction=backward&count=exact&includeRelationships=true&ownerId=" + someID + "&sort=-updated_at",
	}
	for _, raw := range equal[1:] {
		if scope(raw) != scope(equal[0]) {
			t.Errorf("%s has another scope than %s", raw, equal[0])
		}
	}
	different := []string{
		"", "ownerId=null", "priority=null", "ownerId=null," + someID, "status=won,lost", "priority=low,high", "priority=null,high",
		"closedFrom=2026-01-31", "closedFrom=2026-01-31T00:00:00Z", "closedTo=2026-01-31", "minValue=10", "maxValue=10", "status=won", "status=lost", "sort=name", "sort=-name", "ownerId=" + someID, "companyId=" + someID}
	seen := map[cursor.Scope]string{}
	for _, raw := range different {
		if other, ok := seen[scope(raw)]; ok {
			t.Errorf("%q and %q have one scope", raw, other)
		}
		seen[scope(raw)] = raw
	}
}

func TestSnake(t *testing.T) {
	t.Parallel()
	for camel, want := range map[string]string{"ownerId": "owner_id", "closeBefore": "close_before", "size": "size"} {
		if got := snake(camel); got != want {
			t.Errorf("snake(%q) = %q, want %q", camel, got, want)
		}
	}
}
