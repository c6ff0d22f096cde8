package ratelimit

import (
	"net/netip"
	"strings"
)

// Proxies are the addresses of the trusted proxies. IPv4 addresses are not written as IPv6.
type Proxies []netip.Prefix

// maxHops bounds how many hops are examined.
const maxHops = 32

// ClientAddr returns the address that a request comes from: that of the connection or, if
// it is a trusted proxy's, the rightmost address in X-Forwarded-For that is not. Each
// proxy appends the address of its peer, so only what trusted proxies have appended is
// reliable. If all are trusted, or an entry is no address, it is the last reliable one.
//
// remote is the connection's address as HOST:PORT; forwardedFor are the values of all
// X-Forwarded-For header fields in order. Forwarded (RFC 7239) is ignored: a proxy that
// sets only one of the two fields passes on the other as the client sent it. The result
// is invalid if the connection has no address.
func (p Proxies) ClientAddr(remote string, forwardedFor []string) netip.Addr {
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

// Trust reports whether an address belongs to a trusted proxy.
func (p Proxies) Trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// cutLast cuts the last element off a comma-separated list.
func cutLast(list string) (rest, last string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// parseHop parses an address, with or without brackets and port.
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
