package cells

import (
	"strings"
	"sync"
	"time"
)

// dateSurvey finds out in which formats the dates of a column are.
type dateSurvey struct {
	named    []candidate // by the options
	iso      candidate
	usual    []candidate // without named formats: those that read all cells until now
	cells    int64       // that are not empty
	isoCells tally       // in ISO 8601 and no named format
	tallies  dateTallies // by the first of the named formats that reads a cell
}

// A candidate is a format that the column may have.
type candidate struct {
	format  *DateFormat
	read    int64 // cells
	hash    uint64
	tallies dateTallies
}

// dateTallies count what cells mean in a format.
type dateTallies struct{ shortYears, cutTimes, cutDecimals, placeless, twice tally }

// usualFormats are tried where no format is named and no cell is in ISO 8601. Years of two
// digits come last or not at all: 24-02-13 may be either.
var usualFormats = sync.OnceValue(func() []*DateFormat {
	formats := []*DateFormat{usualFormat("YYYYMMDD")}
	for _, date := range []string{
		"D/M/YYYY", "M/D/YYYY", "D-M-YYYY", "M-D-YYYY", "D.M.YYYY", "D. M. YYYY", "YYYY/M/D", "YYYY.M.D", "D/M/YY", "M/D/YY", "D.M.YY",
		"D-MMM-YYYY", "D-MMM-YY", "D/MMM/YYYY", "D MMM YYYY", "D MMM, YYYY", "D. MMM YYYY", "D [de] MMM [de] YYYY", "MMM D, YYYY", "MMM D YYYY",
	} {
		for _, clock := range []string{"", " H:mm", " H:mm:ss", " h:mm A", " h:mm:ss A", ", H:mm", ", H:mm:ss", ", h:mm A", ", h:mm:ss A"} {
			formats = append(formats, usualFormat(date+clock))
		}
	}
	return formats
})

func usualFormat(name string) *DateFormat {
	f, err := ParseDateFormat(name)
	if err != nil {
		panic("cells: " + err.Error())
	}
	return &f
}

func newDateSurvey(o *Options) dateSurvey {
	d := dateSurvey{iso: candidate{format: iso}}
	for i := range o.Dates {
		d.named = append(d.named, candidate{format: &o.Dates[i]})
	}
	return d
}

// observeDate looks at a cell that is not empty.
func (s *Survey) observeDate(cell string) {
	d := &s.dates
	d.cells++
	switch {
	case len(d.named) > 0:
		if !s.observeIn(d.named, cell) {
			if _, ok := d.iso.observe(s, cell); ok {
				d.isoCells.add(s.line)
			}
		}
	case d.observeISO(s, cell):
		d.usual = nil // ISO 8601 it is, and other dates are rejected
	case d.cells == 1:
		for _, f := range usualFormats() {
			c := candidate{format: f}
			if _, ok := c.observe(s, cell); ok {
				d.usual = append(d.usual, c)
			}
		}
	default:
		kept := d.usual[:0]
		for i := range d.usual {
			if _, ok := d.usual[i].observe(s, cell); ok {
				kept = append(kept, d.usual[i])
			}
		}
		d.usual = kept
	}
}

// observeISO reads a cell in ISO 8601, and reports whether one of the column is in it.
func (d *dateSurvey) observeISO(s *Survey, cell string) bool {
	d.iso.observe(s, cell)
	return d.iso.read > 0
}

// observeIn reads a cell in each of the named formats, and reports whether one read it.
func (s *Survey) observeIn(candidates []candidate, cell string) (read bool) {
	for i := range candidates {
		m, ok := candidates[i].observe(s, cell)
		if ok && !read {
			s.dates.tallies.add(s, &m)
		}
		read = read || ok
	}
	return read
}

// observe reads a cell in the format; ok is false if it is not in it.
func (c *candidate) observe(s *Survey, cell string) (m moment, ok bool) {
	if m, ok = c.format.parse(cell); !ok {
		return m, false
	}
	c.read++
	const prime = 1099511628211 // FNV-1a
	c.hash = (c.hash ^ uint64(m.year<<9|m.month<<5|m.day)) * prime
	c.tallies.add(s, &m)
	return m, true
}

func (t *dateTallies) add(s *Survey, m *moment) {
	if m.short {
		t.shortYears.add(s.line)
	}
	if s.kind == Instant && m.nano%1000 != 0 {
		t.cutDecimals.add(s.line)
	}
	switch {
	case !m.clock:
	case s.kind == Date:
		if m.hour|m.minute|m.second|m.nano != 0 {
			t.cutTimes.add(s.line)
		}
	case !m.hasOffset:
		t.placeless.add(s.line)
		if _, change := m.at(s.options.Location); change == passedTwice {
			t.twice.add(s.line)
		}
	}
}

// inUse returns the formats that the column is read in. Of the named ones it is the first
// that reads all cells or, if none does, all that read some; of the usual ones, all that
// read all cells and do not agree, so that a cell is rejected on which they disagree.
func (d *dateSurvey) inUse() []*candidate {
	if d.cells == 0 && len(d.named) > 0 {
		return refs(d.named)
	}
	var used []*candidate
	for i := range d.named {
		switch c := &d.named[i]; {
		case c.read == d.cells:
			return []*candidate{c}
		case c.read > 0:
			used = append(used, c)
		}
	}
	if len(used) > 0 {
		return used
	}
	for i := range d.named { // which read nothing
		if d.named[i].format.likeISO() {
			return refs(d.named)
		}
	}
	if len(d.named) > 0 || d.iso.read > 0 || len(d.usual) == 0 {
		return []*candidate{&d.iso}
	}
	if d.agree() {
		return []*candidate{&d.usual[0]}
	}
	return refs(d.usual)
}

// likeISO reports whether a date in the format may pass for another one in ISO 8601.
func (f *DateFormat) likeISO() bool {
	return strings.HasPrefix(f.name, "YYYY-") && !strings.HasPrefix(f.name, "YYYY-MM-DD")
}

func refs(candidates []candidate) []*candidate {
	out := make([]*candidate, len(candidates))
	for i := range candidates {
		out[i] = &candidates[i]
	}
	return out
}

// agree reports whether all usual formats mean the same by all cells.
func (d *dateSurvey) agree() bool {
	for i := range d.usual {
		if d.usual[i].hash != d.usual[0].hash {
			return false
		}
	}
	return true
}

// names lists formats.
func names(used []*candidate) string {
	list := make([]string, len(used))
	for i, c := range used {
		list[i] = c.format.name
	}
	return strings.Join(list, " or ")
}

// format returns in which format the dates of the column are read, "" if there are none.
func (d *dateSurvey) format() string {
	if d.cells == 0 {
		return ""
	}
	return names(d.inUse())
}

// reader sets up a reader.
func (d *dateSurvey) reader(r *Reader) {
	used := d.inUse()
	for _, c := range used {
		r.formats = append(r.formats, c.format)
	}
	switch {
	case used[0] != &d.iso:
		r.expects = "a date as " + names(used)
	case len(d.named) > 0:
		r.expects = "a date such as 2026-01-31: no cell of the column is in a format that was named"
	default:
		r.expects = "a date such as 2026-01-31" + r.options.see("date-format")
	}
}

// notes calls note for what is told of the dates.
func (d *dateSurvey) notes(s *Survey, note func(t *tally, format string, args ...any)) {
	used := d.inUse()
	tallies := &used[0].tallies
	if len(used) > 1 && len(d.named) > 0 {
		tallies = &d.tallies
	}
	if len(d.named) > 0 && used[0] == &d.iso {
		note(&d.isoCells, "dates in ISO 8601, as no cell of the column is in a format that was named")
	} else if len(d.named) > 0 {
		note(&d.isoCells, "dates in ISO 8601 in a column that has others in a format that was named, which are rejected")
	}
	note(&tallies.shortYears, "years of two digits: 00 to %d are 2000 to %d, %d to 99 are %d to 1999", pivot-1, 2000+pivot-1, pivot, 1900+pivot)
	note(&tallies.cutTimes, "times of day that are left out, as the field is a day")
	note(&tallies.cutDecimals, "times with decimals beyond the microsecond, which are left out")
	place := s.options.Location
	if place == nil {
		place = time.UTC
	}
	note(&tallies.placeless, "times without an offset, read as times of %s", place)
	note(&tallies.twice, "times that %s had twice, as its clocks were put back: the first is meant", place)
}
