package auth_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

const (
	adasEmail    = "ada@acme.example"
	adasPassword = "correct horse battery"
	someone      = "2001:db8:77::1" // an address without a sign-in
)

// door is where people sign in to an instance.
type door struct {
	t        *testing.T
	sessions *auth.Sessions
	service  *accounts.Service
	clock    *clock
	org, ada crm.ID
}

// instance returns an instance on a store; Ada may sign in if it is the first.
func instance(t *testing.T, s *store.Store, c *clock, failures ratelimit.FailuresOptions) *door {
	t.Helper()
	failures.Now, failures.Key = c.now, []byte("key")
	counts := ratelimit.NewFailures(failures)
	t.Cleanup(counts.Close)
	d := &door{t: t, clock: c, service: accounts.NewService(s.Accounts(), c.now, "GBP")}
	d.sessions = auth.NewSessions(auth.SessionOptions{
		Store: s, Service: d.service, Hasher: auth.NewHasher(auth.HasherOptions{Cost: cheap(), AtOnce: 1}), Freshness: &changeLog{}, Now: c.now,
		Idle: time.Hour, Lifetime: time.Hour, Failures: counts, Devices: auth.NewDevices("key of devices", c.now),
	})
	t.Cleanup(d.sessions.Close)
	return d
}

// house returns an instance with an organisation and Ada.
func house(t *testing.T, s *store.Store) *door {
	t.Helper()
	d := instance(t, s, newClock(), ratelimit.FailuresOptions{})
	org, err := d.service.CreateOrganisation(t.Context(), "Acme")
	if err != nil {
		t.Fatal(err)
	}
	ada, err := d.service.CreateOwner(t.Context(), crm.Operator(org.ID), crm.OwnerPatch{
		FirstName: crm.Of("Ada"), LastName: crm.Of("King"), Email: crm.Of(adasEmail),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.org, d.ada = org.ID, ada.ID
	d.setPassword(adasPassword)
	return d
}

func (d *door) setPassword(password string) {
	d.t.Helper()
	passwords := auth.NewPasswords(d.service, auth.NewHasher(auth.HasherOptions{Cost: cheap()}))
	if err := passwords.Set(d.t.Context(), crm.Operator(d.org), d.ada, password); err != nil {
		d.t.Fatal(err)
	}
}

// try signs in, and returns the device cookie, or the wait that is asked for.
func (d *door) try(email, password, address, device string) (cookie string, wait time.Duration, err error) {
	d.t.Helper()
	started, err := d.sessions.SignIn(d.t.Context(), auth.SignIn{
		Email: email, Password: password, ClientInfo: auth.ClientInfo{Address: address, Device: device},
	})
	var soon *auth.TooManyAttempts
	if errors.As(err, &soon) {
		return "", soon.Wait, err
	}
	if err != nil && crm.CodeOf(err) != crm.CodeUnauthenticated {
		d.t.Fatal(err)
	}
	return started.Device, 0, err
}

// enters fails unless Ada gets in at once.
func (d *door) enters(address, device string) (cookie string) {
	d.t.Helper()
	cookie, _, err := d.try(adasEmail, adasPassword, address, device)
	if err != nil {
		d.t.Fatalf("Ada from %s: %v", address, err)
	}
	return cookie
}

// waits fails unless Ada must wait although her password is right.
func (d *door) waits(address, device string) time.Duration {
	d.t.Helper()
	_, wait, err := d.try(adasEmail, adasPassword, address, device)
	if wait <= 0 {
		d.t.Fatalf("Ada from %s: %v, want a wait", address, err)
	}
	return wait
}

// attack fails to sign in to an account n times, each time from another network.
func (d *door) attack(email string, n int, from func(i int) string) (rejected int) {
	d.t.Helper()
	for i := range n {
		_, wait, err := d.try(email, "wrong password", from(i), "")
		if err == nil {
			d.t.Fatal("a wrong password is accepted")
		}
		if wait > 0 {
			rejected++
		}
	}
	return rejected
}

func freshIPv4(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250) }
func freshIPv6(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }

// Failures in the name of an account, from however many networks, are a hundred an hour. They
// neither delay its known devices nor those in its known networks.
func TestFailuresInAnothersName(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		d := house(t, enginetest.Open(t, engine))
		const home = "192.0.2.1"
		laptop := d.enters(home, "")
		for _, email := range []string{adasEmail, "unknown@acme.example"} {
			if n := d.attack(email, 50, freshIPv4); n != 0 {
				t.Errorf("%s: %d of the first 50 are rejected", email, n)
			}
			if n := d.attack(email, 60, freshIPv6); n != 10 {
				t.Errorf("%s: %d of 110 are rejected, want those beyond 100", email, n)
			}
		}
		if wait := d.waits(someone, ""); wait > time.Hour {
			t.Errorf("an unknown device waits for %s", wait)
		}
		d.enters(someone, laptop)
		d.enters(home, "")
		if _, wait, _ := d.try("unknown@acme.example", adasPassword, someone, laptop); wait <= 0 {
			t.Error("a device is known to an account that it has not signed in to")
		}
		d.clock.advance(time.Hour)
		d.enters("192.0.2.2", "")
	})
}

// Failures from the network of an account delay it there, except for its known devices; and so
// do failures of others from that network, which it is known in.
func TestFailuresFromTheOffice(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	const office, home = "192.0.2.1", "2001:db8:1:2:3::4"
	laptop := d.enters(office, "")
	d.enters(home, "")
	// Everybody else fails there, until the network must wait.
	for i := range 21 {
		if _, wait, _ := d.try(fmt.Sprintf("user%d@acme.example", i), "wrong password", office, ""); wait > 0 {
			t.Fatalf("try %d waits", i)
		}
	}
	_, strangers, _ := d.try("another@acme.example", "wrong password", office, "")
	if strangers <= 0 {
		t.Fatal("the network does not have to wait")
	}
	// A failure does not tell that Ada is known there.
	if _, wait, err := d.try(adasEmail, "wrong password", office, ""); wait != strangers {
		t.Errorf("%v, others wait for %s", err, strangers)
	}
	d.enters(office, "")
	if _, wait, _ := d.try("another@acme.example", "wrong password", office, ""); wait != strangers {
		t.Errorf("after her sign-in others wait for %s, and %s before", wait, strangers)
	}
	for range 6 {
		_, _, _ = d.try(adasEmail, "wrong password", office, "")
	}
	// Nor does a rejected attempt.
	if wait := d.waits(office, ""); wait != strangers {
		t.Errorf("she waits for %s, others for %s", wait, strangers)
	}
	d.clock.advance(strangers)
	d.enters(office, "")
	for range 6 {
		_, _, _ = d.try(adasEmail, "wrong password", office, "")
	}
	d.enters(office, laptop)
	d.enters("2001:db8:1:2::ffff", "") // home, by another address
}

// Failures from many networks of one IPv6 site count together.
func TestFailuresFromASite(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	laptop := d.enters("192.0.2.1", "")
	rejected := 0
	for i := range 120 {
		if _, wait, _ := d.try(fmt.Sprintf("user%d@acme.example", i), "wrong password", fmt.Sprintf("2001:db8:1:%x::1", i), ""); wait > 0 {
			rejected++
		}
	}
	if rejected != 19 {
		t.Errorf("%d of 120 are rejected, want those beyond 101", rejected)
	}
	d.waits("2001:db8:1:ffff::1", "")
	d.enters("2001:db8:1:ffff::1", laptop)
	d.enters("2001:db8:2:1::1", "")
}

// A device cookie does not allow guessing, and ends by time, and when the person's password
// changes, they sign out everywhere, or are deactivated.
func TestDeviceCookies(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, d *door){
		"Stolen": func(t *testing.T, d *door) {
			t.Helper()
			laptop := d.enters("192.0.2.1", "")
			for range 10 {
				if _, wait, _ := d.try(adasEmail, "wrong password", someone, laptop); wait > 0 {
					t.Fatal("it waits")
				}
			}
			d.attack(adasEmail, 100, freshIPv4)
			d.waits(someone, laptop)
			d.enters("2001:db8:78::1", d.enters("192.0.2.1", "")) // another one
		},
		"Expired":  func(_ *testing.T, d *door) { d.clock.advance(auth.DeviceLifetime) },
		"Password": func(_ *testing.T, d *door) { d.setPassword(adasPassword) },
		"Reset": func(t *testing.T, d *door) {
			t.Helper()
			secret, _, err := d.sessions.Reset(t.Context(), crm.Operator(d.org), d.ada)
			if err != nil {
				t.Fatal(err)
			}
			started, err := d.sessions.ConsumeToken(t.Context(), accounts.PurposeReset, secret, adasPassword, auth.ClientInfo{})
			if err != nil {
				t.Fatal(err)
			}
			d.attack(adasEmail, 100, freshIPv4)
			d.enters("2001:db8:78::1", started.Device)
		},
		"Change": func(t *testing.T, d *door) {
			t.Helper()
			started, err := d.sessions.ChangePassword(t.Context(), crm.Actor{Org: d.org, User: d.ada}, adasPassword, adasPassword, auth.ClientInfo{})
			if err != nil {
				t.Fatal(err)
			}
			d.attack(adasEmail, 100, freshIPv4)
			d.enters("2001:db8:78::1", started.Device)
		},
		"SignOut": func(t *testing.T, d *door) {
			t.Helper()
			if err := d.sessions.EndAll(t.Context(), crm.Actor{Org: d.org, User: d.ada}); err != nil {
				t.Fatal(err)
			}
		},
		"Deactivated": func(t *testing.T, d *door) {
			t.Helper()
			if _, err := d.service.DeactivateOwner(t.Context(), crm.Operator(d.org), d.ada); err != nil {
				t.Fatal(err)
			}
			if _, err := d.service.ReactivateOwner(t.Context(), crm.Operator(d.org), d.ada); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := house(t, enginetest.Open(t, enginetest.SQLite))
			laptop := d.enters("192.0.2.1", "")
			d.clock.advance(time.Second)
			end(t, d)
			d.attack(adasEmail, 110, freshIPv4)
			if name == "Stolen" { // another cookie than that of the attack
				d.enters(someone, laptop)
				return
			}
			d.waits(someone, laptop)
		})
	}
}

// People are known in the ten networks that they signed in from last, for 90 days.
func TestKnownNetworks(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		s := enginetest.Open(t, engine)
		d := house(t, s)
		for i := range 11 {
			d.clock.advance(time.Minute)
			d.enters(freshIPv6(1000+i), "")
		}
		known := func() (n int) {
			for i := range 11 {
				h, err := d.service.SignInHistory(t.Context(), accounts.Account{OrgID: d.org, UserID: d.ada}, ratelimit.Network(parsed(t, freshIPv6(1000+i))).String())
				if err != nil {
					t.Fatal(err)
				}
				if h.KnownNetwork {
					n++
				}
			}
			return n
		}
		if n := known(); n != 10 {
			t.Errorf("%d networks are known", n)
		}
		d.clock.advance(accounts.SignInNetworkRetention - 5*time.Minute)
		if n := known(); n != 5 {
			t.Errorf("%d networks are known after 90 days but 5 minutes", n)
		}
		d.clock.advance(time.Second)
		before := crm.InstantOf(d.clock.now().Add(-accounts.SignInNetworkRetention))
		if n, err := s.PruneSignInNetworks(t.Context(), before, 100); err != nil || n != 5 {
			t.Errorf("%d are removed, %v", n, err)
		}
		if n := known(); n != 5 {
			t.Errorf("%d networks are known then", n)
		}
	})
}

// Changing the password counts its failures by the same rules.
func TestChangingThePasswordIsLimited(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	laptop := d.enters("192.0.2.1", "")
	change := func(old, address, device string) error {
		_, err := d.sessions.ChangePassword(t.Context(), crm.Actor{Org: d.org, User: d.ada}, old, adasPassword, auth.ClientInfo{Address: address, Device: device})
		return err
	}
	for range 6 {
		if err := change("wrong password", someone, ""); crm.CodeOf(err) != crm.CodeInvalid {
			t.Fatal(err)
		}
	}
	var soon *auth.TooManyAttempts
	if err := change(adasPassword, someone, ""); !errors.As(err, &soon) {
		t.Errorf("from where it failed: %v", err)
	}
	if err := change(adasPassword, someone, laptop); err != nil {
		t.Errorf("from a known device: %v", err)
	}
}

// Two instances share the failures by Redis.
func TestFailuresOfTwoInstances(t *testing.T) {
	t.Parallel()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{servertest.RedisAddress(t)}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	open := enginetest.Opener(t, enginetest.Postgres)
	first := house(t, open(store.Options{}))
	o := ratelimit.FailuresOptions{
		Redis: func() rueidis.Client { return client }, Prefix: "test:" + crm.NewID().String() + ":", Logger: slog.New(slog.DiscardHandler),
	}
	here, there := instance(t, open(store.Options{}), first.clock, o), instance(t, open(store.Options{}), first.clock, o)
	laptop := here.enters("192.0.2.1", "")
	here.attack(adasEmail, 50, freshIPv4)
	there.attack(adasEmail, 50, freshIPv6)
	here.waits(someone, "")
	there.waits(someone, "")
	there.enters(someone, laptop)
	there.enters("192.0.2.1", "")
}
