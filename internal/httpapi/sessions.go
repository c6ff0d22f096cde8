package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// Sessions are listed and ended one by one, by their users and by admins. Granting the
// rights of an admin requires a recent proof of who the user is.

// needsProof is what operations say that need a recent proof of who the user is.
const needsProof = "needs a recent proof of who the caller is (see POST /api/auth/reauthenticate)."

// reauthenticationPatch is the body that proves who the user is.
type reauthenticationPatch struct {
	Password     crm.Field[string] `json:"password" minLength:"1"`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

// sessionOperations returns the operations on single sessions, and on those of others.
func (a *API) sessionOperations() []operation {
	const people, uncached = "People", "used_at is not in the change log"
	verified := a.schemas.answer("VerifiedAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"verified_at"}, Properties: map[string]*huma.Schema{"verified_at": instantSchema()},
	})
	ended := a.schemas.answer("SessionsEndedAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"deleted"},
		Properties: map[string]*huma.Schema{"deleted": {Type: huma.TypeBoolean, Enum: []any{true}}},
	})
	return []operation{
		{
			method: http.MethodDelete, path: "/api/auth/sessions/{id}", id: "endSession", scope: crm.ScopeWrite, tag: signInTag,
			summary: "End one of the caller's sessions", description: "Every instance rejects it within a second.",
			answer: a.schemas.deleted(), run: onID("session", a.endSession),
		},
		{
			method: http.MethodPost, path: "/api/auth/reauthenticate", id: "reauthenticate", scope: crm.ScopeWrite, tag: signInTag, secret: true,
			summary: "Prove again who the user of the session is",
			description: "By the password. It is asked for where the user last proved who they are, which signing in with the password does, more than 10 minutes ago: " +
				"before they create the API key of an admin, invite an admin, change a role, or change an admin's e-mail address or ask for an admin's reset token. " +
				"Those requests are then a 403 with the code reauthentication.required. A user without a password signs in again at GET " + accounts.SignInAgain + "; " +
				"a session that was started by the provider is as recent as the auth_time of the ID token. The provider's bearer tokens must have an auth_time, " +
				"or else an amr timestamp, that is as recent. API keys are exempt. Failures count as failed sign-ins.",
			body: ref("Reauthentication"), answer: verified, problems: []int{http.StatusConflict}, run: a.reauthenticate(),
		},
		{
			method: http.MethodGet, path: "/api/users/{id}/sessions", id: "listUserSessions", scope: crm.ScopeAdmin, tag: people, caching: server.Uncached(uncached),
			summary: "List a user's sessions, the last used first", description: "For admins.",
			answer: a.schemas.list("Session"), problems: []int{http.StatusForbidden}, run: onID("user", a.listSessionsOf),
		},
		{
			method: http.MethodDelete, path: "/api/users/{id}/sessions", id: "endUserSessions", scope: crm.ScopeAdmin, tag: people,
			summary: "Sign a user out everywhere", description: "Every instance rejects the sessions within a second. For admins.",
			answer: ended,
			run: onID("user", func(c *call, user crm.ID) error {
				if err := c.Expected.Check(sessionVersion); err != nil {
					return err
				}
				if err := a.Accounts.EndSessionsOf(c.Context, c.Actor, user); err != nil {
					return err
				}
				c.Out = append(c.Out, `{"data":{"deleted":true},"error":null}`...)
				return nil
			}),
		},
		{
			method: http.MethodDelete, path: "/api/users/{id}/sessions/{session_id}", id: "endUserSession", scope: crm.ScopeAdmin, tag: people,
			summary: "End one of a user's sessions", description: "Every instance rejects it within a second. For admins.",
			answer: a.schemas.deleted(),
			run: onID("user", func(c *call, user crm.ID) error {
				session, err := c.PathID("session_id", "session")
				if err != nil {
					return err
				}
				if err := c.Expected.Check(sessionVersion); err != nil {
					return err
				}
				return answerDeleted(c, session, a.Accounts.EndSessionOf(c.Context, c.Actor, user, session))
			}),
		},
	}
}

// currentSession returns the id of the request's session; zero for a bearer token.
func (a *API) currentSession(c *call) (crm.ID, error) {
	if server.BearerToken(c.Request) != "" {
		return crm.ID{}, nil
	}
	return a.Sessions.ID(c.Context, a.Server.SessionToken(c.Request))
}

// sessionVersion is the version of every session: there is nothing of it that a client changes.
const sessionVersion = 1

func (a *API) endSession(c *call, id crm.ID) error {
	if err := c.Expected.Check(sessionVersion); err != nil {
		return err
	}
	current, err := a.currentSession(c)
	if err != nil {
		return err
	}
	if err = a.Accounts.EndSession(c.Context, c.Actor, id); err == nil && id == current {
		c.Cookies = append(c.Cookies, a.Server.EndedSessionCookie())
	}
	return answerDeleted(c, id, err)
}

func (a *API) listSessionsOf(c *call, user crm.ID) error {
	all, err := a.Sessions.ListOf(c.Context, c.Actor, user)
	if err != nil {
		return err
	}
	current, err := a.currentSession(c)
	return answerAll(c, all, err, func(b []byte, s *accounts.Session) []byte { return appendJSON(b, newSessionView(s, current)) })
}

func (a *API) reauthenticate() func(*call) error {
	return withBody(newBodyReader(func(p *reauthenticationPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p reauthenticationPatch) error {
		if server.BearerToken(c.Request) != "" {
			return crm.Forbidden("This proves who the user of a session is. A token of the identity provider is renewed there, and an API key needs no proof.")
		}
		if errs := requireTexts(p.DecodeErrors, requiredText{"password", p.Password}); len(errs) > 0 {
			return crm.Invalid(errs...)
		}
		at, err := a.Sessions.Reauthenticate(c.Context, c.Actor, p.Password.Value, a.clientInfo(c.Request))
		if err != nil {
			return signInError(err)
		}
		c.Out = appendInstant(append(c.Out, `{"data":{"verified_at":`...), at)
		c.Out = append(c.Out, `},"error":null}`...)
		return nil
	})
}

// withProof returns the context of a call whose use cases may need to know when the user last
// proved who they are.
func (a *API) withProof(c *call) context.Context {
	if token := server.BearerToken(c.Request); token != "" {
		if a.Tokens == nil || c.Actor.KeyID() != nil { // a key proves nothing
			return c.Context
		}
		return accounts.WithProof(c.Context, a.Tokens.Proof(token))
	}
	return accounts.WithProof(c.Context, a.Sessions.Proof(a.Server.SessionToken(c.Request)))
}
