package accounts

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"sixty/internal/crm"
)

// Admins link people to subjects of an identity provider, and unlink them. Who is the subject
// then signs in as the person, so that this has the rules of a change of their address.

// MaxSubject bounds the subject of an identity, in bytes (OpenID Connect Core 1.0 section 2).
const MaxSubject = 255

// Link says whose subject a person is to be.
type Link struct {
	Issuer, Subject string
	// Organisation is that which has the provider's users, by name or id; "": none is configured.
	Organisation string
}

// SetIdentity links a person to a subject of an issuer, instead of another subject of it that they
// may be linked to, which ends their sessions. expected is about the person, and whether they are
// linked to the issuer. CodeConflict if another person is the subject, in any organisation.
//
// Where there are several organisations, an admin could have another's people sign in to theirs:
// it is for operators, unless the provider's users belong to the organisation.
func (s *Service) SetIdentity(ctx context.Context, by crm.Actor, user crm.ID, expected crm.VersionCondition, l Link) (Identity, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return Identity{}, err
	}
	forbidden := s.mayLink(ctx, by, l)
	expected, link := expected.OfPart()
	out := Identity{OrgID: by.Org, UserID: user, Issuer: l.Issuer, Subject: l.Subject, CreatedAt: s.clock()}
	err := s.changeIdentities(ctx, by, user, expected, func(tx Tx, person crm.Owner, linked []Identity, now crm.Instant) (bool, error) {
		if forbidden != nil {
			return false, forbidden
		}
		if err := l.check(); err != nil {
			return false, err
		}
		if person.DeactivatedAt != nil {
			return false, crm.Conflict("This person has been deactivated and cannot sign in.")
		}
		for _, i := range linked {
			if i.Issuer != l.Issuer {
				continue
			}
			if err := link.Check(true); err != nil {
				return false, err
			}
			if i.Subject == l.Subject {
				out = i
				return false, nil
			}
			if err := unlink(ctx, tx, by, now, i); err != nil {
				return false, err
			}
			return true, putLink(ctx, tx, by, now, out)
		}
		if err := link.Check(false); err != nil {
			return false, err
		}
		return true, putLink(ctx, tx, by, now, out)
	})
	return out, err
}

// RemoveIdentities unlinks a person from every identity provider, and ends their sessions.
// CodeNotFound if they are linked to none.
func (s *Service) RemoveIdentities(ctx context.Context, by crm.Actor, user crm.ID, expected crm.VersionCondition) error {
	if err := RequireAdmin(by, managePeople); err != nil {
		return err
	}
	return s.changeIdentities(ctx, by, user, expected, func(tx Tx, _ crm.Owner, linked []Identity, now crm.Instant) (bool, error) {
		if len(linked) == 0 {
			return false, crm.NotFound("identity")
		}
		for _, i := range linked {
			if err := unlink(ctx, tx, by, now, i); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// changeIdentities locks a person and changes what they are linked to. If anything changed, the
// person has changed too, so that no instance goes by a token as it was.
func (s *Service) changeIdentities(ctx context.Context, by crm.Actor, user crm.ID, expected crm.VersionCondition,
	change func(tx Tx, person crm.Owner, linked []Identity, now crm.Instant) (changed bool, err error),
) error {
	proof, notOperator := s.requireProof(ctx, by), s.RequireOperator(ctx, by, setOperatorAccess)
	return s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		person, err := lockPerson(ctx, tx, user)
		if err != nil {
			return err
		}
		if person.Role == crm.RoleAdmin && proof != nil { // who signs in as them has their rights
			return proof
		}
		if err := requireOperatorFor(ctx, tx, user, notOperator); err != nil {
			return err
		}
		if err := checkReach(by, person.Role); err != nil {
			return err
		}
		if err := expected.Check(person.Version); err != nil {
			return err
		}
		linked, err := tx.Identities(ctx, user)
		if err != nil {
			return err
		}
		changed, err := change(tx, person, linked, now)
		if err != nil || !changed {
			return err
		}
		after := person
		after.UpdatedAt = now
		return tx.Owners().Update(ctx, []crm.Change[crm.Owner]{{Before: person, After: after}})
	})
}

// putLink links a person, and enters it in the audit trail.
func putLink(ctx context.Context, tx Tx, by crm.Actor, now crm.Instant, i Identity) error {
	// With SIXTY_JWT_SUBJECT=user the subject would be that person, and the link mean nothing.
	if other, err := crm.ParseID(i.Subject); err == nil && other != i.UserID {
		others, err := tx.Owners().LockForShare(ctx, []crm.ID{other})
		if err != nil {
			return err
		}
		if len(others) > 0 {
			return subjectInUse()
		}
	}
	err := tx.PutIdentity(ctx, i)
	if crm.CodeOf(err) == crm.CodeConflict {
		return subjectInUse()
	}
	if err != nil {
		return err
	}
	return Audit(ctx, tx, by, now, identityEvent(ActionIdentityLinked, i))
}

func subjectInUse() error {
	return crm.InUse(crm.FieldError{Field: "subject", Message: "is another user's"})
}

// unlink removes a link, ends the sessions that it may have begun, and enters it in the audit
// trail.
func unlink(ctx context.Context, tx Tx, by crm.Actor, now crm.Instant, i Identity) error {
	if _, err := tx.DeleteIdentity(ctx, i.UserID, i.Issuer); err != nil {
		return err
	}
	if err := tx.EndSessions(ctx, i.UserID, none); err != nil {
		return err
	}
	return Audit(ctx, tx, by, now, identityEvent(ActionIdentityUnlinked, i))
}

func identityEvent(action Action, i Identity) AuditEvent {
	return AuditEvent{Action: action, Target: crm.EntityOwner, TargetID: &i.UserID, Details: map[string]string{"issuer": i.Issuer, "subject": i.Subject}}
}

// check rejects what no token can have.
func (l Link) check() error {
	var errs []crm.FieldError
	switch {
	case l.Issuer == "":
		errs = append(errs, crm.FieldError{Field: "issuer", Message: "must be given: no identity provider is configured"})
	case !isIssuer(l.Issuer):
		errs = append(errs, crm.FieldError{Field: "issuer", Message: "must be a URL such as https://id.example.com"})
	}
	if l.Subject == "" || len(l.Subject) > MaxSubject || strings.ContainsFunc(l.Subject, unicode.IsControl) {
		errs = append(errs, crm.FieldError{Field: "subject", Message: fmt.Sprintf("must have 1 to %d bytes, and no control characters", MaxSubject)})
	}
	if len(errs) > 0 {
		return crm.Invalid(errs...)
	}
	return nil
}

// mayLink returns CodeForbidden unless the actor may link people of their organisation to the
// issuer, and CodeConflict if the organisation is bound to another one.
func (s *Service) mayLink(ctx context.Context, by crm.Actor, l Link) error {
	bindings, err := s.store.Bindings(ctx)
	if err != nil {
		return err
	}
	bound := bindings[by.Org]
	if !bound.permits(l.Issuer) && l.Issuer != "" {
		return crm.Conflict("The organisation is bound to another identity provider", crm.FieldError{Field: "issuer", Message: "must be " + bound.Issuer})
	}
	if bound.Issuer != "" {
		return nil
	}
	if l.Organisation != "" {
		home, err := s.store.OrganisationNamed(ctx, l.Organisation)
		if err == nil && home == by.Org {
			return nil
		}
		if err != nil && crm.CodeOf(err) != crm.CodeNotFound {
			return err
		}
	}
	return s.RequireOperator(ctx, by, "link users of an organisation that is not bound to the identity provider")
}
