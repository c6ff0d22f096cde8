package ratelimit

import "net/netip"

// Network returns the network that an address is counted by: the IPv4 address itself, or the
// /64 of an IPv6 address, which is what one connection is assigned. It is invalid if the
// address is.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return within(a, min(a.BitLen(), 64))
}

// Site returns the /48 of an IPv6 address, which is what one customer may be assigned; ok is
// false for other addresses, which have nothing of the kind.
func Site(a netip.Addr) (site netip.Prefix, ok bool) {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return netip.Prefix{}, false
	}
	return within(a, 48), true
}

// within returns the network of an address. An IPv4 address is its own, /32.
func within(a netip.Addr, bits int) netip.Prefix {
	p, _ := a.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}
