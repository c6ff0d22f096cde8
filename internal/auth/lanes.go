package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"sixty/internal/accounts"
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
	level    TrustLevel
	// reset are the subjects whose failures a success deletes, and counted those that
	// keep others.
	reset, counted []ratelimit.FailureSubject
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
	c.device, c.signed = s.o.Devices.current(from.Device, s.o.Now())
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
	return ratelimit.FailureSubject{Name: "device " + hex.EncodeToString(c.device.id[:]), Free: freeForDevice, Window: deviceWindow}
}

// admit admits an attempt to sign in to an account, which is the zero Account if there is
// none. name is what the account is counted by. It returns a *TooManyAttempts if the attempt
// is rejected.
func (s *Sessions) admit(ctx context.Context, name string, a accounts.Account, h accounts.SignInHistory, c client) (attempt, error) {
	if c.signed && s.o.Devices.knows(c.device, a, h) {
		if out, ok := s.admitDevice(ctx, c); ok {
			return out, nil
		}
	}
	here := ratelimit.FailureSubject{Name: "account " + name + "\nnetwork " + c.networkName(), Free: freeForAccount}
	out := attempt{failures: s.o.Failures, level: KnownNetwork, reset: []ratelimit.FailureSubject{here}, counted: c.networks(h.KnownNetwork)}
	if !h.KnownNetwork {
		out.counted = append(out.counted, ratelimit.FailureSubject{Name: "strangers " + name, Free: freeForStrangers, Window: strangersWindow})
	}
	r := s.o.Failures.Begin(ctx, out.all()...)
	if r.Wait > 0 {
		return attempt{}, &TooManyAttempts{r.Wait}
	}
	switch {
	case h.KnownNetwork:
		out.wait = r.ObservedWait
	case r.Suspected:
		out.level = Suspected
	default:
		out.level = Unknown
	}
	return out, nil
}

// admitDevice admits an attempt of a known device, unless it has failed too often.
func (s *Sessions) admitDevice(ctx context.Context, c client) (attempt, bool) {
	out := attempt{failures: s.o.Failures, level: Trusted, reset: []ratelimit.FailureSubject{c.deviceSubject()}}
	return out, s.o.Failures.Begin(ctx, out.all()...).Wait == 0
}

// admitAnyone admits an attempt whose account is not known yet.
func (s *Sessions) admitAnyone(ctx context.Context, c client) (attempt, error) {
	if c.signed {
		if out, ok := s.admitDevice(ctx, c); ok {
			return out, nil
		}
	}
	out := attempt{failures: s.o.Failures, level: Unknown, counted: c.networks(false)}
	if r := s.o.Failures.Begin(ctx, out.all()...); r.Wait > 0 {
		return attempt{}, &TooManyAttempts{r.Wait}
	}
	return out, nil
}

func (a *attempt) all() []ratelimit.FailureSubject {
	return append(a.reset[:len(a.reset):len(a.reset)], a.counted...)
}

// succeeded ends a successful attempt.
func (a *attempt) succeeded(ctx context.Context) {
	for _, s := range a.reset {
		a.failures.Forget(ctx, s)
	}
	if len(a.counted) > 0 {
		a.failures.Succeeded(ctx, a.counted...)
	}
}

// undone ends an attempt that was not decided, which is no failure.
func (a *attempt) undone(ctx context.Context) { a.failures.Succeeded(ctx, a.all()...) }

// overloaded ends an attempt that the hasher rejected.
func (a *attempt) overloaded(ctx context.Context) { a.failures.Overloaded(ctx, a.all()...) }

// failed returns the error of a failed attempt: err, or what an unknown account would lead to.
func (a *attempt) failed(err error) error {
	if a.wait > 0 {
		return &TooManyAttempts{a.wait}
	}
	return err
}
