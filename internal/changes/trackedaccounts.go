package changes

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// TrackedAccounts returns a store whose reads are uncacheable: credentials and what they allow
// are read from the database each time.
func TrackedAccounts(store accounts.Store) accounts.Store { return trackedAccounts{store} }

type trackedAccounts struct{ store accounts.Store }

func (s trackedAccounts) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(accounts.Tx) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Write(ctx, by, at, fn)
}

func (s trackedAccounts) AccountsByEmail(ctx context.Context, email string, active bool, limit int) ([]accounts.Account, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.AccountsByEmail(ctx, email, active, limit)
}

func (s trackedAccounts) Account(ctx context.Context, org, user crm.ID) (accounts.Account, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Account(ctx, org, user)
}

func (s trackedAccounts) Sessions(ctx context.Context, org, user crm.ID) ([]accounts.Session, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Sessions(ctx, org, user)
}

func (s trackedAccounts) SignInHistory(ctx context.Context, org, user crm.ID, network string, since crm.Instant) (accounts.SignInHistory, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.SignInHistory(ctx, org, user, network, since)
}

func (s trackedAccounts) OneTimeToken(ctx context.Context, hash []byte) (accounts.OneTimeToken, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.OneTimeToken(ctx, hash)
}

func (s trackedAccounts) OneTimeTokens(ctx context.Context, org crm.ID, after crm.Instant, limit int) ([]accounts.OneTimeToken, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.OneTimeTokens(ctx, org, after, limit)
}

func (s trackedAccounts) Bindings(ctx context.Context) (map[crm.ID]accounts.Binding, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Bindings(ctx)
}

func (s trackedAccounts) DomainHolder(ctx context.Context, domain string) (crm.ID, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.DomainHolder(ctx, domain)
}

func (s trackedAccounts) Organisations(ctx context.Context) ([]crm.Organisation, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Organisations(ctx)
}

func (s trackedAccounts) Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Organisation(ctx, id)
}

func (s trackedAccounts) OrganisationNamed(ctx context.Context, nameOrID string) (crm.ID, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.OrganisationNamed(ctx, nameOrID)
}

func (s trackedAccounts) IsOperator(ctx context.Context, org, user crm.ID) (bool, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.IsOperator(ctx, org, user)
}

func (s trackedAccounts) Operators(ctx context.Context) ([]accounts.Operator, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Operators(ctx)
}

func (s trackedAccounts) Owners() crm.View[crm.Owner, crm.OwnerFilter] {
	return uncacheableView[crm.Owner, crm.OwnerFilter]{s.store.Owners()}
}

// APIKeys contain the time of last use, which is not recorded in the change log.
func (s trackedAccounts) APIKeys() crm.View[accounts.APIKey, accounts.APIKeyFilter] {
	return uncacheableView[accounts.APIKey, accounts.APIKeyFilter]{s.store.APIKeys()}
}

// Audit is not recorded in the change log.
func (s trackedAccounts) Audit() crm.View[accounts.AuditEntry, accounts.AuditFilter] {
	return uncacheableView[accounts.AuditEntry, accounts.AuditFilter]{s.store.Audit()}
}

// SignIns are not recorded in the change log.
func (s trackedAccounts) SignIns(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.Instant, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.SignIns(ctx, org, owners)
}
