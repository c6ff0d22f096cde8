package config

import (
	"net/url"
	"strings"
)

// SignIn is the identity provider that people are signed in by, if there is one: its
// tokens are accepted, people sign in with it, or both.
type SignIn struct {
	Issuer             string   `name:"issuer" env:"SIXTY_ISSUER" placeholder:"URL" help:"Identity provider, as its tokens name it: a URL below which is /.well-known/openid-configuration." group:"server"`
	JWTAudiences       []string `name:"jwt-audience" env:"SIXTY_JWT_AUDIENCE" sep:"," placeholder:"NAME" help:"Audiences of whom one must be named by the provider's tokens (JWT) that are accepted as bearer tokens; none: none are." group:"server"`
	JWTSecret          Secret   `name:"jwt-secret" env:"SIXTY_JWT_SECRET" placeholder:"SECRET" help:"Secret that the provider signs those tokens with (HS256), instead of its published keys." group:"server"`
	OIDCClientID       string   `name:"oidc-client-id" env:"SIXTY_OIDC_CLIENT_ID" placeholder:"ID" help:"Who this is to the provider: lets people sign in with it (OpenID Connect)." group:"server"`
	OIDCClientSecret   Secret   `name:"oidc-client-secret" env:"SIXTY_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Secret of the client; none for a public one." group:"server"`
	OIDCRedirectURL    string   `name:"oidc-redirect-url" env:"SIXTY_OIDC_REDIRECT_URL" placeholder:"URL" help:"Where browsers reach this server's /api/auth/oidc/callback, as the provider knows it." group:"server"`
	SignInOrganisation string   `name:"signin-organisation" env:"SIXTY_SIGNIN_ORGANISATION" placeholder:"NAME" help:"Organisation (name or id) of the provider's people; without one, the one that has the person's e-mail address." group:"server"`
	SignInCreate       bool     `name:"signin-create" env:"SIXTY_SIGNIN_CREATE" help:"Make a rep of whoever the provider signs in and who has no account, in that organisation or the only one." group:"server"`
}

// callbackPath is what the redirect URL ends in: a proxy may put more before it.
const callbackPath = "/api/auth/oidc/callback"

// leastJWTSecret is the length of a secret that cannot be guessed, in bytes (RFC 7518
// section 3.2).
const leastJWTSecret = 32

// SignsIn tells whether there is an identity provider.
func (s SignIn) SignsIn() bool { return s.Issuer != "" }

// problems gives what is wrong; in production, the provider is reached over TLS alone.
func (s SignIn) problems(production bool) []string {
	c := complaints{settings: s}
	if s.Issuer == "" {
		for _, other := range []struct {
			field string
			given bool
		}{
			{"JWTAudiences", len(s.JWTAudiences) > 0}, {"JWTSecret", s.JWTSecret != ""}, {"OIDCClientID", s.OIDCClientID != ""},
			{"OIDCClientSecret", s.OIDCClientSecret != ""}, {"OIDCRedirectURL", s.OIDCRedirectURL != ""},
			{"SignInOrganisation", s.SignInOrganisation != ""}, {"SignInCreate", s.SignInCreate},
		} {
			if other.given {
				c.add(other.field, "must not be given without %s", NameOf(s, "Issuer"))
			}
		}
		return c.found
	}
	c.address("Issuer", s.Issuer, production)
	for _, a := range s.JWTAudiences {
		if strings.TrimSpace(a) == "" {
			c.add("JWTAudiences", "must not be empty")
		}
	}
	switch n := len(s.JWTSecret.Reveal()); {
	case n > 0 && n < leastJWTSecret:
		c.add("JWTSecret", "must have at least %d characters", leastJWTSecret)
	case n > 0 && len(s.JWTAudiences) == 0:
		c.add("JWTSecret", "must not be given without %s", NameOf(s, "JWTAudiences"))
	}
	switch {
	case s.OIDCClientID == "" && len(s.JWTAudiences) == 0:
		c.add("Issuer", "must be given with %s, %s or both", NameOf(s, "JWTAudiences"), NameOf(s, "OIDCClientID"))
	case s.OIDCClientID == "" && s.OIDCClientSecret != "":
		c.add("OIDCClientSecret", "must not be given without %s", NameOf(s, "OIDCClientID"))
	case s.OIDCClientID == "" && s.OIDCRedirectURL != "":
		c.add("OIDCRedirectURL", "must not be given without %s", NameOf(s, "OIDCClientID"))
	case s.OIDCClientID != "" && !strings.HasSuffix(s.OIDCRedirectURL, callbackPath):
		c.add("OIDCRedirectURL", "must be a URL that ends in %s, not %q", callbackPath, s.OIDCRedirectURL)
	case s.OIDCClientID != "":
		c.address("OIDCRedirectURL", s.OIDCRedirectURL, production)
	}
	return c.found
}

// address complains of what is no URL to be named to the provider.
func (c *complaints) address(field, text string, production bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, "?#"):
		c.add(field, "must be a URL such as https://id.example.com, without a query, not %q", text)
	case production && u.Scheme != "https":
		c.add(field, "must begin with https:// in production, not %q", text)
	}
}
