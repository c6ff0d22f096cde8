package table

import "sixty/internal/transfer/csvio"

// csvReader reads CSV.
type csvReader struct {
	*csvio.Reader
	*content
	facts Facts
}

func openCSV(c *content, facts Facts, n named) (Reader, error) {
	text, err := c.reader()
	if err != nil {
		return nil, err
	}
	r, err := csvio.Open(text, csvio.Options{Encoding: n.encoding, Separator: n.separator})
	if err != nil {
		return nil, err
	}
	facts.Encoding, facts.EncodingAssumed = string(r.Encoding()), r.Assumed()
	facts.Separator = separatorText(r.Separator())
	return &csvReader{Reader: r, content: c, facts: facts}, nil
}

// Offset implements Reader.
func (r *csvReader) Offset() int64 { return r.offset(r.Reader.Offset()) }

// Facts implements Reader.
func (r *csvReader) Facts() Facts {
	facts := r.facts
	facts.Notes = r.Notes()
	return facts
}
