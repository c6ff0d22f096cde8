package transfer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer"
)

// TestRepeatedKeys: of rows with the same key one is imported, and the others are told. A second
// run changes nothing.
func TestRepeatedKeys(t *testing.T) {
	t.Parallel()
	const rows = "name,value\nRenewal,100\nOther,5\nRenewal,200\nrenewal ,300\n,7\n"
	for _, c := range []struct {
		repeats string
		want    transfer.Counts
		again   transfer.Counts
		value   string
		reasons []string
		notice  string
	}{
		{
			"", summary(2, 0, 0, 3), summary(0, 0, 2, 3), "100.00",
			[]string{`name "renewal" is that of line 2, too`, `name "renewal" is that of line 2, too`, "name must not be empty"},
			"rows repeat the key of another one (--key names another key, --repeats last loads the last of them) (2; line 4, 5)",
		},
		{
			"last", transfer.Counts{Read: 5, Created: 2, Rejected: 1, Skipped: 2}, transfer.Counts{Read: 5, Unchanged: 2, Rejected: 1, Skipped: 2}, "300.00",
			[]string{"name must not be empty"},
			"rows are passed over because a later one has the same key (2; line 2, 4)",
		},
	} {
		t.Run("Repeats"+c.repeats, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, w *world) {
				opt := deals
				opt.Repeats = c.repeats
				for run, want := range []transfer.Counts{c.want, c.again} {
					s, reasons := w.imports(opt, file(t, rows))
					if s.Counts != want {
						t.Errorf("run %d: %+v, want %+v", run, s.Counts, want)
					}
					if diff := cmp.Diff(c.reasons, reasons); diff != "" {
						t.Errorf("run %d: reasons (-want +got):\n%s", run, diff)
					}
					if !strings.Contains(fmt.Sprint(s.Notices), c.notice) {
						t.Errorf("run %d: notices %s", run, s.Notices)
					}
				}
				for _, d := range all(w, w.service.Deals) {
					if d.Name != "Other" && d.Value.String() != c.value {
						t.Errorf("%s has the value %s", d.Name, d.Value)
					}
				}
			})
		})
	}
}

// TestRepeatedKeysOfFiles: files that are imported together are one.
func TestRepeatedKeysOfFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	first, second := file(t, "external_id,name\n1,One\n"), file(t, "external_id,name\n2,Two\n1,Uno\n")
	got, reasons := w.load(companies, first, second)
	want := []string{`external_id "1" is that of line 2 of ` + first.Name + ", too"}
	if got != summary(2, 0, 0, 1) || !cmp.Equal(want, reasons) {
		t.Errorf("%+v, %q", got, reasons)
	}
}

// TestSummary: it tells how files and columns were read, and what was left out.
func TestSummary(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := deals
		opt.CreateMissing = []string{"company", "stage"}
		opt.DryRun = true
		source := file(t, "name;value;stage;company;created_at;note\nA;€1,50;Gewonnen;Acme;13.02.2024;x\nB;2;Lead;Acme;01.02.2024;y\n")
		dry, _ := w.imports(opt, source)
		opt.DryRun = false
		did, _ := w.imports(opt, source)
		if did.Consistency == "" || dry.Consistency != "" {
			t.Errorf("the tokens are %q and, of the dry run, %q", did.Consistency, dry.Consistency)
		}
		did.Consistency = ""
		if diff := cmp.Diff(did, dry); diff != "" {
			t.Errorf("the dry run tells something else (-run +dry):\n%s", diff)
		}
		want := transfer.FileFacts{
			Name: source.Name, Format: "csv", Encoding: "UTF-8", Separator: ";", LeftOut: []string{"note"},
			Columns: []transfer.ColumnFacts{
				{Column: "name", Field: "name"}, {Column: "value", Field: "value", Format: "decimal comma"}, {Column: "stage", Field: "stage"},
				{Column: "company", Field: "company"}, {Column: "created_at", Field: "created_at", Format: "D.M.YYYY"},
			},
		}
		if diff := cmp.Diff([]transfer.FileFacts{want}, did.Files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if got := fmt.Sprintf("%v %v", did.CreatedReferences, did.Currencies); got != "[{company 1 [{Acme   false}]} {stage 1 [{Gewonnen  won true}]}] map[EUR:1 GBP:1]" {
			t.Errorf("created references and currencies %s", got)
		}
	})
}

// TestLenient: rows are imported without what is wrong in them, which is told.
func TestLenient(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		rows := "external_id,name,value,probability,company,priority,description\n" +
			"1,A,1.005,50,,high,ok\n2,B,12.34,200,Unknown,urgent," + strings.Repeat("x", 20_000) + "\n3,,1.00,1,,,\n"
		w.expect(deals, "external_id,name\n", summary(0, 0, 0, 0))
		if got, _ := w.load(deals, file(t, rows)); got != summary(0, 0, 0, 3) {
			t.Errorf("strict: %+v", got)
		}
		opt := deals
		opt.Lenient = true
		s, reasons := w.imports(opt, file(t, rows))
		if s.Counts != summary(2, 0, 0, 1) || s.Partial != 2 || len(reasons) != 1 {
			t.Errorf("%+v, %d in part, %q", s.Counts, s.Partial, reasons)
		}
		for _, want := range []string{"value ", "probability ", "company ", "priority ", "description "} {
			if !strings.Contains(fmt.Sprint(s.Notices), "values of "+want) {
				t.Errorf("no notice on %s in %s", want, s.Notices)
			}
		}
		d := all(w, w.service.Deals)
		if d[0].Value.String() != "1.01" || d[1].Value.String() != "12.34" || d[1].Probability != 10 || d[1].Description != nil || d[1].CompanyID != nil {
			t.Errorf("deals %+v, %+v", d[0], d[1])
		}
		if again, _ := w.imports(opt, file(t, rows)); again.Counts != summary(0, 0, 2, 1) {
			t.Errorf("again: %+v", again.Counts)
		}
	})
}
