package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/mail"
	"sixty/internal/server"
)

// An admin gets the token, once, and passes it on to the user, or has it mailed to them, or both.

type (
	invitePatch struct {
		Email        crm.Field[string] `json:"email"`
		FirstName    crm.Field[string] `json:"first_name"`
		LastName     crm.Field[string] `json:"last_name"`
		Role         crm.Field[string] `json:"role"`
		Mail         crm.Field[bool]   `json:"mail" doc:"Also mail the user a link with the token; false by default."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
	resetPatch struct {
		UserID       crm.Field[crm.ID] `json:"user_id" doc:"The user who is to set a password."`
		Mail         crm.Field[bool]   `json:"mail" doc:"Also mail the user a link with the token; false by default."`
		DecodeErrors crm.DecodeErrors  `json:"-"`
	}
)

// invitationView is what an invitation sets.
type invitationView struct {
	crm.Owner
	Mail bool `json:"mail" doc:"Also mail the user a link with the token; false by default."`
}

// tokenView is a one-time token in a response.
type tokenView struct {
	UserID    crm.ID                `json:"user_id" doc:"The user who sets a password with it."`
	Purpose   accounts.TokenPurpose `json:"purpose" enum:"invitation,reset"`
	CreatedBy *crm.ID               `json:"created_by" doc:"Who asked for it; null for the command line."`
	CreatedAt crm.Instant           `json:"created_at"`
	ExpiresAt crm.Instant           `json:"expires_at"`
}

// invitationOperations returns the operations by which admins let users set a password.
func (a *API) invitationOperations() []operation {
	a.schemas.record("Token", reflect.TypeFor[tokenView]())
	a.schemas.patch("Invitation", reflect.TypeFor[invitePatch](), reflect.TypeFor[invitationView](), []string{"email"}, limitsOf(crm.Owners), func(s *huma.Schema) {
		s.Properties["email"].Nullable = false
	})
	a.schemas.patch("ResetRequest", reflect.TypeFor[resetPatch](), nil, []string{"user_id"})
	token := &huma.Schema{Type: huma.TypeString, Description: "Returned this once."}
	invited := a.schemas.answer("InvitedAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"user", "token", "expires_at"},
		Properties: map[string]*huma.Schema{"user": ref("User"), "token": token, "expires_at": instantSchema()},
	})
	reset := a.schemas.answer("ResetTokenAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"token", "expires_at"},
		Properties: map[string]*huma.Schema{"token": token, "expires_at": instantSchema()},
	})
	const passedOn = " An API key needs all scopes of the user's role. Pass the token on to the user, or have it mailed with mail=true, which is a conflict where no mail is sent. A later token replaces it." //nolint:gosec // it is no credential
	return []operation{
		{
			method: http.MethodPost, path: "/api/auth/invite", id: "inviteUser", scope: crm.ScopeAdmin, tag: signInTag, secret: true, status: http.StatusCreated,
			summary: "Invite a user", description: "For admins. Creates the user, a rep unless role says otherwise. An admin " + needsProof + passedOn,
			body: ref("Invitation"), answer: invited, problems: []int{http.StatusConflict}, run: a.invite(),
		},
		{
			method: http.MethodPost, path: "/api/auth/reset-request", id: "requestReset", scope: crm.ScopeAdmin, tag: signInTag, secret: true,
			summary: "Create a password reset token", description: "For admins: for a user who has lost the password, or never had one. That of an admin " + needsProof + passedOn,
			body: ref("ResetRequest"), answer: reset, problems: []int{http.StatusConflict}, run: a.requestReset(),
		},
		{
			method: http.MethodGet, path: "/api/auth/tokens", id: "listTokens", scope: crm.ScopeAdmin, tag: signInTag, caching: server.Uncached("one-time tokens are not in the change log"),
			summary:     "List the one-time tokens that have been given out",
			description: "Those that have neither been used nor expired, the newest first, at most 1,000, without their secrets. For admins.",
			answer:      a.schemas.list("Token"), problems: []int{http.StatusForbidden}, run: a.listTokens,
		},
		{
			method: http.MethodDelete, path: "/api/auth/tokens/{user_id}", id: "deleteToken", scope: crm.ScopeAdmin, tag: signInTag,
			summary: "Withdraw the one-time token of a user", description: "It cannot be used any more. For admins.",
			answer: a.schemas.deleted(), run: a.withdrawToken,
		},
	}
}

func (a *API) invite() func(*call) error {
	return withBody(newBodyReader(func(p *invitePatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p invitePatch) error {
		var token string
		var person crm.Owner
		var created accounts.OneTimeToken
		err := a.mailed(c, p.Mail.Value, func(ctx context.Context) (m mail.Message, err error) {
			if token, person, created, err = a.Sessions.Invite(ctx, c.Actor, crm.OwnerPatch{
				Email: p.Email, FirstName: p.FirstName, LastName: p.LastName, Role: p.Role, DecodeErrors: p.DecodeErrors,
			}); err != nil || !p.Mail.Value {
				return m, err
			}
			org, err := a.Service.Organisation(ctx, c.Actor)
			if err != nil {
				return m, err
			}
			m, err = mail.InvitationMessage(mail.Invitation{Name: person.FullName, Organisation: org.Name, Link: mail.Link(a.FrontEnd, mail.PageAccept, token)})
			m.To = *person.Email
			return m, err
		})
		if err != nil {
			return err
		}
		c.Location = "/api/users/" + person.ID.String()
		c.Out = reopen(appendOwner(append(c.Out, `{"data":{"user":`...), &person))
		c.Out = appendBool(append(c.Out, `,"is_admin":`...), person.Role == crm.RoleAdmin)
		c.Out = appendString(append(c.Out, `},"token":`...), token)
		c.Out = appendInstant(append(c.Out, `,"expires_at":`...), created.ExpiresAt)
		c.Out = append(c.Out, `},"error":null}`...)
		return nil
	})
}

func (a *API) requestReset() func(*call) error {
	return withBody(newBodyReader(func(p *resetPatch) *crm.DecodeErrors { return &p.DecodeErrors }), func(c *call, p resetPatch) error {
		if len(p.DecodeErrors) == 0 && (!p.UserID.Set || p.UserID.Null) {
			p.DecodeErrors = append(p.DecodeErrors, crm.FieldError{Field: "user_id", Message: "must be given"})
		}
		if len(p.DecodeErrors) > 0 {
			return crm.Invalid(p.DecodeErrors...)
		}
		var token string
		var created accounts.OneTimeToken
		err := a.mailed(c, p.Mail.Value, func(ctx context.Context) (m mail.Message, err error) {
			if token, created, err = a.Sessions.Reset(ctx, c.Actor, p.UserID.Value); err != nil || !p.Mail.Value {
				return m, err
			}
			org, err := a.Service.Organisation(ctx, c.Actor)
			if err != nil {
				return m, err
			}
			user, err := a.Service.Owner(ctx, c.Actor, p.UserID.Value)
			if err != nil {
				return m, err
			}
			m, err = mail.ResetMessage(mail.Reset{Name: user.FullName, Organisation: org.Name, Link: mail.Link(a.FrontEnd, mail.PageReset, token)})
			m.To = *user.Email // which who resets a password has
			return m, err
		})
		if crm.CodeOf(err) == crm.CodeNotFound {
			return crm.Invalid(crm.FieldError{Field: "user_id", Message: "refers to a user that does not exist"})
		}
		if err != nil {
			return err
		}
		c.Out = appendString(append(c.Out, `{"data":{"token":`...), token)
		c.Out = appendInstant(append(c.Out, `,"expires_at":`...), created.ExpiresAt)
		c.Out = append(c.Out, `},"error":null}`...)
		return nil
	})
}

// mailed runs fn, which writes, with a proof of who the actor is, and sends the message that it
// returns in the same transaction, if there is to be one.
func (a *API) mailed(c *call, send bool, fn func(context.Context) (mail.Message, error)) error {
	ctx := a.withProof(c)
	if !send {
		_, err := fn(ctx)
		return err
	}
	if !a.Mail.SendsSecrets() {
		return mail.ErrNotConfigured()
	}
	return a.Service.Atomic(ctx, c.Actor, func(ctx context.Context) error {
		m, err := fn(ctx)
		if err != nil {
			return err
		}
		_, err = a.Mail.Send(ctx, c.Actor, m)
		return err
	})
}

func (a *API) listTokens(c *call) error {
	all, err := a.Accounts.OneTimeTokens(c.Context, c.Actor)
	return answerAll(c, all, err, func(b []byte, t *accounts.OneTimeToken) []byte {
		return appendJSON(b, &tokenView{t.UserID, t.Purpose, t.CreatedBy, t.CreatedAt, t.ExpiresAt})
	})
}

func (a *API) withdrawToken(c *call) error {
	user, err := c.PathID("user_id", "one-time token")
	if err != nil {
		return err
	}
	return answerDeleted(c, user, a.Accounts.WithdrawOneTimeToken(c.Context, c.Actor, user, c.Expected))
}
