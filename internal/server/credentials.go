package server

import (
	"net/http"
	"strings"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// A request is authenticated by a bearer token or by a session cookie. A browser sends
// the cookie with requests from any page, so that rejectCrossSite lets only pages of
// trusted origins change anything.

// sessionCookie is the name of the session cookie.
const sessionCookie = "sixty_session"

// hostCookie returns the name of a cookie that only this host may set: behind TLS,
// browsers accept the prefix from no other host (RFC 6265bis section 4.1.3.2).
func (s *Server) hostCookie(name string) string {
	if s.StrictTransport {
		return "__Host-" + name
	}
	return name
}

// NewCookie returns a cookie for this host alone, which scripts cannot read, and which
// browsers send with links from other sites (Lax) but not with their other requests.
func (s *Server) NewCookie(name, value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: s.hostCookie(name), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.StrictTransport,
	}
}

// Cookie returns the value of a cookie that NewCookie named; "" if there is none.
func (s *Server) Cookie(r *http.Request, name string) string {
	value, _ := cookie(r, s.hostCookie(name))
	return value
}

// SessionToken returns the token in a request's session cookie; "" if there is none.
func (s *Server) SessionToken(r *http.Request) string { return s.Cookie(r, sessionCookie) }

// SessionCookie returns the cookie of a new session.
func (s *Server) SessionCookie(token string, expires time.Time) *http.Cookie {
	c := s.NewCookie(sessionCookie, token) //nolint:gosec // see NewCookie
	c.Expires = expires
	return c
}

// EndedSessionCookie returns the cookie that removes the session's from a browser.
func (s *Server) EndedSessionCookie() *http.Cookie {
	c := s.SessionCookie("", time.Unix(1, 0)) //nolint:gosec // see NewCookie
	c.MaxAge = -1
	return c
}

// deviceCookie is the name of the cookie by which a device is known that has signed in.
const deviceCookie = "sixty_device"

// DeviceToken returns the token in a request's device cookie; "" if there is none.
func (s *Server) DeviceToken(r *http.Request) string { return s.Cookie(r, deviceCookie) }

// DeviceCookie returns the cookie of a device that has signed in, which ends after its
// lifetime.
func (s *Server) DeviceCookie(token string, lifetime time.Duration) *http.Cookie {
	c := s.NewCookie(deviceCookie, token) //nolint:gosec // see NewCookie
	c.MaxAge = int(lifetime.Seconds())
	return c
}

// cookie returns the value of a request's cookie (RFC 6265 section 4.2.1); the first, if
// there are several of the name. Unlike http.Request.Cookie it allocates nothing.
func cookie(r *http.Request, name string) (value string, sent bool) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			n, v, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if n != name {
				continue
			}
			if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
				v = v[1 : len(v)-1]
			}
			return v, true
		}
	}
	return "", false
}

// apiKeyHeader is a header with which the front end sends its anonymous key at its identity
// provider. It is no credential here.
const apiKeyHeader = "Apikey"

// BearerToken returns the bearer token of a request (RFC 6750 section 2.1); "" if there
// is none or more than one. The scheme is compared without regard to case. A token that is also
// the anonymous key, as the front end sends it until a user signs in, counts as none.
func BearerToken(r *http.Request) string {
	lines := r.Header["Authorization"]
	if len(lines) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	token = strings.TrimSpace(token)
	for _, key := range r.Header[apiKeyHeader] {
		if key == token {
			return ""
		}
	}
	return token
}

// lookup returns the caller if it is known in memory, as most are.
func (s *Server) lookup(r *http.Request) (crm.Actor, bool) {
	if token := BearerToken(r); token != "" {
		return s.Bearers.Lookup(r.Context(), token)
	}
	if len(r.Header["Authorization"]) > 1 {
		return crm.Actor{}, false
	}
	token := s.SessionToken(r)
	if token == "" {
		return crm.Actor{}, false
	}
	return s.Sessions.Lookup(r.Context(), token)
}

// Authenticate returns the caller. A bearer token takes precedence over a cookie, which
// the client may send without knowing.
func (s *Server) Authenticate(w http.ResponseWriter, r *http.Request) (crm.Actor, error) {
	if len(r.Header["Authorization"]) > 1 { // readers need not agree on which one counts
		return crm.Actor{}, &Problem{Status: http.StatusBadRequest, Detail: "There must be one Authorization header at most."}
	}
	if token := BearerToken(r); token != "" {
		// The audit trail records users who are provisioned and rejected credentials, and the use
		// of a key is recorded with its address.
		ctx := s.WithOrigin(r.Context(), w, r)
		return s.Bearers.Authenticate(ctx, token)
	}
	if token := s.SessionToken(r); token != "" {
		return s.Sessions.Authenticate(r.Context(), token)
	}
	return crm.Actor{}, &Problem{
		Status: http.StatusUnauthorized,
		Detail: "Sign in, or sign the request with an API key: Authorization: Bearer <key>.",
		Header: `WWW-Authenticate: Bearer realm="sixty"`,
	}
}

// missingScope returns the problem of a credential that lacks the scope of an operation. The
// header field is that of RFC 6750 section 3.1.
func missingScope(needed crm.Scopes) *Problem {
	return &Problem{
		Status: http.StatusForbidden, Code: codeKeyScope, Detail: "The API key does not have the scope " + needed.String() + ".",
		Header: `WWW-Authenticate: Bearer realm="sixty", error="insufficient_scope", scope="` + needed.String() + `"`,
	}
}

// LastKnown returns the caller according to an earlier authentication.
func (s *Server) LastKnown(r *http.Request) (crm.Actor, bool) {
	if token := BearerToken(r); token != "" {
		return s.Bearers.LastKnown(token)
	}
	if len(r.Header["Authorization"]) > 1 {
		return crm.Actor{}, false
	}
	return s.Sessions.LastKnown(s.SessionToken(r))
}

// newCrossSite returns the check for requests from pages of other sites.
func newCrossSite(trusted []string) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// rejectCrossSite rejects what a page of another site would change with the browser's
// cookie, or sign its user in to. A bearer token is never sent by accident.
func (s *Server) rejectCrossSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if BearerToken(r) == "" {
			if err := s.crossSite.Check(r); err != nil {
				if !s.charge(w, r, s.addressOf(r), ratelimit.Global, ratelimit.Request) {
					return
				}
				s.fail(w, r, &Problem{Status: http.StatusForbidden, Detail: "A page of another site may not change anything here.", Cause: err})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
