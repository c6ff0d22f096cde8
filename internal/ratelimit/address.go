package ratelimit

import (
	"net/netip"
	"strings"
)

// Proxies are the addresses of the proxies that are trusted to say whom they speak
// for. IPv4 addresses are written as such.
type Proxies []netip.Prefix

// maxHops bounds how many hops are looked at. Nobody has as many proxies in a row.
const maxHops = 32

// Client gives the address that a request comes from: that of the connection, unless
// it is a trusted proxy's; then the rightmost in X-Forwarded-For that is not, as each
// proxy has added whom it heard from, and only what trusted ones have added is known
// to be so. If there is none, or what is there is no address, it is the last that is
// known.
//
// remote is the connection's address as HOST:PORT; forwardedFor are the values of all
// X-Forwarded-For header fields in their order. Forwarded (RFC 7239) is not regarded:
// a proxy that knows only one of the two hands on the other as the client has made it
// up. The address is not valid if the connection has none.
func (p Proxies) Client(remote string, forwardedFor []string) netip.Addr {
	known := parseHop(remote)
	hops := maxHops
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		for rest, more := forwardedFor[i], true; more; hops-- {
			if hops == 0 || !p.Trust(known) {
				return known
			}
			var hop string
			rest, hop, more = cutLast(rest)
			next := parseHop(hop)
			if !next.IsValid() {
				return known
			}
			known = next
		}
	}
	return known
}

// Trust tells whether an address is a trusted proxy's.
func (p Proxies) Trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// cutLast cuts the last member off a list.
func cutLast(list string) (rest, last string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// parseHop reads an address, with or without brackets and a port.
func parseHop(s string) netip.Addr {
	s = strings.Trim(s, " \t")
	a, err := netip.ParseAddr(s)
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(s); err == nil {
			a = ap.Addr()
		} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			a, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		}
	}
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
