package crm

import "errors"

// Span is the time that a filter on instants names: a whole UTC day, or one instant.
type Span struct{ First, Last Instant }

// ParseSpan reads what ParseDate or ParseInstant reads.
func ParseSpan(s string) (Span, error) {
	if d, err := ParseDate(s); err == nil {
		return Span{d.Instant(), (d + 1).Instant() - 1}, nil
	}
	at, err := ParseInstant(s)
	if err != nil {
		return Span{}, errors.New("must be a date such as 2026-01-31, or a date-time such as 2026-01-31T09:30:00Z")
	}
	return Span{at, at}, nil
}

// AppendText appends both ends, so that equal spans are equal texts.
func (s Span) AppendText(b []byte) ([]byte, error) {
	b, _ = s.First.AppendText(b)
	return s.Last.AppendText(append(b, '/'))
}
