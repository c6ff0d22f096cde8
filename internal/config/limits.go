package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits configure rate limits and concurrency bounds.
type Limits struct {
	RateLimits              string   `name:"rate-limits" env:"SIXTY_RATE_LIMITS" default:"on" help:"Rate limits: on, or off for benchmarks." group:"server"`
	LimitGlobal             Rate     `name:"limit-global" env:"SIXTY_LIMIT_GLOBAL" default:"1000/15m" help:"Limit of all requests of an anonymous client's address." group:"server"`
	LimitAPI                Rate     `name:"limit-api" env:"SIXTY_LIMIT_API" default:"100/1m" help:"Limit of its requests to operations of the API." group:"server"`
	LimitExpensive          Rate     `name:"limit-expensive" env:"SIXTY_LIMIT_EXPENSIVE" default:"10/5m" help:"Limit of its requests to statistics, analysis and exports." group:"server"`
	LimitPrincipalFactor    int      `name:"limit-principal-factor" env:"SIXTY_LIMIT_PRINCIPAL_FACTOR" default:"10" help:"Factor of these limits for a person, together with the keys made for them." group:"server"`
	LimitOrganisationFactor int      `name:"limit-organisation-factor" env:"SIXTY_LIMIT_ORGANISATION_FACTOR" default:"100" help:"Factor of these limits for all requests of an organisation together." group:"server"`
	ListLimit               int      `name:"list-limit" env:"SIXTY_LIST_LIMIT" default:"50" help:"Maximum number of rows of a list's page if the request does not say." group:"server"`
	MaxRequests             int      `name:"max-requests" env:"SIXTY_MAX_REQUESTS" default:"256" help:"Maximum number of concurrent requests; others wait in a short queue." group:"server"`
	MaxConnections          int      `name:"max-connections" env:"SIXTY_MAX_CONNECTIONS" default:"6000" help:"Maximum number of client connections; beyond it, the one that has been idle longest is closed." group:"server"`
	MaxConnsPerAddress      int      `name:"max-conns-per-address" env:"SIXTY_MAX_CONNS_PER_ADDRESS" default:"1024" help:"Maximum number of connections of one address, trusted proxies excepted; 0: no limit." group:"server"`
	StreamsPerPrincipal     int      `name:"streams-per-principal" env:"SIXTY_STREAMS_PER_PRINCIPAL" default:"20" help:"Maximum number of event streams that a person, together with the keys made for them, has open on an instance." group:"server"`
	StreamsPerOrganisation  int      `name:"streams-per-organisation" env:"SIXTY_STREAMS_PER_ORGANISATION" default:"500" help:"Maximum number of event streams that an organisation has open on an instance." group:"server"`
	TrustedProxies          []string `name:"trusted-proxies" env:"SIXTY_TRUSTED_PROXIES" sep:"," placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is trusted, as addresses or CIDRs." group:"server"`
}

// Rate is a number of requests in a window, written such as 100/1m.
type Rate struct {
	Requests int64
	Window   time.Duration
}

// UnmarshalText parses a Rate.
func (r *Rate) UnmarshalText(text []byte) error {
	number, window, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a rate such as 100/1m", text)
	}
	d, err := time.ParseDuration(window)
	if err != nil {
		return fmt.Errorf("%q is not a rate such as 100/1m", text)
	}
	r.Requests, r.Window = n, d
	return nil
}

const (
	maxRate       = 1_000_000_000 // requests, multiplied by the factors
	maxRateWindow = 30 * 24 * time.Hour
	maxAtOnce     = 1 << 20
)

const (
	on  = "on"
	off = "off"
)

// Limited reports whether rate limits are on.
func (l Limits) Limited() bool { return l.RateLimits == on }

// Proxies returns the trusted proxies. Its error names the first invalid one.
func (l Limits) Proxies() ([]netip.Prefix, error) {
	all := make([]netip.Prefix, 0, len(l.TrustedProxies))
	for _, text := range l.TrustedProxies {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if a, bad := netip.ParseAddr(text); bad == nil {
			prefix, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("must be addresses or CIDRs such as 10.0.0.0/8, not %q", text)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

func (l Limits) problems() []string {
	c := checker{settings: l}
	if !slices.Contains([]string{on, off}, l.RateLimits) {
		c.add("RateLimits", "must be %s or %s, not %q", on, off, l.RateLimits)
	}
	factor := int64(max(l.LimitPrincipalFactor, l.LimitOrganisationFactor, 1))
	c.rate("LimitGlobal", l.LimitGlobal, factor)
	c.rate("LimitAPI", l.LimitAPI, factor)
	c.rate("LimitExpensive", l.LimitExpensive, factor)
	c.between("LimitPrincipalFactor", l.LimitPrincipalFactor, 1, maxRate)
	c.between("LimitOrganisationFactor", l.LimitOrganisationFactor, 1, maxRate)
	c.between("ListLimit", l.ListLimit, 1, 1000)
	c.between("MaxRequests", l.MaxRequests, 1, maxAtOnce)
	c.between("MaxConnections", l.MaxConnections, 1, maxAtOnce)
	c.between("MaxConnsPerAddress", l.MaxConnsPerAddress, 0, maxAtOnce)
	c.between("StreamsPerPrincipal", l.StreamsPerPrincipal, 1, maxAtOnce)
	c.between("StreamsPerOrganisation", l.StreamsPerOrganisation, 1, maxAtOnce)
	if _, err := l.Proxies(); err != nil {
		c.add("TrustedProxies", "%s", err)
	}
	return c.found
}

func (c *checker) rate(field string, r Rate, factor int64) {
	switch {
	case r.Requests < 1 || r.Requests > maxRate/factor:
		c.add(field, "must be from 1 to %d requests, not %d", maxRate/factor, r.Requests)
	case r.Window < time.Second || r.Window > maxRateWindow || r.Window%time.Second != 0:
		c.add(field, "must have a window of whole seconds, from 1s to %s, not %s", maxRateWindow, r.Window)
	}
}

func (c *checker) between(field string, n, minimum, maximum int) {
	if n < minimum || n > maximum {
		c.add(field, "must be between %d and %d, not %d", minimum, maximum, n)
	}
}
