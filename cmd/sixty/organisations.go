package main

import (
	"context"
	"fmt"
	"strings"

	"sixty/internal/app"
	"sixty/internal/crm"
)

// defaultOrganisation is the name of the organisation that is created when one is needed
// and there is none.
const defaultOrganisation = "Default"

// orgFlag selects the organisation of a command.
type orgFlag struct {
	Org string `placeholder:"NAME" aliases:"organisation" help:"Organisation, by name or id; not needed if there is only one."`
}

// orDefault returns the organisation of the flag, or the only one. If there is none, it
// creates one.
func (f orgFlag) orDefault(ctx context.Context, core *app.Core) (crm.Organisation, error) {
	org, found, err := f.find(ctx, core)
	if err != nil || found {
		return org, err
	}
	return core.Accounts.CreateOrganisation(ctx, defaultOrganisation)
}

// with is environment.with for a command on the organisation of the flag, or the only one.
func (f orgFlag) with(ctx context.Context, env *environment, work func(*app.Core, crm.Organisation) error) error {
	return env.with(ctx, func(core *app.Core) error {
		org, found, err := f.find(ctx, core)
		switch {
		case err != nil:
			return err
		case !found:
			return crm.NotFound(`organisation yet; create one with "sixty org create NAME"`)
		}
		return work(core, org)
	})
}

// making is environment.making for a command on the organisation that orDefault returns.
func (f orgFlag) making(ctx context.Context, env *environment, work func(*app.Core, crm.Organisation) error) error {
	return env.making(ctx, func(core *app.Core) error {
		org, err := f.orDefault(ctx, core)
		if err != nil {
			return err
		}
		return work(core, org)
	})
}

// find returns the organisation, and false if there is none at all.
func (f orgFlag) find(ctx context.Context, core *app.Core) (org crm.Organisation, found bool, err error) {
	orgs, err := core.Accounts.Organisations(ctx)
	if err != nil {
		return org, false, err
	}
	if f.Org == "" && len(orgs) <= 1 {
		if len(orgs) == 0 {
			return org, false, nil
		}
		return orgs[0], true, nil
	}
	if org, found = crm.FindOrganisation(orgs, f.Org); found {
		return org, true, nil
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		names[i] = fmt.Sprintf("%q", o.Name)
	}
	switch {
	case len(names) == 0:
		return org, false, usage("--org: there is no organisation %q; there is none", f.Org)
	case f.Org != "":
		return org, false, usage("--org: there is no organisation %q; there are %s", f.Org, strings.Join(names, ", "))
	}
	return org, false, usage("--org must be given, as there are several organisations: %s", strings.Join(names, ", "))
}

type orgCmd struct {
	Create orgCreateCmd `cmd:"" help:"Create an organisation and print its id."`
	List   orgListCmd   `cmd:"" help:"List the organisations."`
	Set    orgSetCmd    `cmd:"" help:"Change an organisation's settings."`
	Bind   orgBindCmd   `cmd:"" help:"Bind an organisation to an identity provider and to domains of e-mail addresses."`
	Unbind orgUnbindCmd `cmd:"" help:"Undo what bind did."`
}

type orgCreateCmd struct {
	Name string `arg:"" help:"Name; unique, ignoring case."`
}

func (c *orgCreateCmd) Run(ctx context.Context, env *environment) error {
	return env.making(ctx, func(core *app.Core) error {
		org, err := core.Accounts.CreateOrganisation(ctx, c.Name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.stdout, org.ID)
		return err
	})
}

type orgSetCmd struct {
	Name    string `arg:"" help:"Organisation, by name or id."`
	RepsSee string `placeholder:"WHAT" help:"Records that reps see: everything, or own for only those that they own."`
	Rename  string `placeholder:"NAME" help:"New name."`
}

func (c *orgSetCmd) Run(ctx context.Context, env *environment) error {
	var p crm.OrganisationPatch
	if c.RepsSee != "" {
		p.RepsSee = crm.Of(c.RepsSee)
	}
	if c.Rename != "" {
		p.Name = crm.Of(c.Rename)
	}
	return orgFlag{Org: c.Name}.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		_, err := core.Accounts.UpdateOrganisation(ctx, crm.Operator(org.ID), crm.VersionCondition{}, p)
		return err
	})
}

type orgListCmd struct {
	jsonFlag
}

func (c *orgListCmd) Run(ctx context.Context, env *environment) error {
	type row struct {
		ID              crm.ID            `json:"id"`
		Name            string            `json:"name"`
		DefaultCurrency string            `json:"default_currency"`
		RepsSee         crm.RepVisibility `json:"reps_see"`
		Issuer          *string           `json:"issuer"`
		Domains         []string          `json:"domains"`
		KeyMaxDays      *int              `json:"key_max_days"`
		CreatedAt       crm.Instant       `json:"created_at"`
	}
	return env.with(ctx, func(core *app.Core) error {
		orgs, err := core.Accounts.Organisations(ctx)
		if err != nil {
			return err
		}
		bindings, err := core.Accounts.Bindings(ctx)
		if err != nil {
			return err
		}
		rows := make([]row, len(orgs))
		for i, o := range orgs {
			b := bindings[o.ID]
			rows[i] = row{ID: o.ID, Name: o.Name, DefaultCurrency: o.DefaultCurrency, RepsSee: o.RepsSee, KeyMaxDays: o.KeyMaxDays, Domains: append([]string{}, b.Domains...), CreatedAt: o.CreatedAt}
			if b.Issuer != "" {
				rows[i].Issuer = &b.Issuer
			}
		}
		return list(env.stdout, c.jsonFlag, []string{"ID", "NAME", "CURRENCY", "REPS SEE", "ISSUER", "DOMAINS", "CREATED"}, rows, func(r row) []string {
			return []string{r.ID.String(), r.Name, r.DefaultCurrency, string(r.RepsSee), or(r.Issuer), or(new(strings.Join(r.Domains, ", "))), r.CreatedAt.String()}
		})
	})
}
