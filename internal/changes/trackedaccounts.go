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

func (s trackedStore) SessionPrincipal(ctx context.Context, hash []byte) (crm.Session, crm.Principal, error) {
	tracked(ctx).forbid()
	return s.store.SessionPrincipal(ctx, hash)
}

func (s trackedStore) Sessions(ctx context.Context, org, user crm.ID) ([]crm.Session, error) {
	tracked(ctx).forbid()
	return s.store.Sessions(ctx, org, user)
}

func (s trackedStore) OneTimeToken(ctx context.Context, hash []byte) (crm.OneTimeToken, error) {
	tracked(ctx).forbid()
	return s.store.OneTimeToken(ctx, hash)
}

func (s trackedStore) IdentityPrincipal(ctx context.Context, issuer, subject string) (crm.Identity, crm.Principal, error) {
	tracked(ctx).forbid()
	return s.store.IdentityPrincipal(ctx, issuer, subject)
}
