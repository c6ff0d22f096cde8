package changes

import (
	"context"

	"sixty/internal/crm"
)

// Credentials are read from the database each time and never cached here.

func (s trackedStore) Accounts(ctx context.Context, email string, active bool, limit int) ([]crm.Account, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Accounts(ctx, email, active, limit)
}

func (s trackedStore) Account(ctx context.Context, org, user crm.ID) (crm.Account, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Account(ctx, org, user)
}

func (s trackedStore) SessionPrincipal(ctx context.Context, hash []byte) (crm.Session, crm.Principal, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.SessionPrincipal(ctx, hash)
}

func (s trackedStore) Sessions(ctx context.Context, org, user crm.ID) ([]crm.Session, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Sessions(ctx, org, user)
}

func (s trackedStore) OneTimeToken(ctx context.Context, hash []byte) (crm.OneTimeToken, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.OneTimeToken(ctx, hash)
}

func (s trackedStore) IdentityPrincipal(ctx context.Context, issuer, subject string) (crm.Identity, crm.Principal, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.IdentityPrincipal(ctx, issuer, subject)
}
