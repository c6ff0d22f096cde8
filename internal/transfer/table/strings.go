package table

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Bounds of the texts that a workbook's cells share.
const (
	maxTexts      = 8 << 20 // how many there are
	textsInMemory = 8 << 20 // bytes; the rest is in a temporary file
	textsInRun    = 64      // whose lengths are added up to find one
	textsInChunk  = 1 << 16
)

// sharedTexts are the texts that cells refer to by number.
type sharedTexts struct {
	memory  []byte
	count   int
	size    int64
	lengths [][]uint32 // of the texts, in memory and then in file
	runs    []int64    // where every run begins
	file    *os.File
	w       *bufio.Writer
	text    []byte
}

// readSharedTexts reads the part that holds them.
func readSharedTexts(ctx context.Context, r io.Reader, c *content) (*sharedTexts, error) {
	s := &sharedTexts{}
	x := newXMLReader(cancelled{ctx, r})
	var text cellBuffer
	for {
		token, err := x.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		text.take(token)
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "si" {
			text.reset()
		}
		if e, ok := token.(xml.EndElement); ok && e.Name.Local == "si" {
			if text.long {
				return nil, fmt.Errorf("text %d is longer than %d bytes", s.count, maxValue)
			}
			if err := s.add(c, text.bytes); err != nil {
				return nil, err
			}
		}
	}
	if s.w == nil {
		return s, nil
	}
	return s, s.w.Flush()
}

func (s *sharedTexts) add(c *content, text []byte) error {
	if s.count == maxTexts {
		return fmt.Errorf("it has more than %d texts", maxTexts)
	}
	if s.count%textsInChunk == 0 {
		s.lengths = append(s.lengths, make([]uint32, 0, textsInChunk))
	}
	if s.count%textsInRun == 0 {
		s.runs = append(s.runs, s.size)
	}
	last := len(s.lengths) - 1
	s.lengths[last] = append(s.lengths[last], uint32(len(text)))
	s.count++
	s.size += int64(len(text))
	if s.file == nil && len(s.memory)+len(text) <= textsInMemory {
		s.memory = append(s.memory, text...)
		return nil
	}
	if s.file == nil {
		file, err := c.scratch()
		if err != nil {
			return err
		}
		s.file, s.w = file, bufio.NewWriterSize(file, 64<<10)
	}
	_, err := s.w.Write(text)
	return err
}

// at returns a text, which is valid until the next call.
func (s *sharedTexts) at(number string) ([]byte, error) {
	i, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || s == nil || i < 0 || i >= s.count {
		return nil, fmt.Errorf("refers to the text %.20q, which the workbook does not have", number)
	}
	lengths, at := s.lengths[i/textsInChunk], i%textsInChunk
	from := s.runs[i/textsInRun]
	for _, n := range lengths[at-at%textsInRun : at] {
		from += int64(n)
	}
	to, inMemory := from+int64(lengths[at]), int64(len(s.memory))
	if to <= inMemory {
		return s.memory[from:to], nil
	}
	if n := int(to - from); cap(s.text) < n {
		s.text = make([]byte, n)
	}
	s.text = s.text[:to-from]
	_, err = s.file.ReadAt(s.text, from-inMemory)
	return s.text, err
}

// cellBuffer collects the text of elements <t>, in runs or alone, without the phonetic
// guides beside it.
type cellBuffer struct {
	bytes    []byte
	inText   bool
	phonetic bool
	long     bool // it is longer than what is taken
}

func (b *cellBuffer) reset() { *b = cellBuffer{bytes: b.bytes[:0]} }

func (b *cellBuffer) take(token xml.Token) {
	switch t := token.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "t":
			b.inText = true
		case "rPh":
			b.phonetic = true
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "t":
			b.inText = false
		case "rPh":
			b.phonetic = false
		}
	case xml.CharData:
		if b.inText && !b.phonetic {
			b.add(t)
		}
	}
}

// add adds text in which _xHHHH_ stands for characters that XML cannot hold.
func (b *cellBuffer) add(text []byte) {
	if b.long = b.long || len(b.bytes)+len(text) > maxValue; b.long {
		return
	}
	b.bytes = appendUnescaped(b.bytes, text)
}

// appendUnescaped appends text with its escapes _xHHHH_ decoded, as far as they are
// characters of a text.
func appendUnescaped(to, text []byte) []byte {
	const length = len("_x0000_")
	for i := 0; i < len(text); {
		if unit, ok := escaped(text[i:]); ok {
			next, pair := rune(0), false
			if utf16.IsSurrogate(unit) && i+length < len(text) {
				next, pair = escaped(text[i+length:])
			}
			switch r := utf16.DecodeRune(unit, next); {
			case pair && r != '\uFFFD':
				to = append(to, string(r)...)
				i += 2 * length
				continue
			case !utf16.IsSurrogate(unit):
				to = append(to, string(unit)...)
				i += length
				continue
			}
		}
		to = append(to, text[i])
		i++
	}
	return to
}

// escaped returns the unit of UTF-16 that text begins with as an escape.
func escaped(text []byte) (rune, bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit), err == nil
}
