package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"sixty/internal/ratelimit"
)

// varyByCaller is what responses under /api vary by before anything else.
const varyByCaller = "Authorization, Cookie"

// securityHeaders sets the headers that keep a browser from misusing a response. What is
// under /api depends on the caller: shared caches store none of it, and a browser
// revalidates its copy. Headers that concern pages are set for data too, which a browser
// may be led to show (OWASP's REST Security Cheat Sheet).
func securityHeaders(strictTransport bool) middleware {
	// Values that all responses share; see headerValues.
	var (
		nosniff     = []string{"nosniff"}
		deny        = []string{"DENY"}
		noReferrer  = []string{"no-referrer"}
		policy      = []string{"default-src 'none'; frame-ancestors 'none'"}
		transport   = []string{"max-age=31536000; includeSubDomains"}
		permissions = []string{"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"}
		sameOrigin  = []string{"same-origin"}
		private     = []string{"private, no-cache"}
		vary        = []string{varyByCaller}
	)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h["X-Content-Type-Options"] = nosniff
			h["X-Frame-Options"] = deny // for browsers that do not know frame-ancestors
			h["Referrer-Policy"] = noReferrer
			h["Content-Security-Policy"] = policy
			h["Permissions-Policy"] = permissions
			// A page that opens a response shares no window with it, and no page embeds one.
			// Pages that are allowed by CORS can still fetch.
			h["Cross-Origin-Opener-Policy"] = sameOrigin
			h["Cross-Origin-Resource-Policy"] = sameOrigin
			if strictTransport {
				h["Strict-Transport-Security"] = transport
			}
			if strings.HasPrefix(r.URL.Path, "/api/") {
				h["Cache-Control"] = private
				h["Vary"] = vary
			}
			next.ServeHTTP(w, r)
		})
	}
}

// cors lets the pages of the front ends call from their own origins.
func (s *Server) cors(origins []string) middleware {
	if len(origins) == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	c := cors.New(cors.Options{
		// Not AllowedOrigins, which knows wildcards: with credentials, only exact is safe.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(origins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Authorization", "Cache-Control", "Content-Encoding", "Content-Type", "If-Match", "If-None-Match", IdempotencyKey, "Last-Event-ID",
			consistencyHeader, requestIDHeader,
		},
		ExposedHeaders: []string{
			"Cache-Status", "ETag", IdempotencyReplayed, "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing", "Sixty-Consistency", requestIDHeader,
		},
		AllowCredentials: true,
		MaxAge:           600,
	})
	originAlone := []string{"Origin"}
	return func(next http.Handler) http.Handler {
		crossing := c.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header["Origin"]) > 0 {
				preflight := r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0
				if !preflight || s.charge(w, r, s.addressOf(r), ratelimit.Global, costOfPreflight) {
					crossing.ServeHTTP(w, r)
				}
				return
			}
			// Another Origin would have had other headers.
			h := w.Header()
			if len(h["Vary"]) > 0 {
				h["Vary"] = s.values.vary
			} else {
				h["Vary"] = originAlone
			}
			next.ServeHTTP(w, r)
		})
	}
}
