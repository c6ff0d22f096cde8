package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// TestRoundTripOfEveryKind: a file of any kind and format is read back into another
// organisation with the same ids, and says nothing new when it is read again, there as here.
// People and stages, which are found by address and by name, have other ids there.
func TestRoundTripOfEveryKind(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.fillTasks()
		for _, format := range []transfer.Format{transfer.CSV, transfer.XLSX, transfer.NDJSON, transfer.JSON} {
			other := w.sibling("Other " + string(format))
			for _, kind := range []transfer.Kind{transfer.Owners, transfer.Stages, transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities, transfer.Tasks} {
				text := w.export(kind, transfer.CSV)
				rows := records(t, text)
				path := filepath.Join(t.TempDir(), "rows."+string(format))
				// With the names beside the ids, which JSON has not by itself.
				content := w.exportAs(withColumns(exportOf(format, kind), rows[0]...))
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				n := int64(len(rows) - 1)
				opt, first := transfer.Options{Kind: kind}, createdOnly(n)
				if kind == transfer.Stages {
					first = counts(0, 0, n, 0, 0)
				}
				if n == 0 {
					continue
				}
				for _, run := range []struct {
					w    *world
					want transfer.Counts
				}{{other, first}, {other, counts(0, 0, n, 0, 0)}, {w, counts(0, 0, n, 0, 0)}} {
					got, reasons := run.w.load(opt, source(t, path))
					if got != run.want {
						t.Errorf("%s as %s: %+v, want %+v; reasons %q", kind, format, got, run.want, reasons)
					}
				}
				ids := []string{"stage_id", "owner_id", "assigned_to", "created_by"}
				switch kind {
				case transfer.Owners:
					ids = []string{"id"}
				case transfer.Stages:
					ids = []string{"id", "created_at", "updated_at"}
				}
				if diff := cmp.Diff(without(t, text, ids...), without(t, other.export(kind, transfer.CSV), ids...)); diff != "" {
					t.Errorf("%s as %s (-first +second):\n%s", kind, format, diff)
				}
			}
		}
	})
}

// TestStagesByID: stages that are copied with their ids stand beside those that there are.
func TestStagesByID(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		stage, err := w.service.CreateStage(t.Context(), w.by, crm.StagePatch{Name: crm.Of("=Signed"), Outcome: crm.Of("won"), Color: crm.Of("#123456")})
		if err != nil {
			t.Fatal(err)
		}
		text := w.export(transfer.Stages, transfer.CSV)
		byID := transfer.Options{Kind: transfer.Stages, From: "none", Keys: []string{"id"}}
		if got, reasons := w.load(byID, file(t, text)); got != counts(0, 0, 7, 0, 0) {
			t.Errorf("%+v; reasons %q", got, reasons)
		}
		other := w.sibling("Other")
		only := strings.Join([]string{strings.SplitN(text, "\r\n", 2)[0], lineOf(text, stage.ID.String())}, "\r\n")
		if got, reasons := other.load(byID, file(t, only)); got != createdOnly(1) {
			t.Errorf("%+v; reasons %q", got, reasons)
		}
		copied := all(other, other.service.Stages)
		if i := len(copied); i != 7 || lineOf(other.export(transfer.Stages, transfer.CSV), stage.ID.String()) != lineOf(text, stage.ID.String()) {
			t.Errorf("there are %d stages:\n%s", i, other.export(transfer.Stages, transfer.CSV))
		}
	})
}

// lineOf returns the line of a text with a part.
func lineOf(text, part string) string {
	for line := range strings.SplitSeq(text, "\r\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
