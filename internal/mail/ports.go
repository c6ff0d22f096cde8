package mail

import (
	"context"

	"sixty/internal/crm"
)

// Store is what the outbox needs of storage. Errors are those of crm.Store. A method with an actor
// is part of the transaction that the context has joined, or has one of its own.
type Store interface {
	// Put adds a message of the actor's organisation.
	Put(ctx context.Context, by crm.Actor, e Entry, c Content) error
	// Entry returns a message; CodeNotFound.
	Entry(ctx context.Context, org, id crm.ID) (Entry, error)
	// Content returns what it says; ok is false once that is removed.
	Content(ctx context.Context, org, id crm.ID) (c Content, ok bool, err error)
	// Page returns a page of the organisation's messages.
	Page(ctx context.Context, org crm.ID, q crm.List[Filter]) (crm.Page[Entry], error)
	// Update changes a message; CodeNotFound.
	Update(ctx context.Context, by crm.Actor, at crm.Instant, id crm.ID, u Update) error
}

// Update is what has become of a message.
type Update struct {
	State State
	Error *string
	// SentAt is set with Sent and Kept.
	SentAt *crm.Instant
	// Remove removes the content.
	Remove bool
}
