package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"

	"sixty/internal/app"
	"sixty/internal/crm"
	"sixty/internal/transfer"
	"sixty/internal/transfer/table"
)

// maxShownRejections is the number of rejected rows that are reported on standard error.
// --errors writes all of them to a file.
const maxShownRejections = 10

// Rejected rows make the command fail, although the other rows are imported.
var (
	errRejected        = errors.New("some rows were rejected; the others were imported")
	errWouldBeRejected = errors.New("some rows would be rejected")
)

type importCmd struct {
	orgFlag
	Kind  string   `arg:"" enum:"companies,contacts,deals,activities,owners" placeholder:"KIND" help:"What the files hold: companies, contacts, deals, activities or owners."`
	Files []string `arg:"" name:"file" help:"CSV files, imported together; - is standard input."`

	Map           []string `sep:"none" placeholder:"COLUMN=FIELD,…" help:"Fields of columns; a column with the name of a field maps to it without this. Quote an item whose column contains a comma. May be repeated."`
	DateFormat    string   `placeholder:"FORMAT" help:"Date format beside 2026-01-31, such as M/D/YYYY or DD.MM.YYYY HH:mm."`
	Key           string   `placeholder:"FIELD" help:"Field that identifies an existing record to update: external_id, domain, email or name; by default the first of these that the files have. For files exported by sixty also id, which new records keep."`
	CreateMissing []string `placeholder:"KIND,…" help:"Records to create when a row refers to one that does not exist: company, owner, stage."`
	StageOutcome  []string `sep:"none" placeholder:"NAME=OUTCOME,…" help:"Outcomes (open, won, lost) of created stages; stages called won, closed won, signed, lost or closed lost have theirs."`
	DryRun        bool     `help:"Report what would happen and change nothing."`
	Errors        string   `placeholder:"FILE.csv" help:"File for the rejected rows, each with its reason."`
	JSON          bool     `name:"json" help:"Print the summary as JSON."`
}

// Help returns the command's help besides its flags.
func (*importCmd) Help() string {
	return `An empty cell changes nothing. ` +
		`The encoding (UTF-8, UTF-16, Latin-1) and the separator (comma, semicolon, tab, |) are detected. ` +
		`Run an interrupted import again to complete it. The exit code is 1 if rows were rejected; the others are imported.`
}

func (c *importCmd) Run(ctx context.Context, env *environment) (err error) {
	tuneCollector(importGrowth)
	sources, err := c.sources(ctx, env.stdin)
	defer func() {
		for _, source := range sources {
			if failed := source.Remove(); failed != nil {
				err = errors.Join(err, failed)
			}
		}
	}()
	if err != nil {
		return err
	}
	return c.making(ctx, env, func(core *app.Core, org crm.Organisation) error {
		report := newReporter(env)
		summary, err := transfer.Import(ctx, core.Bulk, crm.Operator(org.ID), c.options(report), sources...)
		report.end(summary)
		var wrong *transfer.UsageError
		if errors.As(err, &wrong) {
			return usage("%s", wrong.Message)
		}
		if err == nil || summary.Read > 0 {
			err = errors.Join(err, c.print(env.stdout, summary))
		}
		switch {
		case err != nil || summary.Rejected == 0:
			return err
		case c.DryRun:
			return errWouldBeRejected
		}
		return errRejected
	})
}

// sources returns the files. The caller removes them, also with an error.
func (c *importCmd) sources(ctx context.Context, stdin io.Reader) (sources []transfer.Source, err error) {
	for i, path := range c.Files {
		var source transfer.Source
		switch {
		case path != "-":
			if source, err = transfer.File(path); err != nil {
				return sources, usage("%v", err)
			}
		case slices.Contains(c.Files[:i], path):
			return sources, usage("- is named twice: standard input can be read only once")
		default:
			if source, err = standardInput(ctx, stdin); err != nil {
				return sources, err
			}
		}
		sources = append(sources, source)
	}
	return sources, nil
}

func (c *importCmd) options(report *reporter) transfer.Options {
	return transfer.Options{
		Kind: transfer.Kind(c.Kind), Maps: c.Map, DateFormat: c.DateFormat, Key: c.Key,
		CreateMissing: c.CreateMissing, StageOutcomes: c.StageOutcome, DryRun: c.DryRun, Errors: c.Errors,
		Notice: report.notice, Rejected: report.rejected, Progress: report.progress,
	}
}

// print prints the summary.
func (c *importCmd) print(w io.Writer, s transfer.Summary) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(s)
	}
	did := "Read"
	if c.DryRun {
		did = "Nothing was changed. Read"
	}
	_, err := fmt.Fprintf(w, "%s %d %s: %d created, %d updated, %d unchanged, %d rejected.\n",
		did, s.Read, c.Kind, s.Created, s.Updated, s.Unchanged, s.Rejected)
	if err == nil && c.Errors != "" {
		_, err = fmt.Fprintf(w, "%s has the %d rejected rows.\n", c.Errors, s.Rejected)
	}
	return err
}

// reporter reports an import's progress on standard error, with a progress meter if that
// is a terminal.
type reporter struct {
	w     io.Writer
	meter *transfer.Meter // nil: no terminal
	shown int64           // rejected rows
}

func newReporter(env *environment) *reporter {
	r := &reporter{w: env.stderr}
	if f, ok := env.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		r.meter = transfer.NewMeter(f, env.clock)
	}
	return r
}

func (r *reporter) say(format string, args ...any) {
	if r.meter != nil {
		r.meter.Clear()
	}
	_, _ = fmt.Fprintf(r.w, format+"\n", args...)
}

func (r *reporter) notice(message string) { r.say("%s", message) }

func (r *reporter) rejected(rejection transfer.Rejection) {
	if r.shown < maxShownRejections {
		r.shown++
		r.say("%s:%d: %s", rejection.File, rejection.Line, rejection.Reason)
	}
}

func (r *reporter) progress(p transfer.Progress) {
	if r.meter != nil {
		r.meter.Show(p)
	}
}

func (r *reporter) end(s transfer.Summary) {
	if r.meter != nil {
		r.meter.Clear()
	}
	if more := s.Rejected - r.shown; more > 0 {
		r.say("… and %d more rejected rows (--errors FILE.csv has them all)", more)
	}
}

// standardInput returns standard input as a source, which the caller removes. A read from
// a terminal cannot be cancelled, so a goroutine reads, which ends with the input or the
// program.
func standardInput(ctx context.Context, stdin io.Reader) (transfer.Source, error) {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	defer stop()
	go func() {
		_, err := io.Copy(w, stdin)
		_ = w.CloseWithError(err)
	}()
	defer func() { _ = r.Close() }()
	return table.Spool(ctx, "standard input", r, "")
}
