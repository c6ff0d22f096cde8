package accounts

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Account is what a person signs in with.
type Account struct {
	OrgID    crm.ID
	UserID   crm.ID
	Password string // its hash; "" if none is set
}

// maxAccounts bounds the organisations that one address is looked for in.
const maxAccounts = 100

// maxNameBytes bounds the name of an organisation that is looked for.
const maxNameBytes = 4 * utf8.UTFMax * crm.MaxNameLength

// AccountByEmail returns the account that an address signs in to: that of the one person who
// has it and a password. Of several it is the one in the organisation that is named, by name or
// id, or else the one that is bound to the domain of the address. Without such a person, it is
// that of the one who has the address. CodeNotFound in every other case. What is read does not
// depend on whether there is an account, which response times would reveal.
func (s *Service) AccountByEmail(ctx context.Context, email, organisation string) (Account, error) {
	return s.accountToSignIn(ctx, email, organisation, true)
}

// DeactivatedByEmail is AccountByEmail for people who were deactivated.
func (s *Service) DeactivatedByEmail(ctx context.Context, email, organisation string) (Account, error) {
	return s.accountToSignIn(ctx, email, organisation, false)
}

// accountToSignIn returns the account of an address that a person writes. One that is stored
// as it was before NormalEmail is found, too: the password says whether it is theirs.
func (s *Service) accountToSignIn(ctx context.Context, email, organisation string, active bool) (Account, error) {
	in, err := s.signInTarget(ctx, email, organisation)
	if err != nil {
		return Account{}, err
	}
	normal, legacy := crm.StoredEmails(email)
	account, err := s.accountByEmail(ctx, normal, in, active)
	if legacy == normal || err != nil && crm.CodeOf(err) != crm.CodeNotFound {
		return account, err
	}
	old, oldErr := s.accountByEmail(ctx, legacy, in, active)
	if oldErr != nil && crm.CodeOf(oldErr) != crm.CodeNotFound {
		return Account{}, oldErr
	}
	// An invitation by the normal address does not compete with them.
	if account.Password == "" && (err != nil || old.Password != "") {
		return old, oldErr
	}
	return account, err
}

// signInTarget is the organisation that a sign-in is for. Unless it was named, it is only
// preferred to others.
type signInTarget struct {
	org   crm.ID // zero: none
	named bool
}

// signInTarget returns the organisation that is named, by name or id, or that is bound to the
// domain of an address.
func (s *Service) signInTarget(ctx context.Context, email, organisation string) (signInTarget, error) {
	in := signInTarget{named: organisation != ""}
	var err error
	if in.named {
		if len(organisation) > maxNameBytes || !utf8.ValidString(organisation) || strings.ContainsRune(organisation, 0) {
			return in, nil // no organisation is called so, and PostgreSQL does not take it
		}
		in.org, err = s.store.OrganisationNamed(ctx, organisation)
	} else if domain, ok := domainOf(email); ok {
		in.org, err = s.store.DomainHolder(ctx, domain)
	}
	if crm.CodeOf(err) == crm.CodeNotFound {
		err = nil
	}
	return in, err
}

// accountByEmail returns the account with exactly this address.
func (s *Service) accountByEmail(ctx context.Context, email string, in signInTarget, active bool) (Account, error) {
	if email == "" {
		return Account{}, crm.NotFound("account")
	}
	all, err := s.store.AccountsByEmail(ctx, email, active, maxAccounts)
	if err != nil {
		return Account{}, err
	}
	there := slices.IndexFunc(all, func(a Account) bool { return a.OrgID == in.org })
	if in.named {
		if there < 0 {
			return Account{}, crm.NotFound("account")
		}
		return all[there], nil
	}
	if there >= 0 && all[there].Password != "" {
		return all[there], nil
	}
	// Who was invited and has not accepted does not compete with those who can sign in.
	if able := slices.DeleteFunc(slices.Clone(all), func(a Account) bool { return a.Password == "" }); len(able) > 0 {
		all = able
	}
	if len(all) != 1 {
		return Account{}, crm.NotFound("account")
	}
	return all[0], nil
}

// OwnAccount returns the actor's.
func (s *Service) OwnAccount(ctx context.Context, by crm.Actor) (Account, error) {
	return s.store.Account(ctx, by.Org, by.User)
}

// lockActive locks a person, who must be able to sign in.
func lockActive(ctx context.Context, tx Tx, user crm.ID) error {
	holder, err := crm.LockOne(ctx, tx.Owners(), user, "user")
	if err == nil && holder.DeactivatedAt != nil {
		err = crm.Conflict("This person has been deactivated.")
	}
	return err
}

// SetPassword sets the hash of a person's password, and ends their sessions. People set their
// own; admins let others do so by one-time tokens, and the operator sets it directly.
func (s *Service) SetPassword(ctx context.Context, by crm.Actor, user crm.ID, hash string) error {
	if by.User != user {
		if err := RequireAdmin(by, managePeople); err != nil {
			return err
		}
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := lockActive(ctx, tx, user); err != nil {
			return err
		}
		return replacePassword(ctx, tx, by, now, user, hash)
	})
}

// replacePassword sets the hash of a person's password, ends their sessions and their one-time
// token, revokes their device cookies, and enters that in the audit trail.
func replacePassword(ctx context.Context, tx Tx, by crm.Actor, now crm.Instant, user crm.ID, hash string) error {
	if err := tx.PutPassword(ctx, user, hash); err != nil {
		return err
	}
	if err := tx.EndSessions(ctx, user, none); err != nil {
		return err
	}
	if _, err := tx.EndOneTimeToken(ctx, user); err != nil {
		return err
	}
	if err := tx.RevokeDevices(ctx, user); err != nil {
		return err
	}
	return Audit(ctx, tx, by, now, AuditEvent{Action: ActionPasswordChanged, Target: crm.EntityOwner, TargetID: &user})
}

// RehashPassword sets another hash of the password that an account had when it was read,
// unless the password is another by now.
func (s *Service) RehashPassword(ctx context.Context, a Account, hash string) error {
	by := crm.Actor{Org: a.OrgID, User: a.UserID}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		if err := lockActive(ctx, tx, a.UserID); err != nil {
			return err
		}
		now, err := s.store.Account(ctx, a.OrgID, a.UserID)
		if err != nil || now.Password != a.Password {
			return err
		}
		return tx.PutPassword(ctx, a.UserID, hash)
	})
}
