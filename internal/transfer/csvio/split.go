package csvio

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// state is where in a field the splitter stands.
type state uint8

const (
	fieldStart state = iota // at a field's first byte
	plain                   // in a field without quotes
	inQuotes                // behind an opening quote
	afterQuote              // behind a quote within quotes: the closing one, or the first of two
	broken                  // behind a quote that may not be there, up to the line end
)

// span is a field's place in its record.
type span struct {
	from, to int
	doubled  bool // holds doubled quotes
}

// splitter finds a record's end and its fields in one pass that may be
// interrupted anywhere, which is what lets the reader stop at its limit and
// skip on. It notes places only: the text is copied once, by fields.
type splitter struct {
	separator byte
	special   [256]bool // bytes that mean something in a field without quotes

	state   state
	from    int    // where the field began
	doubled bool   // the field holds doubled quotes
	spans   []span // the fields so far, at most MaxColumns+1
	count   int    // how many fields there really are
	quoted  bool   // the record holds a quoted field
	discard bool   // the record's places are wanted no more
	fault   *fault
}

func newSplitter(separator byte) splitter {
	s := splitter{separator: separator}
	for _, c := range []byte{separator, '"', '\r', '\n'} {
		s.special[c] = true
	}
	return s
}

// reset prepares for a new record.
func (s *splitter) reset() {
	s.state, s.from, s.doubled = fieldStart, 0, false
	s.spans, s.count = s.spans[:0], 0
	s.quoted, s.discard, s.fault = false, false, nil
}

// step goes on through b from b[i] and returns where it stopped: at the line
// end that ends the record, or, with ended = false, at the end of b.
func (s *splitter) step(b []byte, i int) (stopped int, ended bool) {
	for i < len(b) {
		switch s.state {
		case fieldStart:
			s.state = plain
			if b[i] == '"' {
				s.state, s.quoted = inQuotes, true
				i++
			}
		case plain:
			for i < len(b) && !s.special[b[i]] {
				i++
			}
			if i == len(b) {
				return i, false
			}
			switch b[i] {
			case s.separator:
				s.endField(i)
				i++
			case '"':
				s.breaks("has a quote inside a field that is not quoted")
			default:
				return i, true
			}
		case inQuotes:
			n := bytes.IndexByte(b[i:], '"')
			if n < 0 {
				return len(b), false
			}
			i += n + 1
			s.state = afterQuote
		case afterQuote:
			switch b[i] {
			case '"':
				s.state, s.doubled = inQuotes, true
				i++
			case s.separator:
				s.endField(i)
				i++
			case '\r', '\n':
				return i, true
			default:
				s.breaks("has text behind a closing quote")
			}
		case broken:
			for i < len(b) && b[i] != '\r' && b[i] != '\n' {
				i++
			}
			return i, i < len(b)
		}
	}
	return i, false
}

// breaks notes that the quotes are wrong.
func (s *splitter) breaks(text string) {
	s.state = broken
	s.fault = &fault{kind: ErrQuote, text: text}
}

// endField notes the field that ends before end.
func (s *splitter) endField(end int) {
	f := span{from: s.from, to: end}
	if s.state == afterQuote {
		f = span{from: s.from + 1, to: end - 1, doubled: s.doubled}
	}
	from := s.from
	s.state, s.from, s.doubled = fieldStart, end+1, false
	if s.discard {
		return
	}
	s.count++
	switch {
	case s.count <= MaxColumns:
		s.spans = append(s.spans, f)
	case s.count == MaxColumns+1:
		s.spans = append(s.spans, span{from: from, to: end})
	default:
		// A megabyte of separators must not become a million fields: what is
		// beyond any header stays together.
		s.spans[MaxColumns].to = end
	}
}

// finish notes the last field, of a record of n bytes.
func (s *splitter) finish(n int) {
	if s.state == inQuotes {
		s.breaks("opens a quote that is never closed")
	}
	s.endField(n)
}

// fields copies the record and slices the fields from the copy, with room for
// width fields.
func (s *splitter) fields(record []byte, width int) (raw string, fields []string) {
	raw = string(record)
	fields = make([]string, len(s.spans), max(len(s.spans), width))
	for i, f := range s.spans {
		fields[i] = raw[f.from:f.to]
		if f.doubled {
			fields[i] = strings.ReplaceAll(fields[i], `""`, `"`)
		}
	}
	return raw, fields
}

// cutFields is fields for a record of which only the beginning is kept, with
// the field that was cut as its last. The splitter stays where it is in the
// record, and notes no more places.
func (s *splitter) cutFields(beginning []byte) (raw string, fields []string) {
	// The limit's last byte may have been a separator, then no field is cut.
	if s.from <= len(beginning) {
		beginning = beginning[:s.from+wholeRunes(beginning[s.from:])]
		at := s.state
		s.state = broken // cut, its quotes cannot be taken off
		s.endField(len(beginning))
		s.state = at
	}
	s.discard = true
	return s.fields(beginning, 0)
}

// wholeRunes returns the length of b without a rune that is cut at its end.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return i
			}
			break
		}
	}
	return len(b)
}
