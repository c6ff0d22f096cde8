package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sixty/internal/transfer"
	"sixty/internal/transfer/table"
)

// TestFormatsReadBack: what an export writes in any format is read as the same cells as
// from CSV.
func TestFormatsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.fill(60)
	for _, kind := range kinds {
		rows := records(t, w.exportAs(transfer.ExportOptions{Kinds: []transfer.Kind{kind}, Format: transfer.CSV, Raw: true}))
		for _, format := range []transfer.Format{transfer.NDJSON, transfer.JSON, transfer.XLSX} {
			path := filepath.Join(t.TempDir(), "export."+string(format))
			if err := os.WriteFile(path, []byte(w.export(kind, format)), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := table.Open(t.Context(), source(t, path), table.Options{})
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for _, row := range rows[1:] {
				record, err := r.Read()
				if err != nil || record.Err != nil {
					t.Fatalf("%s as %s: %v, %v", kind, format, err, record.Err)
				}
				cells := map[string]string{}
				for i, name := range r.Header() {
					cells[name] = record.Fields[i]
				}
				for i, name := range rows[0] {
					cell, ok := cells[name]
					if !ok {
						continue
					}
					compared++
					if want, got := comparison(row[i], format), comparison(cell, format); got != want {
						t.Errorf("%s as %s, %s: %q, in CSV %q", kind, format, name, cell, row[i])
					}
				}
			}
			if compared < 5*len(rows) {
				t.Errorf("%s as %s: %d cells of %d rows were compared", kind, format, compared, len(rows))
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// comparison returns a cell without what a sheet has no place for: digits beyond the
// millisecond, zeros at a number's end, and control characters.
func comparison(cell string, format transfer.Format) string {
	if format != transfer.XLSX {
		return cell
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, cell); err == nil {
			return at.Round(time.Millisecond).UTC().Format("2006-01-02T15:04:05.000")
		}
	}
	if whole, cents, ok := strings.Cut(cell, "."); ok && strings.Trim(strings.TrimPrefix(whole, "-")+cents, "0123456789") == "" {
		cell = strings.TrimSuffix(strings.TrimRight(cell, "0"), ".")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, cell)
}
