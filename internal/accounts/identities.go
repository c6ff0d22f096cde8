package accounts

import (
	"context"
	"strings"

	"sixty/internal/crm"
)

// Identity links a person to an identity provider: a subject of an issuer, as its tokens name
// them. The provider never decides what the person may do.
type Identity struct {
	OrgID     crm.ID
	UserID    crm.ID
	Issuer    string
	Subject   string
	CreatedAt crm.Instant
}

// UnlinkedIdentity is a user of an identity provider who is not linked to a person yet.
type UnlinkedIdentity struct {
	Issuer, Subject string
	// Email is an address that the provider vouches for; "" if it vouches for none.
	Email               string
	FirstName, LastName string
}

// ProvisioningPolicy says which person an unlinked identity is linked to, and whether one is
// created.
type ProvisioningPolicy struct {
	// Organisation is that of the person, by name or id; "": the only one or, of several, the one
	// that is bound to the domain of the address.
	Organisation string
	// Create creates a rep for a user without an account.
	Create bool
}

// LinkIdentity links an identity to the active person whose stored address is its normal one, in
// the organisation of the policy, or, if the policy asks for it, to a rep who is created there.
// From then on the person is known by the subject alone, whatever address the provider names.
// CodeNotFound if there is no such organisation or person; CodeConflict if the person is another
// subject of the issuer, may not sign in, or has been linked meanwhile.
func (s *Service) LinkIdentity(ctx context.Context, n UnlinkedIdentity, w ProvisioningPolicy) error {
	email, violation := crm.NormalEmail(n.Email)
	if violation != "" {
		return crm.NotFound("account")
	}
	org, err := s.home(ctx, n.Issuer, email, w.Organisation)
	if err != nil {
		return err
	}
	account, err := s.accountByEmail(ctx, email, signInTarget{org: org, named: true}, true)
	switch {
	case err == nil:
		return s.link(ctx, org, n, func(tx Tx) (crm.ID, error) {
			return account.UserID, lockActive(ctx, tx, account.UserID)
		})
	case crm.CodeOf(err) != crm.CodeNotFound || !w.Create:
		return err
	}
	by, now := crm.Actor{Org: org}, s.clock()
	p := crm.OwnerPatch{FirstName: crm.Of(cutName(n.FirstName)), LastName: crm.Of(cutName(n.LastName)), Email: crm.Of(email)}
	return s.link(ctx, org, n, func(tx Tx) (crm.ID, error) {
		person, err := insertOwner(ctx, tx, by, now, p)
		return person.ID, err
	})
}

// link links an identity to the person that who returns.
func (s *Service) link(ctx context.Context, org crm.ID, n UnlinkedIdentity, who func(Tx) (crm.ID, error)) error {
	by, now := crm.Actor{Org: org}, s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		user, err := who(tx)
		if err != nil {
			return err
		}
		i := Identity{OrgID: org, UserID: user, Issuer: n.Issuer, Subject: n.Subject, CreatedAt: now}
		if err := tx.PutIdentity(ctx, i); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, identityEvent(ActionIdentityLinked, i))
	})
}

// home returns the organisation of a provider's user who is not linked: the one that is named,
// by name or id, the only one, or the one that is bound to the domain of the address. An
// organisation that is bound to another provider has none of this one's users, nor those whose
// domain another organisation is bound to.
func (s *Service) home(ctx context.Context, issuer, email, organisation string) (crm.ID, error) {
	all, err := s.store.Organisations(ctx)
	if err != nil {
		return crm.ID{}, err
	}
	domain, _ := domainOf(email)
	bound, err := s.store.DomainHolder(ctx, domain)
	if err != nil && crm.CodeOf(err) != crm.CodeNotFound {
		return crm.ID{}, err
	}
	isBound := err == nil
	named, _ := crm.FindOrganisation(all, organisation)
	for _, o := range all {
		meant := o.ID == named.ID || organisation == "" && (len(all) == 1 || isBound && o.ID == bound)
		if !meant {
			continue
		}
		if isBound && o.ID != bound {
			break
		}
		bindings, err := s.store.Bindings(ctx)
		if err != nil {
			return crm.ID{}, err
		}
		if !bindings[o.ID].permits(issuer) {
			break
		}
		return o.ID, nil
	}
	return crm.ID{}, crm.NotFound("organisation")
}

// ProvidersOrganisation returns the organisation that has the users of an identity provider: the
// one that is named, by name or id, or the only one. CodeNotFound if there is none, or if it is
// bound to another provider.
func (s *Service) ProvidersOrganisation(ctx context.Context, issuer, organisation string) (crm.ID, error) {
	all, err := s.store.Organisations(ctx)
	if err != nil {
		return crm.ID{}, err
	}
	named, found := crm.FindOrganisation(all, organisation)
	if organisation == "" && len(all) == 1 {
		named, found = all[0], true
	}
	if !found {
		return crm.ID{}, crm.NotFound("organisation")
	}
	bindings, err := s.store.Bindings(ctx)
	if err != nil {
		return crm.ID{}, err
	}
	if !bindings[named.ID].permits(issuer) {
		return crm.ID{}, crm.NotFound("organisation")
	}
	return named.ID, nil
}

// cutName shortens a name from a provider to what can be stored.
func cutName(s string) string {
	letters := []rune(strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), ""))
	return string(letters[:min(len(letters), crm.MaxNameLength)])
}
