package mail

import (
	"bytes"
	"fmt"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// From is the sender of messages.
type From struct {
	address netmail.Address
}

// ParseFrom reads an address, with a name or without, such as "Sales <sales@example.com>".
func ParseFrom(s string) (From, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return From{}, fmt.Errorf("must be an address such as Sales <sales@example.com>, not %q", s)
	}
	if !isLine(a.Name) || !isLine(a.Address) {
		return From{}, fmt.Errorf("must have no control characters")
	}
	if a.Address, err = sendable(a.Address); err != nil {
		return From{}, err
	}
	return From{*a}, nil
}

// sendable returns an address as mail servers know it: with its domain in ASCII (RFC 5891).
func sendable(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", fmt.Errorf("must have a domain, unlike %q", address)
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", fmt.Errorf("must have a domain that there can be, unlike %q", address)
	}
	return address[:at+1] + domain, nil
}

// isASCII reports whether an address needs no SMTPUTF8 (RFC 6531).
func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) }

// compose returns a message as it is sent. Its Message-ID and its date are the same each time, so
// that those who get it twice can tell.
func (f From) compose(e Entry, c Content) (*gomail.Msg, error) {
	to, err := sendable(e.Recipient)
	if err != nil {
		return nil, &permanentError{err}
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	m.FromMailAddress(&f.address)
	if err := m.To(to); err != nil {
		return nil, &permanentError{err}
	}
	m.Subject(e.Subject)
	m.SetMessageIDWithValue(e.JobID.String() + f.address.Address[strings.LastIndexByte(f.address.Address, '@'):])
	m.SetDateWithValue(e.CreatedAt.Time())
	// No automatic answers (RFC 3834).
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, c.Text)
	if c.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, c.HTML)
	}
	for _, a := range c.Attachments {
		m.AttachReadSeeker(a.Name, bytes.NewReader(a.Content), gomail.WithFileContentType(gomail.ContentType(a.Media)))
	}
	return m, nil
}

// eml returns a message as it is sent.
func (f From) eml(e Entry, c Content) ([]byte, error) {
	m, err := f.compose(e, c)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("compose a message: %w", err)
	}
	return b.Bytes(), nil
}

// write writes a message that is kept as a file, which replaces that of an attempt before.
func (s *Service) write(e Entry, c Content) error {
	text, err := s.From.eml(e, c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.Folder, ".message-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.Folder, e.ID.String()+".eml"))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
