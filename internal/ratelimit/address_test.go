package ratelimit_test

import (
	"net/netip"
	"strings"
	"testing"

	"sixty/internal/ratelimit"
)

func TestProxies_Client(t *testing.T) {
	t.Parallel()
	proxies := ratelimit.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ff::/48")}
	const proxy = "10.0.0.1:4711"
	tests := []struct {
		name         string
		remote       string
		forwardedFor []string
		want         string
	}{
		{"direct", "203.0.113.7:4711", nil, "203.0.113.7"},
		{"direct, IPv6", "[2001:db8::7]:4711", nil, "2001:db8::7"},
		{"direct, IPv4 in IPv6", "[::ffff:203.0.113.7]:4711", nil, "203.0.113.7"},
		{"an untrusted peer", "203.0.113.7:4711", []string{"192.0.2.1"}, "203.0.113.7"},
		{"one proxy", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy that speaks IPv6", "[::ffff:10.0.0.1]:4711", []string{"203.0.113.7"}, "203.0.113.7"},
		{"two proxies", proxy, []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two proxies, two fields", proxy, []string{"203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"forged before", proxy, []string{"192.0.2.1, 10.9.9.9, 203.0.113.7 ,\t10.0.0.2"}, "203.0.113.7"},
		{"forged in an earlier field", proxy, []string{"192.0.2.1, 10.9.9.9", "203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"with ports", proxy, []string{"203.0.113.7:80, [2001:db8:ff::1]:443, 10.0.0.2:99"}, "203.0.113.7"},
		{"in brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"with a zone", proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{"all are proxies", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no entry", proxy, []string{""}, "10.0.0.1"},
		{"no field", proxy, nil, "10.0.0.1"},
		{"unknown", proxy, []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry", proxy, []string{"192.0.2.1,,10.0.0.2"}, "10.0.0.2"},
		{"junk", proxy, []string{"\x00[[]]:::,%%"}, "10.0.0.1"},
		{"too many hops", proxy, []string{"192.0.2.1" + strings.Repeat(",10.0.0.2", 1000)}, "10.0.0.2"},
		{"no address", "@", []string{"192.0.2.1"}, "invalid IP"},
	}
	for _, test := range tests {
		if got := proxies.ClientAddr(test.remote, test.forwardedFor); got.String() != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := ratelimit.Proxies(nil).ClientAddr(proxy, []string{"203.0.113.7"}); got.String() != "10.0.0.1" {
		t.Errorf("without trusted proxies: %s", got)
	}
}

// Forged entries to the left of what a trusted proxy has appended have no effect.
func FuzzProxies_Client(f *testing.F) {
	proxies := ratelimit.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for _, seed := range []string{"", "192.0.2.1", "10.0.0.2", "unknown", ",", "[::1]:80", "1.2.3.4:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, made string) {
		for _, fields := range [][]string{{made + ", 203.0.113.7, 10.0.0.2"}, {made, "203.0.113.7"}} {
			if got := proxies.ClientAddr("10.0.0.1:80", fields); got != netip.MustParseAddr("203.0.113.7") {
				t.Errorf("%q: %s", fields, got)
			}
		}
		if got := proxies.ClientAddr("203.0.113.7:80", []string{made}); got != netip.MustParseAddr("203.0.113.7") {
			t.Errorf("%q from an untrusted peer: %s", made, got)
		}
		ratelimit.Address(proxies.ClientAddr("10.0.0.1:80", []string{made}))
	})
}
