package accounts

import (
	"context"
	"encoding/json"

	"sixty/internal/crm"
)

// Action is what was done, in an entry of the audit trail.
type Action string

// The actions of the audit trail.
const (
	ActionSignedIn             Action = "session.signed_in"
	ActionSignInFailed         Action = "session.failed"
	ActionSignedOut            Action = "session.signed_out"
	ActionReauthenticated      Action = "session.reauthenticated"
	ActionPasswordChanged      Action = "user.password_changed"
	ActionIdentityLinked       Action = "user.identity_linked"
	ActionIdentityUnlinked     Action = "user.identity_unlinked"
	ActionUserCreated          Action = "user.created"
	ActionUserInvited          Action = "user.invited"
	ActionResetRequested       Action = "user.reset_requested"
	ActionTokenWithdrawn       Action = "token.withdrawn"
	ActionRoleChanged          Action = "user.role_changed"
	ActionUserChanged          Action = "user.changed"
	ActionUserDeactivated      Action = "user.deactivated"
	ActionUserReactivated      Action = "user.reactivated"
	ActionOwnershipTransferred Action = "user.handed_over"
	ActionUserDeleted          Action = "user.deleted"
	ActionKeyCreated           Action = "api_key.created"
	ActionKeyRevoked           Action = "api_key.revoked"
	ActionSettingsChanged      Action = "settings.changed"
	ActionOrganisationBound    Action = "organisation.bound"
	ActionOrganisationUnbound  Action = "organisation.unbound"
	ActionExported             Action = "data.exported"
	ActionCacheCleared         Action = "cache.cleared"
	ActionOperatorAdded        Action = "operator.added"
	ActionOperatorRemoved      Action = "operator.removed"
	ActionJobCancelled         Action = "job.cancelled"
	ActionJobRetried           Action = "job.retried"
	ActionKindPaused           Action = "job_kind.paused"
	ActionKindResumed          Action = "job_kind.resumed"
	ActionScheduleCreated      Action = "schedule.created"
	ActionScheduleChanged      Action = "schedule.changed"
	ActionScheduleDeleted      Action = "schedule.deleted"
	ActionKeyRejected          Action = "api_key.rejected"
	ActionTokenRejected        Action = "token.rejected"
	ActionForbidden            Action = "request.forbidden"
	ActionFailuresOmitted      Action = "failures.omitted"
	ActionWebhookCreated       Action = "webhook.created"
	ActionWebhookChanged       Action = "webhook.changed"
	ActionWebhookRotated       Action = "webhook.rotated"
	ActionWebhookPaused        Action = "webhook.paused"
	ActionWebhookDisabled      Action = "webhook.disabled"
	ActionWebhookDeleted       Action = "webhook.deleted"
)

// AuditDetails are further names and values of an entry: a JSON object of texts, without
// secrets.
type AuditDetails string

// MarshalJSON returns the object.
func (d AuditDetails) MarshalJSON() ([]byte, error) { return []byte(d), nil }

// AuditEntry is a row of an organisation's audit trail. It never changes.
type AuditEntry struct {
	OrgID        crm.ID       `json:"-"`
	ID           crm.ID       `json:"id"`
	At           crm.Instant  `json:"at"`
	ActorID      *crm.ID      `json:"actor_id" doc:"Who did it; null for the command line, and where no credential has identified anyone."`
	KeyID        *crm.ID      `json:"key_id" doc:"The API key that they used; null for none."`
	KeyCreatedBy *crm.ID      `json:"key_created_by" doc:"Who created that key, if it was created for another: for actor_id."`
	Action       Action       `json:"action" schema:"AuditAction" enum:"session.signed_in,session.failed,session.signed_out,session.reauthenticated,user.password_changed,user.identity_linked,user.identity_unlinked,user.created,user.invited,user.reset_requested,token.withdrawn,user.role_changed,user.changed,user.deactivated,user.reactivated,user.handed_over,user.deleted,api_key.created,api_key.revoked,settings.changed,organisation.bound,organisation.unbound,data.exported,cache.cleared,api_key.rejected,token.rejected,request.forbidden,failures.omitted,operator.added,operator.removed,webhook.created,webhook.changed,webhook.rotated,webhook.paused,webhook.disabled,webhook.deleted,job.cancelled,job.retried,job_kind.paused,job_kind.resumed,schedule.created,schedule.changed,schedule.deleted"`
	Target       string       `json:"target" doc:"The type of the record that it was done to; empty for none."`
	TargetID     *crm.ID      `json:"target_id" doc:"The record; it may be deleted."`
	Address      string       `json:"address" doc:"Where the request came from; empty for the command line."`
	RequestID    string       `json:"request_id" doc:"The X-Request-Id of the request; empty for the command line."`
	Details      AuditDetails `json:"details" doc:"Further names and values."`
}

// AuditFilter narrows the audit trail; nil members do not.
type AuditFilter struct {
	Action  crm.OneOf[string]
	ActorID crm.OneOf[crm.ID]
	KeyID   crm.OneOf[crm.ID]
	From    *crm.Date // that day in UTC or later
	To      *crm.Date // that day in UTC or earlier
}

// AuditTrail declares its entries; it is sorted by time, the newest first.
var AuditTrail = crm.Declare(crm.Entity[AuditEntry, struct{}, AuditFilter]{
	Properties: []crm.Property[AuditEntry, struct{}]{
		{Name: "org_id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.OrgID, nil }},
		{Name: "id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.ID, nil }},
		{Name: "at", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.At, nil }},
		{Name: "actor_id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.ActorID, nil }},
		{Name: "key_id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.KeyID, nil }},
		{Name: "key_created_by", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.KeyCreatedBy, nil }},
		{Name: "action", At: func(e *AuditEntry, _ *struct{}) (any, any) { return (*string)(&e.Action), nil }},
		{Name: "target", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.Target, nil }},
		{Name: "target_id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.TargetID, nil }},
		{Name: "address", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.Address, nil }},
		{Name: "request_id", At: func(e *AuditEntry, _ *struct{}) (any, any) { return &e.RequestID, nil }},
		{Name: "details", At: func(e *AuditEntry, _ *struct{}) (any, any) { return (*string)(&e.Details), nil }},
	},
	Filters: []crm.Filter[AuditEntry, AuditFilter]{
		{Name: "action", Property: "action", Doc: "Only this action.", At: func(f *AuditFilter) any { return &f.Action }},
		{Name: "actorId", Property: "actor_id", Doc: "Only what this person did.", At: func(f *AuditFilter) any { return &f.ActorID }},
		{Name: "keyId", Property: "key_id", Doc: "Only what was done by this API key.", At: func(f *AuditFilter) any { return &f.KeyID }},
		{Name: "from", Property: "at", Doc: "Only what was done on this UTC day or later.", At: func(f *AuditFilter) any { return &f.From },
			Match: func(e *AuditEntry, f *AuditFilter) bool { return crm.DateOf(e.At.Time()) >= *f.From }},
		{Name: "to", Property: "at", NotBelow: "from", Doc: "Only what was done on this UTC day or earlier.", At: func(f *AuditFilter) any { return &f.To },
			Match: func(e *AuditEntry, f *AuditFilter) bool { return crm.DateOf(e.At.Time()) <= *f.To }},
	},
	Sorts: crm.Sorts{Fields: []string{"at"}, Default: crm.Sort{Field: "at", Desc: true}},
})

// Origin is where a request came from, for the audit trail.
type Origin struct{ Address, RequestID string }

type originKey struct{}

// WithOrigin returns a context whose use cases enter o in the audit trail.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// originOf returns the context's origin; the zero Origin if it has none.
func originOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// AuditEvent is an action and what it was done to.
type AuditEvent struct {
	Action   Action
	Target   string // a kind, such as EntityOwner; "" for none
	TargetID *crm.ID
	Details  map[string]string // short, and nothing secret
}

// Audit enters an event in the audit trail, in the transaction of the change itself.
func Audit(ctx context.Context, tx AuditTx, by crm.Actor, at crm.Instant, e AuditEvent) error {
	if e.Details == nil {
		e.Details = map[string]string{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return err
	}
	origin := originOf(ctx)
	return tx.PutAudit(ctx, AuditEntry{
		OrgID: by.Org, ID: crm.NewID(), At: at, ActorID: by.UserID(), KeyID: by.KeyID(), KeyCreatedBy: by.KeyCreatorID(), Action: e.Action, Target: e.Target, TargetID: e.TargetID,
		Address: origin.Address, RequestID: origin.RequestID, Details: AuditDetails(details),
	})
}

// RecordAudit enters an event that changes nothing else.
func (s *Service) RecordAudit(ctx context.Context, by crm.Actor, e AuditEvent) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error { return Audit(ctx, tx, by, now, e) })
}

// AuditTrail lists the organisation's audit trail, for admins.
func (s *Service) AuditTrail(ctx context.Context, by crm.Actor, q crm.List[AuditFilter]) (crm.Page[AuditEntry], error) {
	if err := RequireAdmin(by, "read the audit trail"); err != nil {
		return crm.Page[AuditEntry]{}, err
	}
	return s.store.Audit().Page(ctx, by.Org, q)
}
