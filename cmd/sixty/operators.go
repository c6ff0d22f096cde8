package main

import (
	"context"

	"sixty/internal/app"
	"sixty/internal/crm"
)

type operatorCmd struct {
	Add    operatorAddCmd    `cmd:"" help:"Make an admin an operator."`
	Remove operatorRemoveCmd `cmd:"" help:"End that for a user."`
	List   operatorListCmd   `cmd:"" help:"List the operators."`
}

type operatorAddCmd struct{ userSelector }

func (c *operatorAddCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error { return core.Accounts.AddOperator(ctx, by, user) })
}

type operatorRemoveCmd struct{ userSelector }

func (c *operatorRemoveCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		return core.Accounts.RemoveOperator(ctx, by, user)
	})
}

type operatorListCmd struct{ jsonFlag }

func (c *operatorListCmd) Run(ctx context.Context, env *environment) error {
	type row struct {
		Organisation string      `json:"organisation"`
		ID           crm.ID      `json:"id"`
		Name         string      `json:"name"`
		Email        *string     `json:"email"`
		Since        crm.Instant `json:"since"`
		// Effective is false for one who is no active admin any more.
		Effective bool `json:"effective"`
	}
	return env.with(ctx, func(core *app.Core) error {
		all, err := core.Accounts.Operators(ctx)
		if err != nil {
			return err
		}
		rows := make([]row, len(all))
		for i, o := range all {
			p := &o.Person
			rows[i] = row{o.Organisation, p.ID, p.FullName, p.Email, o.Since, p.Role == crm.RoleAdmin && p.DeactivatedAt == nil}
		}
		return list(env.stdout, c.jsonFlag, []string{"ORGANISATION", "ID", "NAME", "E-MAIL", "STATE"}, rows, func(r row) []string {
			state := "effective"
			if !r.Effective {
				state = "not an active admin"
			}
			return []string{r.Organisation, r.ID.String(), or(&r.Name), or(r.Email), state}
		})
	})
}
