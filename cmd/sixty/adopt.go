package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"sixty/internal/adopt"
	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/transfer/csvio"
)

type adoptCmd struct {
	orgFlag
	From   config.Secret `required:"" env:"SIXTY_ADOPT_FROM" placeholder:"URL" help:"PostgreSQL database to copy, postgres://…; it is only read. The variable hides it from other users of this machine."`
	Errors string        `placeholder:"FILE.csv" help:"File for the rows that were rejected or imported in part, with the reason."`
	JSON   bool          `name:"json" help:"Print the summary as JSON."`
}

// Help returns the command's help besides its flags.
func (*adoptCmd) Help() string {
	return `Copies the tables profiles, deal_stages, companies, contacts, deals, deal_contacts, activities and tasks of the schema public into an organisation, with their ids. ` +
		`Run it again after an interruption, or to copy later changes: only differences are written, and records deleted in the source stay. ` +
		`The exit code is 1 if rows were rejected; the others are imported.`
}

func (c *adoptCmd) Run(ctx context.Context, env *environment) error {
	if err := adopt.Check(c.From.Reveal(), env.config.DatabaseURL.Reveal()); err != nil {
		return usage("--from (SIXTY_ADOPT_FROM) %v", err)
	}
	from, err := app.VerifiedSource(env.config, c.From.Reveal())
	if err != nil {
		return usage("--from (SIXTY_ADOPT_FROM) %v", err)
	}
	problems, err := newProblems(env, c.Errors)
	if err != nil {
		return usage("--errors: %v", err)
	}
	return env.with(ctx, func(core *app.Core) error {
		org, err := c.orDefault(ctx, core)
		if err != nil {
			return errors.Join(err, problems.close())
		}
		summary, err := adopt.Run(ctx, core.Bulk, crm.Operator(org.ID), adopt.Options{
			From: from, Problem: problems.report,
		})
		err = errors.Join(err, problems.close())
		if err == nil || len(summary.Tables) > 0 {
			err = errors.Join(err, c.print(env, summary))
		}
		if err == nil && summary.Rejected() > 0 {
			return errRejected
		}
		return err
	})
}

// print prints the summary.
func (c *adoptCmd) print(env *environment, s adopt.Summary) error {
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(s)
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "TABLE\tREAD\tCREATED\tUPDATED\tUNCHANGED\tREJECTED\tWARNINGS\t")
	for _, t := range s.Tables {
		if t.Missing {
			_, _ = fmt.Fprintf(w, "%s\tmissing\t\t\t\t\t\t\n", t.Name)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", t.Name, t.Read, t.Created, t.Updated, t.Unchanged, t.Rejected, t.Warnings)
	}
	return w.Flush()
}

// problems reports rows that were rejected or imported in part: the first ones on standard
// error, all of them in a file if there is one.
type problems struct {
	env   *environment
	shown int
	more  int
	file  *os.File // nil: none
	w     *csvio.Writer
}

func newProblems(env *environment, path string) (*problems, error) {
	p := &problems{env: env}
	if path == "" {
		return p, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the path is the user's own; it holds customers' data
	if err != nil {
		return nil, err
	}
	p.file, p.w = file, csvio.NewWriter(file)
	if err := p.w.Write([]string{"table", "id", "verdict", "reason"}); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

func (p *problems) report(problem adopt.Problem) error {
	verdict := "taken without"
	if problem.Rejected {
		verdict = "rejected"
	}
	if p.shown < maxShownRejections {
		p.shown++
		_, _ = fmt.Fprintf(p.env.stderr, "%s %s: %s: %s\n", problem.Table, problem.ID, verdict, problem.Reason)
	} else {
		p.more++
	}
	if p.file == nil {
		return nil
	}
	return p.w.Write([]string{problem.Table, problem.ID, verdict, problem.Reason})
}

func (p *problems) close() error {
	if p.more > 0 {
		_, _ = fmt.Fprintf(p.env.stderr, "… and %d more (--errors FILE.csv has them all)\n", p.more)
	}
	if p.file == nil {
		return nil
	}
	return errors.Join(p.w.Flush(), p.file.Close())
}
