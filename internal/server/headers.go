package server

import (
	"net/http"
	"strings"
)

// varyByCaller is what responses under /api vary by before anything else.
const varyByCaller = "Authorization, Cookie, " + apiKeyHeader

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
