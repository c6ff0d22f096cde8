package transfer_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// maxFuzzed bounds a file: what is longer has the same rows more often.
const maxFuzzed = 16 << 10

// FuzzImport: whatever bytes are imported, every row has one outcome, and a dry run counts the
// same as the run.
func FuzzImport(f *testing.F) {
	kinds := []transfer.Kind{transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities, transfer.Tasks, transfer.Stages, transfer.Owners}
	for _, folder := range []string{casesFolder, siblingsFolder} {
		for _, kind := range []uint8{0, 1, 2} {
			files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
			if err != nil || len(files) == 0 {
				f.Fatal(err, files)
			}
			content, err := os.ReadFile(files[int(kind)*7%len(files)])
			if err != nil {
				f.Fatal(err)
			}
			f.Add(kind, false, content[:min(len(content), maxFuzzed)])
		}
	}
	f.Add(uint8(4), true, []byte("title,assignee,due_date,completed\nCall,Ada,2024-01-02,yes\nCall,Ada,2024-01-02,no\n"))
	f.Add(uint8(5), true, []byte("name;order_position;outcome\nLead;7;won\nNew;;\n"))
	f.Add(uint8(6), true, []byte("email,name,role\na@x.example,Ada,admin\n,,\n"))
	s := enginetest.Open(f, enginetest.SQLite)
	service, records := bulk.NewService(s.Bulk(), enginetest.Clock()), crm.NewService(s.CRM(), enginetest.Clock())
	f.Fuzz(func(t *testing.T, kind uint8, lenient bool, content []byte) {
		if len(content) > maxFuzzed {
			t.Skip()
		}
		w := (&world{t: t, store: s, service: records, bulk: service}).sibling("Fuzzed " + crm.NewID().String())
		opt := transfer.Options{
			Kind: kinds[int(kind)%len(kinds)], CreateMissing: []string{"company", "owner", "stage"}, Lenient: lenient,
		}
		source := transfer.Source{Name: "rows.csv", Size: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
		run := func(dry bool) (transfer.Counts, []string, error) {
			var reasons []string
			opt := opt
			opt.DryRun, opt.Rejected = dry, func(r transfer.Rejection) { reasons = append(reasons, r.Reason) }
			summary, err := transfer.Import(t.Context(), w.bulk, w.by, opt, source)
			return summary.Counts, reasons, err
		}
		would, reasonsBefore, errBefore := run(true)
		did, reasons, err := run(false)
		if (err == nil) != (errBefore == nil) || err != nil && err.Error() != errBefore.Error() {
			t.Fatalf("error %v, in a dry run %v", err, errBefore)
		}
		if n := did.Created + did.Updated + did.Unchanged + did.Rejected + did.Skipped; n != did.Read || int64(len(reasons)) != did.Rejected {
			t.Errorf("%+v, and %d reasons", did, len(reasons))
		}
		if diff := cmp.Diff(would, did) + cmp.Diff(reasonsBefore, reasons); diff != "" {
			t.Errorf("(-dry run +run):\n%s", diff)
		}
	})
}
