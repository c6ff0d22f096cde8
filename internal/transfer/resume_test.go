package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

var errCrash = errors.New("the process was killed")

// crashingStore fails a transaction, counted from 1, and all after it: without having run it, or after its
// commit.
type crashingStore struct {
	bulk.Store
	at        int64
	committed bool
	writes    *atomic.Int64
}

func (s crashingStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	n := s.writes.Add(1)
	if n > s.at || n == s.at && !s.committed {
		return errCrash
	}
	err := s.Store.Write(ctx, by, at, fn)
	if n == s.at {
		err = errors.Join(err, errCrash)
	}
	return err
}

// mixedDeals are rows of several batches: most are new, and some are wrong, incomplete or repeated, and some
// change deals. Their companies are created when they are missing.
func mixedDeals(rows int) string {
	var b strings.Builder
	b.WriteString("external_id,name,company,value,expected_close_date\n")
	for i := range rows {
		name, value, date := fmt.Sprintf("Deal %d", i), fmt.Sprintf("%d.50", i), "2026-03-01"
		id := i
		switch {
		case i%500 == 7:
			name = ""
		case i%500 == 8:
			date = "never"
		case i%1000 == 9:
			id = i - 1
		case i%1000 == 11:
			value = "1.005"
		}
		fmt.Fprintf(&b, "%05d,%s,Company %d,%s,%s\n", id, name, i/700, value, date)
	}
	return b.String()
}

var mixed = transfer.Options{Kind: transfer.Deals, Keys: []string{"external_id"}, CreateMissing: []string{"company"}, Lenient: true}

const mixedRows = 7000 // four batches

// TestResume: an import that is interrupted at any transaction, and run again, loads what is missing and
// tells what an undisturbed one tells, with the same rejected rows.
func TestResume(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		rows := file(t, mixedDeals(mixedRows))
		before := mixedDeals(3000)
		run := func(w *world, service *bulk.Service, record *bulk.Import) (transfer.Summary, string, error) {
			opt := mixed
			opt.Record, opt.Errors = record, filepath.Join(t.TempDir(), "rejected.csv")
			s, err := transfer.Import(t.Context(), service, w.by, opt, rows)
			rejected, _ := os.ReadFile(opt.Errors)
			return s, string(rejected), err
		}
		w.prepared(before)
		record := w.bulk.NewImport(w.by, "deals", "cli")
		want, rejected, err := run(w, w.bulk, &record)
		if err != nil || want.Rejected == 0 || want.Partial == 0 || want.Updated == 0 || len(want.CreatedReferences) == 0 {
			t.Fatalf("%+v, %v", want, err)
		}
		deals := w.dealFacts()
		resume := func(t *testing.T, at int64, committed bool) (crashed bool) {
			t.Helper()
			other := w.sibling(fmt.Sprintf("%d %t", at, committed))
			other.t = t
			other.prepared(before)
			record := other.bulk.NewImport(other.by, "deals", "cli")
			crashing := bulk.NewService(crashingStore{Store: w.store.Bulk(), at: at, committed: committed, writes: new(atomic.Int64)}, enginetest.Clock())
			if _, _, err := run(other, crashing, &record); err == nil {
				return false
			} else if !errors.Is(err, errCrash) {
				t.Fatalf("the interrupted run: %v", err)
			}
			got, again, err := run(other, other.bulk, &record)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(transfer.Summary{}, "Consistency"), cmpopts.IgnoreUnexported(transfer.Notice{})); diff != "" {
				t.Errorf("at %d, %t: the summary (-undisturbed +resumed):\n%s", at, committed, diff)
			}
			if again != rejected {
				t.Errorf("at %d, %t: the rejected rows differ: %d bytes, and %d", at, committed, len(rejected), len(again))
			}
			if diff := cmp.Diff(deals, other.dealFacts()); diff != "" {
				t.Errorf("at %d, %t: the records (-undisturbed +resumed):\n%s", at, committed, diff)
			}
			return true
		}
		at := int64(1)
		for resume(t, at, at%2 == 0) {
			at++
		}
		if at <= 5 { // the record, and four batches
			t.Errorf("it was interrupted %d times", at-1)
		}
	})
}

// prepared has the organisation hold deals that the import changes.
func (w *world) prepared(content string) {
	w.t.Helper()
	w.load(mixed, file(w.t, strings.ReplaceAll(content, ".50,", ".25,")))
}

// dealFacts are the deals and their companies, in the order of their texts.
func (w *world) dealFacts() []string {
	w.t.Helper()
	names := map[crm.ID]string{}
	for _, c := range all(w, w.service.Companies) {
		names[c.ID] = c.Name
	}
	facts := slices.Sorted(maps.Values(names))
	var deals []string
	for _, d := range all(w, w.service.Deals) {
		closes := "-"
		if d.ExpectedCloseDate != nil {
			closes = d.ExpectedCloseDate.String()
		}
		deals = append(deals, fmt.Sprintf("%s %s %s %s %s, version %d", *d.ExternalID, d.Name, names[*d.CompanyID], d.Value, closes, d.Version))
	}
	slices.Sort(deals)
	return append(facts, deals...)
}

// TestResumeOtherFile: an import does not go on with another file, nor once it has ended.
func TestResumeOtherFile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		record := w.bulk.NewImport(w.by, "companies", "cli")
		opt := companies
		opt.Record = &record
		path := filepath.Join(t.TempDir(), "companies.csv")
		write := func(content string) transfer.Source {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return source(t, path)
		}
		if _, err := transfer.Import(t.Context(), w.bulk, w.by, opt, write(hundredCompanies())); err != nil {
			t.Fatal(err)
		}
		_, err := transfer.Import(t.Context(), w.bulk, w.by, opt, write(hundredCompanies()+"100,One more\n"))
		if err == nil || !strings.Contains(err.Error(), "The files are not those whose import was interrupted") {
			t.Errorf("another file: %v", err)
		}
		if err := transfer.End(t.Context(), w.bulk, w.by, record.ID, transfer.Counts{Read: hundred, Created: hundred}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := transfer.Import(t.Context(), w.bulk, w.by, opt, write(hundredCompanies())); !errors.Is(err, bulk.ErrImportEnded) {
			t.Errorf("an import that has ended: %v", err)
		}
		kept, err := w.bulk.Import(t.Context(), w.by, record.ID)
		if err != nil || kept.State != bulk.ImportDone || kept.FinishedAt == nil || kept.Version != 2 ||
			!strings.Contains(string(kept.Files), `"name":"`+path+`","size":`) || !strings.Contains(string(kept.Counts), `"created":100`) {
			t.Errorf("the record: %+v, %v", kept, err)
		}
	})
}
