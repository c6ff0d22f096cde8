package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"sixty/internal/app"
	"sixty/internal/crm"
	"sixty/internal/transfer"
)

type exportCmd struct {
	orgFlag
	Kind   string   `arg:"" enum:"companies,contacts,deals,activities,audit" placeholder:"KIND" help:"What is exported: companies, contacts, deals, activities or audit, the audit trail."`
	Format string   `placeholder:"FORMAT" help:"csv, json, ndjson or xlsx. Without it, what the file's name ends in, else csv."`
	Filter []string `sep:"none" placeholder:"NAME=VALUE" help:"Only what fits, by the names of the API's query parameters, such as status=won or ownerId=…. May be repeated."`
	Output string   `short:"o" placeholder:"FILE" help:"File to write, which appears when it is complete; else standard output."`
}

// Help is what the command's help says beside its flags.
func (*exportCmd) Help() string {
	return `All of it is one state of the database, whatever others write meanwhile, and it takes no more memory for more rows. ` +
		`CSV can be imported again: with --key id into another organisation or database, companies first, then contacts, then deals. ` +
		`In CSV, texts that a spreadsheet would run as formulas begin with an apostrophe, which an import takes off.`
}

func (c *exportCmd) Run(ctx context.Context, env *environment) error {
	if c.Format != "" && !slices.Contains(transfer.Formats(), transfer.Format(c.Format)) {
		return usage("--format must be csv, json, ndjson or xlsx, not %q", c.Format)
	}
	return env.with(ctx, func(core *app.Core) error {
		org, err := c.existing(ctx, core)
		if err != nil {
			return err
		}
		opt := transfer.ExportOptions{Kind: transfer.Kind(c.Kind), Format: c.format(), Filters: c.Filter}
		export := func(w io.Writer) (int64, error) {
			rows, err := transfer.Export(ctx, core.Service, crm.Operator(org.ID), opt, w)
			var wrong *transfer.UsageError
			if errors.As(err, &wrong) {
				err = usage("%s", wrong.Message)
			}
			return rows, err
		}
		if c.Output == "" {
			_, err := export(env.stdout)
			return err
		}
		return c.toFile(env.stdout, export)
	})
}

// toFile exports to the file, and tells how much.
func (c *exportCmd) toFile(stdout io.Writer, export func(io.Writer) (int64, error)) (err error) {
	file, err := transfer.CreateFile(c.Output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rows, err := export(file)
	if err != nil {
		return err
	}
	if err := file.Complete(); err != nil {
		return err
	}
	what := c.Kind
	if transfer.Kind(what) == transfer.Audit {
		what = "entries of the audit trail"
	}
	_, err = fmt.Fprintf(stdout, "%s has %d %s.\n", c.Output, rows, what)
	return err
}

// format gives the format that is asked for, or that the file's name tells.
func (c *exportCmd) format() transfer.Format {
	if c.Format != "" {
		return transfer.Format(c.Format)
	}
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(c.Output), "."))
	for _, f := range transfer.Formats() {
		if string(f) == ending {
			return f
		}
	}
	return transfer.CSV
}
