package httpapi

import (
	"net/http"
	"strings"
	"time"

	"sixty/internal/crm"
)

// A request shows on whose behalf it acts by a bearer token, or by the cookie of a
// session. A browser sends the cookie with whatever any page asks for, so that what is
// not from pages that are trusted may change nothing (refuseCrossSite).

// sessionCookie names the cookie that holds a session's token. Behind TLS, browsers take
// one of its name from nobody but this host (RFC 6265bis section 4.1.3.2).
func (a *API) sessionCookie() string {
	if a.secureCookies {
		return "__Host-sixty_session"
	}
	return "sixty_session"
}

// sessionToken gives the token of the request's session; "" if it shows none.
func (a *API) sessionToken(r *http.Request) string {
	token, _ := cookie(r, a.sessionCookie())
	return token
}

// cookie gives the value of a cookie of the request (RFC 6265 section 4.2.1); the first,
// if there are several of the name. http.Request.Cookie makes things of them all.
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

// giveCookie makes the cookie of a session that has begun.
func (a *API) giveCookie(token string, until time.Time) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: a.sessionCookie(), Value: token, Path: "/", Expires: until,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secureCookies,
	}
}

// takeCookie makes the cookie that has a browser forget the session's.
func (a *API) takeCookie() *http.Cookie {
	c := a.giveCookie("", time.Unix(1, 0)) //nolint:gosec // see giveCookie
	c.MaxAge = -1
	return c
}

// bearer gives the bearer token of a request (RFC 6750 section 2.1); "" if there is none,
// or it cannot be told which is meant. The scheme is compared without regard to case.
func bearer(r *http.Request) string {
	lines := r.Header["Authorization"]
	if len(lines) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// recall tells on whose behalf a request acts if that is known here, as it is of most;
// false if it must be asked.
func (a *API) recall(r *http.Request) (crm.Actor, bool) {
	if token := bearer(r); token != "" {
		return a.auth.Recall(r.Context(), token)
	}
	if len(r.Header["Authorization"]) > 0 {
		return crm.Actor{}, false
	}
	token := a.sessionToken(r)
	if token == "" {
		return crm.Actor{}, false
	}
	return a.sessions.Recall(r.Context(), token)
}

// authenticate asks on whose behalf a request acts. A bearer token counts for more than
// a cookie, which the client may not know that it sends.
func (a *API) authenticate(r *http.Request) (crm.Actor, error) {
	if len(r.Header["Authorization"]) > 1 { // no two readers need agree which one counts
		return crm.Actor{}, &problem{status: http.StatusBadRequest, detail: "There must be one Authorization header at most."}
	}
	if token := bearer(r); token != "" {
		ctx := r.Context()
		if strings.IndexByte(token, '.') >= 0 { // no key: a provider's, who may be entered in the audit trail
			address := a.proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
			ctx = crm.WithOrigin(ctx, crm.Origin{Address: address.String(), RequestID: r.Header.Get(requestIDHeader)})
		}
		return a.auth.Authenticate(ctx, token)
	}
	if token := a.sessionToken(r); token != "" {
		return a.sessions.Authenticate(r.Context(), token)
	}
	return crm.Actor{}, &problem{
		status: http.StatusUnauthorized,
		detail: "Sign in, or sign the request with an API key: Authorization: Bearer <key>.",
		header: `WWW-Authenticate: Bearer realm="sixty"`,
	}
}

// lastKnown finds on whose behalf a request acted a while ago, when nobody can say now.
func (a *API) lastKnown(r *http.Request) (crm.Actor, bool) {
	if token := bearer(r); token != "" {
		return a.auth.LastKnown(token)
	}
	if len(r.Header["Authorization"]) > 1 {
		return crm.Actor{}, false
	}
	return a.sessions.LastKnown(a.sessionToken(r))
}

// crossSite tells apart what pages of other sites ask for.
func crossSite(o Options) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	for _, origin := range o.FrontendOrigins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// refuseCrossSite refuses what a page of another site would change by means of a cookie,
// or have a browser signed in by. What carries a bearer token is meant.
func (a *API) refuseCrossSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer(r) == "" {
			if err := a.crossSite.Check(r); err != nil {
				a.fail(w, r, &problem{status: http.StatusForbidden, detail: "A page of another site may not change anything here.", cause: err})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
