package transfer

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
)

// tableOf returns a table of these rows, with the columns that an import reads.
func tableOf[T, P, F any](t *testing.T, kind Kind, e *crm.Entity[T, P, F], rows ...bulk.ExportRow[T]) *exportTable {
	t.Helper()
	var none F
	table := newTable(kind, e, none, func(_ *bulk.Export, _ context.Context, _ F, each func([]bulk.ExportRow[T]) error) error {
		return each(rows)
	})
	if err := table.choose(nil); err != nil {
		t.Fatal(err)
	}
	return table
}

// book writes deals as a workbook whose sheets have so many rows, and opens it.
func book(t *testing.T, limit int, deals ...crm.Deal) *excelize.File {
	t.Helper()
	var out bytes.Buffer
	e := newXLSXEncoder(&out, limit)
	defer e.discard()
	if err := e.begin(); err != nil {
		t.Fatal(err)
	}
	var rows []bulk.ExportRow[crm.Deal]
	for _, d := range deals {
		rows = append(rows, bulk.ExportRow[crm.Deal]{Record: d, References: bulk.References{Stage: "Won"}})
	}
	table := tableOf(t, Deals, crm.Deals, rows...)
	if err := e.table(table); err != nil {
		t.Fatal(err)
	}
	if err := table.read(t.Context(), nil, func() error { return e.row(table) }); err != nil {
		t.Fatal(err)
	}
	if err := e.end(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestXLSXCells: numbers and dates are such, and no text is a formula.
func TestXLSXCells(t *testing.T) {
	t.Parallel()
	value, day := crm.MaxMoney, crm.DateOf(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
	old := crm.DateOf(time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC))
	f := book(t, 10, crm.Deal{
		ID: crm.NewID(), Name: "=1+1", Value: &value, Probability: 80, ExpectedCloseDate: &day, FirstBillingDate: &old,
		CreatedAt: crm.InstantOf(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)),
	})
	names := tableOf(t, Deals, crm.Deals).names()
	for name, want := range map[string]struct {
		raw, shown string
		kind       excelize.CellType
	}{
		"name":                {"=1+1", "=1+1", excelize.CellTypeInlineString},
		"stage":               {"Won", "Won", excelize.CellTypeInlineString},
		"value":               {"999999999999.99", "999999999999.99", excelize.CellTypeUnset},
		"probability":         {"80", "80", excelize.CellTypeUnset},
		"expected_close_date": {"45351", "2024-02-29", excelize.CellTypeUnset},
		"first_billing_date":  {"1815-12-10", "1815-12-10", excelize.CellTypeInlineString},
		"created_at":          {"45351.5", "2024-02-29 12:00:00", excelize.CellTypeUnset},
		"closed_at":           {"", "", excelize.CellTypeUnset},
	} {
		at := ""
		for i, n := range names {
			if n == name {
				at, _ = excelize.CoordinatesToCellName(i+1, 2)
			}
		}
		raw, err := f.GetCellValue("deals", at, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		shown, _ := f.GetCellValue("deals", at)
		kind, _ := f.GetCellType("deals", at)
		formula, _ := f.GetCellFormula("deals", at)
		if raw != want.raw || shown != want.shown || kind != want.kind || formula != "" {
			t.Errorf("%s: %q, shown as %q, of type %d, formula %q; want %+v", name, raw, shown, kind, formula, want)
		}
	}
}

// TestXLSXSheets: what does not fit in a sheet goes on in the next, under the same
// header.
func TestXLSXSheets(t *testing.T) {
	t.Parallel()
	var deals []crm.Deal
	for i := range 7 {
		deals = append(deals, crm.Deal{Name: fmt.Sprint(i)})
	}
	f := book(t, 4, deals...)
	if diff := cmp.Diff([]string{"deals", "deals 2", "deals 3"}, f.GetSheetList()); diff != "" {
		t.Fatalf("sheets (-want +got):\n%s", diff)
	}
	var got []string
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			got = append(got, row[1])
		}
	}
	if diff := cmp.Diff([]string{"name", "0", "1", "2", "name", "3", "4", "5", "name", "6"}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestColumnsOfEveryKind: every member that a client sees has a column, as far as it
// is not derived, and every column is a field that an import maps by itself.
func TestColumnsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind    Kind
		columns []string
		fields  interface{ names() []string }
	}{
		{Companies, checked(t, crm.Companies), newFields(crm.Companies, currencies{}, bulk.RefOwner)},
		{Contacts, checked(t, crm.Contacts), newFields(crm.Contacts, currencies{}, bulk.RefCompany, bulk.RefOwner)},
		{Deals, checked(t, crm.Deals), newFields(crm.Deals, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefStage, bulk.RefContact)},
		{Activities, checked(t, crm.Activities), newFields(crm.Activities, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefContact, bulk.RefDeal)},
		{Tasks, checked(t, crm.Tasks), newFields(crm.Tasks, currencies{}, bulk.RefCompany, bulk.RefContact, bulk.RefDeal, bulk.RefOwner, bulk.RefCreator)},
		{Stages, checked(t, crm.Stages), newFields(crm.Stages, currencies{})},
		{Owners, checked(t, crm.Owners), newFields(crm.Owners, currencies{})},
	} {
		if diff := cmp.Diff(preset.Fields(string(c.kind)), c.fields.names()); diff != "" {
			t.Errorf("%s: fields of presets and of imports (-presets +imports):\n%s", c.kind, diff)
		}
		known := map[string]bool{}
		for _, name := range c.fields.names() {
			known[name] = true
		}
		for _, name := range c.columns {
			if !known[name] {
				t.Errorf("%s: no field is called %s", c.kind, name)
			}
			delete(known, name)
		}
		delete(known, fieldFullName)
		delete(known, "closed_at_if_closed") // which only imports have
		if len(known) > 0 {
			t.Errorf("%s: no columns for %v", c.kind, known)
		}
	}
}

// checked returns the columns of a kind, after taking a value from each.
func checked[T, P, F any](t *testing.T, e *crm.Entity[T, P, F]) []string {
	t.Helper()
	table := tableOf(t, "", e)
	for i := range table.columns {
		if text := guard(cellText(table.columns[i].value())); text == "'" {
			t.Errorf("%s is %q when it is empty", table.columns[i].name, text)
		}
	}
	return table.names()
}
