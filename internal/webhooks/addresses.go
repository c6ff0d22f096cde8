package webhooks

import (
	"net/netip"
)

// forbidden are the parts of the address space that no request goes to unless it is allowed: what
// is not on the public internet, or leads to an address that is not.
var forbidden = prefixes(
	"0.0.0.0/8",         // this host
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // carrier-grade NAT, with Alibaba's metadata service
	"127.0.0.0/8",       // loopback
	"168.63.129.16/32",  // Azure's host
	"169.254.0.0/16",    // link-local, with most metadata services
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocol assignments, with Oracle's metadata service
	"192.0.2.0/24",      // documentation
	"192.88.99.0/24",    // 6to4 relays
	"192.168.0.0/16",    // private
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, and broadcast
	"2001::/23",         // protocol assignments, with Teredo
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"3fff::/20",         // documentation
	"2620:4f:8000::/48", // AS112
)

// globalUnicast is all of IPv6 that is in public use: loopback, unspecified, link-local, unique
// local, multicast, IPv4-mapped and NAT64 addresses are outside of it.
var globalUnicast = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// isPublic reports whether an address is on the public internet. One that is IPv4-mapped is the
// IPv4 address.
func isPublic(a netip.Addr) bool {
	if a = a.Unmap(); !a.IsValid() || a.Zone() != "" || a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	return !within(a, forbidden)
}

// within reports whether an address is in any of the prefixes.
func within(a netip.Addr, all []netip.Prefix) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
