package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// TestFolderUse: options that are wrong for one file of a folder show before any is imported, and
// those that are for one kind of file do not disturb the others.
func TestFolderUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"all-companies.csv": "Record ID,Company name,Company Domain Name\n1,Acme,acme.example\n",
		"deals-1.csv":       "Record ID,Deal Name,Deal Stage,Amount\n1,A,Ordered,5\n2,,Ordered,5\n",
		"deals-2.csv":       "Record ID,Deal Name,Deal Stage\n3,B,Ordered\n4,,Ordered\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, "sqlite")
	opt := transfer.Options{StageOutcomes: []string{"Ordered=won"}, Maps: []string{"Amount=value"}, Errors: filepath.Join(t.TempDir(), "rejected")}
	s, err := transfer.ImportFolder(t.Context(), w.bulk, w.by, opt, dir)
	if err == nil || s.Read != 0 || len(all(w, w.service.Companies)) != 0 {
		t.Errorf("a column that one file lacks: %+v, %v", s.Counts, err)
	}
	opt.Maps = nil
	s, err = transfer.ImportFolder(t.Context(), w.bulk, w.by, opt, dir)
	if err != nil || s.Counts != summary(3, 0, 0, 2) {
		t.Fatalf("%+v, %v", s.Counts, err)
	}
	files, err := os.ReadDir(opt.Errors)
	if err != nil || len(files) != 3 {
		t.Errorf("%d files of rejected rows, %v", len(files), err)
	}
	if d := all(w, w.service.Deals); d[0].Status != crm.StatusWon {
		t.Errorf("the status is %s", d[0].Status)
	}
}

// TestManagersPreset: a preset does not make people for a manager, who cannot; the rows say so.
func TestManagersPreset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.by.Role = crm.RoleManager
	got, reasons := w.load(deals, file(t, "Record ID,Deal Name,Deal Stage,Deal owner\n1,A,Lead,Anna Schmidt\n2,B,Lead,\n"))
	if got != summary(1, 0, 0, 1) || len(reasons) != 1 || !strings.Contains(reasons[0], `no owner called "Anna Schmidt"`) {
		t.Errorf("%+v, %q", got, reasons)
	}
}
