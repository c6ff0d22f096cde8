package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// The worked example of the README.
var (
	accounts = transfer.Options{Kind: transfer.Companies, Maps: []string{"account=name,sector=industry"}, Key: "name"}
	teams    = transfer.Options{Kind: transfer.Owners, Maps: []string{"sales_agent=full_name"}, Key: "name"}
	pipeline = transfer.Options{
		Kind: transfer.Deals,
		Maps: []string{"opportunity_id=external_id,product=name,account=company,sales_agent=owner,deal_stage=stage," +
			"engage_date=created_at,close_date=closed_at,close_value=value"},
		DateFormat: "M/D/YYYY", CreateMissing: []string{"stage"}, Key: "external_id",
	}
)

// dataSetFiles are the files of the example, in its order.
var dataSetFiles = []struct {
	name string
	opt  transfer.Options
	rows int64
}{
	{"accounts.csv", accounts, 85}, {"sales_teams.csv", teams, 35}, {"sales_pipeline.csv", pipeline, 8800},
}

func TestDataSet(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		for _, f := range dataSetFiles {
			// The rehearsal foretells the run, and leaves nothing behind.
			for _, dry := range []bool{true, false} {
				f.opt.DryRun = dry
				if got, _ := w.load(f.opt, dataSet(t, f.name)); got != (transfer.Summary{Read: f.rows, Created: f.rows}) {
					t.Errorf("%s, dry %t: %+v", f.name, dry, got)
				}
			}
		}
		before := w.facts(true)
		for _, f := range dataSetFiles {
			if got, _ := w.load(f.opt, dataSet(t, f.name)); got != (transfer.Summary{Read: f.rows, Unchanged: f.rows}) {
				t.Errorf("%s, again: %+v", f.name, got)
			}
		}
		if diff := cmp.Diff(before, w.facts(true)); diff != "" {
			t.Errorf("the second run changed something:\n%s", diff)
		}

		// A run that is interrupted and repeated ends in the same data.
		again := w.sibling("Again")
		for _, f := range dataSetFiles {
			again.interrupted(f.name, f.opt, f.rows)
		}
		if diff := cmp.Diff(w.facts(false), again.facts(false)); diff != "" {
			t.Errorf("an interrupted run ends differently:\n%s", diff)
		}

		deals, won := all(w, w.service.Deals), 0
		for _, d := range deals {
			if d.Status == crm.StatusWon {
				won++
			}
		}
		companies, owners := all(w, w.service.Companies), all(w, w.service.Owners)
		if len(companies) != 85 || len(owners) != 35 || len(deals) != 8800 || won != 4238 {
			t.Errorf("%d companies, %d owners, %d deals, %d of them won", len(companies), len(owners), len(deals), won)
		}
		var stages []string
		for _, s := range all(w, w.service.Stages) {
			stages = append(stages, fmt.Sprintf("%s %d %s", s.Name, s.OrderPosition, s.Outcome))
		}
		want := []string{
			"Engaging 7 open", "Lead 1 open", "Lost 6 lost", "Negotiation 4 open",
			"Proposal 3 open", "Prospecting 8 open", "Qualified 2 open", "Won 5 won",
		}
		if diff := cmp.Diff(want, stages); diff != "" {
			t.Errorf("stages (-want +got):\n%s", diff)
		}
	})
}

// interrupted imports a file of the example in two runs, of which the first ends
// after its first batch.
func (w *world) interrupted(name string, opt transfer.Options, rows int64) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	stop := errors.New("stop")
	opt.Progress = func(transfer.Progress) { cancel(stop) }
	first, err := transfer.Import(ctx, w.service, w.by, opt, dataSet(w.t, name))
	if err != nil && !errors.Is(err, stop) || err == nil && first.Read < rows {
		w.t.Fatalf("%s: %+v, %v", name, first, err)
	}
	opt.Progress = nil
	if second, _ := w.load(opt, dataSet(w.t, name)); second != summary(rows-first.Created, 0, first.Created, 0) {
		w.t.Errorf("%s, after %+v: %+v", name, first, second)
	}
}

// facts writes down everything that rows said, ids replaced by names; versions and
// the times of changes only when asked for.
func (w *world) facts(changes bool) []string {
	w.t.Helper()
	names := map[crm.ID]string{}
	name := func(id *crm.ID) string {
		if id == nil {
			return "-"
		}
		return names[*id]
	}
	var facts []string
	add := func(version int64, updated crm.Instant, format string, args ...any) {
		fact := fmt.Sprintf(format, args...)
		if changes {
			fact += fmt.Sprintf(" version %d of %s", version, updated)
		}
		facts = append(facts, fact)
	}
	for _, o := range all(w, w.service.Owners) {
		names[o.ID] = o.FullName
		add(o.Version, o.UpdatedAt, "owner %s %s", o.FullName, o.Role)
	}
	for _, s := range all(w, w.service.Stages) {
		names[s.ID] = s.Name
	}
	for _, c := range all(w, w.service.Companies) {
		names[c.ID] = c.Name
		add(c.Version, c.UpdatedAt, "company %s %s", c.Name, *c.Industry)
	}
	for _, d := range all(w, w.service.Deals) {
		value, closed, created := "-", "-", "-"
		if d.Value != nil {
			value = d.Value.String()
		}
		if d.ClosedAt != nil {
			closed = d.ClosedAt.String()
		}
		if d.CreatedAt < crm.InstantOf(enginetest.Started) { // else it is the time of the run
			created = d.CreatedAt.String()
		}
		add(d.Version, d.UpdatedAt, "deal %s %s: %s (%s), %s, %s %s, %s %s, %d%%, %s to %s", *d.ExternalID, d.Name,
			*d.Company, name(d.CompanyID), name(d.OwnerID), value, d.Currency, name(&d.StageID), d.Status, d.Probability, created, closed)
	}
	slices.Sort(facts)
	return facts
}
