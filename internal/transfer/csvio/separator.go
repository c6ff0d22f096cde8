package csvio

// separators are those that are recognised; of equally frequent ones the first
// is meant.
const separators = ",;\t|"

// validSeparator reports whether c can separate fields: an ASCII byte that
// means nothing else. Bytes above ASCII are parts of UTF-8 sequences.
func validSeparator(c byte) bool {
	return c < 0x80 && c != 0 && c != '"' && c != '\r' && c != '\n'
}

// sniffSeparator returns the separator that is most frequent in the header,
// without consuming it.
func (r *Reader) sniffSeparator() byte {
	for {
		separator, ended := countSeparators(r.buf[r.start:r.end])
		if ended || r.end-r.start >= sniffSize || !r.fill() {
			return separator
		}
	}
}

// countSeparators returns the most frequent separator outside quotes in the
// first line of b that is not blank, and whether that line ends in b.
func countSeparators(b []byte) (separator byte, ended bool) {
	var counts [256]int
	var quoted, begun bool
scan:
	for _, c := range b {
		switch {
		case c == '"':
			// A doubled quote closes and opens: it needs no case of its own.
			quoted = !quoted
			begun = true
		case quoted:
		case c == '\r' || c == '\n':
			if ended = begun; ended {
				break scan
			}
		default:
			counts[c]++
			begun = true
		}
	}
	separator = separators[0]
	for _, c := range []byte(separators) {
		if counts[c] > counts[separator] {
			separator = c
		}
	}
	return separator, ended
}
