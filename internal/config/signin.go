package config

import (
	"net/url"
	"strings"
)

// SignIn configures the identity provider, if there is one: its tokens are accepted, people
// sign in with it, or both.
type SignIn struct {
	Issuer             string   `name:"issuer" env:"SIXTY_ISSUER" placeholder:"URL" help:"Identity provider: the issuer in its tokens, a URL below which /.well-known/openid-configuration is found." group:"server"`
	JWTAudiences       []string `name:"jwt-audience" env:"SIXTY_JWT_AUDIENCE" sep:"," placeholder:"NAME" help:"Accepted audiences of the provider's tokens (JWT); if not set, its tokens are not accepted as bearer tokens." group:"server"`
	JWTSecret          Secret   `name:"jwt-secret" env:"SIXTY_JWT_SECRET" placeholder:"SECRET" help:"Secret that the provider signs these tokens with (HS256), instead of its published keys." group:"server"`
	JWTSubject         string   `name:"jwt-subject" env:"SIXTY_JWT_SUBJECT" placeholder:"KIND" help:"What the provider's subjects are: user, if they are the ids of users of the organisation, as of an adopted team. If not set, users are linked by an admin, or by their verified email address." group:"server"`
	OIDCClientID       string   `name:"oidc-client-id" env:"SIXTY_OIDC_CLIENT_ID" placeholder:"ID" help:"Client id at the provider, which enables sign-in with it (OpenID Connect)." group:"server"`
	OIDCClientSecret   Secret   `name:"oidc-client-secret" env:"SIXTY_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret; not set for a public client." group:"server"`
	OIDCRedirectURL    string   `name:"oidc-redirect-url" env:"SIXTY_OIDC_REDIRECT_URL" placeholder:"URL" help:"URL of this server's /api/auth/oidc/callback, as registered at the provider." group:"server"`
	SignInOrganisation string   `name:"signin-organisation" env:"SIXTY_SIGNIN_ORGANISATION" placeholder:"NAME" help:"Organisation (name or id) of the provider's users; if not set, the only one, or the one that is bound to the domain of the email address (sixty org bind)." group:"server"`
	SignInCreate       bool     `name:"signin-create" env:"SIXTY_SIGNIN_CREATE" help:"Create an account (rep) at the first sign-in of a user without one, in that organisation or the only one." group:"server"`
}

// SubjectUser is the value of SIXTY_JWT_SUBJECT by which a subject is the id of a user.
const SubjectUser = "user"

// callbackPath is the end of the redirect URL: a proxy may add a prefix.
const callbackPath = "/api/auth/oidc/callback"

// minJWTSecret is the minimum length of an HS256 secret in bytes (RFC 7518 section 3.2).
const minJWTSecret = 32

// SignsIn reports whether there is an identity provider.
func (s SignIn) SignsIn() bool { return s.Issuer != "" }

// problems returns what is wrong. In production, the provider's URLs must use TLS.
func (s SignIn) problems(production bool) []string {
	c := checker{settings: s}
	if s.Issuer == "" {
		for _, other := range []struct {
			field string
			given bool
		}{
			{"JWTAudiences", len(s.JWTAudiences) > 0}, {"JWTSecret", s.JWTSecret != ""}, {"JWTSubject", s.JWTSubject != ""}, {"OIDCClientID", s.OIDCClientID != ""},
			{"OIDCClientSecret", s.OIDCClientSecret != ""}, {"OIDCRedirectURL", s.OIDCRedirectURL != ""},
			{"SignInOrganisation", s.SignInOrganisation != ""}, {"SignInCreate", s.SignInCreate},
		} {
			if other.given {
				c.add(other.field, "must not be given without %s", NameOf(s, "Issuer"))
			}
		}
		return c.found
	}
	c.url("Issuer", s.Issuer, production)
	for _, a := range s.JWTAudiences {
		if strings.TrimSpace(a) == "" {
			c.add("JWTAudiences", "must not be empty")
		}
	}
	if s.JWTSubject != "" && s.JWTSubject != SubjectUser {
		c.add("JWTSubject", "must be %s, or not given, not %q", SubjectUser, s.JWTSubject)
	}
	switch n := len(s.JWTSecret.Reveal()); {
	case n > 0 && n < minJWTSecret:
		c.add("JWTSecret", "must have at least %d characters", minJWTSecret)
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
		c.url("OIDCRedirectURL", s.OIDCRedirectURL, production)
	}
	return c.found
}

// url checks a URL that is registered at the provider.
func (c *checker) url(field, text string, production bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, "?#"):
		c.add(field, "must be a URL such as https://id.example.com, without a query, not %q", text)
	case production && u.Scheme != "https":
		c.add(field, "must begin with https:// in production, not %q", text)
	}
}
