package ratelimit

import (
	"net/netip"

	"sixty/internal/crm"
)

// Caller is whom requests count for.
type Caller struct {
	signedIn bool
	// Of an address, home is the address. Of a principal, home is the organisation.
	home      [16]byte
	principal [16]byte
}

// Address is whoever comes from an address and is not signed in. An IPv6 address
// stands for its /64, which is what one connection is given. All for whom no address
// is known are one.
func Address(a netip.Addr) Caller {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		a = netip.PrefixFrom(a, 64).Masked().Addr()
	}
	if !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	return Caller{home: a.As16()}
}

// Principal is somebody who is signed in, or a key, of an organisation.
func Principal(org, principal crm.ID) Caller {
	return Caller{signedIn: true, home: org, principal: principal}
}

// subject is whose limits are kept together.
type subject struct {
	scope     Scope
	home      [16]byte // as the caller's
	principal [16]byte
}

// perCaller is how many subjects one caller is at most.
const perCaller = 2

// subjects gives the caller's: the own one first, then the organisation.
func (c *Caller) subjects() (all [perCaller]subject, n int) {
	if !c.signedIn {
		all[0] = subject{scope: OfAddress, home: c.home}
		return all, 1
	}
	all[0] = subject{scope: OfPrincipal, home: c.home, principal: c.principal}
	all[1] = subject{scope: OfOrganisation, home: c.home}
	return all, 2
}

// key gives the subject's key in Redis. All of a caller have one hash tag, so that
// they are in one slot of a cluster.
func (s *subject) key(prefix string) string {
	switch s.scope {
	case OfPrincipal:
		return prefix + "{" + crm.ID(s.home).String() + "}:" + crm.ID(s.principal).String()
	case OfOrganisation:
		return prefix + "{" + crm.ID(s.home).String() + "}"
	default:
		return prefix + "{" + netip.AddrFrom16(s.home).Unmap().String() + "}"
	}
}
