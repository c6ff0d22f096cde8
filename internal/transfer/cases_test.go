package transfer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// importCase is a file as people have it, and what is right to make of it.
type importCase struct {
	name   string // of several cases of a file
	file   string
	opt    transfer.Options
	before []loaded // what there is already
	want   transfer.Counts
	// rejected are "LINE PART": the line of a row and a part of its reason.
	rejected []string
	// told are parts of the messages, each on a line of its own; silent ones must not be told.
	told, silent []string
	stored       []stored
	check        func(*testing.T, *world)
	// refused is a part of the error of a file that cannot be imported as it is.
	refused string
	// changing cases do not end in the same data when they are run again.
	changing bool
}

// loaded are rows that are imported before the case.
type loaded struct {
	opt  transfer.Options
	text string
}

// stored is a part of what is stored afterwards: columns of a kind, as CSV with LF.
type stored struct {
	kind transfer.Kind
	text string
}

func counts(created, updated, unchanged, rejected, skipped int64) transfer.Counts {
	return transfer.Counts{
		Read: created + updated + unchanged + rejected + skipped, Created: created, Updated: updated, Unchanged: unchanged,
		Rejected: rejected, Skipped: skipped,
	}
}

// createdOnly are so many rows that are all created.
func createdOnly(rows int64) transfer.Counts { return counts(rows, 0, 0, 0, 0) }

const (
	casesFolder    = "testdata/cases"
	siblingsFolder = "testdata/cases/siblings"
)

// TestCases: every file of the folder is imported as it should be: values, rejected rows and
// what is told; a dry run tells the same, and a second run changes nothing.
func TestCases(t *testing.T) {
	t.Parallel()
	for folder, cases := range map[string][]importCase{casesFolder: receivedCases, siblingsFolder: siblingCases} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() && !slices.ContainsFunc(cases, func(c importCase) bool { return c.file == e.Name() }) {
				t.Errorf("%s has no case", filepath.Join(folder, e.Name()))
			}
		}
		for _, c := range cases {
			t.Run(strings.TrimSuffix(c.file+"/"+c.name, "/"), func(t *testing.T) {
				t.Parallel()
				eachEngine(t, func(t *testing.T, w *world) { c.run(w, source(t, filepath.Join(folder, c.file))) })
			})
		}
	}
}

// outcome is what an import made of a file.
type outcome struct {
	counts   transfer.Counts
	rejected []string // "LINE REASON"
	told     []string
	err      error
}

func (c *importCase) importOnce(w *world, s transfer.Source, dry bool) (o outcome) {
	opt := c.opt
	opt.DryRun = dry
	opt.Rejected = func(r transfer.Rejection) { o.rejected = append(o.rejected, fmt.Sprint(r.Line, " ", r.Reason)) }
	opt.Notice = func(message string) { o.told = append(o.told, message) }
	summary, err := transfer.Import(w.t.Context(), w.bulk, w.by, opt, s)
	o.counts, o.err = summary.Counts, err
	if told := summary.Consistency != ""; err == nil && told == dry {
		w.t.Errorf("dry run %t: the consistency token is %q", dry, summary.Consistency)
	}
	return o
}

func (c *importCase) run(w *world, s transfer.Source) {
	t := w.t
	t.Helper()
	for _, l := range c.before {
		w.load(l.opt, file(t, l.text))
	}
	dry := c.importOnce(w, s, true)
	first := c.importOnce(w, s, false)
	if c.refused != "" {
		if first.err == nil || !strings.Contains(first.err.Error(), c.refused) || dry.err == nil || dry.err.Error() != first.err.Error() {
			t.Errorf("error %v, in a dry run %v, want one with %q", first.err, dry.err, c.refused)
		}
		return
	}
	if first.err != nil || dry.err != nil {
		t.Fatalf("error %v, in a dry run %v", first.err, dry.err)
	}
	if first.counts != c.want {
		t.Errorf("%+v, want %+v; rejected %q", first.counts, c.want, first.rejected)
	}
	c.compareRejected(t, first.rejected)
	for _, part := range c.told {
		if !slices.ContainsFunc(first.told, func(m string) bool { return strings.Contains(m, part) }) {
			t.Errorf("%q is not told in:\n%s", part, strings.Join(first.told, "\n"))
		}
	}
	for _, part := range c.silent {
		if slices.ContainsFunc(first.told, func(m string) bool { return strings.Contains(m, part) }) {
			t.Errorf("%q is told in:\n%s", part, strings.Join(first.told, "\n"))
		}
	}
	if dry.counts != first.counts {
		t.Errorf("a dry run counts %+v, the run %+v", dry.counts, first.counts)
	}
	if diff := cmp.Diff(dry.rejected, first.rejected); diff != "" {
		t.Errorf("rejected (-dry run +run):\n%s", diff)
	}
	if diff := cmp.Diff(conditional(dry.told), conditional(first.told)); diff != "" {
		t.Errorf("told (-dry run +run):\n%s", diff)
	}
	for _, s := range c.stored {
		header, _, _ := strings.Cut(s.text, "\n")
		got := w.exportAs(withColumns(raw(exportOf(transfer.CSV, s.kind)), strings.Split(header, ",")...))
		if diff := cmp.Diff(s.text, strings.ReplaceAll(got, "\r\n", "\n")); diff != "" {
			t.Errorf("stored %s (-want +got):\n%s", s.kind, diff)
		}
	}
	if c.check != nil {
		c.check(t, w)
	}
	again := c.importOnce(w, s, false)
	if again.err != nil {
		t.Fatal(again.err)
	}
	want := first.counts
	want.Created, want.Updated, want.Unchanged = 0, 0, first.counts.Created+first.counts.Updated+first.counts.Unchanged
	if !c.changing && again.counts != want {
		t.Errorf("run again: %+v, want %+v; rejected %q", again.counts, want, again.rejected)
	}
}

// conditional returns messages without the words by which a dry run differs.
func conditional(told []string) []string {
	out := make([]string, len(told))
	for i, m := range told {
		out[i] = strings.NewReplacer("to be created", "created").Replace(m)
	}
	return out
}

func (c *importCase) compareRejected(t *testing.T, rejected []string) {
	t.Helper()
	if len(rejected) != len(c.rejected) {
		t.Errorf("rejected are %d, want %d:\n%s", len(rejected), len(c.rejected), strings.Join(rejected, "\n"))
		return
	}
	for i, want := range c.rejected {
		line, part, _ := strings.Cut(want, " ")
		if gotLine, reason, _ := strings.Cut(rejected[i], " "); gotLine != line || !strings.Contains(reason, part) {
			t.Errorf("rejected is %q, want %q", rejected[i], want)
		}
	}
}

// people of several cases.
var (
	samSeller = loaded{owners, "email,full_name\nsam@co.example,Sam Seller\n"}
	kimKauf   = loaded{owners, "email,full_name\nkim@co.example,Kim Kauf\n"}
)

func withOptions(kind transfer.Kind, change func(*transfer.Options)) transfer.Options {
	opt := transfer.Options{Kind: kind}
	change(&opt)
	return opt
}

// averageDays returns the dashboard's average days to close of each currency.
func averageDays(t *testing.T, w *world) (days []string) {
	t.Helper()
	d, err := w.service.Dashboard(t.Context(), w.by, crm.DashboardFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range d.Totals {
		days = append(days, wire(t, n.AverageDaysToClose))
	}
	return days
}

// furtherContacts returns the further contacts of the deals, as "DEAL: CONTACT (ROLE)".
func furtherContacts(t *testing.T, w *world) (further []string) {
	t.Helper()
	people := named(all(w, w.service.Contacts), func(c *crm.Contact) (crm.ID, string) { return c.ID, c.FullName + textOf(c.Email) })
	var ids []crm.ID
	rows := all(w, w.service.Deals)
	names := named(rows, func(d *crm.Deal) (crm.ID, string) { return d.ID, d.Name })
	for _, d := range rows {
		ids = append(ids, d.ID)
	}
	err := w.store.Bulk().Snapshot(t.Context(), w.by, func(r bulk.Reads) error {
		links, err := r.DealContacts(t.Context(), w.by.Org, ids)
		for _, l := range links {
			further = append(further, fmt.Sprintf("%s: %s (%s)", names(&l.DealID), people(&l.ContactID), l.Role))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return further
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
