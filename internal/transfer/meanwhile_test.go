package transfer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// watchedStore lets a test step in whenever an import has looked for companies:
// after is given what was found, and gives what the import is told.
type watchedStore struct {
	bulk.Store
	after func([]crm.KeyMatch) []crm.KeyMatch
}

func (s watchedStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	return s.Store.Write(ctx, by, at, func(tx bulk.Tx) error { return fn(watchedTx{tx, s.after}) })
}

type watchedTx struct {
	bulk.Tx
	after func([]crm.KeyMatch) []crm.KeyMatch
}

func (t watchedTx) Companies() crm.Table[crm.Company] {
	return watchedTable{t.Tx.Companies(), t.after}
}

type watchedTable struct {
	crm.Table[crm.Company]
	after func([]crm.KeyMatch) []crm.KeyMatch
}

func (t watchedTable) Find(ctx context.Context, key crm.Key, values []string) ([]crm.KeyMatch, error) {
	found, err := t.Table.Find(ctx, key, values)
	return t.after(found), err
}

const hundred = 100

// hundredCompanies are rows with the external ids 000 to 099.
func hundredCompanies() string {
	var b strings.Builder
	b.WriteString("external_id,name\n")
	for i := range hundred {
		fmt.Fprintf(&b, "%03d,Company %d\n", i, i)
	}
	return b.String()
}

// TestCollision: a company that the import did not see, because another client made
// it in between. The batch is tried again; if that does not help, its other rows are
// loaded all the same.
func TestCollision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		unseen int64 // how many times it is not seen
		want   transfer.Counts
	}{
		{"SeenThen", 1, summary(hundred-1, 1, 0, 0)},
		{"NeverSeen", 1 << 40, summary(hundred-1, 0, 0, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, w *world) {
				other, err := w.service.CreateCompany(t.Context(), w.by, crm.CompanyPatch{Name: crm.Of("Other"), ExternalID: crm.Of("042")})
				if err != nil {
					t.Fatal(err)
				}
				var looks atomic.Int64
				w.bulk = bulk.NewService(watchedStore{w.store.Bulk(), func(found []crm.KeyMatch) []crm.KeyMatch {
					if looks.Add(1) > c.unseen {
						return found
					}
					return slices.DeleteFunc(found, func(f crm.KeyMatch) bool { return f.ID == other.ID })
				}}, time.Now)
				got, reasons := w.load(companies, file(t, hundredCompanies()))
				if got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
				if c.want.Rejected > 0 && (len(reasons) != 1 || !strings.HasPrefix(reasons[0], "Value already in use")) {
					t.Errorf("reasons %q", reasons)
				}
				if n := len(all(w, w.service.Companies)); n != hundred {
					t.Errorf("%d companies", n)
				}
			})
		})
	}
}

// TestWrittenMeanwhile has another client really write between the import's look and
// its writing; on SQLite none can, since one transaction writes at a time.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	client := w.service
	var looks atomic.Int64
	change := func(do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Error(err)
		}
	}
	w.bulk = bulk.NewService(watchedStore{w.store.Bulk(), func(found []crm.KeyMatch) []crm.KeyMatch {
		switch looks.Add(1) {
		case 1: // the first import has not found any
			change(func() error {
				_, err := client.CreateCompany(t.Context(), w.by, crm.CompanyPatch{Name: crm.Of("Other"), ExternalID: crm.Of("007")})
				return err
			})
		case 3: // the second has found all; now one goes and another one is called otherwise
			change(func() error { return client.DeleteCompany(t.Context(), w.by, found[0].ID, crm.VersionCondition{}) })
			change(func() error {
				_, err := client.UpdateCompany(t.Context(), w.by, found[1].ID, crm.VersionCondition{}, crm.CompanyPatch{ExternalID: crm.Of("new")})
				return err
			})
		}
		return found
	}}, time.Now)
	w.expect(companies, hundredCompanies(), summary(hundred-1, 1, 0, 0))
	w.expect(companies, hundredCompanies(), summary(2, 0, hundred-2, 0))
	if n := len(all(w, w.service.Companies)); n != hundred+1 {
		t.Errorf("%d companies", n)
	}
}

// TestKnownReferenceGoes: what an earlier batch referred to is not taken for granted.
func TestKnownReferenceGoes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		create := func() crm.Company {
			c, err := w.service.CreateCompany(t.Context(), w.by, crm.CompanyPatch{Name: crm.Of("Acme")})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		old := create()
		var now crm.Company
		opt := deals
		opt.Progress = func(p transfer.Progress) {
			if now.ID == (crm.ID{}) {
				if err := w.service.DeleteCompany(t.Context(), w.by, old.ID, crm.VersionCondition{}); err != nil {
					t.Error(err)
				}
				now = create()
			}
		}
		var b strings.Builder
		b.WriteString("external_id,name,company\n")
		const rows = 5000 // three batches; the second may be under way when the first is told of
		for i := range rows {
			company := "Acme"
			if i/2000 == 1 {
				company = ""
			}
			fmt.Fprintf(&b, "%d,Deal,%s\n", i, company)
		}
		if got, _ := w.load(opt, file(t, b.String())); got != summary(rows, 0, 0, 0) {
			t.Errorf("%+v", got)
		}
		count := map[string]int{}
		for _, d := range all(w, w.service.Deals) {
			switch {
			case d.CompanyID == nil:
				count["cleared"]++
			case *d.CompanyID == now.ID:
				count["new"]++
			default:
				count["old"]++
			}
		}
		if diff := cmp.Diff(map[string]int{"cleared": 4000, "new": 1000}, count); diff != "" {
			t.Errorf("deals (-want +got):\n%s", diff)
		}
	})
}
