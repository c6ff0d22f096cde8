package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

func (a *API) dashboard() operation {
	a.schemas.record("Dashboard", reflect.TypeFor[crm.Dashboard]())
	read := query[crm.DashboardFilter]{
		optional("from", "Only deals closed and activities that took place on this UTC day or later. Open deals are as of now, whatever the days.",
			dateKind(), func(f *crm.DashboardFilter) **crm.Date { return &f.From }),
		optional("to", "Only deals closed and activities that took place on this UTC day or earlier.",
			dateKind(), func(f *crm.DashboardFilter) **crm.Date { return &f.To }),
		optional("ownerId", "Only deals and activities of this owner.",
			idKind(), func(f *crm.DashboardFilter) **crm.ID { return &f.OwnerID }),
	}
	read[2].alias = snake("ownerId")
	return operation{
		method: http.MethodGet, path: "/api/dashboard", id: "getDashboard", tag: "Dashboard",
		cost:    server.Expensive("statistics of all deals and activities"),
		caching: server.Cached(cache.Frequent, crm.EntityDeal, crm.EntityActivity, crm.EntityStage, crm.EntityOwner, crm.EntityOrganisation),
		summary: "Read revenue, pipeline, weighted forecast and win rate",
		description: "Every amount has its currency; amounts in different currencies are never summed. " +
			"Groups without deals or activities are left out.",
		query:  read.document(),
		answer: a.schemas.envelope("Dashboard"), problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		run: func(c *call) error {
			var f crm.DashboardFilter
			errs, malformed := read.read(c.Request.URL.RawQuery, &f)
			if f.From != nil && f.To != nil && *f.From > *f.To {
				errs = append(errs, server.InQuery("to", "must not be before from"))
			}
			if len(errs) > 0 {
				return server.InvalidQuery(errs, malformed)
			}
			d, err := a.Service.Dashboard(c.Context, c.Actor, f)
			return answerOne(c, &crm.Dashboard{
				Totals: orEmpty(d.Totals), ByMonth: orEmpty(d.ByMonth), ByStage: orEmpty(d.ByStage),
				ByOwner: orEmpty(d.ByOwner), Activities: orEmpty(d.Activities),
			}, err, appendJSON)
		},
	}
}

// orEmpty returns rows as a slice that is not nil, whose JSON is an array.
func orEmpty[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}
