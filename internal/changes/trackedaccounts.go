package changes

import (
	"context"

	"sixty/internal/crm"
)

// Who may come in is asked of the database each time, and kept by nobody but who asks.

func (s trackedStore) Accounts(ctx context.Context, email string, active bool, limit int) ([]crm.Account, error) {
	tracked(ctx).forbid()
	return s.store.Accounts(ctx, email, active, limit)
}

func (s trackedStore) Account(ctx context.Context, org, user crm.ID) (crm.Account, error) {
	tracked(ctx).forbid()
	return s.store.Account(ctx, org, user)
}

func (s trackedStore) SessionHolder(ctx context.Context, hash []byte) (crm.Session, crm.Holder, error) {
	tracked(ctx).forbid()
	return s.store.SessionHolder(ctx, hash)
}

func (s trackedStore) Sessions(ctx context.Context, org, user crm.ID) ([]crm.Session, error) {
	tracked(ctx).forbid()
	return s.store.Sessions(ctx, org, user)
}

func (s trackedStore) TicketHolder(ctx context.Context, hash []byte) (crm.Ticket, error) {
	tracked(ctx).forbid()
	return s.store.TicketHolder(ctx, hash)
}

func (s trackedStore) IdentityHolder(ctx context.Context, issuer, subject string) (crm.Identity, crm.Holder, error) {
	tracked(ctx).forbid()
	return s.store.IdentityHolder(ctx, issuer, subject)
}
