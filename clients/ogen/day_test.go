// Package ogen_test is a day of calls by the client that ogen generates. It needs the server that
// scripts/clients starts.
package ogen_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/ogen-go/ogen/ogenerrors"

	"sixty/clients/generated/ogen"
	"sixty/clients/internal/day"
)

// credentials are an API key, or the session that a cookie jar keeps.
type credentials struct {
	key    string
	jar    http.CookieJar
	server *url.URL
}

func (c credentials) Bearer(context.Context, ogen.OperationName) (ogen.Bearer, error) {
	if c.key == "" {
		return ogen.Bearer{}, ogenerrors.ErrSkipClientSecurity
	}
	return ogen.Bearer{Token: c.key}, nil
}

func (c credentials) SessionCookie(context.Context, ogen.OperationName) (ogen.SessionCookie, error) {
	if c.jar != nil {
		for _, cookie := range c.jar.Cookies(c.server) {
			if cookie.Name == "sixty_session" {
				return ogen.SessionCookie{APIKey: cookie.Value}, nil
			}
		}
	}
	return ogen.SessionCookie{}, ogenerrors.ErrSkipClientSecurity
}

// client returns one that sends the API key.
func client(t *testing.T) *ogen.Client {
	t.Helper()
	c, err := ogen.NewClient(day.Setting(t, "SIXTY_URL"), credentials{key: day.Setting(t, "SIXTY_KEY")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer returns a response of the wanted type, one of those that the document lists for the
// operation; the type tells the status.
func answer[T any](t *testing.T, response any, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	wanted, ok := response.(T)
	if !ok {
		t.Fatalf("the response is %T %+v, want %T", response, response, wanted)
	}
	return wanted
}

func newDeal(t *testing.T, c *ogen.Client, body ogen.DealNew) ogen.Deal {
	t.Helper()
	r, err := c.CreateDeal(t.Context(), &body, ogen.CreateDealParams{})
	return answer[*ogen.DealAnswerHeaders](t, r, err).Response.Data
}

func readDeal(t *testing.T, c *ogen.Client, id uuid.UUID) ogen.Deal {
	t.Helper()
	r, err := c.GetDeal(t.Context(), ogen.GetDealParams{ID: id})
	return answer[*ogen.GetDealOKHeaders](t, r, err).Response.Data
}

func TestSignIn(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(day.Setting(t, "SIXTY_URL"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ogen.NewClient(server.String(), credentials{jar: jar, server: server}, ogen.WithClient(&http.Client{Jar: jar}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.LogIn(t.Context(), &ogen.LogIn{Email: day.Setting(t, "SIXTY_EMAIL"), Password: day.Setting(t, "SIXTY_PASSWORD")})
	user := answer[*ogen.SignedInAnswerHeaders](t, r, err).Response.Data.User
	me, err := c.GetCurrentUser(t.Context(), ogen.GetCurrentUserParams{})
	if got := answer[*ogen.UserAnswerHeaders](t, me, err).Response.Data; got.ID != user.ID || !got.IsAdmin {
		t.Errorf("the user is %+v, signed in is %+v", got, user)
	}
}

func TestConflict(t *testing.T) {
	c, domain := client(t), day.Mark()+".example"
	company := ogen.CompanyNew{Name: "Acme", Domain: ogen.NewOptNilString(domain)}
	created, err := c.CreateCompany(t.Context(), &company, ogen.CreateCompanyParams{})
	first := answer[*ogen.CompanyAnswerHeaders](t, created, err)
	if got, want := first.Location.Value, "/api/companies/"+first.Response.Data.ID.String(); got != want {
		t.Errorf("Location is %q, want %q", got, want)
	}
	taken, err := c.CreateCompany(t.Context(), &company, ogen.CreateCompanyParams{})
	if p := answer[*ogen.ConflictHeaders](t, taken, err).Response; len(p.Errors) != 1 || p.Errors[0].Pointer.Value != "#/domain" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestPages(t *testing.T) {
	c, mark := client(t), day.Mark()
	var names []string
	for _, n := range []string{"0", "1", "2", "3", "4"} {
		names = append(names, "Page "+mark+" "+n)
		newDeal(t, c, ogen.DealNew{Name: names[len(names)-1]})
	}
	params := ogen.ListDealsParams{
		Search: ogen.NewOptString(mark), Limit: ogen.NewOptInt(2),
		Sort: ogen.NewOptListDealsSort(ogen.ListDealsSortName), Count: ogen.NewOptListDealsCount(ogen.ListDealsCountExact),
	}
	page := func() (found []string, at ogen.DealList) {
		r, err := c.ListDeals(t.Context(), params)
		at = answer[*ogen.DealListHeaders](t, r, err).Response
		for _, d := range at.Data {
			found = append(found, d.Name)
		}
		return found, at
	}

	found, at := page()
	if total := at.Meta.TotalCount.Value; total != int64(len(names)) {
		t.Errorf("totalCount is %d, want %d", total, len(names))
	}
	for at.Pagination.HasMore {
		params.Cursor = ogen.NewOptString(at.Pagination.NextCursor.Value)
		params.Direction = ogen.NewOptListDealsDirection(ogen.ListDealsDirectionForward)
		var more []string
		more, at = page()
		found = append(found, more...)
	}
	if !slices.Equal(found, names) {
		t.Errorf("the pages have %q, want %q", found, names)
	}
	params.Cursor = ogen.NewOptString(at.Pagination.PrevCursor.Value)
	params.Direction = ogen.NewOptListDealsDirection(ogen.ListDealsDirectionBackward)
	if found, _ = page(); !slices.Equal(found, names[2:4]) {
		t.Errorf("the page before the last has %q, want %q", found, names[2:4])
	}
}

func TestFilter(t *testing.T) {
	c := client(t)
	created, err := c.CreateCompany(t.Context(), &ogen.CompanyNew{Name: "Filter " + day.Mark()}, ogen.CreateCompanyParams{})
	company := answer[*ogen.CompanyAnswerHeaders](t, created, err).Response.Data
	newDeal(t, c, ogen.DealNew{Name: "small", Value: ogen.NewOptNilFloat64(100), CompanyID: ogen.NewOptNilUUID(company.ID)})
	large := newDeal(t, c, ogen.DealNew{Name: "large", Value: ogen.NewOptNilFloat64(5000), CompanyID: ogen.NewOptNilUUID(company.ID)})
	r, err := c.ListCompanyDeals(t.Context(), ogen.ListCompanyDealsParams{
		ID: company.ID, MinValue: ogen.NewOptFloat64(1000), IncludeRelationships: ogen.NewOptBool(true),
	})
	if rows := answer[*ogen.DealListHeaders](t, r, err).Response.Data; len(rows) != 1 || rows[0].ID != large.ID || rows[0].Companies.Value.Name != company.Name {
		t.Errorf("the list is %+v, want the deal %v with its company", rows, large.ID)
	}
}

func TestStaleETag(t *testing.T) {
	c := client(t)
	deal := newDeal(t, c, ogen.DealNew{Name: "ETag"})
	read, err := c.GetDeal(t.Context(), ogen.GetDealParams{ID: deal.ID})
	params := ogen.UpdateDealParams{ID: deal.ID, IfMatch: answer[*ogen.GetDealOKHeaders](t, read, err).ETag}
	changed, err := c.UpdateDeal(t.Context(), &ogen.UpdateDealApplicationMergePatchJSON{Probability: ogen.NewOptInt(70)}, params)
	answer[*ogen.UpdateDealOKHeaders](t, changed, err)
	stale, err := c.UpdateDeal(t.Context(), &ogen.UpdateDealApplicationMergePatchJSON{Probability: ogen.NewOptInt(80)}, params)
	if p := answer[*ogen.PreconditionFailedHeaders](t, stale, err).Response; p.Status != http.StatusPreconditionFailed || p.Error != p.Detail {
		t.Errorf("the problem is %+v", p)
	}
	if got := readDeal(t, c, deal.ID).Probability; got != 70 {
		t.Errorf("probability is %d, want 70", got)
	}
}

func TestNull(t *testing.T) {
	c := client(t)
	deal := newDeal(t, c, ogen.DealNew{Name: "Null", NextSteps: ogen.NewOptNilString("call"), Description: ogen.NewOptNilString("stays")})
	var change ogen.UpdateDealApplicationMergePatchJSON
	change.NextSteps.SetToNull()
	r, err := c.UpdateDeal(t.Context(), &change, ogen.UpdateDealParams{ID: deal.ID})
	answer[*ogen.UpdateDealOKHeaders](t, r, err)
	if d := readDeal(t, c, deal.ID); !d.NextSteps.Null || d.Description.Value != "stays" {
		t.Errorf("next_steps is %v and description %v, want null and \"stays\"", d.NextSteps, d.Description)
	}
}

func TestMoney(t *testing.T) {
	c := client(t)
	for _, value := range day.Money {
		created := newDeal(t, c, ogen.DealNew{Name: "Money", Value: ogen.NewOptNilFloat64(value), AnnualValue: ogen.NewOptNilFloat64(value)})
		if d := readDeal(t, c, created.ID); d.Value.Value != value || d.AnnualValue.Value != value {
			t.Errorf("value is %v and annual_value %v, want %v", d.Value, d.AnnualValue, value)
		}
	}
}

func TestBadMembers(t *testing.T) {
	r, err := client(t).CreateDeal(t.Context(), &ogen.DealNew{Name: " ", Probability: ogen.NewOptInt(101)}, ogen.CreateDealParams{})
	var pointers []string
	for _, e := range answer[*ogen.UnprocessableContentHeaders](t, r, err).Response.Errors {
		pointers = append(pointers, e.Pointer.Value)
	}
	slices.Sort(pointers)
	if got := strings.Join(pointers, " "); got != "#/name #/probability" {
		t.Errorf("the problem names %q", got)
	}
}

func TestDelete(t *testing.T) {
	c := client(t)
	deal := newDeal(t, c, ogen.DealNew{Name: "Gone"})
	r, err := c.DeleteDeal(t.Context(), ogen.DeleteDealParams{ID: deal.ID})
	if got := answer[*ogen.DeletedAnswerHeaders](t, r, err).Response.Data.ID; got != deal.ID {
		t.Errorf("deleted is %v, want %v", got, deal.ID)
	}
	gone, err := c.GetDeal(t.Context(), ogen.GetDealParams{ID: deal.ID})
	answer[*ogen.NotFoundHeaders](t, gone, err)
}
