package cells

import (
	"fmt"
	"slices"
	"strings"
)

// Survey learns from the cells of a column how they are written. Its memory does not grow
// with them.
type Survey struct {
	options Options
	kind    Type
	line    int // of the cell that is observed
	tallies [tallies]tally

	whole bool // of percentages: none has decimals
	dates dateSurvey
}

// NewSurvey returns a survey of a column.
func NewSurvey(t Type, o Options) *Survey {
	s := &Survey{options: o, kind: t, whole: true}
	if t == Date || t == Instant {
		s.dates = newDateSurvey(&s.options)
	}
	return s
}

// What a survey counts.
const (
	points    = iota // numbers that have a decimal point if they have a decimal sign
	commas           // or a comma
	undecided        // numbers with two readings, such as 1.250
	grouped          // such as 1,250: likely a thousand, as amounts seldom have three decimals
	signed           // percentages with their sign
	fractions        // less than a percent, or fractions
	bounds           // 0 and 1
	percents         // above
	tallies
)

// A tally counts cells and keeps the first.
type tally struct {
	count int64
	first [5]int
}

// Note is what was decided about some of the cells of a column, or is doubtful.
type Note struct {
	Text  string
	Count int64 // of cells
	Lines []int // of the first of them
}

func (t *tally) add(line int) {
	if t.count < int64(len(t.first)) {
		t.first[t.count] = line
	}
	t.count++
}

// with returns a tally of what either counts.
func (t *tally) with(other *tally) tally {
	lines := slices.Concat(t.lines(), other.lines())
	slices.Sort(lines)
	both := tally{count: t.count + other.count}
	copy(both.first[:], lines)
	return both
}

func (t *tally) lines() []int { return t.first[:min(t.count, int64(len(t.first)))] }

func (s *Survey) add(which int) { s.tallies[which].add(s.line) }

func (s *Survey) count(which int) int64 { return s.tallies[which].count }

// Observe looks at a cell of the column, which stands on a line.
func (s *Survey) Observe(cell string, line int) {
	s.line = line
	if s.kind != Text && s.kind != Enum && s.kind != Bool {
		if cell = clean(cell); !s.options.empty(cell) {
			s.observe(cell)
		}
	}
}

func (s *Survey) observe(cell string) {
	switch s.kind {
	case Money, Whole:
		s.observeNumber(cell)
	case Percent:
		s.observePercent(cell)
	case Date, Instant:
		s.observeDate(cell)
	}
}

func (s *Survey) observeNumber(cell string) {
	if _, _, decimals, ok := plainNumber(cell); ok {
		if decimals != "" {
			s.add(points)
		}
		return
	}
	n, err := cut(cell)
	if err != nil {
		return
	}
	point, comma, which := n.readings()
	switch {
	case which == pointOnly:
		s.add(points)
	case which == commaOnly:
		s.add(commas)
	case which == either && point != comma && strings.IndexByte(n.body, ',') >= 0:
		s.add(grouped)
	case which == either && point != comma:
		s.add(undecided)
	}
}

func (s *Survey) observePercent(cell string) {
	_, kind, decimals := percentOf(cell)
	if kind != notPercentage && kind != signedPercent {
		s.whole = s.whole && !decimals
	}
	switch kind {
	case signedPercent:
		s.add(signed)
	case betweenOnes:
		s.add(fractions)
	case oneOrNone:
		s.add(bounds)
	case beyondOne:
		s.add(percents)
	}
}

// decimal returns the decimal sign of the column, 0 if its numbers show none or both.
func (s *Survey) decimal() byte {
	switch {
	case s.options.Decimal != 0:
		return s.options.Decimal
	case s.count(points) > 0 && s.count(commas) == 0:
		return '.'
	case s.count(commas) > 0 && s.count(points) == 0:
		return ','
	case s.count(grouped) > 0 && s.count(commas)+s.count(points)+s.count(undecided) == 0:
		return '.'
	}
	return 0
}

// fractional reports whether percentages are written as 0 to 1: all of them are, and one
// shows it by its decimals.
func (s *Survey) fractional() bool {
	return s.options.Fraction || s.count(fractions)+s.count(bounds) > 0 && !s.whole && s.count(percents)+s.count(signed) == 0
}

// Reader returns the reader for the cells of the column.
func (s *Survey) Reader() *Reader {
	r := &Reader{options: s.options}
	switch s.kind {
	case Money, Whole:
		r.decimal = s.decimal()
	case Percent:
		r.fraction = s.fractional()
	case Date, Instant:
		s.dates.reader(r)
	}
	return r
}

// Format returns how the cells of the column are read, "" where nothing is to be told.
func (s *Survey) Format() string {
	switch s.kind {
	case Money, Whole:
		switch decimal := s.decimal(); {
		case decimal == ',':
			return "decimal comma"
		case decimal == '.' && s.count(undecided)+s.count(grouped) > 0:
			return "decimal point"
		}
	case Percent:
		if s.fractional() {
			return "0 to 1"
		}
	case Date, Instant:
		return s.dates.format()
	}
	return ""
}

// Notes returns what was decided or is doubtful.
func (s *Survey) Notes() []Note {
	var notes []Note
	note := func(t *tally, format string, args ...any) {
		if t.count > 0 {
			first := slices.Clone(t.lines())
			notes = append(notes, Note{fmt.Sprintf(format, args...), t.count, first})
		}
	}
	switch s.kind {
	case Money, Whole:
		if s.options.Decimal == 0 && s.decimal() == '.' && s.count(points) == 0 {
			note(&s.tallies[grouped], "numbers with a comma before three digits, read as thousands%s", s.options.see("decimal"))
		}
		if s.decimal() == 0 && s.count(points) > 0 {
			note(&s.tallies[points], "numbers with a decimal point in a column that also has decimal commas")
			note(&s.tallies[commas], "numbers with a decimal comma in a column that also has decimal points")
		}
		if s.decimal() == 0 {
			both := s.tallies[undecided].with(&s.tallies[grouped])
			note(&both, "numbers that can be read in two ways and are rejected%s", s.options.see("decimal"))
		}
	case Percent:
		switch {
		case s.fractional():
			note(&s.tallies[signed], "percentages with their sign in a column of fractions from 0 to 1")
			note(&s.tallies[percents], "percentages above 1 in a column of fractions from 0 to 1, which are rejected")
		case s.count(percents)+s.count(signed) > 0:
			note(&s.tallies[fractions], "fractions in a column of percentages, which are rejected")
		case s.whole:
			note(&s.tallies[bounds], "percentages of 0 or 1 in a column that has no others: 1 is one percent")
		}
	case Date, Instant:
		s.dates.notes(s, note)
	}
	return notes
}
