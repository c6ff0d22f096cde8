package transfer_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

func TestParseExport(t *testing.T) {
	t.Parallel()
	const owner = "01890000-0000-7000-8000-0000000000ab"
	for text, want := range map[string]transfer.ExportRequest{
		`{"type":"deals"}`: {ExportOptions: transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Deals}, Format: transfer.CSV}},
		`{"type":"deals","format":"ndjson","gzip":true,"columns":["name","value"],"filters":{"status":["won","lost"],"minValue":10.50,"ownerId":null,"priority":""},"ownerId":null}`: {
			Gzip: true, ExportOptions: transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Deals}, Format: transfer.NDJSON, Columns: []string{"name", "value"},
				Filters: []string{"minValue=10.50", "ownerId=null", "status=won,lost"}},
		},
		`{"type":"tasks","ownerId":"` + owner + `"}`: {ExportOptions: transfer.ExportOptions{Kinds: []transfer.Kind{transfer.Tasks}, Format: transfer.CSV, Filters: []string{"assignedTo=" + owner}}},
		`{"type":"all","format":"xlsx"}`:             {ExportOptions: transfer.ExportOptions{Kinds: transfer.ExportKinds()[:7], Format: transfer.XLSX}},
		`{"type":"audit","columns":"at,action"}`: {ExportOptions: transfer.ExportOptions{
			Kinds: []transfer.Kind{transfer.Audit}, Format: transfer.CSV, Columns: []string{"at", "action"}}},
	} {
		got, err := transfer.ParseExport(crm.Operator(crm.NewID()), json.RawMessage(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		`[]`:                               "An export must be an object",
		`null`:                             "An export must be an object",
		`{}`:                               "type must be given",
		`{"type":"people"}`:                `type must be one of owners, stages, companies, contacts, deals, activities, tasks, audit, or all, not "people"`,
		`{"type":5}`:                       "type must be a string, not \"5\"",
		`{"type":"deals","formats":"csv"}`: "formats is unknown; there are type, filters,",
		`{"type":"deals","format":"pdf"}`:  `format must be one of csv, json, ndjson, xlsx, not "pdf"`,
		`{"type":"all"}`:                   "format must be xlsx for all types",
		`{"type":"all","format":"xlsx","columns":["id"]}`:                "columns must not be given for all types",
		`{"type":"deals","columns":["name","colour"]}`:                   `columns/1 must be a column: deals have no column "colour"`,
		`{"type":"deals","gzip":"yes"}`:                                  `gzip must be true or false`,
		`{"type":"deals","filters":[]}`:                                  "filters must be an object of filters by name",
		`{"type":"deals","filters":{"status":{}}}`:                       "filters/status must be a string, a number",
		`{"type":"deals","filters":{"status":"open","colour":"red"}}`:    `filters/colour is no filter: deals have no filter "colour"; there are ownerId`,
		`{"type":"deals","filters":{"status":"open"}}`:                   `filters/status must be one of active, won, lost`,
		`{"type":"deals","filters":{"minValue":5,"maxValue":1}}`:         "filters/maxValue must not be below minValue",
		`{"type":"deals","ownerId":"x"}`:                                 "filters/ownerId must be a UUID",
		`{"type":"deals","filters":{"ownerId":"null"},"ownerId":"null"}`: "filters/ownerId is given twice",
		`{"type":"stages","ownerId":"` + owner + `"}`:                    "filters/ownerId is no filter: stages have no filters",
	} {
		_, err := transfer.ParseExport(crm.Operator(crm.NewID()), json.RawMessage(text))
		if crm.CodeOf(err) != crm.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	// All at once.
	_, err := transfer.ParseExport(crm.Operator(crm.NewID()), json.RawMessage(`{"type":"deals","filters":{"status":"open","colour":"red","minValue":"x"}}`))
	var e *crm.Error
	if !errors.As(err, &e) || len(e.Fields) != 3 {
		t.Errorf("three wrong filters: %v", err)
	}
	rep := crm.Actor{Org: crm.NewID(), User: crm.NewID(), Role: crm.RoleManager}
	if _, err := transfer.ParseExport(rep, json.RawMessage(`{"type":"audit"}`)); crm.CodeOf(err) != crm.CodeForbidden {
		t.Errorf("the audit trail for a manager: %v", err)
	}
}

// TestExportProgress: it is told at the beginning of each table and every thousand records, never goes
// back, and its error ends the export.
func TestExportProgress(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, manyCompanies(2500, ""), summary(2500, 0, 0, 0))
		opt := exportOf(transfer.XLSX, transfer.Companies, transfer.Stages)
		var rows []int64
		last := 0
		opt.Progress = func(n int64, percent int) error {
			if percent < last || percent > 99 {
				t.Errorf("%d%% after %d%%", percent, last)
			}
			rows, last = append(rows, n), percent
			return nil
		}
		w.exportAs(opt)
		if diff := cmp.Diff([]int64{0, 1000, 2000, 2500}, rows); diff != "" || last != 50 {
			t.Errorf("%d%% (-want +got):\n%s", last, diff)
		}
		enough := errors.New("enough")
		opt.Progress = func(n int64, _ int) error {
			if n == 1000 {
				return enough
			}
			return nil
		}
		if n, err := transfer.Export(t.Context(), w.bulk, w.by, opt, io.Discard); !errors.Is(err, enough) || n != 1000 {
			t.Errorf("%d records, %v", n, err)
		}
	})
}
