package preset_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
)

func TestNames(t *testing.T) {
	t.Parallel()
	want := []string{"dynamics", "hubspot", "pipedrive", "salesforce", "sixty", "twenty", "zoho"}
	if diff := cmp.Diff(want, preset.Names()); diff != "" {
		t.Errorf("presets (-want +got):\n%s", diff)
	}
	for _, name := range want {
		p, err := preset.Named(name)
		if err != nil || p.Name != name || len(p.Tables) == 0 {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if _, err := preset.Named("acme"); err == nil || !strings.Contains(err.Error(), `no preset "acme"; there are dynamics, hubspot`) {
		t.Errorf("an unknown preset: %v", err)
	}
}

// TestKindsOfPresets: each system brings companies, contacts, people, deals and activities.
func TestKindsOfPresets(t *testing.T) {
	t.Parallel()
	for _, name := range preset.Names() {
		p, _ := preset.Named(name)
		for _, kind := range []string{"companies", "contacts", "owners", "deals", "activities"} {
			if !slices.ContainsFunc(p.Tables, func(t preset.Table) bool { return t.Kind == kind }) {
				t.Errorf("%s has no table of %s", name, kind)
			}
		}
	}
}

// TestDeclaredFields: the preset of this program reads every member that a client can write,
// so that a member that is added is added here, too.
func TestDeclaredFields(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("sixty")
	left := map[string][]string{ // of kinds whose records are not found by id
		"owners": {"id", "full_name"}, "stages": {"id"},
		"contacts": {"full_name"}, "tasks": {}, "deals": {"closed_at_if_closed"},
	}
	for i := range p.Tables {
		table := &p.Tables[i]
		var read []string
		for _, c := range table.Columns {
			read = append(read, c.Field)
		}
		for _, field := range preset.Fields(table.Kind) {
			if !slices.Contains(read, field) && !slices.Contains(left[table.Kind], field) {
				t.Errorf("%s: %s is not read", table.Kind, field)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	p, err := preset.Load(strings.NewReader(`
name: acme
null: [n/a]
time_zone: Europe/Berlin
dates: DD.MM.YYYY
tables:
  - kind: deals
    header: [[Record ID, Datensatz-ID], Deal Name]
    files: "*Deals*"
    key: external_id
    columns:
      external_id: [Record ID, Datensatz-ID]
      name: Deal Name
      value: {column: Micros, micros: true, when: {column: Kind, is: [A, B]}}
      probability:
    left: Weighted
    values: {status: {"Open": active, None: ""}}
    constant: {currency: EUR}
    skip: {column: Deleted, is: [1, true]}
    outcomes: [{column: Won, is: 1, outcome: won}, {outcome: open}]
    create_missing: stage
    null: "-"
    fractions: probability
`))
	if err != nil {
		t.Fatal(err)
	}
	table := p.Tables[0]
	if table.Location == nil || table.Location.String() != "Europe/Berlin" || len(table.DateFormats) != 1 || !table.IsFraction("probability") || table.IsFraction("value") {
		t.Errorf("%+v", table)
	}
	table.Location, table.DateFormats = nil, nil
	want := preset.Table{
		Kind: "deals", Header: [][]string{{"Record ID", "Datensatz-ID"}, {"Deal Name"}}, Files: []string{"*deals*"}, Key: []string{"external_id"},
		Columns: []preset.Column{
			{Name: "Record ID", Field: "external_id"}, {Name: "Datensatz-ID", Field: "external_id"}, {Name: "Deal Name", Field: "name"},
			{Name: "Micros", Field: "value", Micros: true, When: &preset.Condition{Columns: []string{"Kind"}, Is: []string{"A", "B"}}},
			{Name: "probability", Field: "probability"},
		},
		Left: []string{"Weighted"}, Values: map[string]map[string]string{"status": {"open": crm.StatusActive, "none": ""}},
		Constant: map[string]string{"currency": "EUR"}, Skip: []preset.Condition{{Columns: []string{"Deleted"}, Is: []string{"1", "true"}}},
		Outcomes: []preset.Outcome{
			{Condition: preset.Condition{Columns: []string{"Won"}, Is: []string{"1"}}, Outcome: "won"}, {Outcome: "open"},
		},
		CreateMissing: []string{"stage"}, Null: []string{"-", "n/a"}, Fractions: []string{"probability"},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// TestLoadRejects: what a preset says wrongly is named, with its line.
func TestLoadRejects(t *testing.T) {
	t.Parallel()
	const table = "name: acme\ntables:\n- kind: deals\n  header: [ID]\n"
	for _, test := range []struct{ text, want string }{
		{"", "the preset is empty"},
		{"- a\n", "line 1: must be a mapping"},
		{"name: [", "the preset is not YAML: line 1: did not find expected node content"},
		{"name: a\n---\nname: b\n", "must be a single YAML document"},
		{"name: acme\ntables: []\n", "tables are missing"},
		{"tables: []\n", "name is missing"},
		{"name: acme\nname: b\n", "line 2: name is there twice"},
		{"name: acme\nowner: b\n", `line 2: there is no member "owner"; there are dates, name, null, tables, time_zone`},
		{"name: &a acme\ntables: *a\n", "line 1: anchors, aliases and tags are not understood"},
		{"name: !!binary YQ==\n", "line 1: anchors, aliases and tags are not understood"},
		{"name: acme\nnull: [NULL]\n", "line 2: must be a text; a text that looks like nothing is written in quotes"},
		{"name: acme\ntime_zone: Mars\n", `line 2: "Mars" must be a time zone such as Europe/Berlin or UTC`},
		{"name: acme\ndates: QQ\n", "line 2: "},
		{"name: acme\ntables:\n- header: [ID]\n", "line 3: the kind of the table is missing"},
		{"name: acme\ntables:\n- kind: leads\n", `line 3: there is no kind "leads"; there are activities, companies, contacts, deals, owners, stages, tasks`},
		{"name: acme\ntables:\n- kind: deals\n  columns: {name: A}\n", "header is missing"},
		{table, "columns are missing"},
		{table + "  columns: {nam: A}\n", `line 5: deals have no field "nam"; they have annual_value`},
		{table + "  columns: {name: [A, a]}\n", `line 5: "a" is there twice`},
		{table + "  columns: {name: A}\n  left: [a]\n", `"a" is both read and left`},
		{table + "  columns: {name: A}\n  left: [B, b]\n", `line 6: "b" is there twice`},
		{table + "  columns: {name: {when: {column: B}}}\n", "line 5: column is missing"},
		{table + "  columns: {name: {column: A, when: {is: 1}}}\n", "line 5: column is missing"},
		{table + "  columns: {name: {column: A, when: {column: B, is: 1, prefix: a}}}\n", "line 5: is and prefix exclude each other"},
		{table + "  columns: {name: {column: A, micros: maybe}}\n", `line 5: there is no value "maybe"; there are true, false`},
		{table + "  columns: {name: A}\n  key: [external_id]\n", "no column is read into the key external_id"},
		{table + "  columns: {name: A}\n  join: {description: x}\n", "no column is read into description"},
		{table + "  columns: {name: A}\n  values: {status: {Open: opened}}\n", `line 6: there is no status "opened"; there are active, won, lost`},
		{table + "  columns: {name: A}\n  values: {status: {Open: active, open: won}}\n", `line 6: "open" is there twice`},
		{table + "  columns: {name: A}\n  constant: {status: opened}\n", `line 6: there is no status "opened"`},
		{table + "  columns: {name: A}\n  ranges: {deal_size: {10: a, 5: b}}\n", "line 6: ranges must ascend: 5 is not above 10"},
		{table + "  columns: {name: A}\n  ranges: {deal_size: {most: a}}\n", `line 6: must be a whole number or more, not "most"`},
		{table + "  columns: {name: A}\n  outcomes: [{outcome: maybe}]\n", `line 6: there is no outcome "maybe"; there are open, won, lost`},
		{table + "  columns: {name: A}\n  outcomes: [{column: A}]\n", "line 6: outcome is missing"},
		{table + "  columns: {name: A}\n  create_missing: [deal]\n", `line 6: there is no reference "deal"; there are company, contact, owner, stage`},
		{table + "  columns: {name: A}\n  files: '['\n", "line 6: "},
		{table + "  columns: {name: '-'}\n", "line 5: must have a letter or a digit"},
		{"name: acme\n" + strings.Repeat("#", 256<<10), "must not be longer than 262144 bytes"},
	} {
		if _, err := preset.Load(strings.NewReader(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %s", test.text[:min(len(test.text), 200)], err, test.want)
		}
	}
}

func FuzzPreset(f *testing.F) {
	for _, name := range preset.Names() {
		f.Add("name: " + name + "\ntables:\n- kind: deals\n  header: [ID]\n  columns: {name: A, value: {column: B, micros: true}}\n")
	}
	f.Add("name: a\ntables: [{kind: tasks, header: [[a]], columns: {title: a}, ranges: {notes: {1: a, more: b}}, skip: [{column: a, is: 1}]}]\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := preset.Load(strings.NewReader(text))
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			return
		}
		header := []string{"A", "b", "ID", ""}
		for i := range p.Tables {
			b := p.Tables[i].Bind(header, func(column int) bool { return column == 1 })
			record := []string{"51-200", "x", "1", ""}
			_ = b.Skips(record)
			_ = b.Outcome(record)
			for j := range b.Feeds {
				_ = b.Feeds[j].Cell(record)
			}
			_ = p.Recognise(header, text)
		}
	})
}
