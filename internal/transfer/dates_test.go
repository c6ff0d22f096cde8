package transfer

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

func TestDates(t *testing.T) {
	t.Parallel()
	const midnight = "T00:00:00.000000Z"
	for _, c := range []struct{ format, cell, want string }{
		{"", "2017-03-01", "2017-03-01" + midnight},
		{"", "2017-03-01 09:30:00", "2017-03-01T09:30:00.000000Z"},
		{"", "2017-03-01T09:30", "2017-03-01T09:30:00.000000Z"},
		{"", "2017-03-01T01:30:00+02:00", "2017-02-28T23:30:00.000000Z"},
		{"M/D/YYYY", "3/1/2017", "2017-03-01" + midnight},
		{"M/D/YYYY", "03/01/2017", "2017-03-01" + midnight},
		{"M/D/YYYY", "2017-03-01", "2017-03-01" + midnight},
		{"DD.MM.YYYY HH:mm", "01.03.2017 23:05", "2017-03-01T23:05:00.000000Z"},
		{"YYYYMMDDTHHmmss", "20170301T230509", "2017-03-01T23:05:09.000000Z"},
		{"YYYY-DD-MM", "2017-01-03", "2017-03-01" + midnight},
		{"M/D/YYYY", "2/29/2016", "2016-02-29" + midnight},
	} {
		f, err := parseDateFormat(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.parseInstant(c.cell); err != nil || got.String() != c.want {
			t.Errorf("%q as %q is %s, %v; want %s", c.cell, c.format, got, err, c.want)
		}
		// A day is the one that is written, wherever its midnight is.
		if day, err := f.parseDate(c.cell); err != nil || day.String() != "2017-03-01" && day.String() != "2016-02-29" {
			t.Errorf("%q as %q is %s, %v", c.cell, c.format, day, err)
		}
	}
	for _, c := range []struct{ format, cell, want string }{
		{"M/D/YYYY", "2/29/2017", "in the format given"},
		{"M/D/YYYY", "13/1/2017", "in the format given"},
		{"MM/DD/YYYY", "1/2/2017", "in the format given"},
		{"M/D/YYYY", "3/1/17", "in the format given"},
		{"", "3/1/2017", "see --date-format"},
		{"", "2017-02-30", "see --date-format"},
		{"", "0000-01-01", "see --date-format"},
		{"", "2017", "see --date-format"},
		{"", "9999-12-31T23:59:59-01:00", "see --date-format"},
	} {
		f, err := parseDateFormat(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.parseInstant(c.cell); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q as %q is %s, %v", c.cell, c.format, got, err)
		}
	}
	for _, format := range []string{"YYYY", "M/D", "YYYY-MM-DDx", "YYYY-MM-DD MM", "DD.MM.YYYY YYYY", "d/m/Y", "2006-01-02", "MMM D YYYY"} {
		if f, err := parseDateFormat(format); err == nil {
			t.Errorf("the format %q was read as %q", format, f)
		}
	}
}

// TestDateFormats: a date is read back from every format that it is written in.
func TestDateFormats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.Permutation([]string{
			"YYYY",
			rapid.SampledFrom([]string{"M", "MM"}).Draw(t, "month"),
			rapid.SampledFrom([]string{"D", "DD"}).Draw(t, "day"),
		}).Draw(t, "parts")
		format := strings.Join(parts, rapid.SampledFrom([]string{"/", "-", ".", " ", ", "}).Draw(t, "sign"))
		withTime := rapid.Bool().Draw(t, "time")
		if withTime {
			format += " HH:mm:ss"
		}
		f, err := parseDateFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "at"), 0).UTC()
		if !withTime {
			at = at.Truncate(24 * time.Hour)
		}
		cell := at.Format(string(f))
		if got, err := f.parseInstant(cell); err != nil || got != crm.InstantOf(at) {
			t.Fatalf("%q as %q is %s, %v; want %s", cell, format, got, err, at)
		}
	})
}
