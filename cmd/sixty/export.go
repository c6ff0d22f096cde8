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
	Kinds   []string `arg:"" name:"kind" placeholder:"KIND" help:"Kind of records: owners (people), stages, companies, contacts, deals, activities, tasks or audit (the audit trail). Several, separated by commas, or all (but the audit trail), into one workbook."`
	Format  string   `placeholder:"FORMAT" help:"csv, json, ndjson or xlsx; by default that of the file name, else csv."`
	Filter  []string `sep:"none" placeholder:"NAME=VALUE" help:"Filter, as a query parameter of the API, such as status=won or ownerId=…. May be repeated."`
	Columns []string `placeholder:"NAME,…" help:"Columns, in this order, such as name,value,stage; by default those that an import reads, in JSON those of the API."`
	Raw     bool     `help:"CSV as it is stored, without the apostrophe before text such as =1+1. A spreadsheet that opens the file runs such text as a formula, which may be that of an attacker: for programs only."`
	Output  string   `short:"o" placeholder:"FILE" help:"File to write; it appears when it is complete. By default standard output."`
}

// Help returns the command's help besides its flags.
func (*exportCmd) Help() string {
	return `An export reads one state of the database, in constant memory. ` +
		`CSV can be imported into another organisation or database with --key id: owners and stages first, then companies, contacts, deals, activities and tasks. ` +
		`In CSV, text that a spreadsheet would run as a formula is preceded by an apostrophe, which an import removes.`
}

func (c *exportCmd) Run(ctx context.Context, env *environment) error {
	if c.Format != "" && !slices.Contains(transfer.Formats(), transfer.Format(c.Format)) {
		return usage("--format must be csv, json, ndjson or xlsx, not %q", c.Format)
	}
	kinds := c.kinds()
	return c.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		opt := transfer.ExportOptions{Kinds: kinds, Format: c.format(), Filters: c.Filter, Columns: c.Columns, Raw: c.Raw}
		opt.Notice = func(message string) { _, _ = fmt.Fprintln(env.stderr, message) }
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
		return c.toFile(env.stdout, kinds, export)
	})
}

// kinds returns the kinds that are named; all are those that can be imported again.
func (c *exportCmd) kinds() []transfer.Kind {
	var kinds []transfer.Kind
	for kind := range strings.SplitSeq(strings.Join(c.Kinds, ","), ",") {
		if kind == "all" {
			all := transfer.ExportKinds()
			kinds = append(kinds, all[:len(all)-1]...)
			continue
		}
		kinds = append(kinds, transfer.Kind(kind))
	}
	return kinds
}

// toFile exports to the file and prints the number of records.
func (c *exportCmd) toFile(stdout io.Writer, kinds []transfer.Kind, export func(io.Writer) (int64, error)) (err error) {
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
	what := "records"
	switch {
	case len(kinds) > 1:
	case kinds[0] == transfer.Audit:
		what = "entries of the audit trail"
	default:
		what = string(kinds[0])
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
