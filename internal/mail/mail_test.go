package mail_test

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sixty/internal/crm"
	"sixty/internal/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decodedBody(t *testing.T, encoding string, body io.Reader) []byte {
	t.Helper()
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What is no message is rejected by its members' names, before there is a job.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*mail.Message)
		fields []string
	}{
		"Nothing":           {func(m *mail.Message) { *m = mail.Message{} }, []string{"to", "subject", "text"}},
		"Address":           {func(m *mail.Message) { m.To = "ada at example.com" }, []string{"to"}},
		"TwoAddresses":      {func(m *mail.Message) { m.To = "ada@example.com, eve@example.com" }, []string{"to"}},
		"AddressInjection":  {func(m *mail.Message) { m.To = "ada@example.com\r\nBcc: eve@example.com" }, []string{"to"}},
		"SubjectInjection":  {func(m *mail.Message) { m.Subject = "Hello\r\nBcc: eve@example.com" }, []string{"subject"}},
		"SubjectNewline":    {func(m *mail.Message) { m.Subject = "Hello\nthere" }, []string{"subject"}},
		"SubjectLong":       {func(m *mail.Message) { m.Subject = strings.Repeat("é", 256) }, []string{"subject"}},
		"NameInjection":     {func(m *mail.Message) { m.Attachments[0].Name = "a\"\r\nX: y" }, []string{"attachments"}},
		"NamePath":          {func(m *mail.Message) { m.Attachments[0].Name = "../a" }, []string{"attachments"}},
		"NotText":           {func(m *mail.Message) { m.Text = "a\x00" }, []string{"text"}},
		"NotUTF8":           {func(m *mail.Message) { m.HTML = "\xff" }, []string{"html"}},
		"Large":             {func(m *mail.Message) { m.Attachments[0].Content = make([]byte, mail.MaxSize+1) }, []string{"attachments"}},
		"ManyAttachments":   {func(m *mail.Message) { m.Attachments = slices.Repeat(m.Attachments, 21) }, []string{"attachments"}},
		"LargestIsAccepted": {func(m *mail.Message) { m.Attachments[0].Content = make([]byte, mail.MaxSize-1000) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := service(t, nil)
			msg := aMessage()
			c.change(&msg)
			_, err := m.Send(t.Context(), crm.Operator(crm.NewID()), msg)
			var got []string
			if e, ok := err.(*crm.Error); ok { //nolint:errorlint // it is not wrapped
				for _, f := range e.Fields {
					got = append(got, f.Field)
				}
			}
			if slices.Compare(got, c.fields) != 0 || len(m.Jobs.(*queue).added) != 0 && c.fields != nil {
				t.Errorf("got %v of %v, want %v", got, err, c.fields)
			}
		})
	}
}

// The largest message stays below what mail servers accept.
func TestLargestMessage(t *testing.T) {
	t.Parallel()
	m, box := service(t, nil)
	m.Folder = t.TempDir()
	msg := aMessage()
	msg.Attachments[0].Content = make([]byte, mail.MaxSize-len(msg.Text)-len(msg.HTML))
	if u, err := deliver(t, m, box, msg); err != nil || u.State != mail.Kept {
		t.Fatalf("%+v, %v", u, err)
	}
	text, err := os.ReadFile(filepath.Join(m.Folder, box.entry.ID.String()+".eml"))
	if err != nil || len(text) > 10<<20 || len(text) < 9<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if all, _ := os.ReadDir(m.Folder); len(all) != 1 {
		t.Errorf("the folder has %v", all)
	}
}

// Without SMTP, messages with one-time tokens are not sent, unless in development.
func TestSecretsWithoutSMTP(t *testing.T) {
	t.Parallel()
	msg := aMessage()
	msg.Secret = true
	m, box := service(t, nil)
	if _, err := m.Send(t.Context(), crm.Operator(crm.NewID()), msg); crm.CodeOf(err) != crm.CodeConflict {
		t.Errorf("in production: %v", err)
	}
	m.Development = true
	if u, err := deliver(t, m, box, msg); err != nil || u.State != mail.Kept || u.Remove {
		t.Errorf("in development: %+v, %v", u, err)
	}
}

// Only admins read the outbox, and none a one-time token, unless in development.
func TestReaders(t *testing.T) {
	t.Parallel()
	m, box := service(t, nil)
	m.Development = true
	msg := aMessage()
	msg.Secret = true
	if _, err := deliver(t, m, box, msg); err != nil {
		t.Fatal(err)
	}
	for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager, ""} {
		by := crm.Actor{Org: box.entry.OrgID, User: crm.NewID(), Role: role}
		_, _, err := m.Message(t.Context(), by, box.entry.ID)
		_, listing := m.Messages(t.Context(), by, crm.List[mail.Filter]{})
		_, downloading := m.EML(t.Context(), by, box.entry.ID)
		for _, err := range []error{err, listing, downloading} {
			if crm.CodeOf(err) != crm.CodeForbidden {
				t.Errorf("%s: %v", role, err)
			}
		}
	}
	admin := crm.Operator(box.entry.OrgID)
	for _, development := range []bool{true, false} {
		m.Development = development
		_, c, err := m.Message(t.Context(), admin, box.entry.ID)
		eml, downloading := m.EML(t.Context(), admin, box.entry.ID)
		if err != nil || (c != nil) != development || (downloading == nil) != development || (len(eml) > 0) != development {
			t.Errorf("development is %t: %+v, %v, %v", development, c, err, downloading)
		}
	}
}
