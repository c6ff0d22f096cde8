package accounts

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// Re-authentication: before people give another the rights of an admin, or change roles, they
// must have proved who they are a short while ago. Who finds a browser that is signed in, or
// steals its cookie, gets no lasting access by that.

// ProofLifetime is how long ago people may have proved who they are.
const ProofLifetime = 10 * time.Minute

// A Proof says when the person behind a request last proved who they are.
type Proof struct {
	// At returns when that was; 0 if it is not known.
	At func(ctx context.Context) (crm.Instant, error)
	// Token is set for a token of the identity provider, which only the provider can renew.
	Token bool
}

// SignInAgain is where the identity provider asks people again who they are.
const SignInAgain = "/api/auth/oidc/start?reauthenticate=true"

type proofKey struct{}

// WithProof returns a context whose use cases have the proof of the request's credential.
func WithProof(ctx context.Context, p Proof) context.Context {
	return context.WithValue(ctx, proofKey{}, p)
}

// requireProof returns CodeReauthenticate unless the actor proved who they are a short while ago.
// The operator need not, nor need API keys: an admin has given them for good what they may do. It
// reads the database, and so is called outside of transactions.
func (s *Service) requireProof(ctx context.Context, by crm.Actor) error {
	if by.UserID() == nil || by.KeyID() != nil {
		return nil
	}
	proof, _ := ctx.Value(proofKey{}).(Proof)
	if proof.At != nil {
		at, err := proof.At(ctx)
		if err != nil || at > s.clock()-crm.Instant(ProofLifetime.Microseconds()) {
			return err
		}
	}
	advice := "Sign in again at the identity provider, and repeat the request with a token whose auth_time (or newest amr timestamp) is as recent."
	if !proof.Token {
		own, err := s.OwnAccount(ctx, by)
		switch {
		case err != nil:
			return err
		case own.Password == "":
			advice = "Sign in again at GET " + SignInAgain + ", and repeat the request."
		default:
			advice = "Send your password to POST /api/auth/reauthenticate, and repeat the request."
		}
	}
	return &crm.Error{Code: crm.CodeReauthenticate, Message: "This needs a proof of who you are from the last 10 minutes. " + advice}
}

// VerifySession enters that the person of a session, who is the actor, has proved who they are.
func (s *Service) VerifySession(ctx context.Context, by crm.Actor, session crm.ID) (crm.Instant, error) {
	now := s.clock()
	return now, s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := tx.VerifySession(ctx, session); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionReauthenticated, Target: crm.EntityOwner, TargetID: &by.User})
	})
}
