package ratelimit

import (
	"net/netip"

	"sixty/internal/crm"
)

// Caller identifies the sender of a request.
type Caller struct {
	kind callerKind
	// home is the address of an anonymous caller, the organisation of a principal, and the
	// account of a device.
	home      [16]byte
	principal [16]byte // or device
}

// callerKind is what a caller is identified by.
type callerKind uint8

const (
	byAddress callerKind = iota
	byDevice
	byPrincipal

	callerKinds
)

// Address returns the anonymous caller from an address, which stands for its Network. All
// unknown addresses are one caller.
func Address(a netip.Addr) Caller {
	a = Network(a).Addr()
	if !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	return Caller{home: a.As16()}
}

// Device returns the anonymous caller of a device that is recognised by a signed cookie, which
// may have been revoked. It has a small part of the limits of an address, which are those of all
// devices of the account together.
func Device(id, account [16]byte) Caller {
	return Caller{kind: byDevice, home: account, principal: id}
}

// Principal returns the caller for a person or a key of an organisation.
func Principal(org, principal crm.ID) Caller {
	return Caller{kind: byPrincipal, home: org, principal: principal}
}

// subject is an address, a principal or an organisation with its own limits.
type subject struct {
	scope     Scope
	home      [16]byte // see Caller
	principal [16]byte
}

// perCaller is the maximum number of subjects of a caller.
const perCaller = 2

// subjects returns the caller's subjects: itself first, then its organisation.
func (c *Caller) subjects() (all [perCaller]subject, n int) {
	switch c.kind {
	case byPrincipal:
		all[0] = subject{scope: ScopePrincipal, home: c.home, principal: c.principal}
		all[1] = subject{scope: ScopeOrganisation, home: c.home}
		return all, 2
	case byDevice:
		all[0] = subject{scope: ScopeDevice, home: c.home, principal: c.principal}
		all[1] = subject{scope: ScopeAccount, home: c.home}
		return all, 2
	default:
		all[0] = subject{scope: ScopeAddress, home: c.home}
		return all, 1
	}
}

// key returns the subject's key in Redis. All subjects of a caller share a hash tag, and
// with it a slot of a cluster.
func (s *subject) key(prefix string) string {
	switch s.scope {
	case ScopePrincipal:
		return prefix + "{" + crm.ID(s.home).String() + "}:" + crm.ID(s.principal).String()
	case ScopeOrganisation:
		return prefix + "{" + crm.ID(s.home).String() + "}"
	case ScopeDevice:
		return prefix + "{device " + crm.ID(s.home).String() + "}:" + crm.ID(s.principal).String()
	case ScopeAccount:
		return prefix + "{device " + crm.ID(s.home).String() + "}"
	default:
		return prefix + "{" + netip.AddrFrom16(s.home).Unmap().String() + "}"
	}
}
