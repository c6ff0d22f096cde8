package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// identityView is who a user is to the identity provider.
type identityView struct {
	UserID    crm.ID      `json:"user_id"`
	Issuer    string      `json:"issuer" doc:"The identity provider, as its tokens name it."`
	Subject   string      `json:"subject" doc:"The user there, as its tokens name them."`
	CreatedAt crm.Instant `json:"created_at"`
}

// identityPatch is the body that links a user.
type identityPatch struct {
	Issuer       crm.Field[string] `json:"issuer" doc:"By default the configured identity provider."`
	Subject      crm.Field[string] `json:"subject"`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

// identityOperations returns the operations by which admins say who users are to the identity
// provider.
func (a *API) identityOperations() []operation {
	const path, tag = "/api/users/{id}/identity", "People"
	const rules = " For an admin it " + needsProof + " If-Match takes the user's ETag. For admins."
	a.schemas.record("Identity", reflect.TypeFor[identityView]())
	a.schemas.patch("IdentityInput", reflect.TypeFor[identityPatch](), reflect.TypeFor[identityView](), []string{"subject"})
	return []operation{
		{
			method: http.MethodPut, path: path, id: "linkUser", scope: crm.ScopeAdmin, tag: tag,
			summary: "Link a user to the identity provider",
			description: "The provider's user with this subject signs in as the user from now on, instead of another subject of the same provider, which ends the user's sessions. " +
				"A subject that is another user's is a conflict. With several organisations it is for operators, unless the organisation is the provider's (SIXTY_SIGNIN_ORGANISATION) or bound to it." + rules,
			body: ref("IdentityInput"), answer: a.schemas.envelope("Identity"), written: true, problems: []int{http.StatusConflict},
			run: a.linkUser(),
		},
		{
			method: http.MethodDelete, path: path, id: "unlinkUser", scope: crm.ScopeAdmin, tag: tag,
			summary: "Unlink a user from the identity provider", description: "From every one. Ends the user's sessions; every instance rejects their tokens within a second." + rules,
			answer: a.schemas.deleted(), problems: []int{http.StatusConflict},
			run: onID("user", func(c *call, id crm.ID) error {
				return answerDeleted(c, id, a.Accounts.RemoveIdentities(a.withProof(c), c.Actor, id, c.Expected))
			}),
		},
	}
}

func (a *API) linkUser() func(*call) error {
	body := newBodyReader(func(p *identityPatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[identityView]())
	return onID("user", func(c *call, id crm.ID) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if len(p.DecodeErrors) > 0 {
			return crm.Invalid(p.DecodeErrors...)
		}
		link := accounts.Link{Issuer: p.Issuer.Value, Subject: p.Subject.Value}
		if a.Identities != nil {
			link.Organisation = a.Identities.Policy.Organisation
			if link.Issuer == "" {
				link.Issuer = a.Identities.Provider.Issuer()
			}
		}
		i, err := a.Accounts.SetIdentity(a.withProof(c), c.Actor, id, c.Expected, link)
		return answerWritten(c, id, &i, err, func(b []byte, i *accounts.Identity) []byte {
			return appendJSON(b, &identityView{i.UserID, i.Issuer, i.Subject, i.CreatedAt})
		})
	})
}
