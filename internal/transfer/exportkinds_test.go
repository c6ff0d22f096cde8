package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	membership "sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// fillTasks makes two people and two tasks of theirs: one that is overdue, about a company,
// a contact and a deal, and one that is completed.
func (w *world) fillTasks() []crm.Task {
	w.t.Helper()
	w.expect(owners, "email,full_name,stage,role\nada@x.example,Ada Lovelace,=Analyst,manager\n,Bob Own,,\n", summary(2, 0, 0, 0))
	w.expect(companies, "external_id,name\nA,Acme\n", summary(1, 0, 0, 0))
	w.expect(contacts, "email,name,company\njo@x.example,Jo Doe,A\n", summary(1, 0, 0, 0))
	w.expect(deals, "external_id,name,company,contact\n1,Licences,A,jo@x.example\n", summary(1, 0, 0, 0))
	people := all(w, w.service.Owners)
	company, contact, deal := all(w, w.service.Companies)[0], all(w, w.service.Contacts)[0], all(w, w.service.Deals)[0]
	var tasks []crm.Task
	for _, p := range []crm.TaskPatch{
		{
			Title: crm.Of("=Call back"), Status: crm.Of(crm.TaskInProgress), Priority: crm.Of("urgent"), TaskType: crm.Of("call"),
			DueDate:    crm.Of(crm.Moment(crm.InstantOf(enginetest.Started.Add(-48 * time.Hour)))),
			AssignedTo: crm.Of(people[0].ID), CreatedBy: crm.Of(people[1].ID),
			CompanyID: crm.Of(company.ID), ContactID: crm.Of(contact.ID), DealID: crm.Of(deal.ID),
		},
		{Title: crm.Of("Done"), Completed: crm.Of(true), Notes: crm.Of("two\nlines")},
	} {
		task, err := w.service.CreateTask(w.t.Context(), w.by, p)
		if err != nil {
			w.t.Fatal(err)
		}
		tasks = append(tasks, task)
	}
	return tasks
}

// TestExportOfPeopleStagesAndTasks: they have the columns of what the API shows, and names
// beside ids.
func TestExportOfPeopleStagesAndTasks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		tasks := w.fillTasks()
		for _, c := range []struct {
			kind    transfer.Kind
			columns map[string][]string
		}{
			{transfer.Owners, map[string][]string{
				"email": {"ada@x.example", ""}, "first_name": {"Ada", "Bob"}, "last_name": {"Lovelace", "Own"},
				"stage": {"'=Analyst", ""}, "role": {"manager", "rep"},
			}},
			{transfer.Stages, map[string][]string{
				"name":                {"Lead", "Qualified", "Proposal", "Negotiation", "Won", "Lost"},
				"order_position":      {"1", "2", "3", "4", "5", "6"},
				"default_probability": {"10", "25", "50", "75", "100", "0"},
				"outcome":             {"open", "open", "open", "open", "won", "lost"},
			}},
			{transfer.Tasks, map[string][]string{
				"id": {tasks[0].ID.String(), tasks[1].ID.String()}, "title": {"'=Call back", "Done"}, "notes": {"", "two\nlines"},
				"due_date": {"2026-02-27T09:00:00.000000Z", ""}, "completed": {"false", "true"}, "status": {"in_progress", "completed"},
				"priority": {"urgent", "medium"}, "task_type": {"call", "general"}, "assignee": {"ada@x.example", ""}, "creator": {"Bob Own", ""},
				"deal": {"1", ""}, "company": {"Acme", ""}, "contact": {"jo@x.example", ""},
			}},
		} {
			text := w.export(c.kind, transfer.CSV)
			for name, want := range c.columns {
				if diff := cmp.Diff(want, column(t, text, name)); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", c.kind, name, diff)
				}
			}
			for _, secret := range []string{"password", "version", "service", "org_id", "deactivated"} {
				if strings.Contains(strings.Join(records(t, text)[0], ","), secret) {
					t.Errorf("%s: %s is a column", c.kind, secret)
				}
			}
		}
		var stored []crm.Task
		if err := json.Unmarshal([]byte(w.export(transfer.Tasks, transfer.JSON)), &stored); err != nil {
			t.Fatal(err)
		}
		for i := range tasks {
			tasks[i].OrgID, tasks[i].Version = crm.ID{}, 0
			if tasks[i].Status == crm.TaskOverdue { // as it is shown
				tasks[i].Status = crm.TaskInProgress
			}
		}
		if diff := cmp.Diff(tasks, stored); diff != "" {
			t.Errorf("tasks in JSON (-want +got):\n%s", diff)
		}
		if got := column(t, w.export(transfer.Tasks, transfer.CSV, "status=overdue"), "title"); len(got) != 1 {
			t.Errorf("overdue are %q", got)
		}
	})
}

// TestExportColumns: the columns that are chosen, in their order, in every format.
func TestExportColumns(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(deals, "external_id,name,value,stage,created_at\n1,=One & <only>,1250.5,Won,2024-02-03\n2,Two,,Lead,2024-02-04\n", summary(2, 0, 0, 0))
		opt := func(format transfer.Format, columns ...string) transfer.ExportOptions {
			return withColumns(exportOf(format, transfer.Deals), columns...)
		}
		for _, c := range []struct {
			opt  transfer.ExportOptions
			want string
		}{
			{opt(transfer.CSV, "Value", "stage", "owner", "name"), "value,stage,owner,name\r\n1250.50,Won,,'=One & <only>\r\n,Lead,,Two\r\n"},
			{raw(opt(transfer.CSV, "name")), "name\r\n=One & <only>\r\nTwo\r\n"},
			{opt(transfer.NDJSON, "value", "stage", "owner", "name", "created-at"), `{"value":1250.50,"stage":"Won","owner":null,"name":"=One & <only>","created_at":"2024-02-03T00:00:00.000000Z"}
{"value":null,"stage":"Lead","owner":null,"name":"Two","created_at":"2024-02-04T00:00:00.000000Z"}
`},
			{opt(transfer.JSON, "external_id", "probability"), "[\n{\"external_id\":\"1\",\"probability\":100},\n{\"external_id\":\"2\",\"probability\":10}\n]\n"},
		} {
			if diff := cmp.Diff(c.want, w.exportAs(c.opt)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", c.opt.Format, c.opt.Columns, diff)
			}
		}
		rows := sheet(t, w.exportAs(opt(transfer.XLSX, "value", "name")), "deals")
		if diff := cmp.Diff([][]string{{"value", "name"}, {"1250.50", "=One & <only>"}, {"", "Two"}}, rows); diff != "" {
			t.Errorf("xlsx (-want +got):\n%s", diff)
		}
		// What is derived is exported when it is wanted.
		w.expect(contacts, "email,name\njo@x.example,Jo Doe\n", summary(1, 0, 0, 0))
		if got := w.exportAs(withColumns(exportOf(transfer.CSV, transfer.Contacts), "full_name", "is_primary")); got != "full_name,is_primary\r\nJo Doe,false\r\n" {
			t.Errorf("contacts are %q", got)
		}
		audit := w.exportAs(withColumns(exportOf(transfer.NDJSON, transfer.Audit), "action", "details"))
		if first, _, _ := strings.Cut(audit, "\n"); first != `{"action":"data.exported","details":{"columns":"Value,stage,owner,name","filter":"","format":"csv"}}` {
			t.Errorf("the trail is %s", first)
		}
	})
}

// book opens a workbook.
func book(t *testing.T, content string) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// sheet returns the rows of a sheet as they are shown.
func sheet(t *testing.T, content, name string) [][]string {
	t.Helper()
	rows, err := book(t, content).GetRows(name)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestWorkbook: every kind has a sheet with the columns of CSV and typed cells under a header
// that stays in sight.
func TestWorkbook(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.fill(20)
		kinds := transfer.ExportKinds()
		opt := exportOf(transfer.XLSX, kinds...)
		var notices []string
		opt.Notice = func(message string) { notices = append(notices, message) }
		content := w.exportAs(opt)
		if len(notices) != 1 || !strings.HasSuffix(notices[0], " texts hold control characters, which a workbook cannot: each is replaced by U+FFFD (csv and json keep them)") {
			t.Errorf("notices %q", notices)
		}
		f := book(t, content)
		var sheets []string
		for _, kind := range kinds {
			sheets = append(sheets, string(kind))
		}
		if diff := cmp.Diff(sheets, f.GetSheetList()); diff != "" {
			t.Fatalf("sheets (-want +got):\n%s", diff)
		}
		for _, kind := range kinds {
			name := string(kind)
			rows, want := sheet(t, content, name), records(t, w.exportAs(raw(exportOf(transfer.CSV, kind))))
			if kind == transfer.Audit { // the later exports are entries too
				want = want[:len(rows)]
			}
			if len(rows) != len(want) || len(rows) == 1 {
				t.Fatalf("%s has %d rows, of CSV %d", kind, len(rows), len(want))
			}
			if panes, err := f.GetPanes(name); err != nil || !panes.Freeze || panes.YSplit != 1 {
				t.Errorf("%s: panes %+v, %v", kind, panes, err)
			}
			for i, column := range want[0] {
				for r := range want {
					at, err := excelize.CoordinatesToCellName(i+1, r+1)
					if err != nil {
						t.Fatal(err)
					}
					if got := cellOf(t, f, name, at); got != inWorkbook(want[r][i]) {
						t.Errorf("%s, %s: %q, in CSV %q", kind, column, got, want[r][i])
					}
				}
			}
		}
	})
}

// inWorkbook returns a cell of CSV as a workbook can hold it: a time to the millisecond, and no
// control characters.
func inWorkbook(cell string) string {
	if at, err := crm.ParseInstant(cell); err == nil && at.Time().Year() >= 1900 && len(cell) > len(time.DateOnly) {
		return crm.InstantOf(at.Time().Round(time.Millisecond)).String()
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == '\ufffe' || r == '\uffff' {
			return '\ufffd'
		}
		return r
	}, cell)
}

// cellOf returns what a typed cell holds, as CSV has it.
func cellOf(t *testing.T, f *excelize.File, sheet, at string) string {
	t.Helper()
	text, err := f.GetCellValue(sheet, at, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.GetCellValue(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := f.GetCellType(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case kind == excelize.CellTypeBool:
		return strings.ToLower(shown)
	case kind != excelize.CellTypeUnset || text == "":
		return text
	case strings.Contains(shown, ":"):
		var days float64
		if _, err := fmt.Sscan(text, &days); err != nil {
			t.Fatal(err)
		}
		whole, part := math.Modf(days)
		millis := time.Duration(math.Round(part*24*60*60*1000)) * time.Millisecond
		return crm.InstantOf(time.Date(1899, 12, 30+int(whole), 0, 0, 0, 0, time.UTC).Add(millis)).String()
	default:
		return shown
	}
}

// TestWorkbookIsOneState: the sheets show one state of the database, whatever is written
// between two of them.
func TestWorkbookIsOneState(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "external_id,name\nA,Acme\n", summary(1, 0, 0, 0))
		w.expect(contacts, "email,name,company\njo@x.example,Jo Doe,A\n", summary(1, 0, 0, 0))
		var contactsThen []string
		err := w.bulk.Export(t.Context(), w.by, func(ctx context.Context, e *bulk.Export) error {
			if err := e.Companies(ctx, crm.CompanyFilter{}, func([]bulk.ExportRow[crm.Company]) error {
				w.expect(companies, "external_id,name\nA,Renamed\n", summary(0, 1, 0, 0))
				w.expect(contacts, "email,name,company\nnew@x.example,New One,A\n", summary(1, 0, 0, 0))
				return nil
			}); err != nil {
				return err
			}
			return e.Contacts(ctx, crm.ContactFilter{}, func(rows []bulk.ExportRow[crm.Contact]) error {
				for _, r := range rows {
					contactsThen = append(contactsThen, r.Record.FullName+" of "+r.Company)
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Jo Doe of Acme"}, contactsThen); diff != "" {
			t.Errorf("contacts (-want +got):\n%s", diff)
		}
	})
}

// TestExportOfDeactivatedPeople: that they are deactivated is in no file, and is told.
func TestExportOfDeactivatedPeople(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(owners, people, summary(2, 0, 0, 0))
		team := membership.NewService(w.store.Accounts(), enginetest.Clock(), "GBP")
		if _, err := team.DeactivateOwner(t.Context(), w.by, all(w, w.service.Owners)[0].ID); err != nil {
			t.Fatal(err)
		}
		opt := exportOf(transfer.CSV, transfer.Owners)
		var notices []string
		opt.Notice = func(message string) { notices = append(notices, message) }
		if got := column(t, w.exportAs(opt), "email"); len(got) != 2 {
			t.Errorf("people are %q", got)
		}
		if diff := cmp.Diff([]string{"1 of the people are deactivated here: imported elsewhere, they may sign in"}, notices); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
	})
}

// TestExportOfWhatIsSeen: a rep who sees only what they own exports only that, and the audit
// trail is for admins, also among other kinds.
func TestExportOfWhatIsSeen(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.fillTasks()
		ada := all(w, w.service.Owners)[0]
		rep := *w
		rep.by = crm.Actor{Org: w.by.Org, User: ada.ID, Role: crm.RoleRep}
		if got := column(t, rep.export(transfer.Tasks, transfer.CSV), "title"); len(got) != 1 || got[0] != "'=Call back" {
			t.Errorf("the rep's tasks are %q", got)
		}
		// The company is not the rep's: its name is hidden from them.
		if got := column(t, rep.export(transfer.Tasks, transfer.CSV), "company"); len(got) != 1 || got[0] != "" {
			t.Errorf("the company is %q", got)
		}
		if got := column(t, rep.export(transfer.Stages, transfer.CSV), "name"); len(got) != 6 {
			t.Errorf("the stages are %q", got)
		}
		var out bytes.Buffer
		_, err := transfer.Export(t.Context(), w.bulk, rep.by, exportOf(transfer.XLSX, transfer.Tasks, transfer.Audit), &out)
		if crm.CodeOf(err) != crm.CodeForbidden || out.Len() > 0 {
			t.Errorf("error %v, and %d bytes", err, out.Len())
		}
	})
}
