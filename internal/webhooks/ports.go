package webhooks

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Store is what webhooks need of storage. Errors are those of crm.Store, and
// internal/store/storetest says in full what an implementation must do.
type Store interface {
	// Write is that of crm.Store, with the transactions of this package. Nothing that they
	// write is a change for the log.
	Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error

	// Endpoints, Deliveries and Owners return the views.
	Endpoints() crm.View[Endpoint, EndpointFilter]
	Deliveries() crm.View[Delivery, DeliveryFilter]
	Owners() crm.View[crm.Owner, crm.OwnerFilter]

	// Behind returns the enabled endpoints whose position is not the end of their log and
	// that have no job, ordered by organisation and id, at most limit of those after a position in
	// that order: of these organisations, or of all if orgs is nil. next is the position of the
	// last that was looked at; nil: there are no more.
	Behind(ctx context.Context, orgs []crm.ID, from *Behind, limit int) (found []Behind, next *Behind, err error)
}

// Behind is an endpoint that has not been sent the whole log.
type Behind struct {
	OrgID, ID crm.ID
	RetryAt   *crm.Instant
	Failures  int
	Slow      bool
}

// Tx is a transaction that writes, confined to the organisation of its actor.
type Tx interface {
	accounts.AuditTx
	// LockOrganisation keeps the organisation from change by others until the transaction ends.
	LockOrganisation(ctx context.Context) (crm.Organisation, error)
	// LockWebhook returns an endpoint, kept from change by others until the transaction ends;
	// CodeNotFound.
	LockWebhook(ctx context.Context, id crm.ID) (Endpoint, error)
	// CountWebhooks returns the number of endpoints.
	CountWebhooks(ctx context.Context) (int64, error)
	// LogEnd returns the end of the organisation's change log.
	LogEnd(ctx context.Context) (crm.LogPosition, error)
	// InsertWebhook adds an endpoint.
	InsertWebhook(ctx context.Context, e Endpoint) error
	// UpdateWebhook writes a locked one.
	UpdateWebhook(ctx context.Context, e Endpoint) error
	// DeleteWebhook removes a locked one, with its deliveries.
	DeleteWebhook(ctx context.Context, id crm.ID) error
	// InsertWebhookDelivery adds a delivery of a locked endpoint.
	InsertWebhookDelivery(ctx context.Context, d Delivery) error
	// TrimWebhookDeliveries removes the deliveries of an endpoint but the last ones.
	TrimWebhookDeliveries(ctx context.Context, webhook crm.ID, keep int) error
}
