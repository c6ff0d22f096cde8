package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"sixty/internal/app"
	"sixty/internal/crm"
	"sixty/internal/demo"
)

type migrateCmd struct {
	Restored bool `help:"The database was restored from a backup: servers started from now on forget what was cached of it."`
}

func (c migrateCmd) Run(ctx context.Context, env *environment) error {
	return env.making(ctx, func(core *app.Core) error { // opening migrates
		if c.Restored {
			if err := core.RenameLog(ctx); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(env.stdout, "The change log has a new name. Start the servers anew."); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(env.stdout, "The database's schema is up to date.")
		return err
	})
}

// maxSeeded bounds each amount: what comes above is a typing error.
const maxSeeded = 100_000_000

type seedCmd struct {
	orgFlag
	Companies  int    `default:"1000" help:"How many companies."`
	Contacts   int    `default:"3000" help:"How many contacts."`
	Deals      int    `default:"5000" help:"How many deals."`
	Activities int    `default:"8000" help:"How many activities, about the deals."`
	Tasks      int    `default:"1000" help:"How many tasks, about the deals."`
	RandomSeed uint64 `default:"1" help:"Equal seeds give equal data."`
}

func (c *seedCmd) Run(ctx context.Context, env *environment) error {
	for _, a := range []struct {
		flag  string
		value int
	}{{"companies", c.Companies}, {"contacts", c.Contacts}, {"deals", c.Deals}, {"activities", c.Activities}, {"tasks", c.Tasks}} {
		if a.value < 0 || a.value > maxSeeded {
			return usage("--%s must be between 0 and %d, not %d", a.flag, maxSeeded, a.value)
		}
	}
	return env.making(ctx, func(core *app.Core) error {
		org, err := c.orDefault(ctx, core)
		if err != nil {
			return err
		}
		start := env.clock()
		done, err := demo.Fill(ctx, core.Store, crm.Operator(org.ID), demo.Plan{
			Amounts: demo.Amounts{
				People: 8, Companies: c.Companies, Contacts: c.Contacts, Deals: c.Deals, Activities: c.Activities, Tasks: c.Tasks,
			},
			Seed: c.RandomSeed, Now: start,
		})
		_, _ = fmt.Fprintf(env.stdout, "Added %d people, %d companies, %d contacts, %d deals, %d activities and %d tasks to %s in %s.\n",
			done.People, done.Companies, done.Contacts, done.Deals, done.Activities, done.Tasks, org.Name, env.clock().Sub(start).Round(time.Millisecond))
		return err
	})
}

type versionCmd struct{}

func (versionCmd) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, version())
	return err
}

// version tells what the program was built from, as far as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "sixty (unknown)"
	}
	text := "sixty " + info.Main.Version
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if revision := setting["vcs.revision"]; revision != "" {
		text += " " + revision
		if setting["vcs.modified"] == "true" {
			text += " (modified)"
		}
	}
	return text + " " + info.GoVersion
}
