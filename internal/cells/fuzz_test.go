package cells

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"sixty/internal/crm"
)

// FuzzCells: no cell makes a reader panic, what is read reads back from what it prints, and
// each message shows the cell.
func FuzzCells(f *testing.F) {
	for _, cell := range []string{
		"1,250.00", "1.250", "-€ 1'234,50", "(12,34,567.00)", "1.5E+05", "kr 5,-", "R$ 5", "50%", "0.5", "0,125", "yes", "No Show", "2024-02-29", "2024-02-29 10:00:00.123456+05:30",
		"0044-03-15 00:00:00+00 BC", "infinity", "5 févr. 2024", "4/12/2023 3:05 PM", "13/2/24", "45335.5", "1.23457E+17", "\u200b12\ufeff", "\xff", "İanuary", strings.Repeat("9", 99),
	} {
		f.Add(cell, "1/2/2024")
	}
	dates := formats(f, "M/D/YYYY h:mm A", "D MMM YYYY", "YY.M.D", serialName)
	berlin, err := ParseLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cell, other string) {
		for _, o := range []Options{{}, {Decimal: ','}, {Dates: dates, Location: berlin, Null: []string{"-"}}} {
			for kind := Text; kind <= Instant; kind++ {
				s := NewSurvey(kind, o)
				s.Observe(cell, 0)
				s.Observe(other, 1)
				s.Format()
				for _, note := range s.Notes() {
					if note.Count < 1 || note.Count > 2 || int64(len(note.Lines)) != note.Count {
						t.Errorf("%q and %q: note %+v", cell, other, note)
					}
				}
				readBack(t, s.Reader(), cell)
			}
		}
		DamagedID(cell)
	})
}

// readBack reads a cell as each type.
func readBack(t *testing.T, r *Reader, cell string) {
	t.Helper()
	shows := func(err error) {
		t.Helper()
		if text := crm.Text(cell); err != nil && !strings.Contains(err.Error(), shownAs(text)) {
			t.Errorf("%q: the message %q does not show it", cell, err)
		}
	}
	a, err := r.Money(cell)
	shows(err)
	if near := (*Inexact)(nil); err == nil || errors.As(err, &near) {
		if back, err := NewReader(Money, Options{}).Money(a.Value.String() + " " + a.Currency + a.Sign); err != nil || back != a {
			t.Errorf("%q is %+v, and reads back as %+v, %v", cell, a, back, err)
		}
	}
	d, err := r.Date(cell)
	shows(err)
	if back, again := NewReader(Date, Options{}).Date(d.String()); err == nil && (again != nil || back != d) {
		t.Errorf("%q is %s, and reads back as %s, %v", cell, d, back, again)
	}
	at, err := r.Instant(cell)
	shows(err)
	if back, again := NewReader(Instant, Options{}).Instant(at.String()); err == nil && (again != nil || back != at) {
		t.Errorf("%q is %s, and reads back as %s, %v", cell, at, back, again)
	}
	_, err = r.Whole(cell)
	shows(err)
	_, err = r.Percent(cell)
	shows(err)
	_, err = r.Bool(cell)
	shows(err)
	enum, _ := r.Enum(cell)
	if again, _ := r.Enum(enum); again != enum && utf8.ValidString(cell) {
		t.Errorf("%q is %q, which is %q", cell, enum, again)
	}
}

// FuzzDateFormat: a format is rejected, or what it reads is a date.
func FuzzDateFormat(f *testing.F) {
	for _, seed := range [][2]string{
		{"M/D/YYYY", "3/1/2017"}, {"DD.MM.YYYY HH:mm:ss.SSS", "01.03.2017 10:00:00.5"}, {"D [de] MMMM [de] YY", "5 de abril de 24"}, {"YYYYMMDDTHHmmssZ", "20170301T101112+01"},
		{"h:mm A, D-MMM-YYYY", "3:04 PM, 5-dez.-2024"}, {serialName, "45335.5"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, format, cell string) {
		parsed, err := ParseDateFormat(format)
		if err != nil {
			return
		}
		if again, err := ParseDateFormat(parsed.String()); err != nil || again.name != format {
			t.Errorf("%q: %v", format, err)
		}
		readBack(t, NewReader(Instant, Options{Dates: []DateFormat{parsed}}), cell)
		s := surveyed(Date, Options{Dates: []DateFormat{parsed}}, cell)
		readBack(t, s.Reader(), cell)
	})
}
