package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sixty/internal/cache"
	"sixty/internal/changes"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// Authenticator resolves a token to the actor that holds it.
type Authenticator interface {
	// Lookup returns the actor if it is known in memory and its use need not be recorded;
	// otherwise false, and the caller goes on to Authenticate.
	Lookup(ctx context.Context, token string) (crm.Actor, bool)
	// Authenticate returns the actor, from the database if need be. The error's code is
	// crm.CodeUnauthenticated if the token is not valid. The context has the request's origin
	// (package accounts).
	Authenticate(ctx context.Context, token string) (crm.Actor, error)
	// LastKnown returns the actor of an earlier authentication, for use while Authenticate
	// is unavailable.
	LastKnown(token string) (crm.Actor, bool)
}

// IdempotentWriter runs a write once per idempotency key; see [crm.Service.Idempotent].
type IdempotentWriter interface {
	Idempotent(ctx context.Context, by crm.Actor, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error)) (crm.IdempotentResult, error)
	// CommitOutcome returns the outcome of a transaction of any instance; see [crm.Store].
	CommitOutcome(ctx context.Context, t crm.Transaction) (crm.LogPosition, error)
}

// Devices recognises devices that have signed in before.
type Devices interface {
	// ID returns the id of a device, and one that the devices of an account have in common;
	// false if the cookie is not valid, or has expired.
	ID(cookie string) (id, account [16]byte, ok bool)
}

// Options configures a server. Bearers, Sessions, Writes, Cache, Changes and Logger are
// required.
type Options struct {
	Bearers  Authenticator // of bearer tokens
	Sessions Authenticator // of session cookies
	// Writes must use a store that changes.Tracked has wrapped: it records what responses
	// depend on.
	Writes  IdempotentWriter
	Cache   *cache.Cache
	Changes *changes.Follower
	Logger  *slog.Logger

	// Shared keeps writes whose outcome is unknown for the other instances; nil: there are none.
	// Seal is a secret known to all instances but not stored in Shared.
	Shared Shared
	Seal   string
	// Devices recognises device cookies; nil: none.
	Devices Devices
	// Limits are the rate limits; nil: none.
	Limits *ratelimit.Limiter
	// Proxies are trusted to name the client's address in X-Forwarded-For.
	Proxies ratelimit.Proxies
	// MaxRequests bounds the operations that run at once; DefaultMaxRequests if zero.
	MaxRequests int
	// Connections is the size of the database's connection pool, of which cache fills may
	// use a part; DefaultConnections if zero.
	Connections int
	// PrincipalStreams and OrganisationStreams bound the streams of each; by default
	// DefaultPrincipalStreams and DefaultOrganisationStreams.
	PrincipalStreams    int
	OrganisationStreams int
	// RequestTimeout bounds an operation's run; 30 s if zero.
	RequestTimeout time.Duration

	// FrontendOrigins are the origins whose pages may call from another host (CORS), such
	// as http://localhost:5173. They are compared exactly.
	FrontendOrigins []string
	// Development has the log say why a preflight is rejected.
	Development bool
	// StrictTransport declares that clients connect over TLS: it sets HSTS (RFC 6797) and
	// makes cookies Secure.
	StrictTransport bool

	// Denied, if not nil, is called when an operation has been forbidden to an actor. It must
	// not block.
	Denied func(ctx context.Context, by crm.Actor, operation string)
	// Observe, if not nil, is called at the end of every request, with its context. It must
	// not block.
	Observe func(context.Context, OperationEvent)
}

// Defaults of Options.
const (
	defaultRequestTimeout = 30 * time.Second
	DefaultMaxRequests    = 256
	DefaultConnections    = 20
)

// Server is an http.Handler that runs registered operations. It is safe for concurrent
// use once everything is registered.
type Server struct {
	Options // not to be changed

	mux     *http.ServeMux
	warming *http.ServeMux // see Warm
	handler http.Handler   // the middleware, then the mux

	bulkheads    *bulkheads
	streams      *streams
	bodies       bodyLimits
	crossSite    *http.CrossOriginProtection
	compressor   *compressor
	decompressor *decompressor
	buffers      buffers
	unconfirmed  unconfirmedWrites
	unknownProxy sync.Once // logs that there is one
	values       headerValues
}

// New returns a server without operations.
func New(o Options) (*Server, error) {
	if o.Bearers == nil || o.Sessions == nil || o.Writes == nil || o.Cache == nil || o.Changes == nil || o.Logger == nil {
		return nil, errors.New("server: bearers, sessions, writes, a cache, changes and a logger are required")
	}
	o.RequestTimeout = cmp.Or(o.RequestTimeout, defaultRequestTimeout)
	o.MaxRequests = cmp.Or(o.MaxRequests, DefaultMaxRequests)
	o.Connections = cmp.Or(o.Connections, DefaultConnections)
	o.PrincipalStreams = cmp.Or(o.PrincipalStreams, DefaultPrincipalStreams)
	o.OrganisationStreams = cmp.Or(o.OrganisationStreams, DefaultOrganisationStreams)
	crossSite, err := newCrossSite(o.FrontendOrigins)
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
	s := &Server{
		Options: o, mux: http.NewServeMux(), warming: http.NewServeMux(), bulkheads: newBulkheads(o.MaxRequests, o.Connections), streams: newStreams(o.PrincipalStreams, o.OrganisationStreams),
		crossSite: crossSite, compressor: compressor, decompressor: decompressor, values: newHeaderValues(), bodies: newBodyLimits(),
	}
	s.mux.HandleFunc("/", s.unrouted)
	s.handler = s.chain()
	return s, nil
}

// Register adds an operation. One without a scope that is not public would be open to no one;
// it panics instead.
func (s *Server) Register(op *Operation) {
	if !op.Public && op.Scope == 0 {
		panic("server: the operation " + op.ID + " declares no scope")
	}
	if op.MaxBody > 0 {
		s.bodies.byPattern[op.Method+" "+op.Path] = op.MaxBody
	}
	s.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) { s.serve(op, w, r) })
	if op.Caching.Tier != "" && !op.Public {
		s.warming.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) { s.warm(op, w, r) })
	}
}

// HandleInternal adds a handler that is no operation, for monitoring: callers that permit accepts
// may use it, and with local also programs on this host. Requests are charged to their address.
func (s *Server) HandleInternal(pattern string, local bool, permit func(context.Context, crm.Actor) error, h http.Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !s.charge(w, r, s.addressOf(r), ratelimit.Global, ratelimit.Request) {
			return
		}
		if !local || !isLocal(r) {
			by, err := s.Authenticate(w, r)
			switch {
			case err != nil:
			case !by.Scopes.Has(crm.ScopeAdmin):
				err = missingScope(crm.ScopeAdmin)
			default:
				err = permit(r.Context(), by)
			}
			if err != nil {
				s.fail(w, r, err)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// WithTimeout returns a context that ends with the request timeout, for streams, which
// have none by themselves.
func (s *Server) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.RequestTimeout)
}

// unrouted answers what no pattern matches: 404, or 405 with Allow (RFC 9110 section
// 15.5.6) if the path exists with other methods.
func (s *Server) unrouted(w http.ResponseWriter, r *http.Request) {
	if !s.charge(w, r, s.addressOf(r), ratelimit.Global, ratelimit.Request) {
		return
	}
	allow := s.allowed(r)
	switch {
	case allow == "":
		s.fail(w, r, NotFound("There is nothing at this path."))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		if strings.Contains(allow, http.MethodPatch) {
			w.Header().Set(acceptPatch, patchFormats)
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		s.fail(w, r, &Problem{Status: http.StatusMethodNotAllowed, Detail: "This path does not take the method; it takes " + allow + "."})
	}
}

// allowed returns the methods that a request's path takes, as Allow lists them; "" if
// there is no such path.
func (s *Server) allowed(r *http.Request) string {
	probe := *r
	list := ""
	for _, method := range [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe.Method = method
		if _, pattern := s.mux.Handler(&probe); pattern == "/" || pattern == "" {
			continue
		}
		list += method + ", "
	}
	if list == "" {
		return ""
	}
	return list + http.MethodOptions
}
