// Package population fills a database with organisations, people and their keys, faster than by
// commands.
package population

import (
	"context"
	"errors"
	"fmt"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/demo"
)

// Organisation is a created organisation, with the API key of each of its people.
type Organisation struct {
	ID   string
	Keys []string
}

// Plan configures what to create.
type Plan struct {
	Organisations int
	Each          demo.Amounts // People of them get a key each
}

// Make fills a database: PostgreSQL, or SQLite in the directory dir if the URL is "". No server
// may run on it meanwhile.
func Make(ctx context.Context, databaseURL, dir string, plan Plan) (made []Organisation, err error) {
	cfg := config.Default()
	cfg.DataDir, cfg.DatabaseURL = dir, config.Secret(databaseURL)
	core, err := app.Open(ctx, cfg.Base, app.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	for n := range plan.Organisations {
		o, err := organisation(ctx, core, n, plan.Each)
		if err != nil {
			return nil, err
		}
		made = append(made, o)
	}
	return made, nil
}

func organisation(ctx context.Context, core *app.Core, n int, each demo.Amounts) (Organisation, error) {
	org, err := core.Accounts.CreateOrganisation(ctx, fmt.Sprintf("Organisation %d", n))
	if err != nil {
		return Organisation{}, err
	}
	by := crm.Operator(org.ID)
	if _, err := demo.Fill(ctx, core.Store.Bulk(), by, demo.Plan{Amounts: each, Seed: uint64(n), Now: core.Clock()}); err != nil {
		return Organisation{}, err
	}
	people, err := core.Service.Owners(ctx, by, crm.List[crm.OwnerFilter]{Sort: crm.Owners.Sorts.Default, Limit: crm.MaxLimit})
	if err != nil {
		return Organisation{}, err
	}
	o := Organisation{ID: org.ID.String()}
	for _, p := range people.Rows {
		// Managers, who may write what others own, so that any of them can do any of
		// the day's work.
		if p.Role != crm.RoleAdmin {
			patch := crm.OwnerPatch{Role: crm.Of(string(crm.RoleManager))}
			if _, err := core.Accounts.UpdateMember(ctx, by, p.ID, crm.VersionCondition{}, patch); err != nil {
				return Organisation{}, err
			}
		}
		key, _, err := core.Keys.Create(ctx, by, p.FullName, crm.RoleManager, &p.ID)
		if err != nil {
			return Organisation{}, err
		}
		o.Keys = append(o.Keys, key)
	}
	return o, nil
}
