package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// Sign-in by an identity provider (OpenID Connect): start redirects a browser to the
// provider, which redirects it to callback, which starts a session and redirects it to
// the page that it came from.

// attemptCookie is the cookie that holds the secret of a sign-in at the provider.
const attemptCookie = "sixty_signin"

// newAttemptCookie returns the cookie of a started sign-in; for "", one that removes it.
// Lax: the provider redirects the browser back from another site.
func (a *API) newAttemptCookie(secret string) *http.Cookie {
	c := a.Server.NewCookie(attemptCookie, secret) //nolint:gosec // see NewCookie
	c.MaxAge = int(auth.AttemptTTL.Seconds())
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}

func (a *API) oidcOperations() []operation {
	text := &huma.Schema{Type: huma.TypeString}
	return []operation{
		{
			method: http.MethodGet, path: "/api/auth/oidc/start", id: "startOIDC", tag: signInTag, public: true, status: http.StatusFound,
			summary: "Sign in by the identity provider",
			description: "For browsers, which are redirected to the provider and back to the callback (OpenID Connect, code flow with PKCE). " +
				"It must be done within 10 minutes. 404 where no provider is configured.",
			query: []*huma.Param{{
				Name: "return_to", In: "query", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(auth.MaxReturnTo)},
				Description: "Where the browser is redirected in the end: a path of this server, or a URL of a front end's origin. By default, the front end.",
			}, {
				Name: "reauthenticate", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean, Default: false},
				Description: "Whether the provider must ask the user again who they are (max_age=0), which proves it for 10 minutes. " +
					"The sign-in is rejected if the ID token has no recent auth_time.",
			}},
			problems: []int{http.StatusBadRequest, http.StatusNotFound}, stream: a.startOIDC,
		},
		{
			method: http.MethodGet, path: "/api/auth/oidc/callback", id: "finishOIDC", tag: signInTag, public: true, status: http.StatusFound,
			summary: "Return from the identity provider",
			description: "Starts a session as POST /api/auth/login does, and redirects the browser to return_to. The provider's user " +
				"is matched by subject or, the first time, by an e-mail address that the provider has verified.",
			query: []*huma.Param{
				{Name: "state", In: "query", Description: "As start sent it to the provider.", Schema: text},
				{Name: "code", In: "query", Description: "The provider's authorization code.", Schema: text},
				{Name: "iss", In: "query", Description: "The provider's name (RFC 9207).", Schema: text},
				{Name: "error", In: "query", Description: "Why the provider did not sign the user in.", Schema: text},
			},
			problems: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict}, stream: a.finishOIDC,
		},
	}
}

// checkRedirect returns the errors that both operations share: there is no provider, or
// the method is HEAD, which must change nothing.
func (a *API) checkRedirect(c *call) error {
	switch {
	case a.Identities == nil || !a.Identities.Provider.SignsIn():
		return server.NotFound("No identity provider is configured here.")
	case c.Request.Method != http.MethodGet:
		return &server.Problem{Status: http.StatusMethodNotAllowed, Detail: "This path takes GET alone.", Header: "Allow: " + http.MethodGet}
	default:
		return nil
	}
}

// redirect sends a redirect that is not cached.
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", location)
	w.WriteHeader(http.StatusFound)
}

func (a *API) startOIDC(c *call, w http.ResponseWriter) error {
	if err := a.checkRedirect(c); err != nil {
		return err
	}
	q, err := server.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return server.BadRequest("The query cannot be read: it must be percent-encoded.")
	}
	returnTo, ok := a.returnTo(q.Get("return_to"))
	if !ok {
		return server.InvalidQuery([]server.ValidationError{server.InQuery("return_to", "must be a path of this server, or a URL of a front end")}, true)
	}
	again := q.Get("reauthenticate") == "true"
	if !again && q.Has("reauthenticate") && q.Get("reauthenticate") != "false" {
		return server.InvalidQuery([]server.ValidationError{server.InQuery("reauthenticate", "must be true or false")}, true)
	}
	ctx, cancel := a.Server.WithTimeout(c.Context)
	defer cancel()
	secret, location, err := a.Identities.Begin(ctx, returnTo, again)
	if err != nil {
		return err
	}
	http.SetCookie(w, a.newAttemptCookie(secret))
	redirect(w, location)
	return nil
}

func (a *API) finishOIDC(c *call, w http.ResponseWriter) error {
	if err := a.checkRedirect(c); err != nil {
		return err
	}
	q, err := server.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return server.BadRequest("The query cannot be read: it must be percent-encoded.")
	}
	ctx, cancel := a.Server.WithTimeout(c.Context)
	defer cancel()
	from := a.clientInfo(c.Request)
	ctx = a.Server.WithOrigin(ctx, w, c.Request)
	secret := a.Server.Cookie(c.Request, attemptCookie)
	started, returnTo, err := a.Sessions.SignInWithProvider(ctx, a.Identities, secret, q, from)
	if crm.CodeOf(err) != crm.CodeUnavailable { // then it may be tried again
		http.SetCookie(w, a.newAttemptCookie(""))
	}
	switch {
	case errors.Is(err, auth.ErrNotBegun):
		return &server.Problem{Status: http.StatusBadRequest, Detail: "This sign-in was not started in this browser, or too long ago. Start again."}
	case crm.CodeOf(err) == crm.CodeUnauthenticated:
		return &server.Problem{
			Status: http.StatusUnauthorized, Code: server.ProblemOf(err).Code, Detail: err.Error(), Header: `WWW-Authenticate: Bearer realm="sixty"`,
		}
	case err != nil:
		return signInError(err)
	}
	// It was checked at the start; the allowed origins may have changed since.
	if again, ok := a.returnTo(returnTo); ok {
		returnTo = again
	} else {
		returnTo, _ = a.returnTo("")
	}
	for _, cookie := range a.sessionCookies(started) {
		http.SetCookie(w, cookie)
	}
	redirect(w, returnTo)
	return nil
}

// returnTo returns where a browser may be redirected in the end: to a path of this server,
// or to a front end, which is the default. It rejects what a browser could read as
// anything else.
func (a *API) returnTo(text string) (string, bool) {
	if text == "" {
		if len(a.Server.FrontendOrigins) == 0 {
			return "/", true
		}
		return a.Server.FrontendOrigins[0] + "/", true
	}
	odd := func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }
	if len(text) > auth.MaxReturnTo || strings.ContainsFunc(text, odd) {
		return "", false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" {
		return "", false
	}
	if u.Scheme == "" && u.Host == "" {
		return text, text[0] == '/' && !strings.HasPrefix(text, "//")
	}
	return text, slices.Contains(a.Server.FrontendOrigins, u.Scheme+"://"+u.Host)
}
