package httpapi

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// The bodies of signing in.
type (
	logInPatch struct {
		Email        crm.Field[string] `json:"email"`
		Password     crm.Field[string] `json:"password"`
		Organisation crm.Field[string] `json:"organisation"`
		Unread       crm.DecodeErrors  `json:"-"`
	}
	logInView struct {
		Email        string  `json:"email"`
		Password     string  `json:"password"`
		Organisation *string `json:"organisation" doc:"Name or id of one, for whoever belongs to several."`
	}
	passwordPatch struct {
		Old    crm.Field[string] `json:"old"`
		New    crm.Field[string] `json:"new"`
		Unread crm.DecodeErrors  `json:"-"`
	}
	passwordView struct {
		Old string `json:"old"`
		New string `json:"new" doc:"12 to 256 characters, whichever they are."`
	}
	redeemPatch struct {
		Token    crm.Field[string] `json:"token"`
		Password crm.Field[string] `json:"password"`
		Unread   crm.DecodeErrors  `json:"-"`
	}
	redeemView struct {
		Token    string `json:"token" doc:"As an admin was told it."`
		Password string `json:"password" doc:"12 to 256 characters, whichever they are."`
	}
)

// sessionView is a session as answered.
type sessionView struct {
	ID        crm.ID      `json:"id"`
	Current   bool        `json:"current" doc:"The request is part of it."`
	Address   string      `json:"address" doc:"Whom it was begun from."`
	UserAgent string      `json:"user_agent" doc:"What it was begun with."`
	CreatedAt crm.Instant `json:"created_at"`
	UsedAt    crm.Instant `json:"used_at" doc:"Last, to the minute or so."`
	ExpiresAt crm.Instant `json:"expires_at" doc:"If it is not used any more."`
}

const signInTag = "Sign-in"

// signInOperations give how people come in, and go.
func (a *API) signInOperations() []operation {
	a.schemas.thing("Session", reflect.TypeFor[sessionView]())
	a.schemas.patch("LogIn", reflect.TypeFor[logInPatch](), reflect.TypeFor[logInView](), []string{"email", "password"})
	a.schemas.patch("PasswordChange", reflect.TypeFor[passwordPatch](), reflect.TypeFor[passwordView](), []string{"old", "new"})
	a.schemas.patch("Redemption", reflect.TypeFor[redeemPatch](), reflect.TypeFor[redeemView](), []string{"token", "password"})
	signedIn := a.schemas.answered("SignedIn", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"user", "expires_at"},
		Properties: map[string]*huma.Schema{"user": ref("User"), "expires_at": instantSchema()},
	})
	out := a.schemas.answered("SignedOut", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"deleted"},
		Properties: map[string]*huma.Schema{"deleted": {Type: huma.TypeBoolean, Enum: []any{true}}},
	})
	const cookie = "The answer sets the session's cookie (HttpOnly, SameSite=Lax), which browsers then send by themselves."
	return []operation{
		{
			method: http.MethodPost, path: "/api/auth/login", id: "logIn", tag: signInTag, public: true, secret: true,
			summary: "Sign in", description: cookie + " Whoever fails again and again must wait, longer each time: 429 with Retry-After.",
			body: ref("LogIn"), answer: signedIn, problems: []int{http.StatusUnauthorized, http.StatusConflict}, run: a.logIn(),
		},
		{
			method: http.MethodPost, path: "/api/auth/logout", id: "logOut", tag: signInTag, public: true, secret: true,
			summary: "End the session of the request", description: "Every instance refuses it within a second. Without a session there is nothing to do.",
			answer: out,
			run: func(c *call) error {
				if err := a.sessions.End(c.Context, a.server.SessionToken(c.Request)); err != nil {
					return err
				}
				return a.signOut(c)
			},
		},
		{
			method: http.MethodPost, path: "/api/auth/logout-all", id: "logOutAll", tag: signInTag, secret: true,
			summary: "End all sessions of who asks", answer: out,
			run: func(c *call) error {
				if err := a.sessions.EndAll(c.Context, c.Actor); err != nil {
					return err
				}
				return a.signOut(c)
			},
		},
		{
			method: http.MethodGet, path: "/api/auth/sessions", id: "listSessions", tag: signInTag,
			summary: "List the sessions of who asks, the one that was used last first",
			caching: server.Uncached("uses are no changes that the cache hears of"), answer: a.schemas.list("Session"), run: a.listSessions,
		},
		{
			method: http.MethodPost, path: "/api/auth/password", id: "changePassword", tag: signInTag, secret: true,
			summary: "Change one's own password", description: "All sessions end, and another one begins. " + cookie,
			body: ref("PasswordChange"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.changePassword(),
		},
		{
			method: http.MethodPost, path: "/api/auth/accept", id: "acceptInvitation", tag: signInTag, public: true, secret: true,
			summary: "Accept an invitation", description: "Sets the first password, by a token that is good for 7 days and once. " + cookie,
			body: ref("Redemption"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.redeem(accounts.PurposeInvitation),
		},
		{
			method: http.MethodPost, path: "/api/auth/reset", id: "resetPassword", tag: signInTag, public: true, secret: true,
			summary: "Set a password instead of one that is lost", description: "By a token that is good for 24 hours and once. All sessions end. " + cookie,
			body: ref("Redemption"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.redeem(accounts.PurposeReset),
		},
	}
}

// signOut answers that a session is over.
func (a *API) signOut(c *call) error {
	c.Cookie = a.server.EndedSessionCookie()
	c.Out = append(c.Out, `{"data":{"deleted":true},"error":null}`...)
	return nil
}

// whence tells where a request comes from.
func (a *API) whence(r *http.Request) auth.ClientInfo {
	return auth.ClientInfo{
		Address:   a.server.ClientAddress(r),
		UserAgent: r.UserAgent(), Token: a.server.SessionToken(r),
	}
}

func (a *API) logIn() func(*call) error {
	body := newBodyReader(func(p *logInPatch) *crm.DecodeErrors { return &p.Unread })
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if flaws := needed(p.Unread, "email", p.Email, "password", p.Password); len(flaws) > 0 {
			return crm.Invalid(flaws...)
		}
		started, err := a.sessions.SignIn(c.Context, auth.SignIn{
			Email: p.Email.Value, Password: p.Password.Value, Organisation: p.Organisation.Value, ClientInfo: a.whence(c.Request),
		})
		if crm.CodeOf(err) == crm.CodeUnauthenticated {
			return &server.Problem{Status: http.StatusUnauthorized, Detail: err.Error(), Header: `WWW-Authenticate: Bearer realm="sixty"`}
		}
		return a.answerStarted(c, started, err)
	}
}

func (a *API) changePassword() func(*call) error {
	body := newBodyReader(func(p *passwordPatch) *crm.DecodeErrors { return &p.Unread })
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if server.BearerToken(c.Request) != "" {
			return crm.Forbidden("A bearer token is no sign-in. Sign in by cookie to change your password.")
		}
		if flaws := needed(p.Unread, "old", p.Old, "new", p.New); len(flaws) > 0 {
			return crm.Invalid(flaws...)
		}
		started, err := a.sessions.ChangePassword(c.Context, c.Actor, p.Old.Value, p.New.Value, a.whence(c.Request))
		return a.answerStarted(c, started, err)
	}
}

func (a *API) redeem(purpose accounts.TokenPurpose) func(*call) error {
	body := newBodyReader(func(p *redeemPatch) *crm.DecodeErrors { return &p.Unread })
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if flaws := needed(p.Unread, "token", p.Token, "password", p.Password); len(flaws) > 0 {
			return crm.Invalid(flaws...)
		}
		started, err := a.sessions.Redeem(c.Context, purpose, p.Token.Value, p.Password.Value, a.whence(c.Request))
		return a.answerStarted(c, started, err)
	}
}

// needed adds what is wrong with two texts that must be there.
func needed(flaws crm.DecodeErrors, name1 string, f1 crm.Field[string], name2 string, f2 crm.Field[string]) crm.DecodeErrors {
	for _, m := range []struct {
		name  string
		field crm.Field[string]
	}{{name1, f1}, {name2, f2}} {
		known := false
		for _, f := range flaws {
			known = known || f.Field == m.name
		}
		if m.field.Value == "" && !known {
			flaws = append(flaws, crm.FieldError{Field: m.name, Message: "must not be empty"})
		}
	}
	return flaws
}

// answerStarted answers whoever has been signed in, or not.
func (a *API) answerStarted(c *call, started auth.Started, err error) error {
	if err != nil {
		return notStarted(err)
	}
	c.Actor = started.Actor()
	user, err := a.service.Owner(c.Context, c.Actor, c.Actor.User)
	if err != nil {
		return err
	}
	c.Actor.Role = user.Role
	c.Cookie = a.server.SessionCookie(started.Token, started.Session.ExpiresAt.Time())
	c.Out = appendUser(append(c.Out, `{"data":{"user":`...), &user, c.Actor.Role)
	c.Out = appendInstant(append(c.Out, `,"expires_at":`...), started.Session.ExpiresAt)
	c.Out = append(c.Out, `},"error":null}`...)
	return nil
}

// notStarted tells why a session did not begin.
func notStarted(err error) error {
	var soon *auth.TooSoon
	if errors.As(err, &soon) {
		return &server.Problem{Status: http.StatusTooManyRequests, Detail: soon.Error(), Header: "Retry-After: " + strconv.FormatInt(soon.Seconds(), 10)}
	}
	return err
}

func (a *API) listSessions(c *call) error {
	all, err := a.sessions.List(c.Context, c.Actor)
	if err != nil {
		return err
	}
	var current crm.ID
	if server.BearerToken(c.Request) == "" {
		if current, err = a.sessions.ID(c.Context, a.server.SessionToken(c.Request)); err != nil {
			return err
		}
	}
	answerAll(c, all, func(b []byte, s *accounts.Session) []byte {
		return appendJSON(b, &sessionView{s.ID, s.ID == current, s.Address, s.UserAgent, s.CreatedAt, s.UsedAt, s.ExpiresAt})
	})
	return nil
}
