package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// A sign-in is admitted by one of several lanes, each with failures of its own, so that those
// of others neither delay nor displace it: a device that has signed in to the account before
// (Devices), a network from which its user has, or neither of both.
//
// An account that does not exist is like one that no device and no network has signed in to:
// the same queries are made and the same failures counted.

// TooManyAttempts means that an attempt was rejected because of earlier failures.
type TooManyAttempts struct {
	Wait time.Duration // until the next attempt is accepted
}

// Error returns a message for the user.
func (e *TooManyAttempts) Error() string {
	return fmt.Sprintf("Too many failed attempts. Try again in %d seconds.", e.Seconds())
}

// Seconds returns Wait in whole seconds, rounded up, for Retry-After (RFC 9110 section
// 10.2.3).
func (e *TooManyAttempts) Seconds() int64 { return int64((e.Wait + time.Second - 1) / time.Second) }

// The numbers of failures without a delay.
const (
	freeForAccount = 5   // of an account from one network
	freeForNetwork = 20  // of a network, which an office shares
	freeForSite    = 100 // of an IPv6 /48
	// freeForStrangers is for an account from all unknown devices in unknown networks
	// together, in strangersWindow.
	freeForStrangers = 100
	strangersWindow  = time.Hour
	// freeForDevice is for a device in deviceWindow. With more, it is like an unknown one,
	// so that a stolen cookie does not allow guessing.
	freeForDevice = 10
	deviceWindow  = time.Hour
)

// attempt is a sign-in that was admitted and is not decided yet. It counts as a failure until
// succeeded is called.
type attempt struct {
	failures *ratelimit.Failures
	counted  ratelimit.FailureResult
	level    TrustLevel
	// wait, if not 0, is how long the attempt would have to wait if the account were unknown
	// in its network, which a failure must not reveal.
	wait time.Duration
}

// client is a client as failures count it.
type client struct {
	network netip.Prefix
	device  device
	signed  bool // device was signed here, and has not expired
	address netip.Addr
}

func (s *Sessions) client(from ClientInfo) client {
	a, _ := netip.ParseAddr(from.Address) // the zero Addr stands for all unknown ones
	c := client{network: ratelimit.Network(a), address: a}
	c.device, c.signed = s.o.Devices.current(from.Device)
	return c
}

// networkName returns the network's name, "" if it is unknown.
func (c *client) networkName() string {
	if !c.network.IsValid() {
		return ""
	}
	return c.network.String()
}

// networks returns the subjects of the client's network and site.
func (c *client) networks(observed bool) []ratelimit.FailureSubject {
	all := []ratelimit.FailureSubject{{Name: "network " + c.networkName(), Free: freeForNetwork, Observed: observed}}
	if site, ok := ratelimit.Site(c.address); ok {
		all = append(all, ratelimit.FailureSubject{Name: "site " + site.String(), Free: freeForSite, Observed: observed})
	}
	return all
}

func (c *client) deviceSubject() ratelimit.FailureSubject {
	return ratelimit.FailureSubject{Name: "device " + hex.EncodeToString(c.device.id[:]), Free: freeForDevice, Window: deviceWindow, Forgiving: true}
}

// subjects returns what failures of an account with these names are counted of, for a client
// whose network is known to the account or not. A known one is not rejected because of others,
// but counts like them, so that failures do not reveal it.
func (c *client) subjects(names []string, known bool) []ratelimit.FailureSubject {
	all := c.networks(known)
	for _, name := range names {
		all = append(all,
			ratelimit.FailureSubject{Name: "account " + name + "\nnetwork " + c.networkName(), Free: freeForAccount, Forgiving: true},
			ratelimit.FailureSubject{Name: "strangers " + name, Free: freeForStrangers, Window: strangersWindow, Observed: known})
	}
	return all
}

// addressNames returns what failures in the name of an address are counted by: each form in
// which an account that it may sign in to may be stored (crm.StoredEmails), whether there is
// one or not. So all ways to write the address of an account have a name in common.
func addressNames(email string) []string {
	normal, legacy := crm.StoredEmails(email)
	names := []string{"address " + normal}
	switch {
	case normal == "":
		names[0] += legacy
	case legacy != "" && legacy != normal:
		names = append(names, "address "+legacy)
	}
	return names
}

// personNames returns what failures in the name of a person who is signed in are counted by.
func personNames(user crm.ID) []string { return []string{"person " + user.String()} }

// rejected returns a *TooManyAttempts for an attempt that is rejected whatever is known of the
// account and its client: as far as this instance knows, without asking the database. Others
// that are rejected have been looked up, since their network may be known to the account. That
// takes a few reads by index, and rate limits bound their number by address.
func (s *Sessions) rejected(names []string, c client) error {
	if c.signed {
		return nil
	}
	if r := s.o.Failures.Peek(c.subjects(names, true)...); r.Wait > 0 {
		return &TooManyAttempts{r.ObservedWait}
	}
	return nil
}

// admit admits an attempt to sign in to an account, which is the zero Account if there is
// none. names are what the account is counted by. It returns a *TooManyAttempts if the attempt
// is rejected, with the same wait for accounts that are known in the network and others.
func (s *Sessions) admit(ctx context.Context, names []string, a accounts.Account, h accounts.SignInHistory, c client) (attempt, error) {
	if c.signed && s.o.Devices.knows(c.device, a, h) {
		if out, ok := s.admitDevice(ctx, c); ok {
			return out, nil
		}
	}
	r := s.o.Failures.Begin(ctx, c.subjects(names, h.KnownNetwork)...)
	if r.Wait > 0 {
		return attempt{}, &TooManyAttempts{r.ObservedWait}
	}
	out := attempt{failures: s.o.Failures, counted: r, level: Unknown}
	switch {
	case h.KnownNetwork:
		out.level, out.wait = KnownNetwork, r.ObservedWait
	case r.Suspected:
		out.level = Suspected
	}
	return out, nil
}

// admitDevice admits an attempt of a known device, unless it has failed too often.
func (s *Sessions) admitDevice(ctx context.Context, c client) (attempt, bool) {
	r := s.o.Failures.Begin(ctx, c.deviceSubject())
	return attempt{failures: s.o.Failures, counted: r, level: Trusted}, r.Wait == 0
}

// admitAnyone admits an attempt whose account is not known yet.
func (s *Sessions) admitAnyone(ctx context.Context, c client) (attempt, error) {
	if c.signed {
		if out, ok := s.admitDevice(ctx, c); ok {
			return out, nil
		}
	}
	r := s.o.Failures.Begin(ctx, c.networks(false)...)
	if r.Wait > 0 {
		return attempt{}, &TooManyAttempts{r.Wait}
	}
	return attempt{failures: s.o.Failures, counted: r, level: Unknown}, nil
}

// succeeded ends a successful attempt.
func (a *attempt) succeeded(ctx context.Context) { a.failures.Succeeded(ctx, a.counted) }

// undone ends an attempt that was not decided, which is no failure.
func (a *attempt) undone(ctx context.Context) { a.failures.Undone(ctx, a.counted) }

// overloaded ends an attempt that the hasher rejected.
func (a *attempt) overloaded(ctx context.Context) { a.failures.Overloaded(ctx, a.counted) }

// failed returns the error of a failed attempt: err, or what an unknown account would lead to.
func (a *attempt) failed(err error) error {
	if a.wait > 0 {
		return &TooManyAttempts{a.wait}
	}
	return err
}
