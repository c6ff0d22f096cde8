package csvio

import (
	"encoding/binary"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxFirst is how many places a Note names.
const maxFirst = 5

// Note is what the user must know of a file, although its rows can be taken.
type Note struct {
	Text  string
	Count int64 // of the rows that it is about; 0: the file as a whole
	First []int // the lines of the first ones
}

// Tally counts the rows that a Note is about.
type Tally struct {
	Count int64
	First []int
}

// Add counts the row on a line.
func (t *Tally) Add(line int) {
	if t.Count++; len(t.First) < maxFirst {
		t.First = append(t.First, line)
	}
}

// AddRange counts the rows from one line up to another one, which is not among them.
func (t *Tally) AddRange(from, to int) {
	for line := from; line < to && len(t.First) < maxFirst; line++ {
		t.First = append(t.First, line)
	}
	t.Count += int64(max(0, to-from))
}

// Note appends the note to notes, if there are rows that it is about.
func (t *Tally) Note(notes []Note, text string) []Note {
	if t.Count == 0 {
		return notes
	}
	return append(notes, Note{Text: text, Count: t.Count, First: t.First})
}

// Notes of files of every format.
const (
	NoteBlank = "blank rows are passed over"
	NoteShort = "rows with fewer cells than the header: the missing ones are empty"
)

// Notes returns what is to be told of the rows that were read so far.
func (r *Reader) Notes() []Note {
	var notes []Note
	if r.doubt != "" {
		notes = append(notes, Note{Text: r.doubt})
	}
	notes = r.blank.Note(notes, NoteBlank)
	notes = r.short.Note(notes, NoteShort)
	return r.watch.Note(notes)
}

// Watch watches for text that another encoding may have made.
type Watch struct {
	Encoding Encoding
	Assumed  bool // the encoding

	foreign, improbable Tally
	sample              string // of improbable text
}

// Observe looks at the cells of a row that hold more than ASCII.
func (w *Watch) Observe(line int, cells []string) {
	if w.Assumed {
		w.foreign.Add(line)
	}
	for _, cell := range cells {
		if word := improbable(cell); word != "" {
			if w.improbable.Add(line); w.sample == "" {
				w.sample = word
			}
			return
		}
	}
}

// Note appends what was seen to notes.
func (w *Watch) Note(notes []Note) []Note {
	if w.Assumed {
		notes = w.foreign.Note(notes, "rows with characters beyond ASCII: their encoding is assumed to be "+
			string(w.Encoding)+"; name another by --encoding")
	}
	return w.improbable.Note(notes, "rows with improbable text, such as "+Quote(w.sample)+
		": probably the file has another encoding than "+string(w.Encoding)+", or had been read in a wrong one before; name it by --encoding")
}

// Quote quotes a value for a message, at most 40 bytes of it.
func Quote(s string) string {
	const most = 40
	if len(s) > most {
		s = string([]byte(s)[:wholeRunes([]byte(s[:most]))]) + "…"
	}
	return strconv.Quote(s)
}

// IsASCII reports whether b holds nothing but ASCII.
func IsASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// IsBlank reports whether a cell shows nothing.
func IsBlank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && r != '\u200b' && r != '\ufeff' {
			return false
		}
	}
	return true
}
