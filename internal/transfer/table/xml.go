package table

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// Bounds of XML. A part is read token by token; what it unpacks to is bounded besides.
const (
	maxToken = 4 << 20 // bytes of a token
	maxDepth = 100
)

// xmlReader reads the tokens of a part of a workbook. It resolves no entities but those
// of XML itself.
type xmlReader struct {
	d    *xml.Decoder
	from *tokenBytes
	open []string // the elements that the next token is in
}

func newXMLReader(r io.Reader) *xmlReader {
	from := &tokenBytes{r: bufio.NewReaderSize(r, 64<<10)}
	return &xmlReader{d: xml.NewDecoder(from), from: from}
}

// next returns the next token, which is valid until the one after; io.EOF at the end.
func (x *xmlReader) next() (xml.Token, error) {
	x.from.left = maxToken
	token, err := x.d.RawToken()
	if errors.Is(err, io.EOF) && len(x.open) > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			err = fmt.Errorf("line %d of it is broken XML: %s", syntax.Line, syntax.Msg)
		}
		return nil, err
	}
	switch t := token.(type) {
	case xml.StartElement:
		if len(x.open) == maxDepth {
			return nil, fmt.Errorf("it has elements within more than %d others", maxDepth)
		}
		x.open = append(x.open, t.Name.Local)
	case xml.EndElement:
		last := len(x.open) - 1
		if last < 0 || x.open[last] != t.Name.Local {
			return nil, fmt.Errorf("it is broken XML: </%.100s> closes what was not opened", t.Name.Local)
		}
		x.open = x.open[:last]
	}
	return token, nil
}

// attribute returns an attribute by its name without a prefix, and "" if there is none.
func attribute(e xml.StartElement, name string) string {
	for i := range e.Attr {
		if e.Attr[i].Name.Local == name {
			return e.Attr[i].Value
		}
	}
	return ""
}

// tokenBytes are bytes of which a token may have so many.
type tokenBytes struct {
	r    *bufio.Reader
	left int
}

// ReadByte implements io.ByteReader.
func (t *tokenBytes) ReadByte() (byte, error) {
	if t.left == 0 {
		return 0, fmt.Errorf("it has a part of more than %d bytes", maxToken)
	}
	t.left--
	return t.r.ReadByte()
}

// Read implements io.Reader, which nothing calls.
func (t *tokenBytes) Read(p []byte) (int, error) { return t.r.Read(p) }
