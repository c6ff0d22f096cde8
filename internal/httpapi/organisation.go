package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// organisationOperations read and change the settings of the caller's organisation.
func (a *API) organisationOperations() []operation {
	view := reflect.TypeFor[crm.Organisation]()
	a.schemas.thing("Organisation", view)
	a.schemas.patch("OrganisationInput", reflect.TypeFor[crm.OrganisationPatch](), view, nil)
	body := newBodyReader(crm.Organisations.DecodeErrors, view)
	return []operation{
		{
			method: http.MethodGet, path: "/api/organisation", id: "getOrganisation", tag: "People",
			caching: server.Cached(cache.Static, crm.EntityOrganisation),
			summary: "Read the organisation's settings",
			answer:  a.schemas.envelope("Organisation"),
			run: func(c *call) error {
				org, err := a.service.Organisation(c.Context, c.Actor)
				if err != nil {
					return err
				}
				answerOne(c, &org, appendJSON)
				return nil
			},
		},
		{
			method: http.MethodPatch, path: "/api/organisation", id: "patchOrganisation", tag: "People",
			summary: "Change the organisation's settings",
			description: "For admins. Changes the members that are sent and no others (RFC 7396). Where reps_see is own, " +
				"to a rep there is nothing but the companies, contacts, deals and activities that they own and the tasks that are assigned to them or made by them: " +
				"everything else is not found, in no list, in no number, and null where it would be joined to what is theirs. " +
				"Viewers, managers and admins see everything. It holds everywhere within a second.",
			body: ref("OrganisationInput"), answer: a.schemas.envelope("Organisation"),
			run: func(c *call) error {
				patch, err := body.read(c.Request)
				if err != nil {
					return err
				}
				org, err := a.accounts.UpdateOrganisation(c.Context, c.Actor, patch)
				if err != nil {
					return err
				}
				answerOne(c, &org, appendJSON)
				return nil
			},
		},
	}
}
