package httpapi

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/mail"
	"sixty/internal/server"
)

// The bodies of sign-in.
type (
	logInPatch struct {
		Email        crm.Field[string] `json:"email" minLength:"1"`
		Password     crm.Field[string] `json:"password" minLength:"1"`
		Organisation crm.Field[string] `json:"organisation" nullable:"true" doc:"Name or id; required if the address is known in several organisations."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
	passwordPatch struct {
		Old          crm.Field[string] `json:"old" minLength:"1"`
		New          crm.Field[string] `json:"new" minLength:"12" maxLength:"256" doc:"12 to 256 characters."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
	resetByMailPatch struct {
		Email        crm.Field[string] `json:"email" minLength:"1"`
		Organisation crm.Field[string] `json:"organisation" nullable:"true" doc:"Name or id; required if the address is known in several organisations."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
	tokenPatch struct {
		Token        crm.Field[string] `json:"token" minLength:"1" doc:"As an admin got it."`
		Password     crm.Field[string] `json:"password" minLength:"12" maxLength:"256" doc:"12 to 256 characters."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
)

// sessionView is a session in a response.
type sessionView struct {
	ID         crm.ID       `json:"id"`
	Current    bool         `json:"current" doc:"It is the session of the request."`
	Address    string       `json:"address" doc:"The address from which it was started."`
	UserAgent  string       `json:"user_agent" doc:"The User-Agent with which it was started."`
	CreatedAt  crm.Instant  `json:"created_at"`
	UsedAt     crm.Instant  `json:"used_at" doc:"The last use, to about a minute."`
	ExpiresAt  crm.Instant  `json:"expires_at" doc:"Unless it is used again."`
	VerifiedAt *crm.Instant `json:"verified_at" doc:"When the user last proved who they are: by signing in, or by POST /api/auth/reauthenticate. Null if the identity provider did not say when it asked them."`
}

func newSessionView(s *accounts.Session, current crm.ID) *sessionView {
	v := &sessionView{s.ID, s.ID == current, s.Address, s.UserAgent, s.CreatedAt, s.UsedAt, s.ExpiresAt, nil}
	if s.VerifiedAt != 0 {
		v.VerifiedAt = &s.VerifiedAt
	}
	return v
}

const signInTag = "Sign-in"

// signInOperations returns the operations on sessions and the caller's own password.
func (a *API) signInOperations() []operation {
	a.schemas.record("Session", reflect.TypeFor[sessionView]())
	a.schemas.patch("LogIn", reflect.TypeFor[logInPatch](), nil, []string{"email", "password"})
	a.schemas.patch("Reauthentication", reflect.TypeFor[reauthenticationPatch](), nil, []string{"password"})
	a.schemas.patch("PasswordChange", reflect.TypeFor[passwordPatch](), nil, []string{"old", "new"})
	a.schemas.patch("ResetByMail", reflect.TypeFor[resetByMailPatch](), nil, []string{"email"})
	a.schemas.patch("Redemption", reflect.TypeFor[tokenPatch](), nil, []string{"token", "password"})
	signedIn := a.schemas.answer("SignedInAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"user", "expires_at"},
		Properties: map[string]*huma.Schema{"user": ref("User"), "expires_at": instantSchema()},
	})
	out := a.schemas.answer("SignedOutAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"deleted"},
		Properties: map[string]*huma.Schema{"deleted": {Type: huma.TypeBoolean, Enum: []any{true}}},
	})
	accepted := a.schemas.answer("AcceptedAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"accepted"},
		Properties: map[string]*huma.Schema{"accepted": {Type: huma.TypeBoolean, Enum: []any{true}}},
	})
	const cookie = "The response sets the session cookie (HttpOnly, SameSite=Lax), which browsers send from then on."
	return []operation{
		{
			method: http.MethodPost, path: "/api/auth/login", id: "logIn", tag: signInTag, public: true, secret: true,
			summary: "Sign in", description: cookie + " After repeated failures there are increasing delays: 429 with Retry-After.",
			body: ref("LogIn"), answer: signedIn, problems: []int{http.StatusUnauthorized, http.StatusConflict}, run: a.logIn(),
		},
		{
			method: http.MethodPost, path: "/api/auth/logout", id: "logOut", tag: signInTag, public: true, secret: true,
			summary: "Sign out", description: "Ends the session of the request. Every instance rejects it within a second. Without a session, nothing happens.",
			answer: out,
			run: func(c *call) error {
				if err := a.Sessions.End(c.Context, a.Server.SessionToken(c.Request)); err != nil {
					return err
				}
				return a.signOut(c)
			},
		},
		{
			method: http.MethodPost, path: "/api/auth/logout-all", id: "logOutAll", scope: crm.ScopeWrite, tag: signInTag, secret: true,
			summary: "Sign out everywhere", answer: out,
			run: func(c *call) error {
				if err := a.Sessions.EndAll(c.Context, c.Actor); err != nil {
					return err
				}
				return a.signOut(c)
			},
		},
		{
			method: http.MethodGet, path: "/api/auth/sessions", id: "listSessions", scope: crm.ScopeRead, tag: signInTag,
			summary: "List the caller's sessions, the last used first",
			caching: server.Uncached("used_at is not in the change log"), answer: a.schemas.list("Session"), run: a.listSessions,
		},
		{
			method: http.MethodPost, path: "/api/auth/password", id: "changePassword", scope: crm.ScopeWrite, tag: signInTag, secret: true,
			summary: "Change the caller's own password", description: "All sessions end, and a new one starts. " + cookie,
			body: ref("PasswordChange"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.changePassword(),
		},
		{
			method: http.MethodPost, path: "/api/auth/accept", id: "acceptInvitation", tag: signInTag, public: true, secret: true,
			summary: "Accept an invitation", description: "Sets the first password, by a token that is valid for 7 days and can be used once. " + cookie,
			body: ref("Redemption"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.setPasswordByToken(accounts.PurposeInvitation),
		},
		{
			method: http.MethodPost, path: "/api/auth/forgot", id: "requestResetByMail", tag: signInTag, public: true, secret: true, status: http.StatusAccepted,
			cost:    server.Expensive("it sends mail to an address that anyone may name"),
			summary: "Have a link mailed with which a lost password is replaced",
			description: "The response is the same whether there is such a user. If there is one, who is active and has a password, they are sent a link that " +
				"is valid for 24 hours and can be used once; within 5 minutes no other. 409 where no mail is sent.",
			body: ref("ResetByMail"), answer: accepted, problems: []int{http.StatusConflict}, run: a.resetByMail(),
		},
		{
			method: http.MethodPost, path: "/api/auth/reset", id: "resetPassword", tag: signInTag, public: true, secret: true,
			summary: "Reset a password", description: "By a token that is valid for 24 hours and can be used once. All sessions end. " + cookie,
			body: ref("Redemption"), answer: signedIn, problems: []int{http.StatusConflict}, run: a.setPasswordByToken(accounts.PurposeReset),
		},
	}
}

// signOut responds to a sign-out.
func (a *API) signOut(c *call) error {
	c.Cookies = append(c.Cookies, a.Server.EndedSessionCookie())
	c.Out = append(c.Out, `{"data":{"deleted":true},"error":null}`...)
	return nil
}

// clientInfo returns the client of a request.
func (a *API) clientInfo(r *http.Request) auth.ClientInfo {
	return auth.ClientInfo{
		Address:   a.Server.ClientAddress(r),
		UserAgent: r.UserAgent(), Token: a.Server.SessionToken(r), Device: a.Server.DeviceToken(r),
	}
}

func (a *API) logIn() func(*call) error {
	return withBody(newBodyReader(func(p *logInPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p logInPatch) error {
		if errs := requireTexts(p.DecodeErrors, requiredText{"email", p.Email}, requiredText{"password", p.Password}); len(errs) > 0 {
			return crm.Invalid(errs...)
		}
		started, err := a.Sessions.SignIn(c.Context, auth.SignIn{
			Email: p.Email.Value, Password: p.Password.Value, Organisation: p.Organisation.Value, ClientInfo: a.clientInfo(c.Request),
		})
		if crm.CodeOf(err) == crm.CodeUnauthenticated {
			return &server.Problem{Status: http.StatusUnauthorized, Detail: err.Error(), Header: `WWW-Authenticate: Bearer realm="sixty"`}
		}
		return a.answerSession(c, started, err)
	})
}

func (a *API) changePassword() func(*call) error {
	return withBody(newBodyReader(func(p *passwordPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p passwordPatch) error {
		if server.BearerToken(c.Request) != "" {
			return crm.Forbidden("A bearer token is no session. Sign in by cookie to change your password.")
		}
		if errs := requireTexts(p.DecodeErrors, requiredText{"old", p.Old}, requiredText{"new", p.New}); len(errs) > 0 {
			return crm.Invalid(errs...)
		}
		started, err := a.Sessions.ChangePassword(c.Context, c.Actor, p.Old.Value, p.New.Value, a.clientInfo(c.Request))
		return a.answerSession(c, started, err)
	})
}

func (a *API) resetByMail() func(*call) error {
	return withBody(newBodyReader(func(p *resetByMailPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p resetByMailPatch) error {
		if errs := requireTexts(p.DecodeErrors, requiredText{"email", p.Email}); len(errs) > 0 {
			return crm.Invalid(errs...)
		}
		if err := a.Mail.RequestReset(c.Context, mail.ResetArgs{Email: p.Email.Value, Organisation: p.Organisation.Value}); err != nil {
			return err
		}
		c.Out = append(c.Out, `{"data":{"accepted":true},"error":null}`...)
		return nil
	})
}

func (a *API) setPasswordByToken(purpose accounts.TokenPurpose) func(*call) error {
	return withBody(newBodyReader(func(p *tokenPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p tokenPatch) error {
		if errs := requireTexts(p.DecodeErrors, requiredText{"token", p.Token}, requiredText{"password", p.Password}); len(errs) > 0 {
			return crm.Invalid(errs...)
		}
		started, err := a.Sessions.ConsumeToken(c.Context, purpose, p.Token.Value, p.Password.Value, a.clientInfo(c.Request))
		return a.answerSession(c, started, err)
	})
}

// requiredText is a text that must not be empty, with its name.
type requiredText struct {
	name  string
	field crm.Field[string]
}

// requireTexts adds the errors of texts that are empty.
func requireTexts(errs crm.DecodeErrors, texts ...requiredText) crm.DecodeErrors {
	for _, m := range texts {
		known := slices.ContainsFunc(errs, func(e crm.FieldError) bool { return e.Field == m.name })
		if m.field.Value == "" && !known {
			errs = append(errs, crm.FieldError{Field: m.name, Message: "must not be empty"})
		}
	}
	return errs
}

// answerSession responds with a new session, or with the problem that prevented it.
func (a *API) answerSession(c *call, started auth.NewSession, err error) error {
	if err != nil {
		return signInError(err)
	}
	c.Actor = started.Actor()
	user, err := a.Service.Owner(c.Context, c.Actor, c.Actor.User)
	if err != nil {
		return err
	}
	c.Actor.Role = user.Role
	c.Cookies = append(c.Cookies, a.sessionCookies(started)...)
	c.Out = appendUser(append(c.Out, `{"data":{"user":`...), &user, c.Actor.Role)
	c.Out = appendInstant(append(c.Out, `,"expires_at":`...), started.Session.ExpiresAt)
	c.Out = append(c.Out, `},"error":null}`...)
	return nil
}

// sessionCookies returns the cookies of a new session.
func (a *API) sessionCookies(started auth.NewSession) []*http.Cookie {
	return []*http.Cookie{
		a.Server.SessionCookie(started.Token, started.Session.ExpiresAt.Time()),
		a.Server.DeviceCookie(started.Device, auth.DeviceLifetime),
	}
}

// signInError returns the problem that prevented a session.
func signInError(err error) error {
	var soon *auth.TooManyAttempts
	if errors.As(err, &soon) {
		return &server.Problem{Status: http.StatusTooManyRequests, Detail: soon.Error(), Header: "Retry-After: " + strconv.FormatInt(soon.Seconds(), 10)}
	}
	return err
}

func (a *API) listSessions(c *call) error {
	all, err := a.Sessions.List(c.Context, c.Actor)
	if err != nil {
		return err
	}
	current, err := a.currentSession(c)
	if err != nil {
		return err
	}
	return answerAll(c, all, nil, func(b []byte, s *accounts.Session) []byte {
		return appendJSON(b, newSessionView(s, current))
	})
}
