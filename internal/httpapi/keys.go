package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// keyOperations returns the operations by which admins manage API keys.
func (a *API) keyOperations() []operation {
	const tag, uses = "API keys", "used_at is not in the change log"
	a.schemas.record("APIKey", reflect.TypeFor[accounts.APIKey]())
	a.schemas.patch("APIKeyNew", reflect.TypeFor[accounts.APIKeyPatch](), reflect.TypeFor[accounts.APIKey](), []string{"name", "role"}, func(s *huma.Schema) {
		s.Properties["scopes"].Items = a.schemas.scopes().Items
		s.Properties["scopes"].MinItems = new(1)
		s.Properties["name"].MinLength, s.Properties["name"].MaxLength = new(1), new(crm.MaxNameLength)
	})
	a.schemas.record("NewAPIKey", reflect.TypeFor[newKey]())
	pager := newPager(a, "api-keys", accounts.APIKeys.Sorts, nil, a.Accounts.APIKeys)
	return []operation{
		{
			method: http.MethodGet, path: "/api/keys", id: "listAPIKeys", scope: crm.ScopeAdmin, tag: tag, caching: server.Uncached(uses),
			summary: "List the API keys", description: "Expired and revoked ones included, without their secrets. For admins.",
			query:   pager.query.document(),
			listing: true, answer: a.schemas.list("APIKey"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run:      pager.run(with(appendJSON[accounts.APIKey])),
		},
		{
			method: http.MethodGet, path: "/api/keys/{id}", id: "getAPIKey", scope: crm.ScopeAdmin, tag: tag, caching: server.Uncached(uses),
			summary: "Read an API key", description: "For admins.",
			answer: a.schemas.envelope("APIKey"), problems: []int{http.StatusForbidden},
			run: onID("API key", func(c *call, id crm.ID) error {
				key, err := a.Accounts.APIKey(c.Context, c.Actor, id)
				c.Version = accounts.APIKeyVersion
				return answerOne(c, &key, err, appendJSON)
			}),
		},
		{
			method: http.MethodPost, path: "/api/keys", id: "createAPIKey", scope: crm.ScopeAdmin, tag: tag, secret: true, status: http.StatusCreated,
			summary: "Create an API key",
			description: "The response has the secret (key), this once. Without a user_id, a service user is created for it. " +
				"A key never has more permissions than its user, also after those were reduced. Without scopes, it has those of its role: " +
				"read and export for a viewer; also write and import for a rep or a manager; also admin for an admin. " +
				"Where the organisation has set key_max_days, it must expire within them. A key that a key creates has no more scopes than that one, and expires with it at the latest. That of an admin " + needsProof + " For admins.",
			body: ref("APIKeyNew"), answer: a.schemas.envelope("NewAPIKey"),
			problems: []int{http.StatusConflict},
			run:      a.createKey(),
		},
		{
			method: http.MethodDelete, path: "/api/keys/{id}", id: "deleteAPIKey", scope: crm.ScopeAdmin, tag: tag,
			summary: "Revoke an API key", description: "Every instance rejects it within a second. It stays in the list. For admins.",
			answer: a.schemas.deleted(),
			run: onID("API key", func(c *call, id crm.ID) error {
				return answerDeleted(c, id, a.Accounts.RevokeAPIKey(c.Context, c.Actor, id, c.Expected))
			}),
		},
	}
}

// newKey is a key as it is answered when it is made.
type newKey struct {
	accounts.APIKey
	Secret string `json:"key" doc:"The secret: Authorization: Bearer KEY. It is returned this once."`
}

func (a *API) createKey() func(*call) error {
	return withBody(newBodyReader(func(p *accounts.APIKeyPatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[accounts.APIKey]()), func(c *call, p accounts.APIKeyPatch) error {
		secret, key, err := a.Keys.Issue(a.withProof(c), c.Actor, p)
		c.Location = "/api/keys/" + key.ID.String()
		return answerOne(c, &newKey{key, secret}, err, appendJSON)
	})
}
