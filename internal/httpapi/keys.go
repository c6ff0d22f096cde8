package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// keyOperations let admins see, make and end API keys.
func (a *API) keyOperations() []operation {
	const tag, uses = "API keys", "uses are no changes that the cache hears of"
	a.schemas.thing("APIKey", reflect.TypeFor[accounts.APIKey]())
	a.schemas.patch("APIKeyNew", reflect.TypeFor[accounts.APIKeyPatch](), reflect.TypeFor[accounts.APIKey](), []string{"name", "role"})
	a.schemas.thing("NewAPIKey", reflect.TypeFor[madeKey]())
	pager := newPager(a, "api-keys", accounts.APIKeys.Sorts, nil, a.accounts.APIKeys)
	return []operation{
		{
			method: http.MethodGet, path: "/api/keys", id: "listAPIKeys", tag: tag, caching: server.Uncached(uses),
			summary: "List the API keys", description: "Those that have ended included; never their secrets. For admins.",
			query: pager.query.document(), answer: a.schemas.list("APIKey"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run: func(c *call) error {
				args, scope, err := pager.read(c, nil)
				if err != nil {
					return err
				}
				return pager.answer(c, args, scope, func([]accounts.APIKey) (appender[accounts.APIKey], error) { return appendJSON, nil })
			},
		},
		{
			method: http.MethodGet, path: "/api/keys/{id}", id: "getAPIKey", tag: tag, caching: server.Uncached(uses),
			summary: "Read an API key", description: "For admins.",
			answer: a.schemas.envelope("APIKey"), problems: []int{http.StatusForbidden},
			run: func(c *call) error {
				id, err := c.PathID("id", "API key")
				if err != nil {
					return err
				}
				key, err := a.accounts.APIKey(c.Context, c.Actor, id)
				if err != nil {
					return err
				}
				answerOne(c, &key, appendJSON)
				return nil
			},
		},
		{
			method: http.MethodPost, path: "/api/keys", id: "createAPIKey", tag: tag, secret: true, status: http.StatusCreated,
			summary: "Make an API key",
			description: "The answer tells the secret (key), this once. Without a user_id a service user is made for it. " +
				"A key may never do more than whom it acts for, also when that comes to be less. For admins.",
			body: ref("APIKeyNew"), answer: a.schemas.envelope("NewAPIKey"),
			problems: []int{http.StatusConflict},
			run:      a.makeKey(),
		},
		{
			method: http.MethodDelete, path: "/api/keys/{id}", id: "revokeAPIKey", tag: tag,
			summary: "End an API key for good", description: "Every instance refuses it within a second. It stays in the list. For admins.",
			answer: a.schemas.deleted(),
			run: func(c *call) error {
				id, err := c.PathID("id", "API key")
				if err != nil {
					return err
				}
				if err := a.accounts.RevokeAPIKey(c.Context, c.Actor, id, c.Expected); err != nil {
					return err
				}
				answerDeleted(c, id)
				return nil
			},
		},
	}
}

// madeKey is a key as it is answered when it is made.
type madeKey struct {
	accounts.APIKey
	Secret string `json:"key" doc:"The secret: Authorization: Bearer KEY. It is told this once."`
}

func (a *API) makeKey() func(*call) error {
	body := newBodyReader(func(p *accounts.APIKeyPatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[accounts.APIKey]())
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		secret, key, err := a.keys.Issue(c.Context, c.Actor, p)
		if err != nil {
			return err
		}
		c.Location = "/api/keys/" + key.ID.String()
		answerOne(c, &madeKey{key, secret}, appendJSON)
		return nil
	}
}
