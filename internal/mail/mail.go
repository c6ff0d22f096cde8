// Package mail sends messages: it keeps each in the outbox, in the transaction of what asks for it,
// together with the job that sends it. With an SMTP server, the job hands the message over to it,
// at least once; without one, the outbox is where messages are read.
//
// The port is Store; internal/store implements it.
package mail

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Entity is the name of messages in the API.
const Entity = "message"

// A Message is what is sent to one person. Several people get a message each, so that a failure
// concerns one of them, and none sees the others' addresses.
type Message struct {
	To      string // an e-mail address
	Subject string
	Text    string
	HTML    string // the same; "": there is the text alone
	// Secret says that the message has a one-time token in it. Its content is removed once it is
	// sent, and shown in development only.
	Secret      bool
	Attachments []Attachment
}

// An Attachment is a file in a message.
type Attachment struct {
	Name    string `json:"name"`
	Media   string `json:"media"` // such as text/csv
	Content []byte `json:"content"`
}

// The bounds of a message. Attachments grow by about 37 % when they are encoded, so that a message
// stays below 10 MiB, which mail servers accept.
const (
	MaxSize        = 7 << 20 // bytes of the texts and attachments
	maxSubject     = 255     // characters
	maxAttachments = 20
	maxNameLength  = 100
)

// size returns the bytes of the texts and attachments.
func (m *Message) size() int {
	n := len(m.Text) + len(m.HTML)
	for _, a := range m.Attachments {
		n += len(a.Content)
	}
	return n
}

// check returns CodeInvalid for a message that cannot be sent. The address is set to its normal form.
func (m *Message) check() error {
	var errs []crm.FieldError
	add := func(field, format string, args ...any) {
		errs = append(errs, crm.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	to, violation := crm.NormalEmail(m.To)
	if m.To = to; violation != "" {
		add("to", "%s, not %q", violation, to)
	}
	switch {
	case strings.TrimSpace(m.Subject) == "":
		add("subject", "must not be empty")
	case !isLine(m.Subject):
		add("subject", "must be one line of text")
	case utf8.RuneCountInString(m.Subject) > maxSubject:
		add("subject", "must be at most %d characters long", maxSubject)
	}
	if m.Text == "" {
		add("text", "must not be empty")
	}
	for field, text := range map[string]string{"text": m.Text, "html": m.HTML} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			add(field, "must be text")
		}
	}
	if len(m.Attachments) > maxAttachments {
		add("attachments", "must be at most %d", maxAttachments)
	}
	for _, a := range m.Attachments {
		if a.Name == "" || !isLine(a.Name) || utf8.RuneCountInString(a.Name) > maxNameLength || strings.ContainsAny(a.Name, `/\"`) {
			add("attachments", "must have a file name of at most %d characters, not %q", maxNameLength, a.Name)
		}
	}
	if n := m.size(); n > MaxSize {
		add("attachments", "must not make the message larger than %d bytes, which is %d", MaxSize, n)
	}
	if len(errs) > 0 {
		return crm.Invalid(errs...)
	}
	return nil
}

// isLine reports whether a text is valid and has no control characters, which could begin another
// header.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// A State is where a message is.
type State string

// The states.
const (
	Waiting State = "waiting" // for its job
	Sent    State = "sent"    // the SMTP server has accepted it
	Kept    State = "kept"    // there is no SMTP server: it is read in the outbox
	Failed  State = "failed"  // it was rejected, or the last attempt has failed
)

// An Entry is a message in the outbox, without its content.
type Entry struct {
	OrgID     crm.ID       `json:"-"`
	ID        crm.ID       `json:"id"`
	State     State        `json:"state" schema:"MessageState" enum:"waiting,sent,kept,failed" doc:"waiting for its job; sent: accepted by the SMTP server; kept: there is none; failed: the job tries no more."`
	Recipient string       `json:"recipient" doc:"The address that it is for."`
	Subject   string       `json:"subject"`
	Size      int64        `json:"size" doc:"Bytes of its texts and attachments."`
	Secret    bool         `json:"secret" doc:"It has a one-time token in it: its content is shown in development only, and removed once it is sent."`
	Error     *string      `json:"error" doc:"Why the last attempt failed; null if none has."`
	ActorID   *crm.ID      `json:"actor_id" doc:"Whose request it is from; null if none was signed in."`
	JobID     crm.ID       `json:"job_id" doc:"The job that sends it."`
	CreatedAt crm.Instant  `json:"created_at"`
	SentAt    *crm.Instant `json:"sent_at" doc:"When it was sent or kept; null before."`
}

// A Filter narrows the outbox; members that are not set do not.
type Filter struct {
	State crm.OneOf[string]
}

// Outbox declares the messages; lists have the newest first.
var Outbox = crm.Declare(crm.Entity[Entry, struct{}, Filter]{
	Name: Entity,
	Properties: []crm.Property[Entry, struct{}]{
		{Name: "org_id", At: func(e *Entry, _ *struct{}) (any, any) { return &e.OrgID, nil }},
		{Name: "id", At: func(e *Entry, _ *struct{}) (any, any) { return &e.ID, nil }},
		{Name: "state", At: func(e *Entry, _ *struct{}) (any, any) { return (*string)(&e.State), nil }},
		{Name: "recipient", At: func(e *Entry, _ *struct{}) (any, any) { return &e.Recipient, nil }},
		{Name: "subject", At: func(e *Entry, _ *struct{}) (any, any) { return &e.Subject, nil }},
		{Name: "size", At: func(e *Entry, _ *struct{}) (any, any) { return &e.Size, nil }},
		{Name: "secret", At: func(e *Entry, _ *struct{}) (any, any) { return &e.Secret, nil }},
		{Name: "error", At: func(e *Entry, _ *struct{}) (any, any) { return &e.Error, nil }},
		{Name: "actor_id", At: func(e *Entry, _ *struct{}) (any, any) { return &e.ActorID, nil }},
		{Name: "job_id", At: func(e *Entry, _ *struct{}) (any, any) { return &e.JobID, nil }},
		{Name: "created_at", At: func(e *Entry, _ *struct{}) (any, any) { return &e.CreatedAt, nil }},
		{Name: "sent_at", At: func(e *Entry, _ *struct{}) (any, any) { return &e.SentAt, nil }},
	},
	Filters: []crm.Filter[Entry, Filter]{
		{Name: "state", Property: "state", Doc: "Only messages in this state.", At: func(f *Filter) any { return &f.State }},
	},
	Sorts: crm.Sorts{Fields: []string{"created_at"}, Default: crm.Sort{Field: "created_at", Desc: true}},
})

// Content is what a message says.
type Content struct {
	Text        string
	HTML        string
	Attachments []Attachment
}
