package transfer_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// The dashboard's numbers over a data set are those of its file, added up row by row.
func TestDashboardOfDataSet(t *testing.T) {
	t.Parallel()
	eachDataSet(t, func(t *testing.T, w *world, set dataSet) {
		want := pipelineSums(t, set)
		for _, f := range set.files(t) {
			w.load(f.opt, f.source)
		}
		d, err := w.service.Dashboard(t.Context(), w.by, crm.DashboardFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Totals) != 1 || len(d.Activities) > 0 {
			t.Fatalf("%d currencies, %d activities", len(d.Totals), len(d.Activities))
		}
		n := d.Totals[0]
		got := map[string]string{"total": fmt.Sprintf("GBP %s %d, lost %s %d, open %s %d, rate %s, days %s",
			n.WonValue, n.WonCount, n.LostValue, n.LostCount, n.OpenValue, n.OpenCount, wire(t, n.WinRate), wire(t, n.AverageDaysToClose))}
		for _, n := range d.ByMonth {
			got["month "+n.Month.String()] = fmt.Sprintf("%s %d, lost %d", n.WonValue, n.WonCount, n.LostCount)
		}
		for _, n := range d.ByStage {
			got["stage "+n.Name] = fmt.Sprintf("%s %d", n.Value, n.Count)
		}
		for _, n := range d.ByOwner {
			got["owner "+n.FullName] = fmt.Sprintf("%s %d, lost %d, open %d", n.WonValue, n.WonCount, n.LostCount, n.OpenCount)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-file +dashboard):\n%s", diff)
		}
		if rows := len(d.ByMonth) + len(d.ByStage) + len(d.ByOwner) + 1; rows != len(want) {
			t.Errorf("%d rows, want %d", rows, len(want))
		}
	})
}

// tally is what rows of the file add up to. Amounts in it are whole pounds.
type tally struct{ won, value, lost, open, all, days int }

// pipelineSums adds up sales_pipeline.csv without any of the program's own reading.
func pipelineSums(t *testing.T, set dataSet) map[string]string {
	t.Helper()
	f, err := os.Open(set.path("sales_pipeline.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	day := func(text string) time.Time {
		d, err := time.Parse("1/2/2006", text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	sums := map[string]*tally{}
	for _, row := range rows[1:] {
		stage, engaged, closed := row[column("deal_stage")], row[column("engage_date")], row[column("close_date")]
		keys := []string{"total", "stage " + stage, "owner " + row[column("sales_agent")]}
		if closed != "" {
			keys = append(keys, "month "+day(closed).Format("2006-01"))
		}
		for _, k := range keys {
			s := sums[k]
			if s == nil {
				s = &tally{}
				sums[k] = s
			}
			s.all++
			switch stage {
			case "Won":
				value, err := strconv.Atoi(row[column("close_value")])
				if err != nil {
					t.Fatal(err)
				}
				s.won++
				s.value += value
				s.days += int(day(closed).Sub(day(engaged)).Hours() / 24)
			case "Lost":
				s.lost++
			default:
				s.open++
			}
		}
	}
	out := map[string]string{}
	for k, s := range sums {
		switch kind, _, _ := strings.Cut(k, " "); kind {
		case "total":
			out[k] = fmt.Sprintf("GBP %d.00 %d, lost 0.00 %d, open 0.00 %d, rate %.4f, days %.2f",
				s.value, s.won, s.lost, s.open, float64(s.won)/float64(s.won+s.lost), float64(s.days)/float64(s.won))
		case "month":
			out[k] = fmt.Sprintf("%d.00 %d, lost %d", s.value, s.won, s.lost)
		case "stage":
			out[k] = fmt.Sprintf("%d.00 %d", s.value, s.all)
		case "owner":
			out[k] = fmt.Sprintf("%d.00 %d, lost %d, open %d", s.value, s.won, s.lost, s.open)
		}
	}
	return out
}

func wire[T interface{ AppendText([]byte) ([]byte, error) }](t *testing.T, v *T) string {
	t.Helper()
	if v == nil {
		return "null"
	}
	b, err := (*v).AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
