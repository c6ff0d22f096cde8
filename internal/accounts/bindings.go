package accounts

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// Binding is what the operator has bound an organisation to. Where there are several
// organisations, it decides which of them an identity provider's users belong to, so that none
// can take over another's people by inviting their addresses.
type Binding struct {
	Issuer  string   // of the identity provider; "" for any
	Domains []string // of e-mail addresses, in order
}

// permits reports whether the users of an identity provider may belong to the organisation.
func (b Binding) permits(issuer string) bool { return b.Issuer == "" || b.Issuer == issuer }

// Bindings returns those of all organisations that are bound to anything.
func (s *Service) Bindings(ctx context.Context) (map[crm.ID]Binding, error) {
	return s.store.Bindings(ctx)
}

// BindingChange says what an organisation is to be bound to, or no longer.
type BindingChange struct {
	Issuer  *string // "" for none; nil: as it is
	Domains []string
}

// BindOrganisation binds the actor's organisation to an identity provider and to domains. For the
// operator. CodeConflict if another organisation is bound to one of the domains.
func (s *Service) BindOrganisation(ctx context.Context, by crm.Actor, c BindingChange) error {
	return s.changeBinding(ctx, by, c, ActionOrganisationBound, func(tx Tx, domain string) error {
		holder, err := s.store.DomainHolder(ctx, domain)
		switch {
		case crm.CodeOf(err) == crm.CodeNotFound:
			return tx.BindDomain(ctx, domain)
		case err == nil && holder != by.Org:
			return crm.Conflict("Another organisation is bound to " + domain + ". Unbind it first.")
		}
		return err
	})
}

// UnbindOrganisation undoes BindOrganisation, for the domains that are named.
func (s *Service) UnbindOrganisation(ctx context.Context, by crm.Actor, c BindingChange) error {
	return s.changeBinding(ctx, by, c, ActionOrganisationUnbound, func(tx Tx, domain string) error {
		was, err := tx.UnbindDomain(ctx, domain)
		if err == nil && !was {
			err = crm.NotFound("binding to " + domain)
		}
		return err
	})
}

func (s *Service) changeBinding(ctx context.Context, by crm.Actor, c BindingChange, action Action, change func(tx Tx, domain string) error) error {
	if by.UserID() != nil {
		return crm.Forbidden("Only the operator may bind an organisation.")
	}
	details := map[string]string{}
	if c.Issuer != nil {
		if *c.Issuer != "" && !isIssuer(*c.Issuer) {
			return crm.Invalid(crm.FieldError{Field: "issuer", Message: "must be a URL such as https://id.example.com"})
		}
		details["issuer"] = *c.Issuer
	}
	domains := map[string]bool{}
	for _, text := range c.Domains {
		domain, violation := crm.NormalDomain(text)
		if violation != "" {
			return crm.Invalid(crm.FieldError{Field: "domain", Message: violation})
		}
		domains[domain] = true
	}
	sorted := slices.Sorted(maps.Keys(domains))
	if len(sorted) > 0 {
		details["domains"] = strings.Join(sorted, ", ")
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		org, err := tx.LockOrganisation(ctx)
		if err != nil {
			return err
		}
		if c.Issuer != nil {
			if err := tx.SetIssuer(ctx, *c.Issuer); err != nil {
				return err
			}
		}
		for _, domain := range sorted {
			if err := change(tx, domain); err != nil {
				return err
			}
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: action, Target: crm.EntityOrganisation, TargetID: &org.ID, Details: details})
	})
}

// isIssuer reports whether a text can be the name of an identity provider, which is compared as
// it is.
func isIssuer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// checkAddress returns CodeConflict if an address is of a domain that another organisation is
// bound to. The operator may do it all the same.
func (s *Service) checkAddress(ctx context.Context, by crm.Actor, email crm.Field[string]) error {
	domain, ok := domainOf(email.Value)
	if by.UserID() == nil || !ok { // what is no address is rejected elsewhere
		return nil
	}
	holder, err := s.store.DomainHolder(ctx, domain)
	switch {
	case crm.CodeOf(err) == crm.CodeNotFound:
		return nil
	case err != nil || holder == by.Org:
		return err
	}
	return crm.Conflict("The operator of this server decides who has addresses of this domain",
		crm.FieldError{Field: "email", Message: "must be of another domain"})
}

// domainOf returns the domain of an address; false if it is not valid.
func domainOf(email string) (domain string, ok bool) {
	normal, violation := crm.NormalEmail(email)
	return normal[strings.LastIndexByte(normal, '@')+1:], violation == ""
}
