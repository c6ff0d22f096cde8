package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// organisationOperations returns the operations on the settings of the caller's organisation.
func (a *API) organisationOperations() []operation {
	view := reflect.TypeFor[crm.Organisation]()
	a.schemas.record("Organisation", view)
	a.schemas.patch("OrganisationInput", reflect.TypeFor[crm.OrganisationPatch](), view, nil, limitsOf(crm.Organisations))
	body := newRecordReader(crm.Organisations, view)
	return []operation{
		{
			method: http.MethodGet, path: "/api/organisation", id: "getOrganisation", scope: crm.ScopeRead, tag: "People",
			caching: server.Cached(cache.Static, crm.EntityOrganisation),
			summary: "Read the organisation's settings",
			answer:  a.schemas.envelope("Organisation"),
			run: func(c *call) error {
				org, err := a.Service.Organisation(c.Context, c.Actor)
				c.Version = org.Version()
				return answerOne(c, &org, err, appendJSON)
			},
		},
		{
			method: http.MethodPatch, path: "/api/organisation", id: "updateOrganisation", scope: crm.ScopeAdmin, tag: "People",
			summary: "Change the organisation's settings",
			description: "For admins. Changes the members that are sent and no others (RFC 7396). Where reps_see is own, " +
				"a rep sees only the companies, contacts, deals and activities that they own, and the tasks that are assigned to them or created by them. " +
				"Records owned by others, or by no one, are hidden from them: they are not found, not listed, not counted, and null where they would be joined. " +
				"Viewers, managers and admins see everything. A change takes effect on every instance within a second.",
			body: ref("OrganisationInput"), written: true, answer: a.schemas.envelope("Organisation"),
			run: withBody(body, func(c *call, patch crm.OrganisationPatch) error {
				org, err := a.Accounts.UpdateOrganisation(c.Context, c.Actor, c.Expected, patch)
				c.Version = org.Version()
				return answerWritten(c, org.ID, &org, err, appendJSON)
			}),
		},
	}
}
