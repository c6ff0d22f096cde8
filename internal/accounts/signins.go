package accounts

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// Networks of a person's sign-ins are remembered for SignInNetworkRetention, at most
// maxSignInNetworks of them.
const (
	SignInNetworkRetention = 90 * 24 * time.Hour
	maxSignInNetworks      = 10
)

// SignInHistory is what is known of a person's sign-ins.
type SignInHistory struct {
	// DevicesSince is when their device cookies were revoked; zero: never.
	DevicesSince crm.Instant
	// KnownNetwork reports that they have signed in from the network.
	KnownNetwork bool
}

// SignInHistory returns what is known of the sign-ins of an account, the zero Account
// included, and of whether any of them was from a network.
func (s *Service) SignInHistory(ctx context.Context, a Account, network string) (SignInHistory, error) {
	since := s.clock() - crm.Instant(SignInNetworkRetention.Microseconds())
	return s.store.SignInHistory(ctx, a.OrgID, a.UserID, network, since)
}
