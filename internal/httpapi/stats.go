package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// companyStats are the statistics of one company in a response.
type companyStats struct {
	ContactCount         int64                `json:"contactCount"`
	DealsCount           int64                `json:"dealsCount"`
	DealsValue           crm.Money            `json:"dealsValue" doc:"The sum in the organisation's default currency."`
	DealsValueByCurrency map[string]crm.Money `json:"dealsValueByCurrency,omitempty" doc:"Where other currencies occur: the sums in all of them."`
	OpenDeals            int64                `json:"openDeals"`
	OpenValue            crm.Money            `json:"openValue" doc:"The sum in the organisation's default currency."`
	OpenValueByCurrency  map[string]crm.Money `json:"openValueByCurrency,omitempty" doc:"Where other currencies occur: the sums in all of them."`
	WonDeals             int64                `json:"wonDeals"`
	WonValue             crm.Money            `json:"wonValue" doc:"The sum in the organisation's default currency."`
	WonValueByCurrency   map[string]crm.Money `json:"wonValueByCurrency,omitempty" doc:"Where other currencies occur: the sums in all of them."`
	LostDeals            int64                `json:"lostDeals"`
	LastActivityAt       *crm.Instant         `json:"lastActivityAt" doc:"The date of the latest completed activity."`
}

// contactStats are the statistics of one contact in a response.
type contactStats struct {
	Meetings                  int64                `json:"meetings"`
	Emails                    int64                `json:"emails"`
	Calls                     int64                `json:"calls"`
	TotalDeals                int64                `json:"totalDeals" doc:"Deals of which it is the primary or a further contact."`
	ActiveDeals               int64                `json:"activeDeals"`
	TotalDealsValue           crm.Money            `json:"totalDealsValue" doc:"The sum in the organisation's default currency."`
	TotalDealsValueByCurrency map[string]crm.Money `json:"totalDealsValueByCurrency,omitempty" doc:"Where other currencies occur: the sums in all of them."`
	EngagementScore           int64                `json:"engagementScore" doc:"15 a meeting, 5 an e-mail, 10 a call; at most 100."`
	RecentActivities          []activityView       `json:"recentActivities" doc:"The latest 5, newest first."`
}

// contactNumbers are what a contact's statistics are written from.
type contactNumbers struct {
	crm.ContactTotals
	recent []crm.Activity
}

// recentActivities is how many a contact's statistics have.
const recentActivities = 5

// contactNumbers reads them.
func (a *API) contactNumbers(ctx context.Context, by crm.Actor, id crm.ID) (contactNumbers, error) {
	totals, err := a.Service.ContactTotals(ctx, by, id)
	if err != nil {
		return contactNumbers{}, err
	}
	recent, err := a.Service.Activities(ctx, by, crm.List[crm.ActivityFilter]{
		Filter: crm.ActivityFilter{ContactID: crm.Only(id)}, Sort: crm.Sort{Field: "date", Desc: true}, Limit: recentActivities,
	})
	return contactNumbers{totals, recent.Rows}, err
}

func (a *API) companyTotals() operation {
	a.schemas.record("CompanyStats", reflect.TypeFor[companyStats]())
	return statsOf(a, "company", crm.EntityCompany, "/api/companies/{id}/stats", "CompanyStats", "Companies", a.Service.CompanyTotals, appendCompanyTotals)
}

func (a *API) contactTotals() operation {
	a.schemas.record("Activity", reflect.TypeFor[activityView]())
	a.schemas.record("ContactStats", reflect.TypeFor[contactStats]())
	return statsOf(a, "contact", crm.EntityContact, "/api/contacts/{id}/stats", "ContactStats", "Contacts", a.contactNumbers, appendContactTotals)
}

// statsOf returns the operation that reads the statistics of one record.
func statsOf[T any](
	a *API, one, entity, path, schema, tag string, read func(context.Context, crm.Actor, crm.ID) (T, error),
	write func(b []byte, totals *T, currency string) []byte,
) operation {
	return subresourceOf(one, operation{
		method: http.MethodGet, path: path, id: "get" + schema, tag: tag,
		cost:    server.Expensive("statistics of all deals and activities of the record"),
		caching: server.Cached(cache.Frequent, entity, crm.EntityContact, crm.EntityDeal, crm.EntityActivity, crm.EntityOrganisation),
		summary: "Read a " + one + "'s statistics",
		answer:  a.schemas.envelope(schema),
		forID: func(c *call, id crm.ID) error {
			totals, err := read(c.Context, c.Actor, id)
			if err != nil {
				return err
			}
			org, err := a.Service.Organisation(c.Context, c.Actor)
			return answerOne(c, &totals, err, func(b []byte, t *T) []byte { return write(b, t, org.DefaultCurrency) })
		},
	})
}

func appendCompanyTotals(b []byte, t *crm.CompanyTotals, currency string) []byte {
	d := &t.Deals
	b = appendInt(append(b, `{"contactCount":`...), t.Contacts)
	b = appendInt(append(b, `,"dealsCount":`...), d.All.Deals)
	b = appendSums(b, "dealsValue", d.All.Value, currency)
	b = appendInt(append(b, `,"openDeals":`...), d.Open.Deals)
	b = appendSums(b, "openValue", d.Open.Value, currency)
	b = appendInt(append(b, `,"wonDeals":`...), d.Won.Deals)
	b = appendSums(b, "wonValue", d.Won.Value, currency)
	b = appendInt(append(b, `,"lostDeals":`...), d.Lost.Deals)
	return append(appendOptional(append(b, `,"lastActivityAt":`...), t.LastActivity, appendInstant), '}')
}

func appendContactTotals(b []byte, t *contactNumbers, currency string) []byte {
	b = appendInt(append(b, `{"meetings":`...), t.Meetings)
	b = appendInt(append(b, `,"emails":`...), t.Emails)
	b = appendInt(append(b, `,"calls":`...), t.Calls)
	b = appendInt(append(b, `,"totalDeals":`...), t.Deals.All.Deals)
	b = appendInt(append(b, `,"activeDeals":`...), t.Deals.Open.Deals)
	b = appendSums(b, "totalDealsValue", t.Deals.All.Value, currency)
	b = appendInt(append(b, `,"engagementScore":`...), t.Engagement())
	return append(appendRows(append(b, `,"recentActivities":`...), t.recent, appendActivity), '}')
}
