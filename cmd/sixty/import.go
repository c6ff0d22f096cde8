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
)

// maxShownRejections is the number of rejected rows that are reported on standard error.
// --errors writes all of them to a file.
const maxShownRejections = 10

// Rejected rows make the command fail, although the other rows are imported.
var (
	errRejected        = errors.New("some rows were rejected; the others were imported")
	errWouldBeRejected = errors.New("some rows would be rejected")
)

// allKinds is the kind of files whose kinds are recognised by their columns.
const allKinds = "all"

type importCmd struct {
	orgFlag
	Kind  string   `arg:"" enum:"companies,contacts,deals,activities,tasks,stages,owners,all" placeholder:"KIND" help:"What the files hold: companies, contacts, deals, activities, tasks, stages or owners (people); all recognises the kind of each file, in folders too."`
	Files []string `arg:"" name:"file" help:"CSV, XLSX, JSON or NDJSON files, also compressed by gzip or zip, imported together; - is standard input. With all: folders, too."`

	From          string   `placeholder:"SYSTEM" help:"System that exported the files: ${presets}; none for other files. By default it is recognised by the columns."`
	Preset        string   `placeholder:"FILE" help:"Layout of the files, as a YAML file; see docs/presets.md."`
	Map           []string `sep:"none" placeholder:"COLUMN=FIELD,…" help:"Fields of columns; a column with the name of a field maps to it without this. Quote an item whose column contains a comma. May be repeated."`
	Key           []string `placeholder:"FIELD,…" help:"Fields that identify an existing record to update, in order: external_id, domain, email or name; by default those of these that the files have. For files exported by sixty also id, which new records keep."`
	CreateMissing []string `placeholder:"KIND,…" help:"Records to create when a row refers to one that does not exist: company, contact, owner, stage."`
	StageOutcome  []string `sep:"none" placeholder:"NAME=OUTCOME,…" help:"Outcomes (open, won, lost) of created stages; by default they follow from their names."`

	Encoding   string   `placeholder:"NAME" help:"Character encoding of text files, such as windows-1250; by default it is recognised, and told if it is a guess."`
	Separator  string   `placeholder:"CHAR" help:"Separator of CSV fields: one character, or tab; by default it is recognised."`
	Sheet      string   `placeholder:"NAME" help:"Sheet of a workbook, by name or number; by default the first."`
	DateFormat []string `sep:"none" placeholder:"[COLUMN=]FORMAT" help:"Date format, such as M/D/YYYY, DD.MM.YYYY HH:mm or MMM D, YYYY h:mm A, of all columns or of one. May be repeated."`
	TimeZone   string   `placeholder:"ZONE" help:"Time zone of times without an offset, such as Europe/Berlin; by default UTC."`
	Decimal    string   `placeholder:"SIGN" help:"Decimal sign of numbers, a point or a comma; by default it follows from the numbers, and ambiguous ones are rejected."`
	Null       []string `placeholder:"TEXT,…" help:"Cells that say nothing, such as NULL,N/A,#N/A."`
	Currency   string   `placeholder:"CODE" help:"Currency of amounts that name none, such as EUR; by default the organisation's."`

	Repeats string `placeholder:"last" help:"With last, the last of several rows with the same key is imported; by default the first, and the others are rejected."`
	Lenient bool   `help:"Import rows without their optional values that are wrong, and report these, instead of rejecting the rows."`
	DryRun  bool   `help:"Report what would happen and change nothing."`
	Errors  string `placeholder:"FILE.csv" help:"File for the rejected rows, each with its reason; with all, a folder."`
	JSON    bool   `name:"json" help:"Print the summary as JSON."`
}

// Help returns the command's help besides its flags.
func (*importCmd) Help() string {
	return `An empty cell changes nothing. ` +
		`What had to be guessed, or was left out, is reported; --dry-run reports it without changing anything. ` +
		`Run an interrupted import again to complete it. The exit code is 1 if rows were rejected; the others are imported.`
}

func (c *importCmd) Run(ctx context.Context, env *environment) error {
	tuneCollector(importGrowth)
	opt, err := c.options()
	if err != nil {
		return err
	}
	sources, err := c.sources(env)
	if err != nil {
		return err
	}
	return c.making(ctx, env, func(core *app.Core, org crm.Organisation) error {
		report := newReporter(env)
		by := crm.Operator(org.ID)
		recorded := core.Bulk.NewImport(by, c.Kind, "cli")
		opt.Record = &recorded
		opt.Notice, opt.Rejected, opt.Progress = report.notice, report.rejected, report.progress
		var counts transfer.Counts
		var summary any
		var err error
		if c.Kind == allKinds {
			var s transfer.FolderSummary
			s, err = transfer.ImportFolder(ctx, core.Bulk, by, opt, c.Files...)
			for _, i := range s.Ignored {
				report.notice(i.Name + " is not imported: " + i.Reason)
			}
			counts, summary = s.Counts, s
		} else {
			var s transfer.Summary
			s, err = transfer.Import(ctx, core.Bulk, by, opt, sources...)
			counts, summary = s.Counts, s
		}
		report.end(counts)
		if !c.DryRun {
			err = errors.Join(err, transfer.End(ctx, core.Bulk, by, recorded.ID, counts, err))
		}
		var wrong *transfer.UsageError
		if errors.As(err, &wrong) {
			return usage("%s", err)
		}
		if err == nil || counts.Read > 0 {
			err = errors.Join(err, c.print(env.stdout, summary))
		}
		switch {
		case err != nil || counts.Rejected == 0:
			return err
		case c.DryRun:
			return errWouldBeRejected
		}
		return errRejected
	})
}

// sources returns the files that are imported as one kind.
func (c *importCmd) sources(env *environment) ([]transfer.Source, error) {
	if c.Kind == allKinds {
		if slices.Contains(c.Files, "-") {
			return nil, usage("all imports files and folders, not standard input")
		}
		return nil, nil
	}
	sources := make([]transfer.Source, len(c.Files))
	for i, path := range c.Files {
		if path == "-" {
			sources[i] = standardInput(env.stdin)
			continue
		}
		source, err := transfer.File(path)
		if err != nil {
			return nil, usage("%v", err)
		}
		sources[i] = source
	}
	return sources, nil
}

func (c *importCmd) options() (transfer.Options, error) {
	opt := transfer.Options{
		Kind: transfer.Kind(c.Kind), From: c.From, Maps: c.Map, Keys: c.Key, CreateMissing: c.CreateMissing, StageOutcomes: c.StageOutcome,
		Encoding: c.Encoding, Separator: c.Separator, Sheet: c.Sheet, DateFormats: c.DateFormat, TimeZone: c.TimeZone,
		Decimal: c.Decimal, Null: c.Null, Currency: c.Currency,
		Repeats: c.Repeats, Lenient: c.Lenient, DryRun: c.DryRun, Errors: c.Errors,
	}
	if c.Preset == "" {
		return opt, nil
	}
	file, err := os.Open(c.Preset)
	if err != nil {
		return opt, usage("--preset %v", err)
	}
	defer func() { _ = file.Close() }() // only read from
	if opt.Preset, err = transfer.ReadPreset(file); err != nil {
		return opt, usage("--preset %s: %v", c.Preset, err)
	}
	return opt, nil
}

// print prints the summary.
func (c *importCmd) print(w io.Writer, summary any) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(summary)
	}
	did := "Read"
	if c.DryRun {
		did = "Nothing was changed. Read"
	}
	line := func(kind transfer.Kind, s *transfer.Summary) error {
		_, err := fmt.Fprintf(w, "%s %d %s: %d created, %d updated, %d unchanged, %d rejected", did, s.Read, kind, s.Created, s.Updated, s.Unchanged, s.Rejected)
		if err == nil && s.Skipped > 0 {
			_, err = fmt.Fprintf(w, ", %d passed over", s.Skipped)
		}
		if err == nil && s.Partial > 0 {
			_, err = fmt.Fprintf(w, "; %d imported in part", s.Partial)
		}
		if err == nil {
			_, err = fmt.Fprintln(w, ".")
		}
		return err
	}
	switch s := summary.(type) {
	case transfer.FolderSummary:
		for i := range s.Imports {
			if err := line(s.Imports[i].Kind, &s.Imports[i].Summary); err != nil {
				return err
			}
		}
		return c.printErrors(w, s.Rejected)
	case transfer.Summary:
		if err := line(transfer.Kind(c.Kind), &s); err != nil {
			return err
		}
		return c.printErrors(w, s.Rejected)
	}
	return nil
}

func (c *importCmd) printErrors(w io.Writer, rejected int64) error {
	if c.Errors == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s has the %d rejected rows.\n", c.Errors, rejected)
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

func (r *reporter) end(s transfer.Counts) {
	if r.meter != nil {
		r.meter.Clear()
	}
	if more := s.Rejected - r.shown; more > 0 {
		r.say("… and %d more rejected rows (--errors FILE.csv has them all)", more)
	}
}

// standardInput returns standard input as a source. A read from a terminal cannot be
// cancelled, so a goroutine reads, which ends with the input or the program.
func standardInput(stdin io.Reader) transfer.Source {
	return transfer.Source{Name: "standard input", Size: -1, Once: true, Open: func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			_, err := io.Copy(w, stdin)
			_ = w.CloseWithError(err)
		}()
		return r, nil
	}}
}
