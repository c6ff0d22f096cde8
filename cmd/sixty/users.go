package main

import (
	"context"
	"fmt"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/crm"
)

type userCmd struct {
	Create     userCreateCmd     `cmd:"" help:"Create a user and print their id."`
	List       userListCmd       `cmd:"" help:"List the users."`
	Password   userPasswordCmd   `cmd:"" help:"Set a user's password, read from the terminal or standard input, and end their sessions."`
	Role       userRoleCmd       `cmd:"" help:"Change a user's role and end their sessions."`
	Deactivate userDeactivateCmd `cmd:"" help:"Deactivate a user. They keep their records."`
	Reactivate userReactivateCmd `cmd:"" help:"Reactivate a user."`
	HandOver   userHandOverCmd   `cmd:"" help:"Transfer everything that a user owns to another user."`
	Delete     userDeleteCmd     `cmd:"" help:"Delete a user who owns nothing."`
}

type userCreateCmd struct {
	orgFlag
	Name  string `placeholder:"NAME" help:"Full name."`
	Email string `placeholder:"E-MAIL" help:"E-mail address; a user without one cannot sign in."`
	Role  string `enum:"admin,manager,rep,viewer" default:"rep" help:"Role: ${enum}."`
	Title string `placeholder:"TITLE" help:"Job title."`

	PasswordStdin bool `help:"Also set a password, read from the terminal or standard input; needs --email."`
}

func (c *userCreateCmd) Run(ctx context.Context, env *environment) error {
	if c.Name == "" && c.Email == "" {
		return usage("--name or --email must be given")
	}
	if c.PasswordStdin && c.Email == "" {
		return usage("--password-stdin needs --email, which is used to sign in")
	}
	return env.making(ctx, func(core *app.Core) error {
		password := ""
		if c.PasswordStdin {
			var err error
			if password, err = readPassword(env); err != nil {
				return err
			}
			if err := core.Passwords.Check(password); err != nil {
				return err
			}
		}
		org, err := c.orDefault(ctx, core)
		if err != nil {
			return err
		}
		first, last := crm.SplitName(c.Name)
		person, err := core.Accounts.CreateOwner(ctx, crm.Operator(org.ID), crm.OwnerPatch{
			FirstName: first, LastName: last, Email: crm.Of(c.Email), Stage: crm.Of(c.Title), Role: crm.Of(c.Role),
		})
		if err != nil {
			return err
		}
		if c.PasswordStdin {
			if err := core.Passwords.Set(ctx, crm.Operator(org.ID), person.ID, password); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintln(env.stdout, person.ID)
		return err
	})
}

type userListCmd struct {
	orgFlag
	jsonFlag
}

func (c *userListCmd) Run(ctx context.Context, env *environment) error {
	type row struct {
		ID          crm.ID   `json:"id"`
		Name        string   `json:"name"`
		Email       *string  `json:"email"`
		Role        crm.Role `json:"role"`
		Title       *string  `json:"title"`
		Deactivated bool     `json:"deactivated"`
	}
	return env.with(ctx, func(core *app.Core) error {
		org, err := c.existing(ctx, core)
		if err != nil {
			return err
		}
		rows := []row{}
		err = eachOwner(ctx, core, org.ID, func(o crm.Owner) {
			rows = append(rows, row{o.ID, o.FullName, o.Email, o.Role, o.Stage, o.DeactivatedAt != nil})
		})
		if err != nil {
			return err
		}
		return list(env.stdout, c.jsonFlag, []string{"ID", "NAME", "E-MAIL", "ROLE", "TITLE", "STATE"}, rows, func(r row) []string {
			state := "active"
			if r.Deactivated {
				state = "deactivated"
			}
			return []string{r.ID.String(), or(&r.Name), or(r.Email), string(r.Role), or(r.Title), state}
		})
	})
}

// eachOwner calls each with every user of an organisation, by name.
func eachOwner(ctx context.Context, core *app.Core, org crm.ID, each func(crm.Owner)) error {
	q := crm.List[crm.OwnerFilter]{Sort: crm.Sort{Field: "name"}, Limit: crm.MaxLimit}
	for {
		page, err := core.Service.Owners(ctx, crm.Operator(org), q)
		if err != nil {
			return err
		}
		for _, o := range page.Rows {
			each(o)
		}
		if !page.HasMore {
			return nil
		}
		q.From = page.Last
	}
}

// userArg selects a user.
type userArg struct {
	User string `arg:"" help:"User, by e-mail address or id."`
}

// find returns the user's id.
func (a userArg) find(ctx context.Context, core *app.Core, org crm.ID) (crm.ID, error) {
	if id, err := crm.ParseID(a.User); err == nil {
		return id, nil
	}
	person, err := core.Accounts.OwnerByEmail(ctx, crm.Operator(org), a.User)
	return person.ID, err
}

type userRoleCmd struct {
	orgFlag
	userArg
	Role string `arg:"" enum:"admin,manager,rep,viewer" help:"Role: ${enum}."`
}

func (c *userRoleCmd) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, c.orgFlag, func(s *accounts.Service, ctx context.Context, by crm.Actor, id crm.ID) error {
		_, err := s.UpdateMember(ctx, by, id, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of(c.Role)})
		return err
	})
}

type userReactivateCmd struct {
	orgFlag
	userArg
}

func (c *userReactivateCmd) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, c.orgFlag, func(s *accounts.Service, ctx context.Context, by crm.Actor, id crm.ID) error {
		_, err := s.ReactivateOwner(ctx, by, id)
		return err
	})
}

type userDeactivateCmd struct {
	orgFlag
	userArg
}

func (c *userDeactivateCmd) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, c.orgFlag, func(s *accounts.Service, ctx context.Context, by crm.Actor, id crm.ID) error {
		_, err := s.DeactivateOwner(ctx, by, id)
		return err
	})
}

type userHandOverCmd struct {
	orgFlag
	userArg
	To string `arg:"" help:"User who receives it, by e-mail address or id."`
}

func (c *userHandOverCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(core *app.Core) error {
		org, err := c.existing(ctx, core)
		if err != nil {
			return err
		}
		from, err := c.userArg.find(ctx, core, org.ID)
		if err != nil {
			return err
		}
		to, err := userArg{c.To}.find(ctx, core, org.ID)
		if err != nil {
			return err
		}
		n, err := core.Accounts.TransferOwnership(ctx, crm.Operator(org.ID), from, to)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%d companies, %d contacts, %d deals, %d activities and %d tasks.\n",
			n.Companies, n.Contacts, n.Deals, n.Activities, n.Tasks)
		return err
	})
}

type userDeleteCmd struct {
	orgFlag
	userArg
}

func (c *userDeleteCmd) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, c.orgFlag, (*accounts.Service).DeleteOwner)
}

func (a userArg) change(ctx context.Context, env *environment, f orgFlag, change func(*accounts.Service, context.Context, crm.Actor, crm.ID) error) error {
	return env.with(ctx, func(core *app.Core) error {
		org, err := f.existing(ctx, core)
		if err != nil {
			return err
		}
		id, err := a.find(ctx, core, org.ID)
		if err != nil {
			return err
		}
		return change(core.Accounts, ctx, crm.Operator(org.ID), id)
	})
}
