package webhooks

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names is a Resolver that knows a few names.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range n[host] {
		found = append(found, netip.MustParseAddr(text))
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

var testNames = names{
	"example.com": {"93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"}, "xn--bcher-kva.example": {"93.184.215.14"}, "_x.example.com": {"93.184.215.14"},
	"inside.example": {"10.1.2.3"}, "mixed.example": {"93.184.215.14", "127.0.0.1"}, "localhost": {"127.0.0.1", "::1"}, "hooks.internal": {"10.9.9.9"},
}

func TestCheckedURLs(t *testing.T) {
	t.Parallel()
	const (
		form    = "must be a web address such as https://example.com/hooks"
		numbers = "must have a name as its host, or an address of four decimal numbers, not "
		ports   = "must have the port 80, 443, or one from 1024 to 65535, not "
	)
	allowing := Guard{Hosts: []string{"hooks.internal"}, Addresses: prefixes("10.1.0.0/16"), Resolver: testNames}
	for _, c := range []struct{ url, normal, violation string }{
		{"https://example.com", "https://example.com", ""},
		{"HTTPS://Example.COM:443/a%20b?x=1&y", "https://example.com:443/a%20b?x=1&y", ""},
		{"https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC", ""},
		{"https://example.com.:8443/", "https://example.com:8443/", ""},
		{"https://_x.example.com/", "https://_x.example.com/", ""},
		{"https://93.184.215.14/", "https://93.184.215.14/", ""},
		{"https://[2606:2800:21F::1]:8443/", "https://[2606:2800:21f::1]:8443/", ""},
		{"https://93。184。215。14/", "https://93.184.215.14/", ""},
		{"http://example.com/", "", "must begin with https://"},
		{"https://inside.example/", "https://inside.example/", ""}, // allowed by its address
		{"http://hooks.internal:25/", "http://hooks.internal:25/", ""},
		{"http://10.1.0.1/", "http://10.1.0.1/", ""},
		{"https://10.2.0.1/", "", notPublic},
		{"https://mixed.example/", "", notPublic},
		{"https://localhost/", "", notPublic},
		{"https://nowhere.example/", "", "must have a host whose name can be resolved; nowhere.example cannot be"},
		{"https://example.com:25/", "", ports + "25"},
		{"https://example.com:0/", "", ports + "0"},
		{"https://example.com:65536/", "", ports + "65536"},
		{"https://example.com:/", "", form},
		{"https://ada:secret@example.com/", "", "must not contain a user or a password"},
		{"https://ada@example.com/", "", "must not contain a user or a password"},
		{"https://example.com/#a", "", "must not have a fragment (#)"},
		{"https://example.com/#", "", "must not have a fragment (#)"},
		{"ftp://example.com/", "", form},
		{"//example.com/", "", form},
		{"example.com", "", form},
		{"https:example.com", "", form},
		{"https:///x", "", form},
		{"", "", form},
		{`https:\\example.com`, "", form},
		{"https://exa mple.com/", "", form},
		{"https://" + strings.Repeat("a", 2048) + ".example", "", "must be at most 2048 characters long"},
		// As other programs spell 127.0.0.1 and 169.254.169.254.
		{"https://127.0.0.1/", "", notPublic},
		{"https://169.254.169.254/latest", "", notPublic},
		{"https://[::1]/", "", notPublic},
		{"https://[::ffff:127.0.0.1]/", "", notPublic},
		{"https://[::ffff:7f00:1]/", "", notPublic},
		{"https://[::127.0.0.1]/", "", notPublic},
		{"https://[64:ff9b::7f00:1]/", "", notPublic},
		{"https://[64:ff9b::a9fe:a9fe]/", "", notPublic},
		{"https://[2002:7f00:1::]/", "", notPublic},
		{"https://[2001:0:7f00:1::]/", "", notPublic},
		{"https://[fe80::1]/", "", notPublic},
		{"https://[fe80::1%25eth0]/", "", "must not have an address with a zone"},
		{"https://[fd00:ec2::254]/", "", notPublic},
		{"https://[ff02::1]/", "", notPublic},
		{"https://[::]/", "", notPublic},
		{"https://0.0.0.0/", "", notPublic},
		{"https://100.100.100.200/", "", notPublic},
		{"https://192.0.0.192/", "", notPublic},
		{"https://168.63.129.16/", "", notPublic},
		{"https://224.0.0.1/", "", notPublic},
		{"https://255.255.255.255/", "", notPublic},
		{"https://0x7f.1/", "", numbers + `"0x7f.1"`},
		{"https://2130706433/", "", numbers + `"2130706433"`},
		{"https://017700000001/", "", numbers + `"017700000001"`},
		{"https://127.1/", "", numbers + `"127.1"`},
		{"https://0177.0.0.1/", "", numbers + `"0177.0.0.1"`},
		{"https://127.0.0.1./", "", notPublic},
		{"https://１２７.0.0.1/", "", notPublic},
		{"https://127%2e0%2e0%2e1/", "", form},
	} {
		normal, violation := allowing.Check(t.Context(), c.url)
		if c.violation != "" {
			c.normal = c.url
		}
		if diff := cmp.Diff([]string{c.normal, c.violation}, []string{normal, violation}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.url, diff)
		}
		if violation == "" {
			if again, _ := allowing.Check(t.Context(), normal); again != normal {
				t.Errorf("%s becomes %s, and that %s", c.url, normal, again)
			}
		}
	}
	open := Guard{HTTP: true, Resolver: testNames}
	if _, violation := open.Check(t.Context(), "http://example.com/"); violation != "" {
		t.Error(violation)
	}
	if _, violation := open.Check(t.Context(), "http://localhost:8000/"); violation != notPublic {
		t.Errorf("%q", violation)
	}
}

// FuzzGuard: a URL that is accepted is accepted in its normal form, and leads where that says.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"https://example.com/", "https://[::ffff:127.0.0.1]/", "http://0x7f.1", "https://example.com:8443/a?b#c", "https://a@example.com", "https://bücher.example"} {
		f.Add(seed)
	}
	g := Guard{Resolver: everywhere{}}
	f.Fuzz(func(t *testing.T, text string) {
		normal, violation := g.Check(t.Context(), text)
		if violation != "" {
			return
		}
		if again, violation := g.Check(t.Context(), normal); violation != "" || again != normal {
			t.Errorf("%q becomes %q, and that %q, which %s", text, normal, again, violation)
		}
		if !strings.HasPrefix(normal, "https://") || strings.ContainsAny(normal, "# ") {
			t.Errorf("%q becomes %q", text, normal)
		}
	})
}

// everywhere is a Resolver for which every name has a public address.
type everywhere struct{}

func (everywhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	hosts, addresses, err := CheckAllowed([]string{" hooks.internal", "10.0.0.0/8", "::1", "BÜCHER.example"})
	if diff := cmp.Diff([]string{"hooks.internal", "xn--bcher-kva.example"}, hosts); diff != "" || err != nil || len(addresses) != 2 || addresses[1].String() != "::1/128" {
		t.Errorf("%v, %v, %v", hosts, addresses, err)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "http://x", "0x7f.1", "a b"} {
		if _, _, err := CheckAllowed([]string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
