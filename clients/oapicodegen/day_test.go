// Package oapicodegen_test is a day of calls by the client that oapi-codegen generates. It needs the
// server that scripts/clients starts.
package oapicodegen_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"sixty/clients/generated/oapi"
	"sixty/clients/internal/day"
)

func client(t *testing.T, options ...oapi.ClientOption) *oapi.ClientWithResponses {
	t.Helper()
	c, err := oapi.NewClientWithResponses(day.Setting(t, "SIXTY_URL"), options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withKey sends the API key with every request.
func withKey(t *testing.T) oapi.ClientOption {
	t.Helper()
	key := day.Setting(t, "SIXTY_KEY")
	return oapi.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	})
}

// of returns a pointer to a value, as optional members are.
func of[T any](v T) *T { return &v }

// must fails the test on an error, or a status other than wanted.
func must(t *testing.T, err error, response interface {
	StatusCode() int
	GetBody() []byte
}, wanted int,
) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode() != wanted {
		t.Fatalf("status %d, want %d: %s", response.StatusCode(), wanted, response.GetBody())
	}
}

func newDeal(t *testing.T, c *oapi.ClientWithResponses, body oapi.DealNew) oapi.Deal {
	t.Helper()
	r, err := c.CreateDealWithResponse(t.Context(), nil, body)
	must(t, err, r, http.StatusCreated)
	return r.JSON201.Data
}

func readDeal(t *testing.T, c *oapi.ClientWithResponses, id openapi_types.UUID) oapi.Deal {
	t.Helper()
	r, err := c.GetDealWithResponse(t.Context(), id, nil)
	must(t, err, r, http.StatusOK)
	return r.JSON200.Data
}

func TestSignIn(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, oapi.WithHTTPClient(&http.Client{Jar: jar}))
	anonymous, err := c.GetCurrentUserWithResponse(t.Context(), nil)
	must(t, err, anonymous, http.StatusUnauthorized)
	if anonymous.ApplicationproblemJSON401.Error == "" {
		t.Error("the problem has no error")
	}
	signedIn, err := c.LogInWithResponse(t.Context(), oapi.LogIn{Email: day.Setting(t, "SIXTY_EMAIL"), Password: day.Setting(t, "SIXTY_PASSWORD")})
	must(t, err, signedIn, http.StatusOK)
	me, err := c.GetCurrentUserWithResponse(t.Context(), nil)
	must(t, err, me, http.StatusOK)
	if me.JSON200.Data.Id != signedIn.JSON200.Data.User.Id || !me.JSON200.Data.IsAdmin {
		t.Errorf("the user is %+v, signed in is %+v", me.JSON200.Data, signedIn.JSON200.Data.User)
	}
}

func TestConflict(t *testing.T) {
	c := client(t, withKey(t))
	company := oapi.CompanyNew{Name: "Acme", Domain: nullable.NewNullableWithValue(day.Mark() + ".example")}
	created, err := c.CreateCompanyWithResponse(t.Context(), nil, company)
	must(t, err, created, http.StatusCreated)
	if got, want := created.HTTPResponse.Header.Get("Location"), "/api/companies/"+created.JSON201.Data.Id.String(); got != want {
		t.Errorf("Location is %q, want %q", got, want)
	}
	taken, err := c.CreateCompanyWithResponse(t.Context(), nil, company)
	must(t, err, taken, http.StatusConflict)
	if p := taken.ApplicationproblemJSON409; len(p.Errors) != 1 || p.Errors[0].Pointer == nil || *p.Errors[0].Pointer != "#/domain" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestPages(t *testing.T) {
	c, mark := client(t, withKey(t)), day.Mark()
	var names []string
	for _, n := range []string{"0", "1", "2", "3", "4"} {
		names = append(names, "Page "+mark+" "+n)
		newDeal(t, c, oapi.DealNew{Name: names[len(names)-1]})
	}
	params := oapi.ListDealsParams{Search: &mark, Sort: of(oapi.ListDealsParamsSort("name")), Limit: of(2), Count: of(oapi.ListDealsParamsCount("exact"))}
	page := func() (found []string, at *oapi.DealList) {
		r, err := c.ListDealsWithResponse(t.Context(), &params)
		must(t, err, r, http.StatusOK)
		for _, d := range r.JSON200.Data {
			found = append(found, d.Name)
		}
		return found, r.JSON200
	}

	found, at := page()
	if total := at.Meta.TotalCount.MustGet(); total != int64(len(names)) {
		t.Errorf("totalCount is %d, want %d", total, len(names))
	}
	for at.Pagination.HasMore {
		params.Cursor, params.Direction = of(at.Pagination.NextCursor.MustGet()), of(oapi.ListDealsParamsDirection("forward"))
		var more []string
		more, at = page()
		found = append(found, more...)
	}
	if !slices.Equal(found, names) {
		t.Errorf("the pages have %q, want %q", found, names)
	}
	params.Cursor, params.Direction = of(at.Pagination.PrevCursor.MustGet()), of(oapi.ListDealsParamsDirection("backward"))
	if found, _ = page(); !slices.Equal(found, names[2:4]) {
		t.Errorf("the page before the last has %q, want %q", found, names[2:4])
	}
}

func TestFilter(t *testing.T) {
	c := client(t, withKey(t))
	company, err := c.CreateCompanyWithResponse(t.Context(), nil, oapi.CompanyNew{Name: "Filter " + day.Mark()})
	must(t, err, company, http.StatusCreated)
	id := company.JSON201.Data.Id
	newDeal(t, c, oapi.DealNew{Name: "small", Value: nullable.NewNullableWithValue(100.0), CompanyId: nullable.NewNullableWithValue(id)})
	large := newDeal(t, c, oapi.DealNew{Name: "large", Value: nullable.NewNullableWithValue(5000.0), CompanyId: nullable.NewNullableWithValue(id)})
	list, err := c.ListCompanyDealsWithResponse(t.Context(), id, &oapi.ListCompanyDealsParams{MinValue: of(1000.0), IncludeRelationships: of(true)})
	must(t, err, list, http.StatusOK)
	if rows := list.JSON200.Data; len(rows) != 1 || rows[0].Id != large.Id || rows[0].Companies.MustGet().Name != company.JSON201.Data.Name {
		t.Errorf("the list is %+v, want the deal %v with its company", rows, large.Id)
	}
}

func TestStaleETag(t *testing.T) {
	c := client(t, withKey(t))
	deal := newDeal(t, c, oapi.DealNew{Name: "ETag"})
	read, err := c.GetDealWithResponse(t.Context(), deal.Id, nil)
	must(t, err, read, http.StatusOK)
	params := &oapi.UpdateDealParams{IfMatch: of(read.HTTPResponse.Header.Get("ETag"))}
	changed, err := c.UpdateDealWithResponse(t.Context(), deal.Id, params, oapi.DealInput{Probability: of(70)})
	must(t, err, changed, http.StatusOK)
	stale, err := c.UpdateDealWithResponse(t.Context(), deal.Id, params, oapi.DealInput{Probability: of(80)})
	must(t, err, stale, http.StatusPreconditionFailed)
	if p := stale.ApplicationproblemJSON412; p.Status != http.StatusPreconditionFailed || p.Error != p.Detail {
		t.Errorf("the problem is %+v", p)
	}
	if got := readDeal(t, c, deal.Id).Probability; got != 70 {
		t.Errorf("probability is %d, want 70", got)
	}
}

func TestNull(t *testing.T) {
	c := client(t, withKey(t))
	deal := newDeal(t, c, oapi.DealNew{Name: "Null", NextSteps: nullable.NewNullableWithValue("call"), Description: nullable.NewNullableWithValue("stays")})
	r, err := c.UpdateDealWithResponse(t.Context(), deal.Id, nil, oapi.DealInput{NextSteps: nullable.NewNullNullable[string]()})
	must(t, err, r, http.StatusOK)
	if d := readDeal(t, c, deal.Id); !d.NextSteps.IsNull() || d.Description.MustGet() != "stays" {
		t.Errorf("next_steps is %v and description %v, want null and \"stays\"", d.NextSteps, d.Description)
	}
}

func TestMoney(t *testing.T) {
	c := client(t, withKey(t))
	for _, value := range day.Money {
		created := newDeal(t, c, oapi.DealNew{Name: "Money", Value: nullable.NewNullableWithValue(value), AnnualValue: nullable.NewNullableWithValue(value)})
		if d := readDeal(t, c, created.Id); d.Value.MustGet() != value || d.AnnualValue.MustGet() != value {
			t.Errorf("value is %v and annual_value %v, want %v", d.Value, d.AnnualValue, value)
		}
	}
}

func TestBadMembers(t *testing.T) {
	r, err := client(t, withKey(t)).CreateDealWithResponse(t.Context(), nil, oapi.DealNew{Name: " ", Probability: of(101)})
	must(t, err, r, http.StatusUnprocessableEntity)
	var pointers []string
	for _, e := range r.ApplicationproblemJSON422.Errors {
		pointers = append(pointers, *e.Pointer)
	}
	slices.Sort(pointers)
	if got := strings.Join(pointers, " "); got != "#/name #/probability" {
		t.Errorf("the problem names %q", got)
	}
}

func TestDelete(t *testing.T) {
	c := client(t, withKey(t))
	deal := newDeal(t, c, oapi.DealNew{Name: "Gone"})
	r, err := c.DeleteDealWithResponse(t.Context(), deal.Id, nil)
	must(t, err, r, http.StatusOK)
	if r.JSON200.Data.Id != deal.Id {
		t.Errorf("deleted is %v, want %v", r.JSON200.Data.Id, deal.Id)
	}
	gone, err := c.GetDealWithResponse(t.Context(), deal.Id, nil)
	must(t, err, gone, http.StatusNotFound)
	if gone.ApplicationproblemJSON404.Error == "" {
		t.Error("the problem has no error")
	}
}
