package mail_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/mail/mailtest"
)

// outbox is a mail.Store of one message.
type outbox struct {
	mail.Store
	entry   mail.Entry
	content mail.Content
}

func (o *outbox) Put(_ context.Context, _ crm.Actor, e mail.Entry, c mail.Content) error {
	o.entry, o.content = e, c
	return nil
}
func (o *outbox) Entry(context.Context, crm.ID, crm.ID) (mail.Entry, error) { return o.entry, nil }
func (o *outbox) Content(context.Context, crm.ID, crm.ID) (mail.Content, bool, error) {
	return o.content, true, nil
}

// queue adds jobs to nothing.
type queue struct{ added []jobs.NewJob }

func (q *queue) Add(_ context.Context, by crm.Actor, add ...jobs.NewJob) ([]jobs.Job, error) {
	out := make([]jobs.Job, len(add))
	for i := range out {
		out[i] = jobs.Job{OrgID: by.Org, ID: crm.NewID()}
	}
	q.added = append(q.added, add...)
	return out, nil
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// service returns a service that sends by a server; nil: none.
func service(t *testing.T, s *mail.SMTP) (*mail.Service, *outbox) {
	t.Helper()
	from, err := mail.ParseFrom("Müller & Söhne <sales@bücher.example>")
	if err != nil {
		t.Fatal(err)
	}
	o := &outbox{}
	m := mail.NewService(mail.Options{Store: o, Now: func() time.Time { return now }, From: from, SMTP: s})
	m.Jobs = &queue{}
	return m, o
}

func smtpOf(s *mailtest.Server) *mail.SMTP {
	return &mail.SMTP{Host: s.Host, Port: s.Port, User: mailtest.User, Password: mailtest.Password, Roots: s.Roots}
}

func aMessage() mail.Message {
	return mail.Message{
		To: "Zoë@Example.com", Subject: "Grüße — a subject that is longer than a line of a header may be, which is folded", Text: "Hällo\n.\nfrom a line\n", HTML: "<p>Hällo</p>",
		Attachments: []mail.Attachment{{Name: "Übersicht.csv", Media: "text/csv", Content: []byte("a,b\r\n1,2\r\n")}},
	}
}

// deliver sends a message as its job does.
func deliver(t *testing.T, m *mail.Service, o *outbox, msg mail.Message) (mail.Update, error) {
	t.Helper()
	if _, err := m.Send(t.Context(), crm.Operator(crm.NewID()), msg); err != nil {
		t.Fatal(err)
	}
	_, u, err := m.Deliver(t.Context(), o.entry.OrgID, o.entry.ID)
	return u, err
}

// A message arrives as it was written, over TLS and with the credentials, and the same each time.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]mailtest.Options{"StartTLS": {SMTPUTF8: true}, "ImplicitTLS": {SMTPUTF8: true, ImplicitTLS: true}, "NoTLS": {SMTPUTF8: true, NoTLS: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Serve(t, o)
			s := smtpOf(server)
			s.TLS, s.Plain = o.ImplicitTLS, o.NoTLS
			m, box := service(t, s)
			u, err := deliver(t, m, box, aMessage())
			if err != nil || u.State != mail.Sent || *u.SentAt != crm.InstantOf(now) || u.Remove {
				t.Fatalf("%+v, %v", u, err)
			}
			if _, _, err := m.Deliver(t.Context(), box.entry.OrgID, box.entry.ID); err != nil { // a repeat, after a kill
				t.Fatal(err)
			}
			all := server.Received()
			if len(all) != 2 || all[0].TLS == o.NoTLS || all[0].From != "sales@xn--bcher-kva.example" || all[0].To != "zoë@example.com" {
				t.Fatalf("received %+v", all)
			}
			first, repeat := parsed(t, all[0].Message), parsed(t, all[1].Message)
			if id := first.Header.Get("Message-Id"); id != "<"+box.entry.JobID.String()+"@xn--bcher-kva.example>" || repeat.Header.Get("Message-Id") != id {
				t.Errorf("the ids are %s and %s", id, repeat.Header.Get("Message-Id"))
			}
			if at, err := first.Header.Date(); err != nil || !at.Equal(now) {
				t.Errorf("the date is %v, %v", at, err)
			}
			want := map[string]string{
				"text/plain": "Hällo\r\n.\r\nfrom a line\r\n", "text/html": "<p>Hällo</p>", "text/csv": "a,b\r\n1,2\r\n",
			}
			got := map[string]string{}
			parts(t, first.Header.Get("Content-Type"), "", first.Body, got)
			for media, text := range want {
				if strings.TrimRight(got[media], "\r\n") != strings.TrimRight(text, "\r\n") {
					t.Errorf("%s is %q, want %q", media, got[media], text)
				}
			}
			if subject := decoded(t, first.Header.Get("Subject")); subject != aMessage().Subject {
				t.Errorf("the subject is %q", subject)
			}
			if got["name"] != "Übersicht.csv" {
				t.Errorf("the attachment is called %q", got["name"])
			}
		})
	}
}

func parsed(t *testing.T, text string) *netmail.Message {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parts reads the parts of a message, by their type.
func parts(t *testing.T, contentType, encoding string, body io.Reader, into map[string]string) {
	t.Helper()
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("%q: %v", contentType, err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		into[media] = string(decodedBody(t, encoding, body))
		if name := params["name"]; name != "" {
			into["name"] = decoded(t, name)
		}
		return
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		parts(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, into)
	}
}

// A failure is permanent exactly if the server has rejected the message, or cannot take it.
func TestFailures(t *testing.T) {
	t.Parallel()
	reply := func(code int, atData bool) func(string, string) error {
		return func(_, message string) error {
			if (message != "") != atData {
				return nil
			}
			return &smtp.SMTPError{Code: code, Message: "on purpose"}
		}
	}
	for name, c := range map[string]struct {
		options   mailtest.Options
		change    func(*mail.SMTP)
		permanent bool
		want      string
	}{
		"RecipientUnknown":  {options: mailtest.Options{SMTPUTF8: true, Reply: reply(550, false)}, permanent: true, want: "550"},
		"RecipientBusy":     {options: mailtest.Options{SMTPUTF8: true, Reply: reply(450, false)}, want: "450"},
		"ContentRejected":   {options: mailtest.Options{SMTPUTF8: true, Reply: reply(554, true)}, permanent: true, want: "554"},
		"ContentBusy":       {options: mailtest.Options{SMTPUTF8: true, Reply: reply(451, true)}, want: "451"},
		"NoStartTLS":        {options: mailtest.Options{SMTPUTF8: true, NoTLS: true}, want: "STARTTLS"},
		"NoSMTPUTF8":        {permanent: true, want: "SMTPUTF8"},
		"WrongPassword":     {options: mailtest.Options{SMTPUTF8: true}, change: func(s *mail.SMTP) { s.Password = "wrong" }, want: "454"},
		"NoPassword":        {options: mailtest.Options{SMTPUTF8: true}, change: func(s *mail.SMTP) { s.User = "" }, permanent: true, want: "authenticate"},
		"UnknownAuthority":  {options: mailtest.Options{SMTPUTF8: true}, change: func(s *mail.SMTP) { s.Roots = nil }, want: "certificate"},
		"AnotherHost":       {options: mailtest.Options{SMTPUTF8: true}, change: func(s *mail.SMTP) { s.Host = "localhost" }, want: "certificate"},
		"ImplicitTLSWanted": {options: mailtest.Options{SMTPUTF8: true}, change: func(s *mail.SMTP) { s.TLS = true }, want: "cannot be used"},
		"NobodyListens":     {change: func(s *mail.SMTP) { s.Port = unusedPort(t) }, want: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Serve(t, c.options)
			s := smtpOf(server)
			if c.change != nil {
				c.change(s)
			}
			m, box := service(t, s)
			_, err := deliver(t, m, box, aMessage())
			if err == nil || mail.IsPermanent(err) != c.permanent || !strings.Contains(err.Error(), c.want) {
				t.Errorf("permanent is %t: %v", mail.IsPermanent(err), err)
			}
			if n := len(server.Received()); n != 0 {
				t.Errorf("%d messages were accepted", n)
			}
			if err != nil && strings.Contains(err.Error(), mailtest.Password) {
				t.Error("the error has the password in it")
			}
		})
	}
}

func unusedPort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// What fails at first is sent when it is tried again.
func TestSecondAttempt(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := mailtest.Serve(t, mailtest.Options{SMTPUTF8: true, Reply: func(_, message string) error {
		if message != "" && calls.Add(1) == 1 {
			return &smtp.SMTPError{Code: 451, Message: "on purpose"}
		}
		return nil
	}})
	m, box := service(t, smtpOf(server))
	if _, err := deliver(t, m, box, aMessage()); err == nil || mail.IsPermanent(err) {
		t.Fatalf("the first attempt: %v", err)
	}
	_, u, err := m.Deliver(t.Context(), box.entry.OrgID, box.entry.ID)
	if err != nil || u.State != mail.Sent || len(server.Received()) != 1 {
		t.Errorf("the second: %+v, %v", u, err)
	}
}

// A server that says nothing is left when the time is over, and when the job is to stop.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for name, cancelled := range map[string]bool{"Timeout": false, "Cancelled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stop := errors.New("to stop")
			left := make(chan struct{})
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if cancelled {
					cancel(stop)
				}
				_, _ = io.Copy(io.Discard, c) // until the client leaves
				_ = c.Close()
				close(left)
			}()
			s := &mail.SMTP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Timeout: time.Hour}
			if !cancelled {
				s.Timeout = 50 * time.Millisecond
			}
			m, box := service(t, s)
			if _, err := m.Send(ctx, crm.Operator(crm.NewID()), aMessage()); err != nil {
				t.Fatal(err)
			}
			_, _, err = m.Deliver(ctx, box.entry.OrgID, box.entry.ID)
			if err == nil || mail.IsPermanent(err) || cancelled != errors.Is(err, stop) {
				t.Errorf("%v", err)
			}
			<-left
		})
	}
}
