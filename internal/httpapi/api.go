package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sixty/internal/auth"
	"sixty/internal/cache"
	"sixty/internal/changes"
	"sixty/internal/crm"
	"sixty/internal/cursor"
	"sixty/internal/ratelimit"
)

// Authenticator tells on whose behalf a request acts.
type Authenticator interface {
	// Recall finds the actor who holds a bearer token; false if that is not known without
	// asking anybody, so that Authenticate is to follow.
	Recall(ctx context.Context, token string) (crm.Actor, bool)
	// Authenticate finds the actor who holds a bearer token. The error's code is
	// crm.CodeUnauthenticated when nobody does.
	Authenticate(ctx context.Context, token string) (crm.Actor, error)
	// LastKnown finds the actor who held it a while ago, when Authenticate cannot say.
	LastKnown(token string) (crm.Actor, bool)
}

// Options is what an API needs. The first eight must be there.
type Options struct {
	// Service must be over a store that changes.Tracked has wrapped, or else nothing is
	// known of what answers depend on.
	Service       *crm.Service
	Authenticator Authenticator // of bearer tokens
	Keys          *auth.Keys
	Sessions      *auth.Sessions
	Sealer        *cursor.Sealer
	Cache         *cache.Cache
	Changes       *changes.Follower
	Logger        *slog.Logger

	// Identities are of the provider that people sign in by; nil: there is none.
	Identities *auth.Identities

	// Epoch names the change log, which is another one when the database is.
	Epoch string

	// Limits says how often whoever calls may come; nil: as often as they like.
	Limits *ratelimit.Limiter
	// Proxies are trusted to say whom they speak for.
	Proxies ratelimit.Proxies
	// MaxRequests bounds the requests that are worked on at once; DefaultMaxRequests if
	// zero.
	MaxRequests int
	// Connections are how many there are to the database at most; DefaultConnections if
	// zero. Filling the cache takes a part of them.
	Connections int

	// Health tells whether the program can serve; an error means that it cannot.
	// Nil: it always can.
	Health func(context.Context) error
	// Metrics answers /metrics; nil: there is no such path.
	Metrics http.Handler
	// Docs opens /docs and the API document.
	Docs bool
	// FrontendOrigins are the origins of pages that may call the API from another
	// host (CORS), such as http://localhost:5173. They are compared exactly.
	FrontendOrigins []string
	// StrictTransport tells browsers to come back over TLS alone (HSTS, RFC 6797).
	StrictTransport bool
	// RequestTimeout bounds a request's work; 30 s if zero.
	RequestTimeout time.Duration
}

// What Options need not say.
const (
	defaultRequestTimeout = 30 * time.Second
	DefaultMaxRequests    = 256
	DefaultConnections    = 20
)

// API is the REST face: an http.Handler. It is safe for concurrent use.
type API struct {
	service    *crm.Service
	auth       Authenticator
	keys       *auth.Keys
	sessions   *auth.Sessions
	identities *auth.Identities // nil: no provider signs people in
	frontends  []string         // the origins of the front ends
	crossSite  *http.CrossOriginProtection
	sealer     *cursor.Sealer
	cache      *cache.Cache
	changes    *changes.Follower
	epoch      string // names the change log
	timeout    time.Duration
	log        *slog.Logger
	health     func(context.Context) error
	mux        *http.ServeMux
	huma       huma.API
	schemas    schemas
	bodies     bodies
	values     headerValues
	asJSON     func() ([]byte, error) // the API document
	asYAML     func() ([]byte, error)
	handler    http.Handler

	limits    *ratelimit.Limiter // nil: there are none
	proxies   ratelimit.Proxies
	bulkheads bulkheads

	compressor    *compressor
	decompressor  *decompressor
	secureCookies bool

	openStreams chan struct{}   // holds one for each
	streams     context.Context // of all of them; EndStreams ends it
	endStreams  context.CancelCauseFunc
}

// New makes the API. It fails when it is not given what it needs.
func New(o Options) (*API, error) {
	if o.Service == nil || o.Authenticator == nil || o.Keys == nil || o.Sessions == nil || o.Sealer == nil || o.Cache == nil || o.Changes == nil || o.Logger == nil {
		return nil, errors.New("httpapi: a service, an authenticator, keys, sessions, a sealer, a cache, changes and a logger are needed")
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = defaultRequestTimeout
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = DefaultMaxRequests
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.Health == nil {
		o.Health = func(context.Context) error { return nil }
	}
	crossSite, err := crossSite(o)
	if err != nil {
		return nil, err
	}
	compressor, err := newCompressor()
	if err != nil {
		return nil, err
	}
	decompressor, err := newDecompressor()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	a := &API{
		service:    o.Service,
		auth:       o.Authenticator,
		keys:       o.Keys,
		sessions:   o.Sessions,
		identities: o.Identities,
		frontends:  o.FrontendOrigins,
		crossSite:  crossSite,
		sealer:     o.Sealer,
		cache:      o.Cache,
		changes:    o.Changes,
		epoch:      o.Epoch,
		timeout:    o.RequestTimeout,
		log:        o.Logger,
		health:     o.Health,
		mux:        mux,
		huma:       humago.New(mux, documentConfig()),
		values:     newHeaderValues(),

		limits:    o.Limits,
		proxies:   o.Proxies,
		bulkheads: newBulkheads(o.MaxRequests, o.Connections),

		compressor:    compressor,
		decompressor:  decompressor,
		secureCookies: o.StrictTransport,
		openStreams:   make(chan struct{}, maxStreams),
	}
	a.streams, a.endStreams = context.WithCancelCause(context.Background())
	a.schemas = schemas{a.huma.OpenAPI().Components.Schemas.Map()}
	conditionComponents(a.huma.OpenAPI().Components)
	for _, op := range a.operations() {
		a.register(op)
	}
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	// Written when it is first asked for: that takes longer than all the rest of a start.
	a.asJSON = sync.OnceValues(func() ([]byte, error) { return json.Marshal(a.huma.OpenAPI()) })
	a.asYAML = sync.OnceValues(a.huma.OpenAPI().YAML)
	if o.Docs {
		a.serveDocs()
	}
	mux.HandleFunc("/", a.unrouted)
	a.handler = a.chain(o)
	return a, nil
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Document gives the API document (OpenAPI 3.1) as YAML. It is the same for every API.
func (a *API) Document() ([]byte, error) { return a.asYAML() }

// operations lists everything that the API document describes.
func (a *API) operations() []operation {
	companies, contacts, deals, stages := a.companies(), a.contacts(), a.deals(), a.stages()
	activities, tasks := a.activities(), a.tasks()
	contacts.parts = map[string]operation{
		"stats": a.contactTotals(),
		"deals": deals.within(a, parent{"contact", []string{crm.EntityContact}, "/api/contacts/{id}/deals", "listContactDeals", "contactId", a.hasContact},
			func(f *crm.DealFilter, id *crm.ID) { f.ContactID = id }),
		"activities": activities.within(a, parent{"contact", []string{crm.EntityContact}, "/api/contacts/{id}/activities", "listContactActivities", "contactId", a.hasContact},
			func(f *crm.ActivityFilter, id *crm.ID) { f.ContactID = id }),
		"owner": a.contactOwner(),
		"tasks": a.contactTasks(),
	}
	var all []operation
	all = append(all, a.systemOperations()...)
	all = append(all, a.limitOperation())
	all = append(all, a.peopleOperations()...)
	all = append(all, a.organisationOperations()...)
	all = append(all, a.signInOperations()...)
	all = append(all, a.oidcOperations()...)
	all = append(all, a.invitationOperations()...)
	all = append(all, a.teamOperations()...)
	all = append(all, a.keyOperations()...)
	all = append(all, companies.operations(a)...)
	all = append(all, contacts.operations(a)...)
	all = append(all, a.contactsByQuery(contacts)...)
	all = append(all, deals.operations(a)...)
	all = append(all, a.dealPartOperations()...)
	all = append(all, stages.operations(a)...)
	all = append(all, a.searchOperation(), a.dashboard(), a.changeLog(), a.eventStream(), a.auditTrail())
	all = append(all, a.performanceOperations()...)
	all = append(all, activities.operations(a)...)
	all = append(all, tasks.operations(a)...)
	for _, name := range slices.Sorted(maps.Keys(contacts.parts)) {
		all = append(all, contacts.parts[name])
	}
	all = append(all,
		contacts.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/contacts", "listCompanyContacts", "companyId", a.hasCompany},
			func(f *crm.ContactFilter, id *crm.ID) { f.CompanyID = id }),
		deals.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/deals", "listCompanyDeals", "companyId", a.hasCompany},
			func(f *crm.DealFilter, id *crm.ID) { f.CompanyID = id }),
		activities.within(a, parent{"company", []string{crm.EntityCompany}, "/api/companies/{id}/activities", "listCompanyActivities", "companyId", a.hasCompany},
			func(f *crm.ActivityFilter, id *crm.ID) { f.CompanyID = id }),
		activities.within(a, parent{"deal", []string{crm.EntityDeal, crm.EntityContact}, "/api/deals/{id}/activities", "listDealActivities", "dealId", a.hasDeal},
			func(f *crm.ActivityFilter, id *crm.ID) { f.DealID = id }),
		a.companyTotals(),
	)
	return all
}

// unrouted answers what no operation matches: 404, or 405 (with Allow, RFC 9110
// section 15.5.6) when the path exists with other methods.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request) {
	if !a.charge(w, r, a.addressOf(r), ratelimit.Global, ratelimit.Request) {
		return
	}
	allow := a.allowed(r)
	switch {
	case allow == "":
		a.fail(w, r, notFound("There is nothing at this path."))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		a.fail(w, r, &problem{status: http.StatusMethodNotAllowed, detail: "This path does not know the method; it knows " + allow + "."})
	}
}

// allowed lists the methods that the path of a request knows; "" when it is unknown.
func (a *API) allowed(r *http.Request) string {
	probe := *r
	list := ""
	for _, method := range [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe.Method = method
		if _, pattern := a.mux.Handler(&probe); pattern == "/" || pattern == "" {
			continue
		}
		list += method + ", "
	}
	if list == "" {
		return ""
	}
	return list + http.MethodOptions
}
