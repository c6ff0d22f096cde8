package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// Retention is how long messages are in the outbox.
const Retention = 7 * 24 * time.Hour

// Options configure a Service. Store and Now are required.
type Options struct {
	Store Store
	Now   func() time.Time
	From  From
	// SMTP is where messages are sent; nil: they are kept.
	SMTP *SMTP
	// Development shows messages with one-time tokens, and keeps them without SMTP.
	Development bool
	// Folder is where messages that are kept are also written as .eml files; "": nowhere.
	Folder string
}

// Service holds the use cases of the outbox. It is safe for concurrent use.
type Service struct {
	Options
	// Jobs adds the jobs; it is set before the first Send.
	Jobs interface {
		Add(ctx context.Context, by crm.Actor, add ...jobs.NewJob) ([]jobs.Job, error)
	}
}

// NewService returns the use cases over a store.
func NewService(o Options) *Service { return &Service{Options: o} }

// SendsSecrets reports whether messages with one-time tokens can be sent: by SMTP or, in
// development, into the outbox.
func (s *Service) SendsSecrets() bool { return s.SMTP != nil || s.Development }

// ErrNotConfigured says that messages with one-time tokens are not sent.
func ErrNotConfigured() error {
	e := crm.Conflict("This server sends no mail: SIXTY_SMTP_URL is not set.")
	e.Reason = "mail"
	return e
}

// Args are the arguments of a job that sends a message, which more people read than the message.
type Args struct {
	Message crm.ID `json:"message"`
	// Reset, if not nil, asks for a message that is yet to be written, if it is to be sent at all.
	// Such a job is one of the system.
	Reset *ResetArgs `json:"reset,omitempty"`
}

// ResetArgs say who has asked for another password.
type ResetArgs struct {
	Email        string `json:"email"`
	Organisation string `json:"organisation"`
}

// RequestReset has a user who says that they have lost their password sent a link with which they
// set another. A job finds out whether there is such a user, so that the time that this takes says
// nothing about it. While one waits for an address, no other is added.
func (s *Service) RequestReset(ctx context.Context, a ResetArgs) error {
	if !s.SendsSecrets() {
		return ErrNotConfigured()
	}
	address, violation := crm.NormalEmail(a.Email)
	if violation != "" {
		return crm.Invalid(crm.FieldError{Field: "email", Message: violation})
	}
	key := sha256.Sum256([]byte(address + "\x00" + a.Organisation))
	_, err := s.Jobs.Add(ctx, crm.Actor{}, jobs.NewJob{Kind: jobs.SendEmail, Args: Args{Reset: &a}, UniqueKey: hex.EncodeToString(key[:])})
	return err
}

// Send puts messages into the outbox, each with the job that sends it: as part of the transaction
// that the context has joined (crm.Service.Atomic), which it must have for several.
func (s *Service) Send(ctx context.Context, by crm.Actor, all ...Message) ([]Entry, error) {
	out := make([]Entry, len(all))
	for i, m := range all {
		if m.Secret && !s.SendsSecrets() {
			return nil, ErrNotConfigured()
		}
		if err := m.check(); err != nil {
			return nil, err
		}
		id := crm.NewID()
		added, err := s.Jobs.Add(ctx, by, jobs.NewJob{Kind: jobs.SendEmail, Args: Args{Message: id}})
		if err != nil {
			return nil, err
		}
		out[i] = Entry{
			OrgID: by.Org, ID: id, State: Waiting, Recipient: m.To, Subject: m.Subject, Size: int64(m.size()), Secret: m.Secret,
			ActorID: by.UserID(), JobID: added[0].ID, CreatedAt: crm.InstantOf(s.Now()),
		}
		if err := s.Store.Put(ctx, by, out[i], Content{Text: m.Text, HTML: m.HTML, Attachments: m.Attachments}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// requireAdmin rejects who may not read the outbox: it has what others wrote to each other.
func requireAdmin(by crm.Actor) error {
	if by.Role != crm.RoleAdmin {
		return crm.Forbidden("Only admins may read the outbox.")
	}
	return nil
}

// Messages returns a page of the outbox. For admins.
func (s *Service) Messages(ctx context.Context, by crm.Actor, q crm.List[Filter]) (crm.Page[Entry], error) {
	if err := requireAdmin(by); err != nil {
		return crm.Page[Entry]{}, err
	}
	return s.Store.Page(ctx, by.Org, q)
}

// Message returns a message of the outbox and, unless it is hidden or removed, its content. For
// admins.
func (s *Service) Message(ctx context.Context, by crm.Actor, id crm.ID) (Entry, *Content, error) {
	if err := requireAdmin(by); err != nil {
		return Entry{}, nil, err
	}
	e, err := s.Store.Entry(ctx, by.Org, id)
	if err != nil || e.Secret && !s.Development {
		return e, nil, err
	}
	c, ok, err := s.Store.Content(ctx, by.Org, id)
	if err != nil || !ok {
		return e, nil, err
	}
	return e, &c, nil
}

// EML returns a message of the outbox as it is sent (RFC 5322). For admins.
func (s *Service) EML(ctx context.Context, by crm.Actor, id crm.ID) ([]byte, error) {
	e, c, err := s.Message(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, crm.Conflict("The content of this message is not shown.")
	}
	return s.From.eml(e, *c)
}

// Deliver sends the message of a job, and returns what the outbox is to note with the end of the
// job. A message that was sent already is not sent again. After an error that IsPermanent, no
// further attempt would succeed.
func (s *Service) Deliver(ctx context.Context, org, id crm.ID) (Entry, Update, error) {
	e, err := s.Store.Entry(ctx, org, id)
	if err != nil {
		return e, Update{}, err
	}
	if e.State == Sent || e.State == Kept {
		return e, Update{State: e.State, SentAt: e.SentAt, Remove: e.Secret && e.State == Sent}, nil
	}
	c, ok, err := s.Store.Content(ctx, org, id)
	if err != nil {
		return e, Update{}, err
	}
	if !ok {
		return e, Update{}, &permanentError{errors.New("the content of the message is removed")}
	}
	state := Kept
	if s.SMTP != nil {
		err, state = s.SMTP.send(ctx, s.From, e, c), Sent
	} else if s.Folder != "" {
		err = s.write(e, c)
	}
	if err != nil {
		return e, Update{}, err
	}
	return e, Update{State: state, SentAt: new(crm.InstantOf(s.Now())), Remove: e.Secret && state == Sent}, nil
}

// Note notes what has become of a message: as part of the transaction that the context has joined.
func (s *Service) Note(ctx context.Context, by crm.Actor, id crm.ID, u Update) error {
	return s.Store.Update(ctx, by, crm.InstantOf(s.Now()), id, u)
}
