package main

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/crm"
)

// orgBindCmd binds an organisation to what the identity provider's users are recognised by.
type orgBindCmd struct {
	Name   string   `arg:"" help:"Organisation, by name or id."`
	Issuer string   `placeholder:"URL" help:"Identity provider whose users alone belong to it, as in --issuer of serve."`
	Domain []string `placeholder:"DOMAIN" help:"Domain of its e-mail addresses; can be repeated."`
}

func (c *orgBindCmd) Run(ctx context.Context, env *environment) error {
	if c.Issuer == "" && len(c.Domain) == 0 {
		return usage("--issuer or --domain must be given")
	}
	change := accounts.BindingChange{Domains: c.Domain}
	if c.Issuer != "" {
		change.Issuer = &c.Issuer
	}
	return orgFlag{Org: c.Name}.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		return core.Accounts.BindOrganisation(ctx, crm.Operator(org.ID), change)
	})
}

type orgUnbindCmd struct {
	Name   string   `arg:"" help:"Organisation, by name or id."`
	Issuer bool     `help:"From its identity provider."`
	Domain []string `placeholder:"DOMAIN" help:"From a domain; can be repeated."`
}

func (c *orgUnbindCmd) Run(ctx context.Context, env *environment) error {
	if !c.Issuer && len(c.Domain) == 0 {
		return usage("--issuer or --domain must be given")
	}
	change := accounts.BindingChange{Domains: c.Domain}
	if c.Issuer {
		change.Issuer = new("")
	}
	return orgFlag{Org: c.Name}.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		return core.Accounts.UnbindOrganisation(ctx, crm.Operator(org.ID), change)
	})
}
