package main

import (
	"context"
	"fmt"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/crm"
)

type apikeyCmd struct {
	Create apikeyCreateCmd `cmd:"" help:"Create an API key and print it. It is shown only once."`
	List   apikeyListCmd   `cmd:"" help:"List the API keys."`
	Revoke apikeyRevokeCmd `cmd:"" help:"Revoke an API key. Servers reject it within a second."`
}

type apikeyCreateCmd struct {
	orgFlag
	Name string `required:"" placeholder:"NAME" help:"Name of the key."`
	Role string `required:"" enum:"admin,manager,rep,viewer" placeholder:"ROLE" help:"Role of the key: ${enum}."`
	User string `placeholder:"E-MAIL" help:"User that the key acts as; by default a new service user."`

	Scopes []string `placeholder:"SCOPE,…" help:"Scopes of the key: read, write, import, export, admin; by default those that its role allows."`
	Days   int      `placeholder:"N" help:"Days after which it expires; by default it does not."`
}

func (c *apikeyCreateCmd) Run(ctx context.Context, env *environment) error {
	return c.making(ctx, env, func(core *app.Core, org crm.Organisation) error {
		by := crm.Operator(org.ID)
		p := accounts.APIKeyPatch{Name: crm.Of(c.Name), Role: crm.Of(c.Role)}
		if len(c.Scopes) > 0 {
			p.Scopes = crm.Of(c.Scopes)
		}
		if c.Days != 0 {
			p.ExpiresAt = crm.Of(crm.InstantOf(env.clock().AddDate(0, 0, c.Days)))
		}
		if c.User != "" {
			person, err := core.Accounts.OwnerByEmail(ctx, by, c.User)
			if crm.CodeOf(err) == crm.CodeNotFound {
				return usage("--user: no user in %q has the e-mail address %q", org.Name, c.User)
			}
			if err != nil {
				return err
			}
			p.UserID = crm.Of(person.ID)
		}
		secret, _, err := core.Keys.Issue(ctx, by, p)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.stdout, secret)
		return err
	})
}

type apikeyListCmd struct {
	orgFlag
	jsonFlag
}

func (c *apikeyListCmd) Run(ctx context.Context, env *environment) error {
	type row struct {
		ID          crm.ID             `json:"id"`
		Name        string             `json:"name"`
		Prefix      string             `json:"prefix"`
		Role        crm.Role           `json:"role"`
		Scopes      accounts.ScopeList `json:"scopes"`
		UserID      crm.ID             `json:"user_id"`
		CreatedBy   *crm.ID            `json:"created_by"`
		CreatedAt   crm.Instant        `json:"created_at"`
		ExpiresAt   *crm.Instant       `json:"expires_at"`
		RevokedAt   *crm.Instant       `json:"revoked_at"`
		UsedAt      *crm.Instant       `json:"used_at"`
		UsedAddress *string            `json:"used_address"`
	}
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		keys, err := core.Keys.List(ctx, crm.Operator(org.ID))
		if err != nil {
			return err
		}
		rows := make([]row, len(keys))
		for i, k := range keys {
			rows[i] = row{k.ID, k.Name, k.Prefix, k.Role, k.Scopes, k.UserID, k.CreatedBy, k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.UsedAt, k.UsedAddress}
		}
		now := crm.InstantOf(env.clock())
		return list(env.stdout, c.jsonFlag, []string{"ID", "NAME", "KEY", "ROLE", "SCOPES", "CREATED", "STATE"}, rows, func(r row) []string {
			state := "live"
			switch {
			case r.RevokedAt != nil:
				state = "revoked"
			case r.ExpiresAt != nil && *r.ExpiresAt <= now:
				state = "expired"
			}
			return []string{r.ID.String(), r.Name, r.Prefix + "…", string(r.Role), string(r.Scopes), r.CreatedAt.String(), state}
		})
	})
}

type apikeyRevokeCmd struct {
	orgFlag
	Key string `arg:"" help:"API key, by id or by the prefix that the list shows."`
}

func (c *apikeyRevokeCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		by := crm.Operator(org.ID)
		id, err := crm.ParseID(c.Key)
		if err != nil {
			if id, err = keyByPrefix(ctx, core, by, c.Key); err != nil {
				return err
			}
		}
		return core.Keys.Revoke(ctx, by, id)
	})
}

// keyByPrefix returns the id of the key with this prefix.
func keyByPrefix(ctx context.Context, core *app.Core, by crm.Actor, prefix string) (crm.ID, error) {
	keys, err := core.Keys.List(ctx, by)
	if err != nil {
		return crm.ID{}, err
	}
	for _, k := range keys {
		if k.Prefix == prefix { // 47 random bits: unique
			return k.ID, nil
		}
	}
	return crm.ID{}, crm.NotFound("API key")
}
