package main

import (
	"context"
	"fmt"

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
	Link       userLinkCmd       `cmd:"" help:"Link a user to a user of the identity provider, who then signs in as them."`
	Unlink     userUnlinkCmd     `cmd:"" help:"Unlink a user from the identity provider and end their sessions."`
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
		}
		org, err := c.orDefault(ctx, core)
		if err != nil {
			return err
		}
		if c.PasswordStdin { // before there is a person without one
			if err := core.Passwords.Check(password, c.Name, c.Email, org.Name); err != nil {
				return err
			}
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
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		rows := []row{}
		q := crm.List[crm.OwnerFilter]{Sort: crm.Sort{Field: "name"}, Limit: crm.MaxLimit}
		for more := true; more; {
			page, err := core.Service.Owners(ctx, crm.Operator(org.ID), q)
			if err != nil {
				return err
			}
			for _, o := range page.Rows {
				rows = append(rows, row{o.ID, o.FullName, o.Email, o.Role, o.Stage, o.DeactivatedAt != nil})
			}
			more, q.From = page.HasMore, page.Last
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

// userArg selects a user.
type userArg struct {
	User string `arg:"" help:"User, by e-mail address or id."`
}

// find returns the user's id.
func (a userArg) find(ctx context.Context, core *app.Core, by crm.Actor) (crm.ID, error) {
	if id, err := crm.ParseID(a.User); err == nil {
		return id, nil
	}
	person, err := core.Accounts.OwnerByEmail(ctx, by, a.User)
	return person.ID, err
}

// userSelector selects the user of a command.
type userSelector struct {
	orgFlag
	userArg
}

// with is environment.with for a command on the user.
func (s userSelector) with(ctx context.Context, env *environment, work func(core *app.Core, by crm.Actor, user crm.ID) error) error {
	return s.orgFlag.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		by := crm.Operator(org.ID)
		id, err := s.userArg.find(ctx, core, by)
		if err != nil {
			return err
		}
		return work(core, by, id)
	})
}

type userRoleCmd struct {
	userSelector
	Role string `arg:"" enum:"admin,manager,rep,viewer" help:"Role: ${enum}."`
}

func (c *userRoleCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		_, err := core.Accounts.UpdateMember(ctx, by, user, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of(c.Role)})
		return err
	})
}

type userReactivateCmd struct{ userSelector }

func (c *userReactivateCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		_, err := core.Accounts.ReactivateOwner(ctx, by, user)
		return err
	})
}

type userDeactivateCmd struct{ userSelector }

func (c *userDeactivateCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		_, err := core.Accounts.DeactivateOwner(ctx, by, user)
		return err
	})
}

type userHandOverCmd struct {
	userSelector
	To string `arg:"" help:"User who receives it, by e-mail address or id."`
}

func (c *userHandOverCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, from crm.ID) error {
		to, err := userArg{c.To}.find(ctx, core, by)
		if err != nil {
			return err
		}
		n, err := core.Accounts.TransferOwnership(ctx, by, from, to)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%d companies, %d contacts, %d deals, %d activities and %d tasks.\n",
			n.Companies, n.Contacts, n.Deals, n.Activities, n.Tasks)
		return err
	})
}

type userDeleteCmd struct{ userSelector }

func (c *userDeleteCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		return core.Accounts.DeleteOwner(ctx, by, user)
	})
}
