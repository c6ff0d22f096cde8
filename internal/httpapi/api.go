package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/cursor"
	"sixty/internal/files"
	"sixty/internal/imports"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/server"
	"sixty/internal/webhooks"
)

// Options configures the API. The first six are required.
type Options struct {
	Server   *server.Server // the operations are registered there
	Service  *crm.Service
	Accounts *accounts.Service
	Keys     *auth.Keys
	Sessions *auth.Sessions
	Sealer   *cursor.Sealer
	Webhooks *webhooks.Service

	// Identities are the users of the identity provider; nil: there is none.
	Identities *auth.Identities
	// Tokens are its bearer tokens; nil: none are accepted.
	Tokens *auth.Tokens
	// Files are what exports have made, and Links lets clients without credentials download them.
	Files *files.Service
	Links *files.Links
	// Jobs are the jobs in the background and their schedules.
	Jobs *jobs.Service
	// Imports are the imports of files, of at most ImportMaxBytes.
	Imports        *imports.Service
	ImportMaxBytes int
	// Health is what health checks report; nil: the program can always serve.
	Health Health
	// ListLimit is how many rows a page has at most if limit is not given; 0: 50.
	ListLimit int
	// ObserveVital, if not nil, is called with each measurement of a page. It must not block.
	ObserveVital func(WebVital)
	// Figures returns what the instance has counted; nil: nothing is.
	Figures func() Figures
	// Analyses returns the stored analyses of instances, the newest first; nil: none are.
	Analyses func(context.Context) ([]Analysis, error)
	// Mail sends messages, with links to FrontEnd; nil: there is no outbox.
	Mail     *mail.Service
	FrontEnd string
	// Docs opens /docs and the API document.
	Docs bool
}

// API is the REST face.
type API struct {
	Options // not to be changed

	cachedBy map[string]string // the first kind of records of each operation whose responses are cached

	openAPI *huma.OpenAPI
	schemas schemas
	asJSON  func() ([]byte, error) // the API document
	asYAML  func() ([]byte, error)
}

// New registers the operations of the REST API.
func New(o Options) (*API, error) {
	if o.Server == nil || o.Service == nil || o.Accounts == nil || o.Keys == nil || o.Sessions == nil || o.Sealer == nil {
		return nil, errors.New("httpapi: a server, a service, accounts, keys, sessions and a sealer are required")
	}
	if o.Health == nil {
		o.Health = healthy{}
	}
	o.ListLimit = cmp.Or(o.ListLimit, defaultLimit)
	a := &API{Options: o, openAPI: newDocument(), cachedBy: map[string]string{}}
	a.schemas = newSchemas(a.openAPI.Components.Schemas.Map())
	sharedComponents(a.openAPI.Components)
	for _, op := range a.operations() {
		a.register(op)
		if len(op.caching.Entities) > 0 {
			a.cachedBy[op.id] = op.caching.Entities[0]
		}
	}
	// Written when first requested: it takes longer than the rest of the start.
	a.asJSON = sync.OnceValues(func() ([]byte, error) { return json.Marshal(a.openAPI) })
	a.asYAML = sync.OnceValues(a.openAPI.YAML)
	if o.Docs {
		a.serveDocs()
	}
	return a, nil
}

// Document returns the API document (OpenAPI 3.1) as YAML. It is the same for every API.
func (a *API) Document() ([]byte, error) { return a.asYAML() }

// operations lists everything that the API document describes.
func (a *API) operations() []operation {
	companies, contacts, deals, stages := a.companies(), a.contacts(), a.deals(), a.stages()
	activities, tasks := a.activities(), a.tasks()
	activitiesOf := activities.joining(a.loadActivityCompany)
	contacts.subresources = map[string]operation{
		"stats": a.contactTotals(),
		"deals": deals.joining(a.loadDealStages).within(a, parent{"contact", []string{crm.EntityContact}, "/api/contacts/{id}/deals", "listContactDeals", "contactId", contacts.exists},
			func(f *crm.DealFilter) *crm.OneOf[crm.ID] { return &f.ContactID }),
		"activities": activitiesOf.within(a, parent{"contact", []string{crm.EntityContact, crm.EntityCompany}, "/api/contacts/{id}/activities", "listContactActivities", "contactId", contacts.exists},
			func(f *crm.ActivityFilter) *crm.OneOf[crm.ID] { return &f.ContactID }),
		"owner": a.contactOwner(),
		"tasks": a.contactTasks(),
	}
	var all []operation
	all = append(all, a.systemOperations()...)
	all = append(all, a.limitOperation())
	all = append(all, a.peopleOperations()...)
	all = append(all, a.organisationOperations()...)
	all = append(all, a.signInOperations()...)
	all = append(all, a.sessionOperations()...)
	all = append(all, a.oidcOperations()...)
	all = append(all, a.invitationOperations()...)
	all = append(all, a.outboxOperations()...)
	all = append(all, a.teamOperations()...)
	all = append(all, a.identityOperations()...)
	all = append(all, a.keyOperations()...)
	all = append(all, a.webhookOperations()...)
	all = append(all, companies.operations(a)...)
	all = append(all, contacts.operations(a)...)
	all = append(all, a.contactsByQuery(contacts)...)
	all = append(all, deals.operations(a)...)
	all = append(all, a.dealDetailOperations()...)
	all = append(all, stages.operations(a)...)
	all = append(all, a.searchOperation(), a.dashboard(), a.changeLog(), a.changeStream(), a.auditTrail())
	all = append(all, a.performanceOperations()...)
	all = append(all, a.webVitals())
	all = append(all, a.jobOperations()...)
	all = append(all, a.exportOperations()...)
	all = append(all, a.scheduleOperations()...)
	all = append(all, a.importOperations()...)
	all = append(all, activities.operations(a)...)
	all = append(all, tasks.operations(a)...)
	for _, name := range slices.Sorted(maps.Keys(contacts.subresources)) {
		all = append(all, contacts.subresources[name])
	}
	all = append(all,
		contacts.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/contacts", "listCompanyContacts", "companyId", companies.exists},
			func(f *crm.ContactFilter) *crm.OneOf[crm.ID] { return &f.CompanyID }),
		deals.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/deals", "listCompanyDeals", "companyId", companies.exists},
			func(f *crm.DealFilter) *crm.OneOf[crm.ID] { return &f.CompanyID }),
		activitiesOf.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/activities", "listCompanyActivities", "companyId", companies.exists},
			func(f *crm.ActivityFilter) *crm.OneOf[crm.ID] { return &f.CompanyID }),
		activitiesOf.within(a, parent{"deal", []string{crm.EntityDeal, crm.EntityContact, crm.EntityCompany}, "/api/deals/{id}/activities", "listDealActivities", "dealId", deals.exists},
			func(f *crm.ActivityFilter) *crm.OneOf[crm.ID] { return &f.DealID }),
		a.companyTotals(),
	)
	return all
}
