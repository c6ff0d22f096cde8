package cells

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

func formats(t interface{ Fatal(...any) }, names ...string) []DateFormat {
	var list []DateFormat
	for _, name := range names {
		f, err := ParseDateFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func TestISO(t *testing.T) {
	t.Parallel()
	r := NewReader(Instant, Options{})
	const midnight = "T00:00:00.000000Z"
	reads(t, r.Instant, map[string]string{
		"2017-03-01": "2017-03-01" + midnight, "2017-03-01 09:30:00": "2017-03-01T09:30:00.000000Z", "2017-03-01T09:30": "2017-03-01T09:30:00.000000Z",
		"2017-03-01T01:30:00+02:00": "2017-02-28T23:30:00.000000Z", "2024-02-29 10:00:00+00": "2024-02-29T10:00:00.000000Z", "2024-02-29 10:00:00.123456+05:30": "2024-02-29T04:30:00.123456Z",
		"2024-02-29T10:00:00-0800": "2024-02-29T18:00:00.000000Z", "2024-02-29T10:00:00.5Z": "2024-02-29T10:00:00.500000Z", "2024-02-29 10:00": "2024-02-29T10:00:00.000000Z",
		"2023-11-04T10:11:12.000+0000": "2023-11-04T10:11:12.000000Z", "2023-11-04T10:11:12.000Z": "2023-11-04T10:11:12.000000Z", "2023-11-04 10:11:12 UTC": "2023-11-04T10:11:12.000000Z", "2023-11-04 10:11:12 +01:00": "2023-11-04T09:11:12.000000Z",
		"2023-11-04T10:11:12,25Z": "2023-11-04T10:11:12.250000Z", "2023-11-04T10:11Z": "2023-11-04T10:11:00.000000Z", "2023-11-04T10:11:12.1234567Z": "2023-11-04T10:11:12.123456Z",
		"1890-01-01 00:00:00+00:53:28": "1889-12-31T23:06:32.000000Z", "0044-03-15": "0044-03-15" + midnight, " 2017-03-01\u00a0": "2017-03-01" + midnight, "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
		"2023-02-29": "", "2024-02-30": "", "infinity": "", "-infinity": "", "0044-03-15 00:00:00+00 BC": "", "10000-01-01": "", "0000-12-31": "", "yesterday": "", "": "", "2017": "", "3/1/2017": "",
		"2017-03-01x": "", "2017-03-01T": "", "2017-03-01 25:00": "", "2017-03-01 24:00": "", "2017-03-01 10:60": "", "2017-03-01 10:00:60": "", "2017-13-01": "", "2017-00-01": "", "2017-01-00": "", "2017-03-01 10": "", "2017-03-01 10:00:00.": "", "2017-03-01 10:00:00+": "",
		"2017-03-01 10:00:00 CET": "", "2017-03-01 10:00:00+99": "", "2017-03-01 10:00:00+1:00": "", "2017-03-01 10:00:00+01:0": "", "2017-3-1": "", "9999-12-31T23:59:59-01:00": "", "0001-01-01T00:00:00+01:00": "",
	})
	fails(t, r.Instant, map[string]string{
		"0044-03-15 00:00:00+00 BC": "from 0001-01-01 to 9999-12-31", "infinity": "from 0001-01-01", "9999-12-31T23:59:59-01:00": "from 0001-01-01",
		"soon": `must be a date such as 2026-01-31 (see --date-format) (it is "soon")`,
	})
	fails(t, NewReader(Date, Options{Flagless: true}).Date, map[string]string{"soon": `must be a date such as 2026-01-31 (it is "soon")`})
	// A day is the one that is written, wherever its midnight is.
	reads(t, NewReader(Date, Options{}).Date, map[string]string{
		"2024-02-29": "2024-02-29", "2024-02-29 23:30:00-02": "2024-02-29", "2017-03-01T01:30:00+02:00": "2017-03-01", "2024-06-30 22:59": "2024-06-30", "9999-12-31T23:59:59-01:00": "9999-12-31", "29.2.2024": "",
	})
}

func TestDateFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, cell, want string }{
		{"M/D/YYYY", "3/1/2017", "2017-03-01T00:00:00"},
		{"M/D/YYYY", "03/01/2017", "2017-03-01T00:00:00"},
		{"M/D/YYYY", "2/29/2016", "2016-02-29T00:00:00"},
		{"DD.MM.YYYY HH:mm", "01.03.2017 23:05", "2017-03-01T23:05:00"},
		{"DD.MM.YYYY HH:mm", "01.03.2017\u00a0 23:05", "2017-03-01T23:05:00"},
		{"YYYYMMDDTHHmmss", "20170301T230509", "2017-03-01T23:05:09"},
		{"YYYY-DD-MM", "2017-01-03", "2017-03-01T00:00:00"},
		{"M/D/YYYY h:mm A", "4/12/2023 3:05 PM", "2023-04-12T15:05:00"},
		{"M/D/YYYY h:mm A", "4/12/2023 12:05\u202fAM", "2023-04-12T00:05:00"},
		{"M/D/YYYY h:mm a", "4/12/2023 12:05 p.m.", "2023-04-12T12:05:00"},
		{"MM/DD/YY hh:mm:ss A", "04/12/69 03:05:09 am", "1969-04-12T03:05:09"},
		{"D.M.YY", "1.3.68", "2068-03-01T00:00:00"},
		{"D-MMM-YY", "5-Jan-24", "2024-01-05T00:00:00"},
		{"D-MMM-YYYY", "05-MRZ.-2024", "2024-03-05T00:00:00"},
		{"D MMM YYYY", "5 févr. 2024", "2024-02-05T00:00:00"},
		{"D MMM YYYY", "5 fe\u0301vr. 2024", "2024-02-05T00:00:00"},
		{"D. MMMM YYYY", "5. März 2024", "2024-03-05T00:00:00"},
		{"D.MMM.YYYY", "5.dez.2024", "2024-12-05T00:00:00"},
		{"D [de] MMMM [de] YYYY", "5 de abril de 2024", "2024-04-05T00:00:00"},
		{"D MMMM YYYY", "5 giugno 2024", "2024-06-05T00:00:00"},
		{"D MMMM YYYY", "5 MAART 2024", "2024-03-05T00:00:00"},
		{"MMM D, YYYY", "Sept 5, 2024", "2024-09-05T00:00:00"},
		{"MMMM D, YYYY", "août 5, 2024", "2024-08-05T00:00:00"},
		{"D/M/YYYY H[h]mm", "5/9/2024 7h05", "2024-09-05T07:05:00"},
		{"D/M/YYYY H:mm:ss.SSS", "5/9/2024 7:05:09.25", "2024-09-05T07:05:09.25"},
		{"D/M/YYYY H:mm Z", "5/9/2024 7:05 +02:00", "2024-09-05T05:05:00"},
		{"D/M/YYYY H:mmZ", "5/9/2024 7:05-0330", "2024-09-05T10:35:00"},
		{"SERIAL", "45335", "2024-02-13T00:00:00"},
		{"SERIAL", "45335.5", "2024-02-13T12:00:00"},
		{"SERIAL", "45335,75", "2024-02-13T18:00:00"},
		{"SERIAL", "45335.123456", "2024-02-13T02:57:46.598"},
		{"SERIAL", "1", "1900-01-01T00:00:00"},
		{"SERIAL", "59", "1900-02-28T00:00:00"},
		{"SERIAL", "61", "1900-03-01T00:00:00"},
		{"SERIAL", "2958465", "9999-12-31T00:00:00"},

		{"M/D/YYYY", "2/29/2017", ""},
		{"M/D/YYYY", "13/1/2017", ""},
		{"M/D/YYYY", "2017-03-01", ""},
		{"M/D/YYYY", "3/1/2017 10:00", ""},
		{"MM/DD/YYYY", "1/2/2017", ""},
		{"M/D/YYYY", "3/1/17", ""},
		{"D.M.YY", "1.3.2024", ""},
		{"M/D/YYYY", "1/1/0000", ""},
		{"M/D/YYYY h:mm A", "4/12/2023 13:05 PM", ""},
		{"M/D/YYYY h:mm A", "4/12/2023 0:05 AM", ""},
		{"M/D/YYYY h:mm A", "4/12/2023 3:05", ""},
		{"D MMM YYYY", "5 foo 2024", ""},
		{"D MMM YYYY", "5  2024", ""},
		{"SERIAL", "60", ""},
		{"SERIAL", "0", ""},
		{"SERIAL", "0.5", ""},
		{"SERIAL", "2958466", ""},
		{"SERIAL", "1.2.3", ""},
		{"SERIAL", "-1", ""},
		{"SERIAL", "", ""},
		{"SERIAL", "2024-01-01", ""},
	} {
		r := NewReader(Instant, Options{Dates: formats(t, c.format)})
		got, err := r.Instant(c.cell)
		text := strings.TrimSuffix(strings.TrimRight(got.String(), "0Z"), ".")
		if want, zoned := strings.TrimSuffix(c.want, "0"), c.want != ""; (err == nil) != zoned || zoned && strings.TrimRight(text, "0") != strings.TrimRight(want, "0") {
			t.Errorf("%q as %q is %s, %v; want %q", c.cell, c.format, got, err, c.want)
		}
	}
	fails(t, NewReader(Date, Options{Dates: formats(t, "M/D/YYYY", "D.M.YYYY")}).Date, map[string]string{"x": "must be a date as M/D/YYYY or D.M.YYYY"})
}

func TestParseDateFormat(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"": "between 1 and", strings.Repeat("-", 200): "between 1 and", "YYYY": "must have a year", "M/D": "must have a year", "YYYY-MM-DDx": `not understood from "x" on`, "YYYY-MM-DD MM": "twice", "DD.MM.YYYY YY": "twice",
		"d/m/Y": `from "d/m/Y"`, "2006-01-02": "not understood", "YYYY-MM-DD hh:mm": "with A", "YYYY-MM-DD HH:mm A": "with A", "YYYY-MM-DD mm": "greater", "YYYY-MM-DD HH:ss": "greater", "YYYY-MM-DD A": "greater", "YYYY-MM-DD HH:mm.S": "greater", "YYYY-MM-DD Z": "greater",
		"DMYYYY": "a sign behind", "YYYY D MMMTHH:mm": "behind a month's name", "YYYY D MMM[de]": "behind a month's name", "YYYY-MM-D[": "a bracket", "YYYY-MM-D[]": "a bracket", "D-MMM-YYYY MM": "twice", "SERIAL D": "not understood", "YYYY-M-D SS": "greater",
	} {
		if _, err := ParseDateFormat(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", format, err, want)
		}
	}
	for _, f := range usualFormats() {
		if g, err := ParseDateFormat(f.String()); err != nil || g.String() != f.name {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestNamedFormats: named formats are the column's as soon as one cell is in one of them.
func TestNamedFormats(t *testing.T) {
	t.Parallel()
	ydm := surveyed(Date, Options{Dates: formats(t, "YYYY-DD-MM")}, "2026-12-04", "2026-12-25", "2026-31-12")
	tells(t, ydm, "YYYY-DD-MM", "1 [1] dates in ISO 8601 in a column that has others")
	reads(t, ydm.Reader().Date, map[string]string{"2026-12-04": "2026-04-12", "2026-12-25": "", "2026-31-12": "2026-12-31"})
	none := surveyed(Date, Options{Dates: formats(t, "YYYY-DD-MM")}, "2026-12-25")
	tells(t, none, "YYYY-DD-MM", "1 [0] dates in ISO 8601")
	reads(t, none.Reader().Date, map[string]string{"2026-12-25": ""})

	like := surveyed(Instant, Options{Dates: formats(t, "YYYY-MM-DD HH:mm")}, "2026-12-25")
	tells(t, like, "ISO 8601", "1 [0] dates in ISO 8601, as no cell")

	two := Options{Dates: formats(t, "D/M/YYYY", "D/M/YYYY H:mm")}
	tells(t, surveyed(Date, two, "4/12/2026"), "D/M/YYYY")
	tells(t, surveyed(Instant, two, "4/12/2023 15:05"), "D/M/YYYY H:mm", "1 [0] times without an offset, read as times of UTC")
	both := surveyed(Instant, two, "4/12/2026", "", "4/12/2023 15:05", "2024-01-01")
	tells(t, both, "D/M/YYYY or D/M/YYYY H:mm", "1 [3] dates in ISO 8601", "1 [2] times without")
	reads(t, both.Reader().Date, map[string]string{"4/12/2026": "2026-12-04", "4/12/2023 15:05": "2023-12-04", "2024-01-01": ""})

	iso := surveyed(Date, two, "2026-04-12", "soon")
	tells(t, iso, "ISO 8601", "1 [0] dates in ISO 8601, as no cell")
	reads(t, iso.Reader().Date, map[string]string{"2026-04-12": "2026-04-12", "soon": "", "4/12/2026": ""})

	order := surveyed(Date, Options{Dates: formats(t, "D/M/YYYY", "M/D/YYYY")}, "1/2/2024", "3/4/2024")
	tells(t, order, "D/M/YYYY")
	reads(t, order.Reader().Date, map[string]string{"3/4/2024": "2024-04-03"})
	only := surveyed(Date, Options{Dates: formats(t, "D/M/YYYY", "M/D/YYYY")}, "1/2/2024", "3/14/2024")
	tells(t, only, "M/D/YYYY")
	reads(t, only.Reader().Date, map[string]string{"1/2/2024": "2024-01-02"})
	open := surveyed(Date, Options{Dates: formats(t, "D/M/YYYY", "M/D/YYYY")}, "1/2/2024", "3/14/2024", "14/3/2024")
	reads(t, open.Reader().Date, map[string]string{"1/2/2024": "", "3/14/2024": "2024-03-14", "14/3/2024": "2024-03-14"})
	fails(t, open.Reader().Date, map[string]string{"1/2/2024": "may be 2024-02-01 or 2024-01-02"})
	tells(t, surveyed(Date, two), "")
}

// TestUsualFormats: without named formats the cells of a column show its format, or are
// rejected.
func TestUsualFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		column string // and what each cell is
		want   string
	}{
		{"M/D/YYYY", "2/13/2024|1/2/2024", "2024-02-13|2024-01-02"},
		{"D/M/YYYY", "1/2/2024|13/02/2024", "2024-02-01|2024-02-13"},
		{"D/M/YYYY or M/D/YYYY", "1/2/2024|3/4/2024|5/5/2024", "||2024-05-05"},
		{"D/M/YYYY", "5/5/2024|6/6/2024", "2024-05-05|2024-06-06"},
		{"D.M.YYYY", "1.2.2024|03.04.2024", "2024-02-01|2024-04-03"},
		{"D. M. YYYY", "1. 2. 2024", "2024-02-01"},
		{"D-M-YYYY or M-D-YYYY", "1-2-2024", ""},
		{"M-D-YYYY", "1-2-2024|12-31-2024", "2024-01-02|2024-12-31"},
		{"YYYY/M/D", "2024/1/2", "2024-01-02"},
		{"YYYYMMDD", "20240102", "2024-01-02"},
		{"D/M/YY", "13/2/24", "2024-02-13"},
		{"D.M.YY", "13.2.24", "2024-02-13"},
		{"D-MMM-YYYY", "1-Feb-2024|3-ene-2024", "2024-02-01|2024-01-03"},
		{"D. MMM YYYY", "1. Februar 2024", "2024-02-01"},
		{"D [de] MMM [de] YYYY", "1 de febrero de 2024", "2024-02-01"},
		{"MMM D, YYYY", "Feb 1, 2024|May 2, 2024", "2024-02-01|2024-05-02"},
		{"MMM D, YYYY, h:mm A", "Feb 1, 2024, 3:04 PM", "2024-02-01"},
		{"M/D/YYYY h:mm A", "1/2/2024 3:04 PM|1/14/2024 3:04 PM", "2024-01-02|2024-01-14"},
		{"D/M/YYYY or M/D/YYYY", "4/12/2026", ""},
		{"D/M/YYYY H:mm or M/D/YYYY H:mm", "4/12/2026 15:05", ""},
		{"ISO 8601", "1/2/2024|2024-01-02|soon", "|2024-01-02|"},
		{"ISO 8601", "2024-01-02|1/2/2024", "2024-01-02|"},
		{"ISO 8601", "13/2/2024|2/13/2024", "|"},
		{"ISO 8601", "24-02-13", ""},
		{"ISO 8601", "45335", ""},
		{"ISO 8601", "soon|13/2/2024", "|"},
		{"ISO 8601", "01.02.2024|12.31.2024", "|"},
	} {
		column, want := strings.Split(c.column, "|"), strings.Split(c.want, "|")
		s := surveyed(Date, Options{}, column...)
		if got := s.Format(); got != c.format {
			t.Errorf("%q has the format %q, want %q", c.column, got, c.format)
		}
		r := s.Reader()
		for i, cell := range column {
			v, err := r.Date(cell)
			if got := outcome(t, cell, v, err); got != want[i] {
				t.Errorf("%q of %q is %q (%v), want %q", cell, c.column, got, err, want[i])
			}
		}
	}
	fails(t, surveyed(Date, Options{}, "4/12/2026").Reader().Date, map[string]string{
		"4/12/2026": `must be unambiguous: may be 2026-12-04 or 2026-04-12, and no other cell shows the order of day and month (see --date-format) (it is "4/12/2026")`,
	})
	tells(t, surveyed(Date, Options{}, "13/2/24", "1/2/69"), "D/M/YY", "2 [0 1] years of two digits: 00 to 68 are 2000 to 2068, 69 to 99 are 1969 to 1999")
	tells(t, surveyed(Date, Options{}, "2024-06-30 00:00", "2024-06-30 22:59", "2024-06-30"), "ISO 8601", "1 [1] times of day that are left out")
	tells(t, surveyed(Instant, Options{}, "2024-06-30T10:00:00.1234560Z", "2024-06-30T10:00:00.1234567Z", "2024-06-30T10:00:00.0000000001Z"), "ISO 8601", "2 [1 2] times with decimals beyond the microsecond")
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	berlin, err := ParseLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Location: berlin}
	column := []string{"2024-01-15 10:00", "2024-07-15 10:00", "2024-07-15", "2024-07-15 10:00Z", "2024-10-27 02:30", "2024-10-27 01:59", "2024-10-27 03:00", "2024-03-31 02:30", "2024-03-31 01:59", "2024-03-31 03:00"}
	s := surveyed(Instant, o, column...)
	tells(t, s, "ISO 8601", "8 [0 1 4 5 6] times without an offset, read as times of Europe/Berlin", "1 [4] times that Europe/Berlin had twice")
	want := []string{
		"2024-01-15T09:00:00.000000Z", "2024-07-15T08:00:00.000000Z", "2024-07-15T00:00:00.000000Z", "2024-07-15T10:00:00.000000Z", "2024-10-27T00:30:00.000000Z",
		"2024-10-26T23:59:00.000000Z", "2024-10-27T02:00:00.000000Z", "", "2024-03-31T00:59:00.000000Z", "2024-03-31T01:00:00.000000Z",
	}
	for i, cell := range column {
		v, err := s.Reader().Instant(cell)
		if got := outcome(t, cell, v, err); got != want[i] {
			t.Errorf("%q is %q (%v), want %q", cell, got, err, want[i])
		}
	}
	fails(t, s.Reader().Instant, map[string]string{"2024-03-31 02:30": "clocks in Europe/Berlin were put forward over it"})
	reads(t, s.Reader().Date, map[string]string{"2024-03-31 02:30": "2024-03-31", "2024-07-01 00:30": "2024-07-01"})
	for _, name := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd", "CEST"} {
		if _, err := ParseLocation(name); err == nil || !strings.Contains(err.Error(), "must be a time zone") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestClockChanges: of every local time in a place and a year, the instant is the first that
// shows it, and there is none only where clocks were put forward.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"} {
		place, err := ParseLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		const step = 15 * time.Minute
		first, count := map[time.Time]time.Time{}, map[time.Time]int{}
		start := time.Date(2023, 12, 31, 0, 0, 0, 0, time.UTC)
		for at := start; at.Year() < 2025; at = at.Add(step) {
			_, offset := at.In(place).Zone()
			wall := at.Add(time.Duration(offset) * time.Second)
			if count[wall]++; count[wall] == 1 {
				first[wall] = at
			}
		}
		for wall := start.AddDate(0, 0, 1); wall.Year() < 2025 && wall.YearDay() < 365; wall = wall.Add(step) {
			m, _ := parseISO(wall.Format(time.DateTime))
			got, change := m.at(place)
			switch {
			case count[wall] == 0 && change == passedOver:
			case count[wall] == 1 && change == noChange && got.Equal(first[wall]):
			case count[wall] == 2 && change == passedTwice && got.Equal(first[wall]):
			default:
				t.Fatalf("%s in %s: %s, %d; it was %d times, first %s", wall, name, got, change, count[wall], first[wall])
			}
		}
	}
}

// TestWrittenDates: a date is read back from every format that it is written in.
func TestWrittenDates(t *testing.T) {
	t.Parallel()
	layouts := map[string]string{"YYYY": "2006", "M": "1", "MM": "01", "MMM": "Jan", "MMMM": "January", "D": "2", "DD": "02"}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.Permutation([]string{
			"YYYY",
			rapid.SampledFrom([]string{"M", "MM", "MMM", "MMMM"}).Draw(t, "month"),
			rapid.SampledFrom([]string{"D", "DD"}).Draw(t, "day"),
		}).Draw(t, "parts")
		between := rapid.SampledFrom([]string{"/", "-", ".", " ", ", "}).Draw(t, "sign")
		format, layout := strings.Join(parts, between), ""
		for i, p := range parts {
			layout += layouts[p]
			if i < len(parts)-1 {
				layout += between
			}
		}
		clock := rapid.SampledFrom([][2]string{{}, {" HH:mm:ss", " 15:04:05"}, {" h:mm:ss A", " 3:04:05 PM"}, {"THH:mm:ssZ", "T15:04:05Z07:00"}}).Draw(t, "clock")
		if format[len(format)-1] == 'M' && clock[0] != "" && clock[0][0] == 'T' {
			clock = [2]string{}
		}
		at := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "at"), 0).UTC()
		if clock[0] == "" {
			at = at.Truncate(24 * time.Hour)
		}
		cell := at.Format(layout + clock[1])
		r := NewReader(Instant, Options{Dates: formats(t, format+clock[0])})
		if got, err := r.Instant(cell); err != nil || got != crm.InstantOf(at) {
			t.Fatalf("%q as %q is %s, %v; want %s", cell, format, got, err, at)
		}
	})
}

// TestUsualFormatsAreDistinct: no two formats read the same cells.
func TestUsualFormatsAreDistinct(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range usualFormats() {
		names = append(names, f.name)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(usualFormats()) {
		t.Error("a format is listed twice")
	}
}
