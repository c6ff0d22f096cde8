package accounts

import (
	"context"

	"sixty/internal/crm"
)

// Store is what the use cases need of storage. Errors are those of crm.Store, and
// internal/store/storetest says in full what an implementation must do. What is found by an
// address or a hash is looked for in all organisations, since the caller is not known yet.
type Store interface {
	// Write is that of crm.Store, with the transactions of this package.
	Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error

	// AccountsByEmail returns the accounts with exactly this stored e-mail address, at most
	// limit of them: of people who are active, or of those who were deactivated.
	AccountsByEmail(ctx context.Context, email string, active bool, limit int) ([]Account, error)
	// Account returns a person's; CodeNotFound if they have none, or were deactivated.
	Account(ctx context.Context, org, user crm.ID) (Account, error)
	// Sessions returns those of a person, the one that was used last first.
	Sessions(ctx context.Context, org, user crm.ID) ([]Session, error)
	// SignInHistory returns what is known of a person's sign-ins, and of whether any of them was
	// from a network since an instant: nothing of someone who does not exist.
	SignInHistory(ctx context.Context, org, user crm.ID, network string, since crm.Instant) (SignInHistory, error)
	// OneTimeToken returns the token with this hash, expired or not.
	OneTimeToken(ctx context.Context, hash []byte) (OneTimeToken, error)
	// OneTimeTokens returns those of an organisation that expire after an instant, the newest
	// first, at most limit of them.
	OneTimeTokens(ctx context.Context, org crm.ID, after crm.Instant, limit int) ([]OneTimeToken, error)
	Organisations(ctx context.Context) ([]crm.Organisation, error)
	Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error)
	// OrganisationNamed returns the organisation with an id or, without one, with a name;
	// CodeNotFound if there is none.
	OrganisationNamed(ctx context.Context, nameOrID string) (crm.ID, error)
	// Bindings returns what each of the organisations is bound to; those that are bound to
	// nothing are left out.
	Bindings(ctx context.Context) (map[crm.ID]Binding, error)
	// DomainHolder returns the organisation that a domain is bound to; CodeNotFound if there is
	// none.
	DomainHolder(ctx context.Context, domain string) (crm.ID, error)

	// IsOperator reports whether a person is an operator, or of the only organisation.
	IsOperator(ctx context.Context, org, user crm.ID) (bool, error)
	// Operators returns those of all organisations; those who are not deleted.
	Operators(ctx context.Context) ([]Operator, error)

	// Owners, APIKeys and Audit return the views of records that have no owner.
	Owners() crm.View[crm.Owner, crm.OwnerFilter]
	APIKeys() crm.View[APIKey, APIKeyFilter]
	Audit() crm.View[AuditEntry, AuditFilter]
	// SignIns returns when the owners signed in last; those who never did are left out.
	SignIns(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.Instant, error)
}

// Tx is a transaction that writes, confined to the organisation of its actor.
type Tx interface {
	TeamTx
	SignInTx
	OrganisationTx
}

// AuditTx writes the audit trail.
type AuditTx interface {
	// PutAudit enters an event in the audit trail; that is no change for the log.
	PutAudit(ctx context.Context, e AuditEntry) error
}

// TeamTx is the part of a transaction that changes people and what they own.
type TeamTx interface {
	AuditTx
	Owners() crm.Table[crm.Owner]
	// LockAdmins returns the people who are admins and active, kept from change by others
	// until the transaction ends.
	LockAdmins(ctx context.Context) ([]crm.ID, error)
	// EndSessions ends those sessions of a person for which keep returns false.
	EndSessions(ctx context.Context, user crm.ID, keep func(Session) bool) error
	// EndOneTimeToken ends a person's one-time token (false: they have none).
	EndOneTimeToken(ctx context.Context, user crm.ID) (bool, error)
	// RevokeDevices revokes the device cookies of a person.
	RevokeDevices(ctx context.Context, user crm.ID) error
	// OwnerInUse reports whether any record refers to a person.
	OwnerInUse(ctx context.Context, owner crm.ID) (bool, error)
	// CountOwned counts what a person owns, or is to do, up to a limit of each kind.
	CountOwned(ctx context.Context, owner crm.ID, limit int64) (int64, error)
	// PutOperator makes a person an operator, DeleteOperator takes that away (false: they were
	// one already, or none).
	PutOperator(ctx context.Context, user crm.ID, at crm.Instant) (bool, error)
	DeleteOperator(ctx context.Context, user crm.ID) (bool, error)
	// IsListedOperator reports whether PutOperator has made a person one, also if theirs is the
	// only organisation.
	IsListedOperator(ctx context.Context, user crm.ID) (bool, error)
	// TransferOwnership makes one person the owner of all records of another, and assigns their
	// tasks to them.
	TransferOwnership(ctx context.Context, from, to crm.ID) (TransferredRecords, error)
}

// SignInTx is the part of a transaction that changes what people and programs sign in with.
type SignInTx interface {
	// PutPassword sets the hash of a person's password.
	PutPassword(ctx context.Context, user crm.ID, hash string) error
	// PutSession adds a session, and enters that its person has signed in.
	PutSession(ctx context.Context, s Session) error
	// VerifySession enters that the person of a session has proved who they are, at the time of
	// the transaction; that is no change for the log.
	VerifySession(ctx context.Context, id crm.ID) error
	// PutSignInNetwork enters that a person has signed in from a network, of which those used
	// last remain; that is no change for the log.
	PutSignInNetwork(ctx context.Context, user crm.ID, network string, keep int) error
	// DevicesSince returns when a person's device cookies were revoked; zero: never.
	DevicesSince(ctx context.Context, user crm.ID) (crm.Instant, error)
	// UseSession and UseAPIKey enter a use, a key's with its address, unless one was entered
	// after the instant; that is no change for the log.
	UseSession(ctx context.Context, id crm.ID, since crm.Instant) error
	UseAPIKey(ctx context.Context, id crm.ID, since crm.Instant, address string) error
	// PutIdentity links a person to a provider's subject, which a deleted person of the
	// organisation loses; that is no change for the log. CodeConflict if the person is
	// another subject of the issuer, or another person is this one.
	PutIdentity(ctx context.Context, i Identity) error
	// Identities returns those of a person, and DeleteIdentity removes that of an issuer (false:
	// they have none). The latter is no change for the log.
	Identities(ctx context.Context, user crm.ID) ([]Identity, error)
	DeleteIdentity(ctx context.Context, user crm.ID, issuer string) (bool, error)
	// PutOneTimeToken adds a person's token, instead of one that they may have.
	PutOneTimeToken(ctx context.Context, t OneTimeToken) error
	// ConsumeOneTimeToken removes it (false: the person does not have this one).
	ConsumeOneTimeToken(ctx context.Context, user crm.ID, hash []byte) (bool, error)
	// PutAPIKey adds a key, RevokeAPIKey ends one (false: there is no such live key).
	PutAPIKey(ctx context.Context, key APIKey) error
	RevokeAPIKey(ctx context.Context, id crm.ID) (bool, error)
}

// OrganisationTx is the part of a transaction that changes the organisation itself.
type OrganisationTx interface {
	// PutOrganisation creates the organisation that the transaction is for.
	PutOrganisation(ctx context.Context, org crm.Organisation) error
	// LockOrganisation returns it, kept from change by others until the transaction ends.
	LockOrganisation(ctx context.Context) (crm.Organisation, error)
	// UpdateOrganisation writes its settings.
	UpdateOrganisation(ctx context.Context, org crm.Organisation) error
	// SetIssuer binds the organisation to an identity provider; "" to none.
	SetIssuer(ctx context.Context, issuer string) error
	// BindDomain binds the organisation to a domain; CodeConflict if one is bound to it already.
	// UnbindDomain undoes it (false: it was not bound).
	BindDomain(ctx context.Context, domain string) error
	UnbindDomain(ctx context.Context, domain string) (bool, error)
	// Stages writes the pipeline of a new organisation.
	Stages() crm.Table[crm.Stage]
	// LogBulkChange adds a bulk entry for a type to the change log, so that answers made from
	// its records become stale, though the transaction changes none of them.
	LogBulkChange(ctx context.Context, entity string) error
}
