// Package webhooks tells other programs of an organisation's changes: each endpoint receives the
// entries of the change log that it asks for, in their order, as signed requests (Standard
// Webhooks).
//
// An endpoint has a position in the log. While it is behind the log's end, the Feeder adds a job
// of the kind send-notification, at most one at a time per endpoint, and Service.Deliver, which
// runs it, moves the position as requests are accepted. The endpoint's row alone says what is to
// be done, so that a job that is lost is added again, and nothing is skipped. A request is sent at
// least once; one that is repeated has the same webhook-id.
//
// The port is Store, which internal/store implements.
package webhooks

import (
	"time"

	"sixty/internal/crm"
)

// Entity is the name of endpoints in the audit trail and in the API.
const Entity = "webhook"

// MaxEndpoints is how many endpoints an organisation has at most.
const MaxEndpoints = 20

// A State says whether an endpoint receives requests.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Paused   State = "paused"   // the person who set it up is no longer an active admin
	Disabled State = "disabled" // by an admin, or because it has failed for a day
)

// An Endpoint is a URL that changes are sent to.
type Endpoint struct {
	OrgID       crm.ID    `json:"-"`
	ID          crm.ID    `json:"id"`
	URL         string    `json:"url" doc:"Where the requests are sent."`
	Events      EventList `json:"events" doc:"What is sent: KIND.OPERATION such as deal.created, KIND.* or *."`
	Description *string   `json:"description"`
	Include     bool      `json:"include" doc:"The requests have the record, too, as it is when they are sent."`
	State       State     `json:"state" schema:"WebhookState" enum:"enabled,paused,disabled" doc:"paused: its creator is no longer an active admin; disabled: by an admin, or because it failed for a day."`
	StateReason *string   `json:"state_reason" doc:"Why it is not enabled; null if it is."`

	Secret         string       `json:"-"`
	PreviousSecret *string      `json:"-"` // signs until PreviousUntil, too
	PreviousUntil  *crm.Instant `json:"previous_secret_until" doc:"Until when the secret before the last rotation signs, too; null: there is none."`

	Epoch string `json:"-"`
	Seq   int64  `json:"-"`

	Failures     int          `json:"failures" doc:"Attempts that have failed since the last success."`
	FailingSince *crm.Instant `json:"failing_since" doc:"When the first of them was; null: the last attempt has succeeded."`
	RetryAt      *crm.Instant `json:"retry_at" doc:"When the next attempt is, at the earliest; null: at once."`
	LastError    *string      `json:"last_error" doc:"Why the last failed attempt has failed."`
	DeliveredAt  *crm.Instant `json:"delivered_at" doc:"When a request was last accepted."`
	Slow         bool         `json:"-"` // it took long to respond in its last run

	CreatedBy *crm.ID     `json:"created_by" doc:"The admin who created or last enabled it; it receives requests while they are one."`
	CreatedAt crm.Instant `json:"created_at"`
	UpdatedAt crm.Instant `json:"updated_at" doc:"When an admin last changed it."`
	Version   int64       `json:"-"` // rises with what an admin changes
}

// Position returns how far the log was sent.
func (e *Endpoint) Position() crm.LogPosition { return crm.LogPosition{Epoch: e.Epoch, Seq: e.Seq} }

// moveTo sets the position.
func (e *Endpoint) moveTo(at crm.LogPosition) { e.Epoch, e.Seq = at.Epoch, at.Seq }

// inTrouble reports whether requests to it are likely to take long; see Service.Deliver.
func (e *Endpoint) inTrouble() bool { return e.Failures > 0 || e.Slow }

// recover forgets the failures.
func (e *Endpoint) recover() {
	e.Failures, e.FailingSince, e.RetryAt, e.LastError = 0, nil, nil, nil
}

// stop sets a state other than Enabled.
func (e *Endpoint) stop(to State, why string) {
	e.State, e.StateReason, e.RetryAt = to, &why, nil
}

// secrets returns those that sign at an instant, the current one first.
func (e *Endpoint) secrets(now crm.Instant) []string {
	if e.PreviousSecret != nil && e.PreviousUntil != nil && now < *e.PreviousUntil {
		return []string{e.Secret, *e.PreviousSecret}
	}
	return []string{e.Secret}
}

// A Patch holds the members of an endpoint that a client may set.
type Patch struct {
	URL         crm.Field[string]   `json:"url"`
	Events      crm.Field[[]string] `json:"events"`
	Description crm.Field[string]   `json:"description"`
	Include     crm.Field[bool]     `json:"include"`
	Enabled     crm.Field[bool]     `json:"enabled"`

	DecodeErrors crm.DecodeErrors `json:"-"`
}

// EndpointFilter narrows endpoints: by nothing.
type EndpointFilter struct{}

// Endpoints declares them.
var Endpoints = crm.Declare(crm.Entity[Endpoint, Patch, EndpointFilter]{
	Name: Entity,
	Properties: []crm.Property[Endpoint, Patch]{
		{Name: "org_id", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.OrgID, nil }},
		{Name: "id", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.ID, nil }},
		{Name: "url", Rule: crm.TextRule{Max: maxURL, Format: "uri", Pattern: "^https?://"}, At: func(e *Endpoint, p *Patch) (any, any) { return &e.URL, &p.URL }},
		{Name: "events", At: func(e *Endpoint, _ *Patch) (any, any) { return (*string)(&e.Events), nil }},
		{Name: "description", Rule: crm.TextRule{Max: crm.MaxTextLength}, At: func(e *Endpoint, p *Patch) (any, any) { return &e.Description, &p.Description }},
		{Name: "include", At: func(e *Endpoint, p *Patch) (any, any) { return &e.Include, &p.Include }},
		{Name: "state", At: func(e *Endpoint, _ *Patch) (any, any) { return (*string)(&e.State), nil }},
		{Name: "state_reason", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.StateReason, nil }},
		{Name: "secret", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Secret, nil }},
		{Name: "previous_secret", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.PreviousSecret, nil }},
		{Name: "previous_until", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.PreviousUntil, nil }},
		{Name: "epoch", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Epoch, nil }},
		{Name: "seq", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Seq, nil }},
		{Name: "failures", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Failures, nil }},
		{Name: "failing_since", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.FailingSince, nil }},
		{Name: "retry_at", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.RetryAt, nil }},
		{Name: "last_error", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.LastError, nil }},
		{Name: "delivered_at", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.DeliveredAt, nil }},
		{Name: "slow", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Slow, nil }},
		{Name: "created_by", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.CreatedBy, nil }},
		{Name: "created_at", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.CreatedAt, nil }},
		{Name: "updated_at", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.UpdatedAt, nil }},
		{Name: "version", At: func(e *Endpoint, _ *Patch) (any, any) { return &e.Version, nil }},
	},
	Sorts:        crm.Sorts{Fields: []string{"created_at"}, Default: crm.Sort{Field: "created_at"}},
	DecodeErrors: func(p *Patch) *crm.DecodeErrors { return &p.DecodeErrors },
})

// previousSecretTime is how long the secret before a rotation signs, too.
const previousSecretTime = 24 * time.Hour

// after returns the instant after a time.
func after(now crm.Instant, d time.Duration) crm.Instant { return now + crm.Instant(d.Microseconds()) }

// until returns the time until an instant.
func until(now, at crm.Instant) time.Duration { return time.Duration(at-now) * time.Microsecond }
