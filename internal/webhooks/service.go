package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// Options configure a Service. All but Disabled are required.
type Options struct {
	Store   Store
	Log     Log
	Jobs    Adder
	Client  *Client
	Encoder Encoder
	Now     func() time.Time
	// Slots is how many jobs of the kind this process runs at once.
	Slots int
	// Disabled is called in the transaction that disables an endpoint because it has failed; may be
	// nil.
	Disabled func(context.Context, crm.Actor, Endpoint) error
}

// Log reads the change log, as crm.Service does.
type Log interface {
	Changes(ctx context.Context, by crm.Actor, since crm.LogPosition, limit int) (crm.ChangePage, error)
}

// Adder adds jobs, as jobs.Service does.
type Adder interface {
	Add(ctx context.Context, by crm.Actor, jobs ...jobs.NewJob) ([]jobs.Job, error)
}

// An Encoder writes what is sent as the API does.
type Encoder interface {
	// Change returns an entry of the change log.
	Change(e *crm.LogEntry) json.RawMessage
	// Record returns a record as it is, with its version; CodeNotFound.
	Record(ctx context.Context, by crm.Actor, entity string, id crm.ID) (record json.RawMessage, version int64, err error)
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	o     Options
	guard *Guard
	// troubled has a slot for each run of an endpoint in trouble, atOnce one for each request that a
	// client waits for.
	troubled, atOnce chan struct{}
	// Feeder adds the jobs.
	Feeder *Feeder
}

// maxAtOnce bounds the requests that clients wait for: each takes up to ten seconds.
const maxAtOnce = 4

// NewService returns the use cases.
func NewService(o Options) *Service {
	s := &Service{o: o, guard: o.Client.guard, troubled: make(chan struct{}, max(1, o.Slots/2)), atOnce: make(chan struct{}, maxAtOnce)}
	s.Feeder = newFeeder(o.Store, o.Jobs, s.clock)
	return s
}

// clock returns the present to the microsecond.
func (s *Service) clock() crm.Instant { return crm.InstantOf(s.o.Now()) }

// manage completes the sentence "Only admins may".
const manage = "manage webhooks"

// byAdmin is the reason of an endpoint that an admin has disabled.
const byAdmin = "An admin has disabled it."

// List returns the organisation's endpoints, the oldest first.
func (s *Service) List(ctx context.Context, by crm.Actor) ([]Endpoint, error) {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return nil, err
	}
	page, err := s.o.Store.Endpoints().Page(ctx, by.Org, crm.List[EndpointFilter]{Sort: Endpoints.Sorts.Default, Limit: MaxEndpoints})
	return page.Rows, err
}

// Get returns one.
func (s *Service) Get(ctx context.Context, by crm.Actor, id crm.ID) (Endpoint, error) {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return Endpoint{}, err
	}
	return s.get(ctx, by.Org, id)
}

func (s *Service) get(ctx context.Context, org, id crm.ID) (Endpoint, error) {
	return crm.GetOne(ctx, s.o.Store.Endpoints(), org, id, Entity)
}

// Deliveries returns a page of what was sent to an endpoint.
func (s *Service) Deliveries(ctx context.Context, by crm.Actor, id crm.ID, q crm.List[DeliveryFilter]) (crm.Page[Delivery], error) {
	if _, err := s.Get(ctx, by, id); err != nil {
		return crm.Page[Delivery]{}, err
	}
	q.Filter.WebhookID = crm.Only(id)
	return s.o.Store.Deliveries().Page(ctx, by.Org, q)
}

// prepare checks and normalises the URL of a patch, which may take a while.
func (s *Service) prepare(ctx context.Context, p Patch) Patch {
	if !p.URL.Set || p.URL.Null {
		return p
	}
	url, violation := s.guard.Check(ctx, p.URL.Value)
	if p.URL.Value = url; violation != "" {
		p.DecodeErrors = append(slices.Clip(p.DecodeErrors), crm.FieldError{Field: "url", Message: violation})
	}
	return p
}

// apply applies a prepared patch to an endpoint.
func (p *Patch) apply(e *Endpoint, by crm.Actor) error {
	var r crm.Rules
	Endpoints.Apply(p, e, &r)
	if p.Events.Set {
		events, violation := parseEvents(p.Events.Value)
		if e.Events = events; violation != "" {
			r.Add("events", "%s", violation)
		}
	}
	if e.Events == "" {
		r.Add("events", "must contain at least one event")
	}
	if e.URL == "" {
		r.Add("url", "must not be empty")
	}
	if err := r.Err(); err != nil {
		return err
	}
	if p.Enabled.Set && (p.Enabled.Value && !p.Enabled.Null) != (e.State == Enabled) {
		if p.Enabled.Value {
			enable(e, by)
		} else {
			e.stop(Disabled, byAdmin)
		}
	}
	return nil
}

// enable makes an endpoint receive requests again, from where it was, on behalf of an admin.
func enable(e *Endpoint, by crm.Actor) {
	e.recover()
	e.State, e.StateReason, e.CreatedBy = Enabled, nil, creatorOf(by)
}

// creatorOf returns the person who answers for what an actor sets up: who created the key, if it
// acts for another.
func creatorOf(by crm.Actor) *crm.ID {
	if person := by.KeyCreatorID(); person != nil {
		return person
	}
	return by.UserID()
}

// Create adds an endpoint, which receives what changes from now on. Its secret is in the result.
func (s *Service) Create(ctx context.Context, by crm.Actor, p Patch) (Endpoint, error) {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return Endpoint{}, err
	}
	now := s.clock()
	e := Endpoint{
		OrgID: by.Org, ID: crm.NewID(), State: Enabled, Secret: newSecret(), CreatedBy: creatorOf(by), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	p = s.prepare(ctx, p)
	if err := p.apply(&e, by); err != nil {
		return Endpoint{}, err
	}
	err := s.o.Store.Write(ctx, by, now, func(tx Tx) error {
		if _, err := tx.LockOrganisation(ctx); err != nil { // no other is added meanwhile
			return err
		}
		n, err := tx.CountWebhooks(ctx)
		if err != nil {
			return err
		}
		if n >= MaxEndpoints {
			return crm.Conflict(fmt.Sprintf("The organisation has %d webhooks, which is the maximum. Delete one first.", n))
		}
		end, err := tx.LogEnd(ctx)
		if err != nil {
			return err
		}
		e.moveTo(end)
		if err := tx.InsertWebhook(ctx, e); err != nil {
			return err
		}
		return audit(ctx, tx, by, now, accounts.ActionWebhookCreated, &e)
	})
	return e, err
}

// Update changes what the patch sets.
func (s *Service) Update(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition, p Patch) (Endpoint, error) {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return Endpoint{}, err
	}
	p = s.prepare(ctx, p)
	return s.change(ctx, by, id, expected, accounts.ActionWebhookChanged, func(_ Tx, e *Endpoint, _ crm.Instant) error {
		return p.apply(e, by)
	})
}

// Enable makes an endpoint receive requests again, from where it was.
func (s *Service) Enable(ctx context.Context, by crm.Actor, id crm.ID) (Endpoint, error) {
	return s.change(ctx, by, id, crm.VersionCondition{}, accounts.ActionWebhookChanged, func(_ Tx, e *Endpoint, _ crm.Instant) error {
		enable(e, by)
		return nil
	})
}

// Rotate replaces the secret, which is in the result. For a day, the one before signs, too.
func (s *Service) Rotate(ctx context.Context, by crm.Actor, id crm.ID) (Endpoint, error) {
	return s.change(ctx, by, id, crm.VersionCondition{}, accounts.ActionWebhookRotated, func(_ Tx, e *Endpoint, now crm.Instant) error {
		was, until := e.Secret, after(now, previousSecretTime)
		e.Secret, e.PreviousSecret, e.PreviousUntil = newSecret(), &was, &until
		return nil
	})
}

// Replay sends again what follows a position of the change log. Without an epoch it is one of the
// present epoch.
func (s *Service) Replay(ctx context.Context, by crm.Actor, id crm.ID, since crm.LogPosition) (Endpoint, error) {
	return s.change(ctx, by, id, crm.VersionCondition{}, accounts.ActionWebhookChanged, func(tx Tx, e *Endpoint, _ crm.Instant) error {
		end, err := tx.LogEnd(ctx)
		switch {
		case err != nil:
			return err
		case since.Epoch != "" && since.Epoch != end.Epoch:
			return crm.Invalid(crm.FieldError{Field: "since", Message: "must be a position of the present epoch, " + end.Epoch})
		case since.Seq > end.Seq:
			return crm.Invalid(crm.FieldError{Field: "since", Message: "must not be after the last change, " + end.String()})
		}
		e.moveTo(crm.LogPosition{Epoch: end.Epoch, Seq: since.Seq})
		e.RetryAt = nil
		return nil
	})
}

// change changes a locked endpoint, and has what it is then behind with sent.
func (s *Service) change(
	ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition, action accounts.Action, fn func(Tx, *Endpoint, crm.Instant) error,
) (Endpoint, error) {
	var e Endpoint
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return e, err
	}
	now := s.clock()
	err := s.o.Store.Write(ctx, by, now, func(tx Tx) (err error) {
		if e, err = tx.LockWebhook(ctx, id); err != nil {
			return err
		}
		if err := expected.Check(e.Version); err != nil {
			return err
		}
		if err := fn(tx, &e, now); err != nil {
			return err
		}
		e.Version++
		e.UpdatedAt = now
		if err := tx.UpdateWebhook(ctx, e); err != nil {
			return err
		}
		return audit(ctx, tx, by, now, action, &e)
	})
	if err != nil {
		return Endpoint{}, err
	}
	s.Feeder.Wake(by.Org)
	return e, nil
}

// Delete removes an endpoint, with the log of its deliveries.
func (s *Service) Delete(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition) error {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return err
	}
	now := s.clock()
	return s.o.Store.Write(ctx, by, now, func(tx Tx) error {
		e, err := tx.LockWebhook(ctx, id)
		if err != nil {
			return err
		}
		if err := expected.Check(e.Version); err != nil {
			return err
		}
		if err := tx.DeleteWebhook(ctx, id); err != nil {
			return err
		}
		return audit(ctx, tx, by, now, accounts.ActionWebhookDeleted, &e)
	})
}

// audit enters what was done to an endpoint in the audit trail, without its secret.
func audit(ctx context.Context, tx Tx, by crm.Actor, at crm.Instant, action accounts.Action, e *Endpoint) error {
	details := map[string]string{"url": e.URL, "events": string(e.Events), "state": string(e.State), "position": e.Position().String()}
	if e.StateReason != nil {
		details["reason"] = *e.StateReason
	}
	return accounts.Audit(ctx, tx, by, at, accounts.AuditEvent{Action: action, Target: Entity, TargetID: &e.ID, Details: details})
}
