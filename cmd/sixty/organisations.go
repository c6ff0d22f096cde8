package main

import (
	"context"
	"fmt"
	"strings"

	"sixty/internal/app"
	"sixty/internal/crm"
)

// defaultOrganisation is the name of the organisation that is made when one is
// needed and there is none.
const defaultOrganisation = "Default"

// orgFlag says which organisation a command is about.
type orgFlag struct {
	Org string `placeholder:"NAME" help:"Organisation, by name or id; not needed while there is only one."`
}

// orDefault gives the organisation of the flag or the only one; when there is none
// at all, it makes one.
func (f orgFlag) orDefault(ctx context.Context, core *app.Core) (crm.Organisation, error) {
	org, found, err := f.find(ctx, core)
	if err != nil || found {
		return org, err
	}
	return core.Service.CreateOrganisation(ctx, defaultOrganisation)
}

// existing gives the organisation of the flag or the only one.
func (f orgFlag) existing(ctx context.Context, core *app.Core) (crm.Organisation, error) {
	org, found, err := f.find(ctx, core)
	if err == nil && !found {
		err = crm.NotFound(`organisation yet; make one with "sixty org create NAME"`)
	}
	return org, err
}

// find gives the organisation; false when there are none to choose from.
func (f orgFlag) find(ctx context.Context, core *app.Core) (org crm.Organisation, found bool, err error) {
	orgs, err := core.Service.Organisations(ctx)
	if err != nil {
		return org, false, err
	}
	if f.Org == "" && len(orgs) <= 1 {
		if len(orgs) == 0 {
			return org, false, nil
		}
		return orgs[0], true, nil
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		if f.Org != "" && (crm.NameKey(o.Name) == crm.NameKey(f.Org) || strings.EqualFold(o.ID.String(), f.Org)) {
			return o, true, nil
		}
		names[i] = fmt.Sprintf("%q", o.Name)
	}
	switch {
	case len(names) == 0:
		return org, false, usage("--org: there is no organisation %q, nor any other", f.Org)
	case f.Org != "":
		return org, false, usage("--org: there is no organisation %q; there are %s", f.Org, strings.Join(names, ", "))
	}
	return org, false, usage("--org must be given, as there are several organisations: %s", strings.Join(names, ", "))
}

type orgCmd struct {
	Create orgCreateCmd `cmd:"" help:"Make an organisation, and print its id."`
	List   orgListCmd   `cmd:"" help:"List the organisations."`
	Set    orgSetCmd    `cmd:"" help:"Change an organisation's settings."`
}

type orgCreateCmd struct {
	Name string `arg:"" help:"Name, unique whatever its case."`
}

func (c *orgCreateCmd) Run(ctx context.Context, env *environment) error {
	return env.making(ctx, func(core *app.Core) error {
		org, err := core.Service.CreateOrganisation(ctx, c.Name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.stdout, org.ID)
		return err
	})
}

type orgSetCmd struct {
	Name    string `arg:"" help:"Which one, by name or id."`
	RepsSee string `placeholder:"WHAT" help:"What reps see of what people own: everything, or own for only what they own themselves."`
	Rename  string `placeholder:"NAME" help:"Another name."`
}

func (c *orgSetCmd) Run(ctx context.Context, env *environment) error {
	var p crm.OrganisationPatch
	if c.RepsSee != "" {
		p.RepsSee = crm.Of(c.RepsSee)
	}
	if c.Rename != "" {
		p.Name = crm.Of(c.Rename)
	}
	return env.with(ctx, func(core *app.Core) error {
		org, err := orgFlag{Org: c.Name}.existing(ctx, core)
		if err != nil {
			return err
		}
		_, err = core.Service.UpdateOrganisation(ctx, crm.Operator(org.ID), p)
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
		CreatedAt       crm.Instant       `json:"created_at"`
	}
	return env.with(ctx, func(core *app.Core) error {
		orgs, err := core.Service.Organisations(ctx)
		if err != nil {
			return err
		}
		rows := make([]row, len(orgs))
		for i, o := range orgs {
			rows[i] = row(o)
		}
		return list(env.stdout, c.jsonFlag, []string{"ID", "NAME", "CURRENCY", "REPS SEE", "CREATED"}, rows, func(r row) []string {
			return []string{r.ID.String(), r.Name, r.DefaultCurrency, string(r.RepsSee), r.CreatedAt.String()}
		})
	})
}
