package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"sixty/internal/ratelimit"
)

// Pages of the front ends call from their own origins (CORS, WHATWG Fetch section 3.3). A
// browser asks first, with a preflight, whether it may send a method or a header.

var (
	corsMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	// corsRequestHeaders are the headers of requests that pages may set. The front end sends
	// apikey, X-Client-Info and X-Requested-With, which mean nothing here (but see BearerToken),
	// and its tracing the trace context.
	corsRequestHeaders = []string{
		"Authorization", "Content-Type", apiKeyHeader, "X-Client-Info", "X-Requested-With", IdempotencyKey, "If-Match", "If-None-Match",
		"Traceparent", "Tracestate", requestIDHeader, consistencyHeader,
		// What reads of the cache, encoded bodies and streams take besides.
		"Cache-Control", "Content-Encoding", "Last-Event-ID",
	}
	// corsResponseHeaders are those of ours that pages may read, beside the ones that they may
	// read of any response, such as Content-Type.
	corsResponseHeaders = []string{
		"Accept-Patch", "Allow", "Cache-Status", "ETag", IdempotencyReplayed, "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing",
		consistencyHeader, "WWW-Authenticate", requestIDHeader,
	}
)

// corsMaxAge is for how many seconds a browser may remember the response to a preflight.
const corsMaxAge = "600"

// cors lets the pages of these origins call. They are compared exactly: with credentials, a
// wildcard would let in any page.
func (s *Server) cors(origins []string) middleware {
	if len(origins) == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	// Values that all responses share; see headerValues.
	var (
		yes        = []string{"true"}
		exposed    = []string{strings.Join(corsResponseHeaders, ", ")}
		methods    = []string{strings.Join(corsMethods, ", ")}
		headers    = []string{strings.Join(corsRequestHeaders, ", ")}
		maxAge     = []string{corsMaxAge}
		byOrigin   = []string{"Origin"}
		byQuestion = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			if len(h["Vary"]) > 0 {
				h["Vary"] = s.values.vary
			} else {
				h["Vary"] = byOrigin
			}
			origin := r.Header["Origin"]
			if len(origin) == 0 {
				next.ServeHTTP(w, r)
				return
			}
			allowed := len(origin) == 1 && slices.Contains(origins, origin[0])
			if allowed {
				h["Access-Control-Allow-Origin"] = origin
				h["Access-Control-Allow-Credentials"] = yes
			}
			if r.Method != http.MethodOptions || len(r.Header["Access-Control-Request-Method"]) == 0 {
				if allowed {
					h["Access-Control-Expose-Headers"] = exposed
				}
				next.ServeHTTP(w, r)
				return
			}
			h["Vary"] = byQuestion
			if allowed {
				h["Access-Control-Allow-Methods"], h["Access-Control-Allow-Headers"], h["Access-Control-Max-Age"] = methods, headers, maxAge
			}
			if !s.charge(w, r, s.addressOf(r), ratelimit.Global, costOfPreflight) {
				return
			}
			if reason := preflightProblem(r, allowed); reason != "" {
				s.rejectPreflight(w, r, reason)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// maxNamed bounds what a problem quotes of a request, in bytes.
const maxNamed = 100

// preflightProblem returns what a preflight asks for that is not allowed; "" if there is nothing.
func preflightProblem(r *http.Request, origin bool) string {
	if !origin {
		return fmt.Sprintf("Pages of the origin %.*q may not call this server. FRONTEND_URL names those that may.", maxNamed, r.Header["Origin"][0])
	}
	if method := r.Header["Access-Control-Request-Method"][0]; !slices.Contains(corsMethods, method) {
		return fmt.Sprintf("Pages of other origins may not use the method %.*q. They may use %s.", maxNamed, method, strings.Join(corsMethods, ", "))
	}
	for _, line := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			same := func(known string) bool { return strings.EqualFold(name, known) }
			if name != "" && !slices.ContainsFunc(corsRequestHeaders, same) {
				return fmt.Sprintf("Pages of other origins may not send the header %.*q. They may send %s.", maxNamed, name, strings.Join(corsRequestHeaders, ", "))
			}
		}
	}
	return ""
}

// rejectPreflight says why a preflight is rejected. Browsers show neither the reason nor the
// page anything but that it failed, so that a developer finds it in the log.
func (s *Server) rejectPreflight(w http.ResponseWriter, r *http.Request, reason string) {
	if s.Development {
		s.Logger.LogAttrs(r.Context(), slog.LevelWarn, "preflight rejected", slog.String("request_id", requestID(w)), slog.String("path", r.URL.Path), slog.String("reason", reason))
	}
	s.fail(w, r, &Problem{Status: http.StatusForbidden, Detail: reason})
}
