package webhooks

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/idna"
)

// Resolver finds the addresses of a host's name, as net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// A Guard says which URLs requests may go to. It is asked when an endpoint is set up, when its
// name has been resolved for a request, and as the connection is made: a name may have another
// address each time.
type Guard struct {
	// HTTP allows requests that are not encrypted.
	HTTP bool
	// Hosts and Addresses are allowed though they are not public, also without encryption.
	Hosts     []string
	Addresses []netip.Prefix
	Resolver  Resolver // nil: the system's
}

const (
	maxURL = 2048
	// leastPort is the least port that requests go to, besides those of HTTP: below are those of
	// the servers of other protocols.
	leastPort = 1024
	// lookupTime bounds the resolution of a name when an endpoint is set up.
	lookupTime = 2 * time.Second
)

// errForbidden is the cause of requests that are not sent, because of where they would go. It does
// not say where that is: names that only this host can resolve are not to be found out.
var errForbidden = errors.New("the address is not public")

const notPublic = "must not lead to an address that is private, local, or otherwise not public"

// hosts maps names as browsers do, so that what only looks different is the same.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.VerifyDNSLength(true))

// Check returns a URL as it is stored, and what is wrong with it; "" if nothing is.
func (g *Guard) Check(ctx context.Context, text string) (normal, violation string) {
	u, violation := g.parse(text)
	if violation != "" {
		return text, violation
	}
	host := u.Hostname()
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	if _, err := g.resolve(ctx, host); errors.Is(err, errForbidden) {
		return text, notPublic
	} else if err != nil {
		return text, "must have a host whose name can be resolved; " + shortened(host) + " cannot be"
	}
	return u.String(), ""
}

// parse parses a URL, and normalises its host.
func (g *Guard) parse(text string) (u *url.URL, violation string) {
	const must = "must be a web address such as https://example.com/hooks"
	if len(text) > maxURL {
		return nil, "must be at most " + strconv.Itoa(maxURL) + " characters long"
	}
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, " \t\r\n\\") || u.Opaque != "" {
		return nil, must
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, must
	case u.User != nil:
		return nil, "must not contain a user or a password"
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, "must not have a fragment (#)"
	}
	host, violation := normalHost(u.Hostname())
	if violation != "" {
		return nil, violation
	}
	allowed := g.allows(host)
	if u.Scheme == "http" && !g.HTTP && !allowed {
		return nil, "must begin with https://"
	}
	port := u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return nil, must
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535 || !allowed && n < leastPort && n != 80 && n != 443) {
		return nil, "must have the port 80, 443, or one from 1024 to 65535, not " + port
	}
	u.Host = host
	if strings.Contains(host, ":") {
		u.Host = "[" + host + "]"
	}
	if port != "" {
		u.Host += ":" + port
	}
	return u, ""
}

// normalHost returns a host as it is resolved: a name in ASCII and lower case, or an address.
func normalHost(host string) (normal, violation string) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return host, "must not have an address with a zone"
		}
		return a.String(), ""
	}
	name, err := hosts.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || !isStable(name) {
		return host, "must have a valid host, not " + strconv.Quote(shortened(host))
	}
	if a, err := netip.ParseAddr(name); err == nil { // of digits that are not ASCII
		return a.String(), ""
	}
	// Other programs read such names as addresses: 127.1, 0x7f.1, 2130706433.
	last := name[strings.LastIndexByte(name, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return host, "must have a name as its host, or an address of four decimal numbers, not " + strconv.Quote(shortened(host))
	}
	return name, ""
}

// isStable reports whether a name remains as it is when it is mapped again.
func isStable(name string) bool {
	again, err := hosts.ToASCII(name)
	return err == nil && again == name
}

// allows reports whether a host is allowed by name, or by its address if it is one.
func (g *Guard) allows(host string) bool {
	for _, name := range g.Hosts {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	a, err := netip.ParseAddr(host)
	return err == nil && within(a.Unmap(), g.Addresses)
}

// check returns errForbidden for an address that requests to a host may not go to.
func (g *Guard) check(host string, a netip.Addr) error {
	if isPublic(a) || within(a.Unmap(), g.Addresses) || g.allows(host) {
		return nil
	}
	return errForbidden
}

// resolve returns the addresses of a host. All of them must be allowed.
func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, g.check(host, a)
	}
	resolver := g.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for _, a := range found {
		if err := g.check(host, a); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// control returns a net.Dialer's: it checks the address that a connection to a host is made to.
func (g *Guard) control(host string) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errForbidden
		}
		return g.check(host, at.Addr())
	}
}

// CheckAllowed parses what is allowed beside public addresses: names of hosts, addresses and
// CIDRs. The error names the first that is none.
func CheckAllowed(all []string) (names []string, addresses []netip.Prefix, err error) {
	for _, text := range all {
		text = strings.TrimSpace(text)
		if p, err := netip.ParsePrefix(text); err == nil {
			addresses = append(addresses, p.Masked())
			continue
		}
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			addresses = append(addresses, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		name, violation := normalHost(text)
		if violation != "" || strings.Contains(text, "/") {
			return nil, nil, errors.New("must be hosts, addresses or CIDRs such as hooks.internal or 10.0.0.0/8, not " + strconv.Quote(text))
		}
		names = append(names, name)
	}
	return names, addresses, nil
}
