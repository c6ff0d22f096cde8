package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// peopleOperations returns the operations on the organisation's users that every role may use.
func (a *API) peopleOperations() []operation {
	a.schemas.record("Owner", reflect.TypeFor[ownerView]())
	a.schemas.record("User", reflect.TypeFor[userView]())
	owners := newPager(a, "owners", crm.Owners.Sorts, nil, a.Service.Owners)
	return []operation{
		{
			method: http.MethodGet, path: "/api/user", id: "getCurrentUser", scope: crm.ScopeRead, tag: "People",
			caching: server.Caching{Tier: cache.Session, Entities: []string{crm.EntityOwner}, Personal: true},
			summary: "Read the current user",
			answer:  a.schemas.envelope("User"),
			run: func(c *call) error {
				user, err := a.Service.Owner(c.Context, c.Actor, c.Actor.User)
				user.Role = c.Actor.Role // a key may have a lesser role than its user
				return answerOne(c, &user, err, func(b []byte, o *crm.Owner) []byte { return appendUser(b, o, c.Actor.Role) })
			},
		},
		{
			method: http.MethodGet, path: "/api/owners", id: "listOwners", scope: crm.ScopeRead, tag: "People",
			caching: server.Cached(cache.Static, crm.EntityOwner, crm.EntityDeal, crm.EntityOrganisation),
			summary: "List the users who own records, with their statistics",
			query:   owners.query.document(),
			listing: true,
			answer:  a.schemas.list("Owner"), problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
			run: owners.run(a.loadOwnerStats),
		},
	}
}

// appendUser appends the current user.
func appendUser(b []byte, o *crm.Owner, role crm.Role) []byte {
	b = reopen(appendOwner(b, o))
	return append(appendBool(append(b, `,"is_admin":`...), role == crm.RoleAdmin), '}')
}

// userView is the current user in a response.
type userView struct {
	crm.Owner
	IsAdmin bool `json:"is_admin" doc:"The caller may manage users and keys."`
}

// ownerView is a user in a list of owners.
type ownerView struct {
	crm.Owner
	*ownerNumbers
}

// ownerNumbers is what a list of owners adds.
type ownerNumbers struct {
	DealCount            int64                `json:"deal_count" doc:"In /api/owners."`
	TotalValue           crm.Money            `json:"total_value" doc:"In /api/owners: the sum in the organisation's default currency."`
	TotalValueByCurrency map[string]crm.Money `json:"total_valueByCurrency,omitempty" doc:"In /api/owners, where other currencies occur: the sums in all of them."`
}

func (a *API) loadOwnerStats(c *call, rows []crm.Owner) (appender[crm.Owner], error) {
	if len(rows) == 0 {
		return appendOwner, nil
	}
	org, err := a.Service.Organisation(c.Context, c.Actor)
	if err != nil {
		return nil, err
	}
	stats, err := a.Service.OwnerStats(c.Context, c.Actor, idsOf(rows, func(o *crm.Owner) *crm.ID { return &o.ID }))
	if err != nil {
		return nil, err
	}
	return func(b []byte, o *crm.Owner) []byte {
		s := stats[o.ID]
		b = reopen(appendOwner(b, o))
		b = appendInt(append(b, `,"deal_count":`...), s.Deals)
		return append(appendSums(b, "total_value", s.Value, org.DefaultCurrency), '}')
	}, nil
}
