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
	Kind   string   `arg:"" enum:"companies,contacts,deals,activities,audit" placeholder:"KIND" help:"Kind of records: companies, contacts, deals, activities or audit (the audit trail)."`
	Format string   `placeholder:"FORMAT" help:"csv, json, ndjson or xlsx; by default that of the file name, else csv."`
	Filter []string `sep:"none" placeholder:"NAME=VALUE" help:"Filter, as a query parameter of the API, such as status=won or ownerId=…. May be repeated."`
	Output string   `short:"o" placeholder:"FILE" help:"File to write; it appears when it is complete. By default standard output."`
}

// Help returns the command's help besides its flags.
func (*exportCmd) Help() string {
	return `An export reads one state of the database, in constant memory. ` +
		`CSV can be imported into another organisation or database with --key id: companies first, then contacts, deals and activities. ` +
		`In CSV, text that a spreadsheet would run as a formula is preceded by an apostrophe, which an import removes.`
}

func (c *exportCmd) Run(ctx context.Context, env *environment) error {
	if c.Format != "" && !slices.Contains(transfer.Formats(), transfer.Format(c.Format)) {
		return usage("--format must be csv, json, ndjson or xlsx, not %q", c.Format)
	}
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		opt := transfer.ExportOptions{Kind: transfer.Kind(c.Kind), Format: c.format(), Filters: c.Filter}
		export := func(w io.Writer) (int64, error) {
			rows, err := transfer.Export(ctx, core.Bulk, crm.Operator(org.ID), opt, w)
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

// toFile exports to the file and prints the number of records.
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

// format returns the format of the flag, or that of the file name.
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
