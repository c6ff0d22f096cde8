package server

import (
	"context"
	"net/http"
	"strings"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// warmed is what becomes of a response that is made before anyone asks for it.
type warmed struct {
	org  crm.ID
	key  string
	made bool
	err  error
}

// Header, Write and WriteHeader drop what the mux writes when no operation has the path.
func (w *warmed) Header() http.Header         { return http.Header{} }
func (w *warmed) Write(b []byte) (int, error) { return len(b), nil }
func (w *warmed) WriteHeader(int)             {}

// Warm makes the cached response of a key again, if it is no longer valid; made reports whether it
// did. It yields to requests. Only what all users of an organisation who may read it see alike is
// made: what depends on who asks would have to be made with the rights that they have by then.
func (s *Server) Warm(ctx context.Context, org crm.ID, key string) (made bool, err error) {
	if len(key) > maxCacheKey || strings.Contains(key, " ") { // of a caller; see cacheKey
		return false, nil
	}
	leave, err := s.Background(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, key, http.NoBody)
	if err != nil {
		return false, err
	}
	w := &warmed{org: org, key: key}
	s.warming.ServeHTTP(w, r)
	return w.made, w.err
}

// warm makes the response of an operation, for Warm.
func (s *Server) warm(op *Operation, rw http.ResponseWriter, r *http.Request) {
	w, _ := rw.(*warmed) // which Warm passes
	actor := crm.Operator(w.org)
	query := canonicalQuery(op.Query, op.OnlyQuery, r.URL.RawQuery)
	if op.Caching.Personal || op.cacheKey(r.URL.EscapedPath(), query, actor) != w.key {
		return
	}
	req := cache.Request{Org: w.org, Key: w.key, Tier: op.Caching.Tier, Operation: op.ID, Unread: true}
	if _, ok := s.Cache.Lookup(r.Context(), &req); ok || req.Bypass {
		return
	}
	_, w.err = s.Cache.Do(r.Context(), req, func(ctx context.Context) (*cache.Answer, error) {
		leave, err := s.bulkheads.enterFill(ctx, op, w.org)
		if err != nil {
			return nil, err
		}
		defer leave()
		w.made = true
		return s.fill(ctx, op, r, query, actor)
	})
}
