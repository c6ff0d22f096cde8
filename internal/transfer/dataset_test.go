package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// The import commands of the README.
var (
	accounts = transfer.Options{Kind: transfer.Companies, Maps: []string{"account=name,sector=industry"}, Keys: []string{"name"}}
	teams    = transfer.Options{Kind: transfer.Owners, Maps: []string{"sales_agent=full_name"}, Keys: []string{"name"}}
	pipeline = transfer.Options{
		Kind: transfer.Deals,
		Maps: []string{"opportunity_id=external_id,product=name,account=company,sales_agent=owner,deal_stage=stage," +
			"engage_date=created_at,close_date=closed_at,close_value=value"},
		DateFormats: []string{"M/D/YYYY"}, CreateMissing: []string{"stage"}, Keys: []string{"external_id"},
	}
)

// dataSet is a folder with the files of the public "CRM Sales Opportunities" data set,
// or with files like them.
type dataSet struct {
	dir                           string
	companies, owners, deals, won int
}

// dataSetEnv names the folder of the public data set.
const dataSetEnv = "SIXTY_TEST_DATASET"

// dataSets returns the fixture, and the public data set where there is one: in the folder
// that dataSetEnv names, or else in shared/data beside the module.
func dataSets(t *testing.T) map[string]dataSet {
	t.Helper()
	sets := map[string]dataSet{"fixture": {filepath.Join("testdata", "crm-sales-opportunities"), 24, 14, 160, 77}}
	dir, required := os.LookupEnv(dataSetEnv)
	if !required {
		dir = filepath.Join("..", "..", "..", "shared", "data", "crm-sales-opportunities")
	}
	if _, err := os.Stat(dir); err == nil || required {
		sets["public"] = dataSet{dir, 85, 35, 8800, 4238}
		t.Logf("data sets: the fixture, and the public one in %s", dir)
	} else {
		t.Logf("data sets: the fixture alone; %s is not set and there is no %s", dataSetEnv, dir)
	}
	return sets
}

// eachDataSet runs a test on every engine with every data set.
func eachDataSet(t *testing.T, test func(t *testing.T, w *world, set dataSet)) {
	t.Helper()
	for name, set := range dataSets(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, w *world) { test(t, w, set) })
		})
	}
}

// path returns the path of one of the files.
func (s dataSet) path(name string) string { return filepath.Join(s.dir, name) }

// dataSetFile is a file of a data set, with the options that import it.
type dataSetFile struct {
	source transfer.Source
	opt    transfer.Options
	rows   int64
}

// files returns the files that the README imports, in its order.
func (s dataSet) files(t *testing.T) []dataSetFile {
	t.Helper()
	return []dataSetFile{
		{source(t, s.path("accounts.csv")), accounts, int64(s.companies)},
		{source(t, s.path("sales_teams.csv")), teams, int64(s.owners)},
		{source(t, s.path("sales_pipeline.csv")), pipeline, int64(s.deals)},
	}
}

func TestDataSet(t *testing.T) {
	t.Parallel()
	eachDataSet(t, func(t *testing.T, w *world, set dataSet) {
		files := set.files(t)
		for _, f := range files {
			// A dry run predicts the result and leaves nothing behind.
			for _, dry := range []bool{true, false} {
				f.opt.DryRun = dry
				if got, _ := w.load(f.opt, f.source); got != (transfer.Counts{Read: f.rows, Created: f.rows}) {
					t.Errorf("%s, dry %t: %+v", f.opt.Kind, dry, got)
				}
			}
		}
		before := w.facts(true)
		for _, f := range files {
			if got, _ := w.load(f.opt, f.source); got != (transfer.Counts{Read: f.rows, Unchanged: f.rows}) {
				t.Errorf("%s, again: %+v", f.opt.Kind, got)
			}
		}
		if diff := cmp.Diff(before, w.facts(true)); diff != "" {
			t.Errorf("the second run changed something:\n%s", diff)
		}

		// A run that is interrupted and repeated ends in the same data.
		again := w.sibling("Again")
		for _, f := range files {
			again.interrupted(f)
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
		if len(companies) != set.companies || len(owners) != set.owners || len(deals) != set.deals || won != set.won {
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

// TestInterruptedImport: with more than one batch to load, a run that is interrupted and
// repeated ends in the same data as one that is not.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	rows.WriteString("opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n")
	const deals = 5000
	for i := range deals {
		fmt.Fprintf(&rows, "D-%d,,Product,,%s,10/%d/2016,,%d\n", i, []string{"Lead", "Engaging", "Won"}[i%3], 1+i%28, i)
	}
	eachEngine(t, func(t *testing.T, w *world) {
		f := dataSetFile{file(t, rows.String()), pipeline, deals}
		if got, _ := w.load(f.opt, f.source); got != summary(deals, 0, 0, 0) {
			t.Fatalf("%+v", got)
		}
		again := w.sibling("Again")
		if first := again.interrupted(f); first.Created == deals {
			t.Error("the run was not interrupted")
		}
		if diff := cmp.Diff(w.facts(false), again.facts(false)); diff != "" {
			t.Errorf("an interrupted run ends differently:\n%s", diff)
		}
	})
}

// interrupted imports a file in two runs, of which the first is cancelled after its first
// batch, and returns that run's summary.
func (w *world) interrupted(f dataSetFile) transfer.Summary {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	stop := errors.New("stop")
	f.opt.Progress = func(transfer.Progress) { cancel(stop) }
	first, err := transfer.Import(ctx, w.bulk, w.by, f.opt, f.source)
	if err != nil && !errors.Is(err, stop) || err == nil && first.Read < f.rows {
		w.t.Fatalf("%s: %+v, %v", f.opt.Kind, first, err)
	}
	f.opt.Progress = nil
	if second, _ := w.load(f.opt, f.source); second != summary(f.rows-first.Created, 0, first.Created, 0) {
		w.t.Errorf("%s, after %+v: %+v", f.opt.Kind, first, second)
	}
	return first
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
