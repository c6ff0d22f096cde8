package transfer_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLenientAmounts: an amount is never imported in another currency than the row's, and a
// record's own amounts never get the currency of one that is left out.
func TestLenientAmounts(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := deals
		opt.Lenient = true
		w.expect(deals, "external_id,name,value,currency\n8,H,100,GBP\n9,I,100,GBP\n", summary(2, 0, 0, 0))
		rows := "external_id,name,value,monthly_mrr,currency\n" +
			"1,A,¥ 100,7,\n2,B,200 EUR,,USD\n3,C,300,,XYZ\n4,D,400,x,EUR\n5,E,kr 5,,\n8,H,x,,EUR\n9,I,€ 5,7 USD,\n"
		s, reasons := w.imports(opt, file(t, rows))
		if len(reasons) != 0 || s.Partial != 7 {
			t.Errorf("%d in part, rejected %q", s.Partial, reasons)
		}
		got := map[string]string{}
		for _, d := range all(w, w.service.Deals) {
			if got[d.Name] = "none"; d.Value != nil {
				got[d.Name] = d.Value.String() + " " + d.Currency
			}
			if d.MonthlyMRR != nil {
				t.Errorf("%s: monthly_mrr %s", d.Name, d.MonthlyMRR)
			}
		}
		for name, want := range map[string]string{
			"A": "none", "B": "none", "C": "none", "D": "400.00 EUR", "E": "none", "H": "100.00 GBP", "I": "100.00 GBP",
		} {
			if got[name] != want {
				t.Errorf("%s: %s, want %s", name, got[name], want)
			}
		}
		if again, _ := w.imports(opt, file(t, rows)); again.Counts != summary(0, 0, 7, 0) {
			t.Errorf("again: %+v", again.Counts)
		}
	})
}

// TestLenientNotices: values that are left out of many rows are told by field, and leave room for
// what else is told.
func TestLenientNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	var rows strings.Builder
	rows.WriteString("external_id,name,probability\n")
	for i := range 300 {
		fmt.Fprintf(&rows, "%d,A,%d\n", i, 200+i)
	}
	rows.WriteString("0,A,1\n")
	opt := deals
	opt.Lenient = true
	s, _ := w.imports(opt, file(t, rows.String()))
	if len(s.Notices) > 3 {
		t.Errorf("%d notices, such as %q", len(s.Notices), s.Notices[0])
	}
	text := fmt.Sprint(s.Notices)
	for _, want := range []string{"values of probability ", "(300; line 2, 3, 4, 5, 6, …)", "rows repeat the key"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %.500s", want, text)
		}
	}
}
