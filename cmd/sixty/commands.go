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
	Restored bool `help:"Discard cached responses, after the database was restored from a backup. Restart the servers afterwards."`
}

func (c migrateCmd) Run(ctx context.Context, env *environment) error {
	return env.making(ctx, func(core *app.Core) error { // opening migrates
		if c.Restored {
			if err := core.Store.BeginEpoch(ctx); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(env.stdout, "The change log has a new epoch. Restart the servers."); err != nil {
				return err
			}
		}
		if err := core.Store.RebuildDerived(ctx); err != nil {
			return err
		}
		if err := printCollisions(ctx, core, env.stdout); err != nil {
			return err
		}
		_, err := fmt.Fprintln(env.stdout, "The database schema is up to date.")
		return err
	})
}

type reindexCmd struct{}

func (reindexCmd) Help() string {
	return "Every write keeps both up to date, and a release that changes them rebuilds them, so this is rarely needed. " +
		"Servers can run meanwhile. A server resumes a rebuild that was interrupted."
}

func (reindexCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(core *app.Core) error {
		if err := core.Store.Reindex(ctx); err != nil {
			return err
		}
		if err := printCollisions(ctx, core, env.stdout); err != nil {
			return err
		}
		_, err := fmt.Fprintln(env.stdout, "The search index and the dashboard sums are rebuilt.")
		return err
	})
}

// maxSeeded bounds each amount; more is a typing error.
const maxSeeded = 100_000_000

type seedCmd struct {
	orgFlag
	Companies  int    `default:"1000" help:"Number of companies."`
	Contacts   int    `default:"3000" help:"Number of contacts."`
	Deals      int    `default:"5000" help:"Number of deals."`
	Activities int    `default:"8000" help:"Number of activities."`
	Tasks      int    `default:"1000" help:"Number of tasks."`
	RandomSeed uint64 `default:"1" help:"Seed of the random data; equal seeds give equal data."`
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
	return c.making(ctx, env, func(core *app.Core, org crm.Organisation) error {
		start := env.clock()
		done, err := demo.Fill(ctx, core.Store.Bulk(), crm.Operator(org.ID), demo.Plan{
			Amounts: demo.Amounts{
				People: 8, Companies: c.Companies, Contacts: c.Contacts, Deals: c.Deals, Activities: c.Activities, Tasks: c.Tasks,
			},
			Seed: c.RandomSeed, Now: start,
		})
		_, _ = fmt.Fprintf(env.stdout, "Added %d users, %d companies, %d contacts, %d deals, %d activities and %d tasks to %s in %s.\n",
			done.People, done.Companies, done.Contacts, done.Deals, done.Activities, done.Tasks, org.Name, env.clock().Sub(start).Round(time.Millisecond))
		return err
	})
}

type versionCmd struct{}

func (versionCmd) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, version())
	return err
}

// version returns the version, revision and Go version that the build recorded.
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
