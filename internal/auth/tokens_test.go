package auth_test

import (
	"context"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/identity"
	"sixty/internal/identity/identitytest"
)

// oneIdentity is storage in which every identity is the same person.
type oneIdentity struct {
	accounts.Store
	auth.Principals
	owner accounts.Principal
}

func (s oneIdentity) IdentityPrincipal(_ context.Context, issuer, subject string) (accounts.Identity, accounts.Principal, error) {
	return accounts.Identity{OrgID: s.owner.OrgID, UserID: s.owner.ID, Issuer: issuer, Subject: subject}, s.owner, nil
}

// BenchmarkTokenCached authenticates a cached token, as most requests of the front end do. Aim:
// under 5 µs, without allocations.
func BenchmarkTokenCached(b *testing.B) {
	theirs, c := identitytest.New(b), newClock()
	theirs.Now = c.now
	theirs.Rotate(jose.RS256)
	ours := identity.New(identity.Options{Issuer: theirs.Issuer, Audiences: []string{identitytest.Audience}, Now: c.now})
	defer ours.Close()
	store := oneIdentity{owner: accounts.Principal{Owner: crm.Owner{OrgID: crm.NewID(), ID: crm.NewID(), Role: crm.RoleRep}}}
	log := &changeLog{raised: map[crm.Tag]int64{}}
	log.at(1)
	tokens := auth.NewTokens(&auth.Identities{Store: store, Service: accounts.NewService(store, c.now, "GBP"), Provider: ours}, log, c.now)
	defer tokens.Close()
	token := theirs.Sign(theirs.User("1", "ada@acme.example"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
