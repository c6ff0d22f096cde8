package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"sixty/internal/app"
	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// maxShownRejections is how many rejected rows are told one by one; the rest is for
// the file that --errors names.
const maxShownRejections = 10

// Rejected rows make the command fail although it did all that could be done.
var (
	errRejected        = errors.New("some rows were rejected; the others are in")
	errWouldBeRejected = errors.New("some rows would be rejected")
)

type importCmd struct {
	orgFlag
	Kind  string   `arg:"" enum:"companies,contacts,deals,activities,owners" placeholder:"KIND" help:"What the files hold: companies, contacts, deals, activities or owners."`
	Files []string `arg:"" name:"file" help:"CSV files, imported as one; - is standard input."`

	Map           []string `sep:"none" placeholder:"COLUMN=FIELD,…" help:"Fields that columns feed; columns of a field's name need not be named. Put an item in double quotes when its column holds a comma. May be repeated."`
	DateFormat    string   `placeholder:"FORMAT" help:"How dates are written beside 2026-01-31, such as M/D/YYYY or DD.MM.YYYY HH:mm."`
	Key           string   `placeholder:"FIELD" help:"Field by which a row's record is recognised, to be changed rather than made anew: external_id, domain, email or name. Without it, the first of these that the files have. For files that sixty exported also id, which new records keep."`
	CreateMissing []string `placeholder:"KIND,…" help:"What is made when a row refers to it and it does not exist: company, owner, stage."`
	StageOutcome  []string `sep:"none" placeholder:"NAME=OUTCOME,…" help:"Outcomes (open, won, lost) of stages that are made; those called won, closed won, signed, lost or closed lost are known."`
	DryRun        bool     `help:"Tell what would happen, and change nothing."`
	Errors        string   `placeholder:"FILE.csv" help:"File for the rejected rows, each as it was and with the reason."`
	JSON          bool     `name:"json" help:"Print the summary as JSON."`
}

// Help is what the command's help says beside its flags.
func (*importCmd) Help() string {
	return `An empty cell changes nothing, neither in a new record nor in one that exists. ` +
		`Encoding (UTF-8, UTF-16, Latin-1) and separator (comma, semicolon, tab, |) are recognised. ` +
		`An import that was interrupted can simply be run again. The exit code is 1 when rows were rejected; the others are in.`
}

func (c *importCmd) Run(ctx context.Context, env *environment) error {
	tuneCollector(importGrowth)
	sources := make([]transfer.Source, len(c.Files))
	for i, path := range c.Files {
		if path == "-" {
			sources[i] = standardInput(env.stdin)
			continue
		}
		source, err := transfer.File(path)
		if err != nil {
			return usage("%v", err)
		}
		sources[i] = source
	}
	return env.making(ctx, func(core *app.Core) error {
		org, err := c.orDefault(ctx, core)
		if err != nil {
			return err
		}
		tell := newTeller(env)
		summary, err := transfer.Import(ctx, core.Service, crm.Operator(org.ID), c.options(tell), sources...)
		tell.end(summary)
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

func (c *importCmd) options(tell *teller) transfer.Options {
	return transfer.Options{
		Kind: transfer.Kind(c.Kind), Maps: c.Map, DateFormat: c.DateFormat, Key: c.Key,
		CreateMissing: c.CreateMissing, StageOutcomes: c.StageOutcome, DryRun: c.DryRun, Errors: c.Errors,
		Notice: tell.notice, Rejected: tell.rejected, Progress: tell.progress,
	}
}

// print prints what became of the rows.
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

// teller tells on standard error how an import goes; with a picture of its progress
// if that is a terminal.
type teller struct {
	w     io.Writer
	meter *transfer.Meter // nil: no terminal
	told  int64           // rejected rows
}

func newTeller(env *environment) *teller {
	t := &teller{w: env.stderr}
	if f, ok := env.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.meter = transfer.NewMeter(f, env.clock)
	}
	return t
}

func (t *teller) say(format string, args ...any) {
	if t.meter != nil {
		t.meter.Clear()
	}
	_, _ = fmt.Fprintf(t.w, format+"\n", args...)
}

func (t *teller) notice(message string) { t.say("%s", message) }

func (t *teller) rejected(r transfer.Rejection) {
	if t.told < maxShownRejections {
		t.told++
		t.say("%s:%d: %s", r.File, r.Line, r.Reason)
	}
}

func (t *teller) progress(p transfer.Progress) {
	if t.meter != nil {
		t.meter.Show(p)
	}
}

func (t *teller) end(s transfer.Summary) {
	if t.meter != nil {
		t.meter.Clear()
	}
	if more := s.Rejected - t.told; more > 0 {
		t.say("… and %d more rejected rows (--errors FILE.csv has them all)", more)
	}
}

// standardInput is the program's input as a source. A read from a terminal cannot be
// ended, so that a goroutine does it, which ends with the input or the program.
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
