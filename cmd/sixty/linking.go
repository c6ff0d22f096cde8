package main

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/crm"
)

// userLinkCmd links a user to the identity provider.
type userLinkCmd struct {
	userSelector
	Subject string `arg:"" help:"User at the identity provider, as sub in its tokens."`
	Issuer  string `env:"SIXTY_ISSUER" placeholder:"URL" help:"Identity provider, as in --issuer of serve."`
}

func (c *userLinkCmd) Run(ctx context.Context, env *environment) error {
	if c.Issuer == "" {
		return usage("--issuer (SIXTY_ISSUER) must be given")
	}
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		_, err := core.Accounts.SetIdentity(ctx, by, user, crm.VersionCondition{}, accounts.Link{Issuer: c.Issuer, Subject: c.Subject})
		return err
	})
}

type userUnlinkCmd struct{ userSelector }

func (c *userUnlinkCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		return core.Accounts.RemoveIdentities(ctx, by, user, crm.VersionCondition{})
	})
}
