package csvio

import (
	"bytes"
	"fmt"
	"strings"
)

// separators are those that are recognised; of those that fit equally well the
// first is meant.
const separators = ",;\t|"

// validSeparator reports whether c can separate fields: an ASCII byte that
// means nothing else. Bytes above ASCII are parts of UTF-8 sequences.
func validSeparator(c byte) bool {
	return c < 0x80 && c != 0 && c != '"' && c != '\r' && c != '\n'
}

// ParseSeparator returns the separator that a user names: one ASCII character,
// or "tab". "" is none: it is recognised.
func ParseSeparator(name string) (byte, error) {
	switch strings.ToLower(name) {
	case "":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	case "pipe":
		return '|', nil
	}
	if len(name) == 1 && validSeparator(name[0]) {
		return name[0], nil
	}
	return 0, fmt.Errorf("%q cannot separate fields: name one character of ASCII other than a quote or a line end, or tab", name)
}

// separatorLine returns the separator that the first line of b names for
// spreadsheets ("sep=;"), and the length of what names it; 0 if it names none.
func separatorLine(b []byte) (separator byte, size int) {
	line := b
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		line = b[:i]
	}
	text := line
	if len(text) > 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	const naming = "sep="
	if len(text) == len(naming)+1 && strings.EqualFold(string(text[:len(naming)]), naming) && validSeparator(text[len(naming)]) {
		return text[len(naming)], len(line)
	}
	return 0, 0
}

// layout is how a text would be split by a separator.
type layout struct {
	separator byte
	columns   int // of the header
	rows, fit int // how many there are, and have the header's number of fields
	spaces    int // fields that begin with a space, as behind the comma of a sentence
	decimals  int // commas between digits
}

// layOut splits b, which ends with the text if it is the whole one.
func layOut(b []byte, whole bool, separator byte) layout {
	l := layout{separator: separator}
	s := newSplitter(separator)
	for {
		b = bytes.TrimLeft(b, "\r\n")
		if len(b) == 0 {
			return l
		}
		s.reset()
		n, ended := s.step(b, 0)
		if !ended && !whole && l.columns > 0 {
			return l
		}
		s.finish(n)
		if l.columns == 0 {
			l.columns = s.count
		} else {
			l.rows++
			if s.fault == nil && s.count == l.columns {
				l.fit++
			}
		}
		for _, f := range s.spans[1:] {
			if f.from < f.to && b[f.from] == ' ' {
				l.spaces++
			}
			if separator == ',' && f.from >= 2 && f.from < f.to && isDigit(b[f.from-2]) && isDigit(b[f.from]) {
				l.decimals++
			}
		}
		b = b[n:]
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// better reports whether l fits better than other does: first by the rows, whose
// ends a wrong separator hits by chance only.
func (l layout) better(other layout) bool {
	switch mine, theirs := l.fit*other.rows, other.fit*l.rows; {
	case mine != theirs:
		return mine > theirs
	case (l.spaces == 0) != (other.spaces == 0):
		return l.spaces == 0
	case l.columns != other.columns:
		return l.columns > other.columns
	}
	return l.decimals < other.decimals
}

// wellFitting reports whether most rows are as the header is.
func (l layout) wellFitting() bool { return 10*l.fit >= 9*l.rows }

// sniffSeparator returns the separator by which most rows of the beginning have
// as many fields as the header, and more than one, without consuming any. What
// makes it doubtful is noted.
func (r *Reader) sniffSeparator() byte {
	for r.end-r.start < sniffSize && r.fill() {
	}
	b := r.buf[r.start:min(r.end, r.start+sniffSize)]
	whole := r.err != nil && len(b) == r.end-r.start
	best := layout{separator: separators[0]}
	var fitting []layout
	for _, c := range []byte(separators) {
		if bytes.IndexByte(b, c) < 0 {
			continue
		}
		l := layOut(b, whole, c)
		if l.columns < 2 {
			continue
		}
		if l.wellFitting() {
			fitting = append(fitting, l)
		}
		if best.columns == 0 || l.better(best) {
			best = l
		}
	}
	r.noteSeparator(best, fitting)
	return best.separator
}

// noteSeparator notes why the separator is doubtful, if it is.
func (r *Reader) noteSeparator(best layout, fitting []layout) {
	for _, l := range fitting {
		if l.separator != best.separator {
			r.doubt = fmt.Sprintf("the separator is taken to be %s, but %s would also do: name it by --separator if that is wrong",
				separatorName(best.separator), separatorName(l.separator))
			return
		}
	}
	if best.columns > 0 && 2*best.fit < best.rows {
		r.doubt = fmt.Sprintf("the separator is taken to be %s, by which %d of the first %d rows have as many fields as the header: name it by --separator if that is wrong",
			separatorName(best.separator), best.fit, best.rows)
	}
}

// separatorName returns what a separator is called in a message.
func separatorName(c byte) string {
	if c == '\t' {
		return "a tab"
	}
	return fmt.Sprintf("%q", string(c))
}
