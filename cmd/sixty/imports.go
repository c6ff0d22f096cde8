package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sixty/internal/app"
	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer"
)

type importsCmd struct {
	List importsListCmd `cmd:"" help:"List the imports, the newest first."`
	Show importsShowCmd `cmd:"" help:"Show an import: its files, options and rows, and what its undo has done."`
	Undo importsUndoCmd `cmd:"" help:"Undo an import: delete what it created and put back what it changed, unless that was changed since. An interrupted undo goes on when it is run again."`
}

type importsListCmd struct {
	orgFlag
	jsonFlag
}

// maxListedImports bounds what is listed.
const maxListedImports = 1000

func (c *importsListCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		q := crm.List[bulk.ImportFilter]{Sort: bulk.Imports.Sorts.Default, Limit: maxListedImports}
		page, err := core.Bulk.ImportPage(ctx, crm.Operator(org.ID), q)
		if err != nil {
			return err
		}
		return list(env.stdout, c.jsonFlag, []string{"ID", "BEGAN", "KIND", "SOURCE", "STATE", "FILES", "ROWS"}, page.Rows, func(i bulk.Import) []string {
			var files []transfer.FileDigest
			var counts transfer.Counts
			if err := errors.Join(i.Files.Decode(&files), i.Counts.Decode(&counts)); err != nil {
				return []string{i.ID.String(), err.Error()}
			}
			names := make([]string, len(files))
			for n, f := range files {
				names[n] = f.Name
			}
			return []string{i.ID.String(), i.CreatedAt.String(), i.Kind, i.Source, string(i.State), strings.Join(names, ", "), fmt.Sprint(counts.Read)}
		})
	})
}

// importArg selects an import.
type importArg struct {
	Import string `arg:"" help:"Import, by id."`
}

func (a importArg) id() (crm.ID, error) {
	id, err := crm.ParseID(a.Import)
	if err != nil {
		return id, usage("%q is no id of an import", a.Import)
	}
	return id, nil
}

type importsShowCmd struct {
	orgFlag
	importArg
	jsonFlag
}

func (c *importsShowCmd) Run(ctx context.Context, env *environment) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		i, err := core.Bulk.Import(ctx, crm.Operator(org.ID), id)
		if err != nil {
			return err
		}
		type member struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		}
		rows := []member{
			{"id", i.ID}, {"kind", i.Kind}, {"source", i.Source}, {"state", i.State}, {"began", i.CreatedAt}, {"ended", i.FinishedAt}, {"error", i.Error},
			{"files", i.Files}, {"options", i.Options}, {"rows", i.Counts}, {"undo", i.Undo}, {"undone", i.UndoneAt},
		}
		if c.JSON {
			return list(env.stdout, c.jsonFlag, nil, []bulk.Import{i}, nil)
		}
		for _, m := range rows {
			text := fmt.Sprint(m.Value)
			switch v := m.Value.(type) {
			case *string:
				text = or(v)
			case *crm.Instant:
				text = "-"
				if v != nil {
					text = v.String()
				}
			case crm.JSON:
				text = or(new(string(v)))
			}
			if _, err := fmt.Fprintf(env.stdout, "%s: %s\n", m.Name, text); err != nil {
				return err
			}
		}
		return nil
	})
}

type importsUndoCmd struct {
	orgFlag
	importArg
}

func (c *importsUndoCmd) Run(ctx context.Context, env *environment) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.making(ctx, env, func(core *app.Core, org crm.Organisation) error {
		by := crm.Operator(org.ID)
		ended := func(ctx context.Context, job crm.ID) (bool, error) { return core.JobEnded(ctx, org.ID, job) }
		if _, err := core.Bulk.BeginUndo(ctx, by, id, nil, ended); err != nil {
			return err
		}
		done, err := core.Bulk.Undo(ctx, by, id, nil)
		if err != nil {
			return err
		}
		for _, l := range done.Left {
			if _, err := fmt.Fprintf(env.stderr, "%s %s is kept: %s\n", l.Entity, l.ID, l.Reason); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(env.stdout, "%d records deleted, %d put back, %d kept.\n", done.Deleted, done.Restored, done.Kept)
		return err
	})
}
