package bulk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
)

// referring returns deals that refer to companies, people and stages that are missing.
func referring(n int) (rows []bulk.ImportRow[crm.DealPatch]) {
	stages := []string{"Closed Won (Sales Pipeline)", "closedwon", "Closed-Lost to Competition", "Gewonnen", "Lead", "Won or lost", "Unclear", "CLOSEDWON"}
	for i := range n {
		p := crm.DealPatch{Name: crm.Of(fmt.Sprint("Deal ", i%40)), ExternalID: crm.Of(fmt.Sprint(i % 50)), Value: crm.Of(crm.Money(i))}
		if i%7 == 3 {
			p.Value = crm.Of(crm.Money(-1))
		}
		rows = append(rows, bulk.ImportRow[crm.DealPatch]{Patch: p, References: bulk.References{
			Company: fmt.Sprint([]string{"Company", "c.example/", "https://c"}[i%3], i%17, ".example"), Owner: fmt.Sprintf("p%d@x.example", i%5), Stage: stages[i%len(stages)],
		}})
	}
	return rows
}

// TestDryRunReportsTheRun: a dry run reports what the import then does, and does none of it.
func TestDryRunReportsTheRun(t *testing.T) {
	eachEngine(t, func(w *world) {
		for _, lenient := range []bool{false, true} {
			w := w.sibling(fmt.Sprint("Lenient ", lenient))
			opt := bulk.ImportOptions{
				Keys: []crm.Key{crm.KeyExternalID}, CreateMissing: []bulk.Reference{bulk.RefCompany, bulk.RefOwner, bulk.RefStage},
				StageOutcomes: map[string]crm.Outcome{"UNCLEAR": crm.OutcomeLost}, Lenient: lenient,
			}
			run := func(dry bool) (bulk.Report, [][]bulk.RowResult) {
				opt.DryRun = dry
				rows := referring(120)
				var results [][]bulk.RowResult
				report, err := w.bulk.ImportDeals(w.Context(), w.by, opt, func(load bulk.Load[crm.DealPatch]) error {
					first, second := load(w.Context(), rows[:30]), load(w.Context(), rows[30:90])
					for _, wait := range []func() ([]bulk.RowResult, error){first, second, load(w.Context(), rows[90:])} {
						batch, err := wait()
						if results = append(results, batch); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					w.Fatal(err)
				}
				return report, results
			}
			dry, dryResults := run(true)
			if n := len(all(w, w.service.Companies)) + len(all(w, w.service.Deals)); n > 0 || dry.Consistency != "" {
				w.Errorf("a dry run made %d records, and has the token %q", n, dry.Consistency)
			}
			report, results := run(false)
			report.Consistency = ""
			if diff := cmp.Diff(dry, report); diff != "" {
				w.Errorf("reports of a dry run (-) and the run (+):\n%s", diff)
			}
			if diff := cmp.Diff(dryResults, results); diff != "" {
				w.Errorf("results of a dry run (-) and the run (+):\n%s", diff)
			}
			if lenient {
				continue
			}
			want := map[bulk.Reference]int{bulk.RefCompany: len(all(w, w.service.Companies)), bulk.RefOwner: len(all(w, w.service.Owners)), bulk.RefStage: len(all(w, w.service.Stages)) - 6}
			for _, of := range report.Created {
				if int(of.Count) != want[of.Kind] || len(of.First) != min(int(of.Count), 20) {
					w.Errorf("%d %s were created, %d named; there are %d", of.Count, of.Kind, len(of.First), want[of.Kind])
				}
			}
			if diff := cmp.Diff([]bulk.CreatedReference{
				{Name: "Closed Won (Sales Pipeline)", Outcome: crm.OutcomeWon, Guessed: true},
				{Name: "closedwon", Outcome: crm.OutcomeWon, Guessed: true},
				{Name: "Closed-Lost to Competition", Outcome: crm.OutcomeLost, Guessed: true},
				{Name: "Gewonnen", Outcome: crm.OutcomeWon, Guessed: true},
				{Name: "Won or lost", Outcome: crm.OutcomeOpen, Guessed: true},
				{Name: "Unclear", Outcome: crm.OutcomeLost},
			}, report.Created[2].First); diff != "" {
				w.Errorf("stages (-want +got):\n%s", diff)
			}
		}
	})
}

// TestConsistencyToken: the token of a report stands for a position that includes the import.
func TestConsistencyToken(t *testing.T) {
	eachEngine(t, func(w *world) {
		rows := rowsOf(crm.CompanyPatch{Name: crm.Of("Acme")})
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}
		report, _ := load(w, w.bulk.ImportCompanies, opt, rows)
		page, err := w.service.Changes(w.Context(), w.by, crm.LogPosition{}, 100)
		if err != nil {
			w.Fatal(err)
		}
		if want := page.Last.ConsistencyToken(w.by.Org); report.Consistency != want || page.Last.Seq == 0 || !strings.HasPrefix(want, page.Last.Epoch+".") {
			w.Errorf("the token is %q, want %q", report.Consistency, want)
		}
		again, _ := load(w, w.bulk.ImportCompanies, opt, rows)
		if again.Consistency != report.Consistency {
			w.Errorf("after an import that changed nothing: %q, was %q", again.Consistency, report.Consistency)
		}
	})
}

// TestClosedBeforeCreated: deals that were closed before they were created do not count in the
// average of the days to close.
func TestClosedBeforeCreated(t *testing.T) {
	eachEngine(t, func(w *world) {
		closed := crm.Of(crm.Moment(crm.InstantOf(enginetest.Started) - 1000*24*3600*1_000_000))
		rows := rowsOf(
			crm.DealPatch{Name: crm.Of("A"), Value: crm.Of(crm.Money(10000)), ClosedAt: closed},
			crm.DealPatch{Name: crm.Of("B"), Value: crm.Of(crm.Money(5000)), ClosedAt: closed},
			crm.DealPatch{Name: crm.Of("C"), Value: crm.Of(crm.Money(5000)), ClosedAt: closed},
		)
		rows[0].Stage, rows[1].Stage, rows[2].Stage = "Won", "Lost", "Won"
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}
		load(w, w.bulk.ImportDeals, opt, rows[:2])
		totals := func() crm.CurrencyNumbers {
			d, err := w.service.Dashboard(w.Context(), w.by, crm.DashboardFilter{})
			if err != nil || len(d.Totals) != 1 {
				w.Fatalf("the dashboard: %+v, %v", d, err)
			}
			return d.Totals[0]
		}
		if got := totals(); got.WonCount != 1 || got.LostCount != 1 || got.AverageDaysToClose != nil {
			w.Errorf("totals of deals that were closed before: %+v", got)
		}
		rows[2].CreatedAt = crm.Of(crm.Instant(closed.Value) - 10*24*3600*1_000_000)
		load(w, w.bulk.ImportDeals, opt, rows[2:])
		if got := totals(); got.AverageDaysToClose == nil || *got.AverageDaysToClose != 1000 {
			w.Errorf("totals with one that was closed after: %+v", got)
		}
	})
}
