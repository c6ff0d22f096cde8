package preset_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/preset"
)

// load returns the only table of a preset.
func load(t *testing.T, table string) *preset.Table {
	t.Helper()
	p, err := preset.Load(strings.NewReader("name: acme\ntables:\n- header: [ID]\n  " + strings.ReplaceAll(table, "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	return &p.Tables[0]
}

func none(int) bool { return false }

// cellsOf returns what a record says of each field.
func cellsOf(b *preset.Binding, record ...string) map[string]string {
	cells := map[string]string{}
	for i := range b.Feeds {
		cells[b.Feeds[i].Field] = b.Feeds[i].Cell(record)
	}
	return cells
}

func TestBind(t *testing.T) {
	t.Parallel()
	table := load(t, `kind: deals
columns:
  external_id: ID
  name: [Title, Titel]
  closed_at_if_closed: [Won time, Lost time]
  expected_close_date: Won time
  value: [{column: Actual, when: {column: Status, is: won}}, {column: Micros, micros: true}]
  description: [Street, City]
  company_id: {column: What, when: {column: What, prefix: "001"}}
  priority: Priority
  status: Status
left: [Creator]
join: {description: ", "}
null: ["000AAA", n/a]
values: {priority: {"Very high": high, None: ""}, status: {Won: won, Open: active}}
constant: {currency: EUR, deal_size: big}
skip: [{column: [Gone, Deleted], is: [1, true]}, {column: Deleted at}]
outcomes: [{column: Won, is: 1, outcome: won}, {column: Closed, is: 1, outcome: lost}, {outcome: open}]
`)
	header := []string{"ID", "title", "Won Time", "LostTime", "Actual", "Micros", "Street", "City", "What", "PRIORITY", "Status", "Deleted", "Deleted at", "Creator", "Other", "", "Won", "Closed"}
	b := table.Bind(header, none)
	if diff := cmp.Diff([]string{"Deleted", "Deleted at", "Creator", "Other", "Won", "Closed"}, b.Unread); diff != "" {
		t.Errorf("unread (-want +got):\n%s", diff)
	}
	record := func(cells ...string) []string { return append(cells, make([]string, len(header)-len(cells))...) }
	for _, test := range []struct {
		record []string
		want   map[string]string
	}{
		{record("1", " A ", "", "2024-01-01", "12.50", "1500000", "Way 1", "Bonn", "001x", "very-high", "Won"), map[string]string{
			"external_id": "1", "name": "A", "closed_at_if_closed": "2024-01-01", "expected_close_date": "", "value": "12.50", "description": "Way 1, Bonn",
			"company_id": "001x", "priority": "high", "currency": "EUR", "deal_size": "big", "status": "won",
		}},
		{record("2", "N/A", "2024-02-02", "2024-01-01", "12.50", "-10000", "", "Bonn", "006x", "none", "Open"), map[string]string{
			"external_id": "2", "name": "", "closed_at_if_closed": "2024-02-02", "expected_close_date": "2024-02-02", "value": "-0.01", "description": "Bonn",
			"company_id": "", "priority": "", "currency": "EUR", "deal_size": "big", "status": "active",
		}},
		{record("3", "C", "", "", "", "1.5", "Bonn", "Bonn", "000aaa", "urgent", "Lost"), map[string]string{
			"external_id": "3", "name": "C", "closed_at_if_closed": "", "expected_close_date": "", "value": "1.5", "description": "Bonn",
			"company_id": "", "priority": "urgent", "currency": "EUR", "deal_size": "big", "status": "Lost",
		}},
	} {
		if diff := cmp.Diff(test.want, cellsOf(b, test.record...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.record, diff)
		}
	}
	deleted := func(column int, cell string) []string {
		r := record()
		r[column] = cell
		return r
	}
	for _, r := range [][]string{deleted(11, "1"), deleted(11, "TRUE"), deleted(12, "2024-01-01")} {
		if !b.Skips(r) {
			t.Errorf("%q is not skipped", r)
		}
	}
	if b.Skips(record("1")) || b.Skips(deleted(11, "0")) {
		t.Error("a record that is there is skipped")
	}
	for cell, want := range map[int]string{16: "won", 17: "lost", 0: "open"} {
		if got := b.Outcome(deleted(cell, "1")); string(got) != want {
			t.Errorf("outcome %s, want %s", got, want)
		}
	}

	taken := table.Bind(header, func(column int) bool { return column == 1 || column == 14 })
	if _, ok := cellsOf(taken, record("1", "A")...)["name"]; ok {
		t.Error("a column that is taken feeds a field")
	}
	twice := table.Bind([]string{"ID", "Title", "title"}, none)
	near := table.Bind([]string{"ID", "Title", "T-itle"}, none)
	if diff := cmp.Diff([]string{"T-itle"}, near.Unread); diff != "" || len(near.Twice) > 0 || cellsOf(near, "1", "A", "B")["name"] != "A" {
		t.Errorf("of two columns, not the one that is written alike: %q %s", near.Twice, diff)
	}
	if diff := cmp.Diff([]string{"Title"}, twice.Twice); diff != "" || len(twice.Unread) > 0 {
		t.Errorf("twice (-want +got):\n%s", diff)
	}
}

// TestFullName: a full name counts only in a file without its parts.
func TestFullName(t *testing.T) {
	t.Parallel()
	table := load(t, "kind: contacts\ncolumns: {full_name: Name, first_name: First, last_name: Last, external_id: ID}\n")
	if diff := cmp.Diff(map[string]string{"full_name": "Ann Lee"}, cellsOf(table.Bind([]string{"Name"}, none), "Ann Lee")); diff != "" {
		t.Error(diff)
	}
	both := table.Bind([]string{"Name", "First", "Last"}, none)
	if diff := cmp.Diff(map[string]string{"first_name": "Ann", "last_name": "Lee"}, cellsOf(both, "A. Lee", "Ann", "Lee")); diff != "" {
		t.Error(diff)
	}
}

// TestOutcomeOfStages: a table of stages has their outcomes as a field.
func TestOutcomeOfStages(t *testing.T) {
	t.Parallel()
	table := load(t, "kind: stages\ncolumns: {name: Label}\noutcomes: [{column: IsWon, is: 1, outcome: won}, {column: IsClosed, is: 1, outcome: lost}]\n")
	b := table.Bind([]string{"Label", "IsWon", "IsClosed"}, none)
	for record, want := range map[string]string{"A,1,1": "won", "B,0,1": "lost", "C,0,0": ""} {
		if got := cellsOf(b, strings.Split(record, ",")...)["outcome"]; got != want {
			t.Errorf("%s: %q, want %q", record, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	table := load(t, "kind: companies\ncolumns: {size: Employees}\nvalues: {size: {Big: enterprise}}\n"+
		"ranges: {size: {10: startup, 50: small, 250: medium, 1000: large, more: enterprise}}\n")
	b := table.Bind([]string{"Employees"}, none)
	for cell, want := range map[string]string{
		"1": "startup", "10": "startup", "11": "small", "120": "medium", "120.0": "medium", "1,200": "enterprise", "1.200": "enterprise", "1'000": "large", "0": "startup",
		"1-10": "startup", "11–50": "small", "51-200": "medium", "51 to 200": "medium", "51 - 200 employees": "medium", "201-500": "large", "1001-5000": "enterprise",
		"10,001+": "enterprise", ">1000": "enterprise", "1000+": "enterprise", "1000": "large", "<10": "startup", "big": "enterprise", "small": "small", "": "",
		// What is no number stays, so that it is rejected as it is.
		"200-51": "200-51", "1.5": "1.5", "-5": "-5", "some": "some", "99999999999999999999": "99999999999999999999", "1,20": "1,20",
	} {
		if got := cellsOf(b, cell)["size"]; got != want {
			t.Errorf("%q is %q, want %q", cell, got, want)
		}
	}
	open := load(t, "kind: companies\ncolumns: {size: Employees}\nranges: {size: {10: startup}}\n")
	if got := cellsOf(open.Bind([]string{"Employees"}, none), "11")["size"]; got != "11" {
		t.Errorf("beyond the last range: %q", got)
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	table := load(t, "kind: companies\ncolumns: {domain: {column: Link, host: true}}\n")
	b := table.Bind([]string{"Link"}, none)
	for cell, want := range map[string]string{
		"https://www.Acme.example/about?x#y": "acme.example", "http://acme.example": "acme.example", "acme.example": "acme.example", "https://": "https://",
		"https://köln.example?x": "köln.example",
	} {
		if got := cellsOf(b, cell)["domain"]; got != want {
			t.Errorf("%q is %q, want %q", cell, got, want)
		}
	}
}
