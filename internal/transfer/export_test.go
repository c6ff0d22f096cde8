package transfer_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// export exports and expects that nothing goes wrong.
func (w *world) export(kind transfer.Kind, format transfer.Format, filters ...string) string {
	w.t.Helper()
	return w.exportAs(transfer.ExportOptions{Kinds: []transfer.Kind{kind}, Format: format, Filters: filters})
}

func (w *world) exportAs(opt transfer.ExportOptions) string {
	w.t.Helper()
	var out bytes.Buffer
	rows, err := transfer.Export(w.t.Context(), w.bulk, w.by, opt, &out)
	if err != nil {
		w.t.Fatalf("export %s as %s: %v", opt.Kinds, opt.Format, err)
	}
	if opt.Format == transfer.NDJSON && int64(strings.Count(out.String(), "\n")) != rows {
		w.t.Errorf("%d rows were told of, %d are there", rows, strings.Count(out.String(), "\n"))
	}
	return out.String()
}

// records reads CSV as everybody else does.
func records(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// column returns a column of CSV, without its name.
func column(t *testing.T, text, name string) []string {
	t.Helper()
	rows := records(t, text)
	for i, n := range rows[0] {
		if n == name {
			cells := []string{}
			for _, row := range rows[1:] {
				cells = append(cells, row[i])
			}
			return cells
		}
	}
	t.Fatalf("there is no column %q among %q", name, rows[0])
	return nil
}

func TestExportFormats(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "external_id,name,description\nA,Acme,\"=1+1\nand \"\"more\"\"\"\n", summary(1, 0, 0, 0))
		w.expect(contacts, "email,name,company,phone\nada@x.example,Ada Lovelace,A,+44 20\n", summary(1, 0, 0, 0))
		w.expect(deals, `external_id,name,value,currency,company,contact,stage,created_at,expected_close_date,probability
1,<One> & only,1250.5,EUR,A,ada@x.example,Won,2024-02-03T04:05:06.000007Z,2024-03-01,80
2,Two,,,,,Lead,2024-02-04,,
`, summary(2, 0, 0, 0))

		t.Run("CSV", func(t *testing.T) {
			text := w.export(transfer.Deals, transfer.CSV)
			for name, want := range map[string][]string{
				"external_id": {"1", "2"}, "name": {"<One> & only", "Two"}, "value": {"1250.50", ""}, "currency": {"EUR", "GBP"},
				"company_name": {"Acme", ""}, "company": {"A", "Two"}, "contact": {"ada@x.example", ""}, "contact_name": {"Ada Lovelace", ""},
				"stage": {"Won", "Lead"}, "status": {"won", "active"}, "probability": {"80", "10"}, "owner": {"", ""},
				"created_at":          {"2024-02-03T04:05:06.000007Z", "2024-02-04T00:00:00.000000Z"},
				"expected_close_date": {"2024-03-01", ""},
			} {
				if diff := cmp.Diff(want, column(t, text, name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if got := column(t, w.export(transfer.Companies, transfer.CSV), "description"); got[0] != "'=1+1\nand \"more\"" {
				t.Errorf("the description is %q", got[0])
			}
			if got := column(t, w.export(transfer.Contacts, transfer.CSV), "phone"); got[0] != "'+44 20" {
				t.Errorf("the phone is %q", got[0])
			}
			if lines := strings.Count(text, "\r\n"); lines != 3 {
				t.Errorf("%d lines end in CRLF, want 3", lines)
			}
		})
		t.Run("JSON", func(t *testing.T) {
			want := all(w, w.service.Deals)
			var array []crm.Deal
			text := w.export(transfer.Deals, transfer.JSON)
			if err := json.Unmarshal([]byte(text), &array); err != nil {
				t.Fatal(err)
			}
			for i := range want { // the wire has no more than this
				want[i].OrgID, want[i].Version = crm.ID{}, 0
			}
			if diff := cmp.Diff(want, array); diff != "" {
				t.Errorf("deals (-want +got):\n%s", diff)
			}
			if !strings.Contains(text, `"name":"<One> & only"`) || !strings.Contains(text, `"value":1250.50,`) {
				t.Errorf("the text is %s", text)
			}
			lines := strings.Split(strings.TrimSpace(w.export(transfer.Deals, transfer.NDJSON)), "\n")
			if got := "[\n" + strings.Join(lines, ",\n") + "\n]\n"; got != text {
				t.Errorf("NDJSON has other objects:\n%s\n%s", got, text)
			}
		})
		t.Run("Nothing", func(t *testing.T) {
			none := w.sibling("Nothing")
			if got := none.export(transfer.Deals, transfer.JSON); got != "[]\n" {
				t.Errorf("no deals are %q", got)
			}
			if got := none.export(transfer.Deals, transfer.NDJSON); got != "" {
				t.Errorf("no deals are %q", got)
			}
			for _, kind := range []transfer.Kind{transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities} {
				if rows := records(t, none.export(kind, transfer.CSV)); len(rows) != 1 {
					t.Errorf("no %s are %q", kind, rows)
				}
			}
		})
	})
}

func TestExportFilters(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := deals
		opt.CreateMissing = []string{"owner", "company"}
		w.expect(opt, `external_id,name,value,company,stage,owner,expected_close_date
1,One,10,Acme,Won,Ada,2024-01-10
2,Two,20,Acme,Lead,Bob,2024-01-20
3,Three,30,Other,Lead,Ada,2024-01-30
`, summary(3, 0, 0, 0))
		ada, acme := all(w, w.service.Owners)[0].ID.String(), all(w, w.service.Companies)[0].ID.String()
		for _, c := range []struct {
			name    string
			filters []string
			want    []string
		}{
			{"None", nil, []string{"1", "2", "3"}},
			{"Status", []string{"status=won"}, []string{"1"}},
			{"Owner", []string{"ownerId=" + ada}, []string{"1", "3"}},
			{"SnakeCase", []string{"owner_id=" + strings.ToUpper(ada)}, []string{"1", "3"}},
			{"Several", []string{"ownerId=" + ada, "companyId=" + acme}, []string{"1"}},
			{"Values", []string{"minValue=20", "maxValue=29.99"}, []string{"2"}},
			{"Days", []string{"closeAfter=2024-01-10", "closeBefore = 2024-01-30"}, []string{"2"}},
			{"SeveralValues", []string{"status=won,active", "companyId=" + acme + ",null"}, []string{"1", "2"}},
			{"Null", []string{"priority=null", "contactId=null", "closeFrom=2024-01-20"}, []string{"2", "3"}},
			{"NoNull", []string{"ownerId=null"}, []string{}},
			{"Unknown", []string{"ownerId=" + acme}, []string{}},
		} {
			if diff := cmp.Diff(c.want, column(t, w.export(transfer.Deals, transfer.CSV, c.filters...), "external_id")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

func TestExportUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, c := range []struct {
		name string
		opt  transfer.ExportOptions
		want string
	}{
		{"Kind", transfer.ExportOptions{Kinds: []transfer.Kind{"things"}, Format: transfer.CSV}, `"things" cannot be exported`},
		{"Format", transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Deals}, Format: "pdf"}, `"pdf" is not a format: csv, json, ndjson, xlsx are`},
		{"Unknown", exportDeals("colour=red"), `deals have no filter "colour"; there are ownerId, stageId,`},
		{"OfAnotherKind", exportDeals("industry=Steel"), `deals have no filter "industry"`},
		{"NoValue", exportDeals("status="), `"status=" must be a name, an equals sign and a value`},
		{"NoName", exportDeals("won"), `"won" must be`},
		{"Twice", exportDeals("status=won", "Status=lost"), `status is given twice`},
		{"NotOneOf", exportDeals("status=open"), `status must be one of active, won, lost, not "open"`},
		{"NoID", exportDeals("ownerId=Ada"), `ownerId must be a UUID, or null, not "Ada"`},
		{"NoAmount", exportDeals("minValue=much"), `minValue must be a number`},
		{"EmptyValue", exportDeals("status=won,,lost"), `status must not have an empty value`},
		{"NoNull", exportDeals("status=null"), `status must be one of active, won, lost, not "null"`},
		{"Reversed", exportDeals("maxValue=1", "minValue=2"), `maxValue must not be below minValue`},
		{"NoDay", exportDeals("closeAfter=2024-02-30"), `closeAfter must be a date`},
		{"NoKind", transfer.ExportOptions{Format: transfer.CSV}, `there is nothing to export: owners, stages, companies, contacts, deals, activities, tasks, audit can be`},
		{"SeveralKinds", exportOf(transfer.JSON, transfer.Deals, transfer.Tasks), `several kinds go into one workbook (xlsx), not into json`},
		{"SameKind", exportOf(transfer.XLSX, transfer.Deals, transfer.Tasks, transfer.Deals), `deals are named twice`},
		{"OfOneKind", withFilters(exportOf(transfer.XLSX, transfer.Deals, transfer.Tasks), "ownerId=null"), `tasks have no filter "ownerId"; there are assignedTo, `},
		{"NoFilters", withFilters(exportOf(transfer.CSV, transfer.Stages), "name=Won"), `stages have no filters`},
		{"ColumnsOfSeveral", withColumns(exportOf(transfer.XLSX, transfer.Deals, transfer.Tasks), "id"), `--columns: only those of one kind`},
		{"UnknownColumn", withColumns(exportOf(transfer.CSV, transfer.Stages), "name", "colour"), `stages have no column "colour"; there are id, name, description, color, order_position, default_probability, outcome, created_at, updated_at`},
		{"SecretColumn", withColumns(exportOf(transfer.JSON, transfer.Owners), "password_hash"), `owners have no column "password_hash"`},
		{"InternalColumn", withColumns(exportOf(transfer.JSON, transfer.Owners), "version"), `owners have no column "version"`},
		{"ColumnTwice", withColumns(exportOf(transfer.CSV, transfer.Deals), "name", "Name"), `name is named twice`},
		{"EmptyColumn", withColumns(exportOf(transfer.CSV, transfer.Deals), "name", ""), `deals have no column ""`},
		{"Raw", raw(exportOf(transfer.XLSX, transfer.Deals)), `--raw: xlsx needs no guard`},
	} {
		var out bytes.Buffer
		_, err := transfer.Export(t.Context(), w.bulk, w.by, c.opt, &out)
		var wrong *transfer.UsageError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want a usage error with %q", c.name, err, c.want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: %q was written", c.name, out.String())
		}
	}
}

func exportDeals(filters ...string) transfer.ExportOptions {
	return withFilters(exportOf(transfer.CSV, transfer.Deals), filters...)
}

func exportOf(format transfer.Format, kinds ...transfer.Kind) transfer.ExportOptions {
	return transfer.ExportOptions{Kinds: kinds, Format: format}
}

func withFilters(opt transfer.ExportOptions, filters ...string) transfer.ExportOptions {
	opt.Filters = filters
	return opt
}

func withColumns(opt transfer.ExportOptions, columns ...string) transfer.ExportOptions {
	opt.Columns = columns
	return opt
}

func raw(opt transfer.ExportOptions) transfer.ExportOptions {
	opt.Raw = true
	return opt
}

// hooked is a writer that runs something before its first bytes.
type hooked struct {
	io.Writer
	first func()
}

func (h *hooked) Write(p []byte) (int, error) {
	if h.first != nil {
		h.first()
		h.first = nil
	}
	return h.Writer.Write(p)
}

// manyCompanies are so many rows of CSV.
func manyCompanies(n int, description string) string {
	var b strings.Builder
	b.WriteString("external_id,name,description\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,Company %d,%s\n", i, i, description)
	}
	return b.String()
}

// TestExportIsOneState: what others write while an export runs is not in it, be it
// before or behind the place where it is.
func TestExportIsOneState(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.load(companies, file(t, manyCompanies(2500, "")))
		before := w.export(transfer.Companies, transfer.CSV)
		rows := all(w, w.service.Companies)
		var out bytes.Buffer
		meanwhile := func() {
			w.expect(companies, "external_id,name\n0,Changed\n2400,Changed\nnew,New\n", summary(1, 2, 0, 0))
			for _, c := range rows {
				if *c.ExternalID == "2300" {
					if err := w.service.DeleteCompany(t.Context(), w.by, c.ID, crm.VersionCondition{}); err != nil {
						t.Error(err)
					}
				}
			}
		}
		opt := transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Companies}, Format: transfer.CSV}
		if _, err := transfer.Export(t.Context(), w.bulk, w.by, opt, &hooked{&out, meanwhile}); err != nil {
			t.Fatal(err)
		}
		if out.String() != before {
			t.Error("the export is not what there was when it began")
		}
		after := column(t, w.export(transfer.Companies, transfer.CSV), "external_id")
		if len(after) != 2500 || after[len(after)-1] != "new" {
			t.Errorf("afterwards there are %d companies, the last one %q", len(after), after[len(after)-1])
		}
	})
}

// broken is a writer that takes a few bytes.
type broken struct{ left int }

var errBroken = errors.New("no room")

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestExportCannotWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.load(companies, file(t, manyCompanies(2500, "")))
	for _, format := range transfer.Formats() {
		for _, room := range []int{0, 20_000} {
			opt := transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Companies}, Format: format}
			if _, err := transfer.Export(t.Context(), w.bulk, w.by, opt, &broken{room}); !errors.Is(err, errBroken) {
				t.Errorf("%s with room for %d bytes: error %v", format, room, err)
			}
		}
	}
}

// live is how many bytes of memory are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// weighing notes the greatest amount of memory in use, now and then.
type weighing struct {
	every, left int
	least, most int64
}

func (w *weighing) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		w.left = w.every
		bytes := live()
		if w.least == 0 {
			w.least = bytes
		}
		w.most = max(w.most, bytes)
	}
	return len(p), nil
}

// TestExportMemory is not parallel to others, because it weighs the whole program:
// 12 MB of rows pass through, of which a batch may be held.
func TestExportMemory(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.load(companies, file(t, manyCompanies(12_000, strings.Repeat("x", 1000))))
	for _, format := range []transfer.Format{transfer.CSV, transfer.JSON, transfer.NDJSON} {
		before := live()
		m := &weighing{every: 2 << 20}
		opt := transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Companies}, Format: format}
		if _, err := transfer.Export(t.Context(), w.bulk, w.by, opt, m); err != nil {
			t.Fatal(err)
		}
		if grown := m.most - before; m.most == 0 || grown > 6<<20 {
			t.Errorf("%s: %d bytes were in use besides the %d before", format, grown, before)
		}
	}
}

// TestExportEveryFilter: each declared filter exports the records that it is declared to
// select.
func TestExportEveryFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.fill(30)
	exportEveryFilter(w, transfer.Companies, crm.Companies)
	exportEveryFilter(w, transfer.Contacts, crm.Contacts)
	exportEveryFilter(w, transfer.Deals, crm.Deals)
	exportEveryFilter(w, transfer.Activities, crm.Activities)
	exportEveryFilter(w, transfer.Tasks, crm.Tasks)
}

func exportEveryFilter[T, P, F any](w *world, kind transfer.Kind, e *crm.Entity[T, P, F]) {
	w.t.Helper()
	read := func(filters ...string) (rows []T) {
		if err := json.Unmarshal([]byte(w.export(kind, transfer.JSON, filters...)), &rows); err != nil {
			w.t.Fatal(err)
		}
		return rows
	}
	rows := read()
	for _, x := range e.Filters {
		told := false
		for i := range rows {
			text, err := json.Marshal(e.Property(x.Property).Stored(&rows[i]))
			if err != nil {
				w.t.Fatal(err)
			}
			value := string(text)
			_ = json.Unmarshal(text, &value) // of a text
			var filter F
			if string(text) == "null" || told || x.Set(&filter, value) != nil { // one value is enough
				continue
			}
			if tasks, ok := any(&filter).(*crm.TaskFilter); ok {
				tasks.Now = crm.InstantOf(enginetest.Started.Add(time.Hour)) // no task becomes overdue while the test runs
			}
			var want []T
			for j := range rows {
				if x.Match(&rows[j], &filter) {
					want = append(want, rows[j])
				}
			}
			told = len(want) < len(rows)
			if diff := cmp.Diff(want, read(x.Name+"="+value), cmpopts.EquateEmpty()); diff != "" {
				w.t.Errorf("%s --filter %s=%s (-declared +exported):\n%s", kind, x.Name, value, diff)
			}
		}
		if !told {
			w.t.Errorf("%s: no rows tell the filter %s", kind, x.Name)
		}
	}
}
