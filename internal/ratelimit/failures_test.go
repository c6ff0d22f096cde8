package ratelimit_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/servertest"
)

func newFailures(t *testing.T) *ratelimit.Failures {
	t.Helper()
	return ratelimit.NewFailures(ratelimit.FailuresOptions{Now: time.Now})
}

// Delays increase with the failures of a name, and end by time or by a success.
func TestFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFailures(t), t.Context()
		account, address := ratelimit.FailureSubject{Name: "account", Free: 2}, ratelimit.FailureSubject{Name: "address", Free: 4}
		fail := func(want time.Duration, all ...ratelimit.FailureSubject) {
			t.Helper()
			if got := f.Begin(ctx, all...).Wait; got != want {
				t.Fatalf("wait %s, want %s", got, want)
			}
		}
		fail(0, account, address)
		fail(0, account, address)
		fail(0, account, address) // the first with a delay
		fail(time.Second, account, address)
		fail(time.Second, account)
		fail(0, address) // rejected attempts do not count
		time.Sleep(time.Second)
		fail(0, account)
		fail(2*time.Second, account)
		for range 20 {
			time.Sleep(time.Minute)
			fail(0, account)
		}
		fail(time.Minute, account)
		fail(0, ratelimit.FailureSubject{Name: "another", Free: 2})
		time.Sleep(time.Minute)
		forgiving := account
		forgiving.Forgiving = true
		f.Succeeded(ctx, f.Begin(ctx, forgiving))
		fail(0, account)
		fail(0, account)
		fail(0, account)
		fail(time.Second, account)
		time.Sleep(time.Second)
		f.Succeeded(ctx, f.Begin(ctx, account))
		fail(0, account)
		fail(2*time.Second, account)
		time.Sleep(15 * time.Minute)
		fail(0, account)
		fail(0, account)
		fail(0, account)
		fail(time.Second, account)
	})
}

// With a window, a number of failures is accepted until it ends.
func TestFailuresInAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFailures(t), t.Context()
		shared := ratelimit.FailureSubject{Name: "shared", Free: 3, Window: time.Hour}
		for range 2 {
			for range 3 {
				if r := f.Begin(ctx, shared); r.Wait != 0 {
					t.Fatalf("wait %s", r.Wait)
				}
				time.Sleep(time.Minute)
			}
			if r := f.Begin(ctx, shared); r.Wait != 57*time.Minute {
				t.Fatalf("wait %s", r.Wait)
			}
			time.Sleep(57 * time.Minute)
		}
		f.Begin(ctx, shared)
		f.Succeeded(ctx, f.Begin(ctx, shared))
		f.Begin(ctx, shared)
		if r := f.Begin(ctx, shared); r.Wait != 0 {
			t.Errorf("a success counts: wait %s", r.Wait)
		}
	})
}

// Observed subjects reject nothing. They are counted unless they would have rejected.
func TestObservedFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFailures(t), t.Context()
		network := ratelimit.FailureSubject{Name: "network", Free: 1}
		observed := network
		observed.Observed = true
		f.Begin(ctx, observed)
		if r := f.Begin(ctx, observed); r.Wait != 0 || r.ObservedWait != 0 {
			t.Errorf("%+v", r)
		}
		if r := f.Begin(ctx, observed); r.Wait != 0 || r.ObservedWait != time.Second {
			t.Errorf("%+v", r)
		}
		if r := f.Begin(ctx, network); r.Wait != time.Second {
			t.Errorf("%+v", r)
		}
	})
}

// Repeated failures, by one name or several, make an attempt suspected until a success or the
// reset time; so does repeated overload.
func TestSuspected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFailures(t), t.Context()
		account, address := ratelimit.FailureSubject{Name: "account", Free: 5}, ratelimit.FailureSubject{Name: "address", Free: 20}
		try := func(want bool, all ...ratelimit.FailureSubject) {
			t.Helper()
			if r := f.Begin(ctx, all...); r.Wait != 0 || r.Suspected != want {
				t.Errorf("%+v, want suspected %t", r, want)
			}
		}
		try(false, account, address)
		try(false, account, address)
		try(true, account, address)
		account.Forgiving = true
		f.Succeeded(ctx, f.Begin(ctx, account))
		for range 3 {
			try(false, address)
		}
		try(true, account, address)
		try(false, ratelimit.FailureSubject{Name: "another", Free: 5})
		time.Sleep(15 * time.Minute)
		try(false, account, address)
		f.Succeeded(ctx, f.Begin(ctx, account))
		f.Overloaded(ctx, f.Begin(ctx, account))
		try(false, account)
		f.Overloaded(ctx, f.Begin(ctx, account))
		try(true, account)
		f.Succeeded(ctx, f.Begin(ctx, account))
		try(false, account)
	})
}

// Concurrent attempts do not bypass the delays.
func TestFailuresAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := ratelimit.NewFailures(ratelimit.FailuresOptions{Now: func() time.Time { return now }})
	var all sync.WaitGroup
	var accepted atomic.Int64
	for range 100 {
		all.Go(func() {
			if f.Begin(t.Context(), ratelimit.FailureSubject{Name: "account", Free: 5}).Wait == 0 {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 6 {
		t.Errorf("%d attempts were accepted, want 6: five free ones and the first with a delay", accepted.Load())
	}
}

// A wait is not ended by attempts in many other names, whose number is bounded.
func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := ratelimit.NewFailures(ratelimit.FailuresOptions{Now: func() time.Time { return now }})
	target := ratelimit.FailureSubject{Name: "target", Free: 1, Window: time.Hour}
	f.Begin(t.Context(), target)
	most := 0
	for i := range 200_000 {
		f.Begin(t.Context(), ratelimit.FailureSubject{Name: strconv.Itoa(i), Free: 5})
		if i%1000 == 0 {
			most = max(most, f.Subjects())
		}
	}
	if r := f.Begin(t.Context(), target); r.Wait != time.Hour {
		t.Errorf("wait %s", r.Wait)
	}
	if most > 2*32_768 {
		t.Errorf("%d subjects are known", most)
	}
}

// sharedFailures returns failures that share counts by the tests' Redis.
func sharedFailures(t *testing.T, prefix string, client func() rueidis.Client) *ratelimit.Failures {
	t.Helper()
	f := ratelimit.NewFailures(ratelimit.FailuresOptions{
		Now: time.Now, Key: []byte("key"), Redis: client, Prefix: prefix, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(f.Close)
	return f
}

// Instances share counts by Redis, which does not reveal names, and forgets what has expired.
func TestSharedFailures(t *testing.T) {
	t.Parallel()
	client := connect(t, servertest.RedisAddress(t))
	prefix := "test:" + crm.NewID().String() + ":"
	get := func() rueidis.Client { return client }
	here, there := sharedFailures(t, prefix, get), sharedFailures(t, prefix, get)
	account := ratelimit.FailureSubject{Name: "secret account", Free: 2}
	window := ratelimit.FailureSubject{Name: "window", Free: 4, Window: time.Hour}
	observed := ratelimit.FailureSubject{Name: "observed", Free: 0, Observed: true}
	ctx := t.Context()
	if r := here.Begin(ctx, account, window, observed); r.Wait != 0 || r.ObservedWait != 0 || r.Suspected {
		t.Errorf("first: %+v", r)
	}
	if r := there.Begin(ctx, account, window); r.Wait != 0 || !r.Suspected {
		t.Errorf("second: %+v", r)
	}
	third := here.Begin(ctx, account, window, observed)
	if third.Wait != 0 || third.ObservedWait <= 0 || third.ObservedWait > time.Second {
		t.Errorf("third: %+v", third)
	}
	r := there.Begin(ctx, account, window)
	if r.Wait <= 0 || r.Wait > time.Second {
		t.Errorf("fourth: %+v", r)
	}
	there.Succeeded(ctx, third)
	account.Forgiving = true
	fourth := here.Begin(ctx, account, window)
	if fourth.Wait != 0 {
		t.Errorf("after a success: %+v", fourth)
	}
	there.Succeeded(ctx, fourth)
	if r := there.Begin(ctx, account); r.Wait != 0 || r.Suspected {
		t.Errorf("after all were deleted: %+v", r)
	}
	for range 2 {
		here.Begin(ctx, window)
	}
	if r := there.Begin(ctx, window); r.Wait < 59*time.Minute || r.Wait > time.Hour {
		t.Errorf("the window: %+v", r)
	}
	keys, err := client.Do(ctx, client.B().Keys().Pattern(prefix+"*").Build()).AsStrSlice()
	if err != nil || len(keys) != 3 {
		t.Fatalf("%q, %v", keys, err)
	}
	for _, key := range keys {
		if len(key) != len(prefix)+len("{failures}:")+32 {
			t.Errorf("the key %q reveals a name", key)
		}
		if ttl, err := client.Do(ctx, client.B().Pttl().Key(key).Build()).AsInt64(); err != nil || ttl <= 0 || ttl > time.Hour.Milliseconds() {
			t.Errorf("%q expires in %d ms, %v", key, ttl, err)
		}
	}
}

// Without an answer from Redis, the counts in memory decide, which know what Redis has said.
func TestSharedFailuresOutage(t *testing.T) {
	t.Parallel()
	client := connect(t, servertest.RedisAddress(t))
	var down atomic.Bool
	f := sharedFailures(t, "test:"+crm.NewID().String()+":", func() rueidis.Client {
		if down.Load() {
			return nil
		}
		return client
	})
	account := ratelimit.FailureSubject{Name: "account", Free: 2, Window: time.Hour}
	f.Begin(context.Background(), account)
	down.Store(true)
	if r := f.Begin(t.Context(), account); r.Wait != 0 {
		t.Errorf("%+v", r)
	}
	if r := f.Begin(t.Context(), account); r.Wait <= 0 {
		t.Error("it is accepted")
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"192.0.2.7":               {"192.0.2.7/32", ""},
		"::ffff:192.0.2.7":        {"192.0.2.7/32", ""},
		"2001:db8:1:2:3:4:5:6":    {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"fe80::1%eth0":            {"fe80::/64", "fe80::/48"},
		"2001:db8:1:2:ffff::1":    {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:ffff:ffff::1": {"2001:db8:1:ffff::/64", "2001:db8:1::/48"},
	} {
		a := netip.MustParseAddr(address)
		site, ok := ratelimit.Site(a)
		if got := ratelimit.Network(a).String(); got != want[0] || ok != (want[1] != "") || ok && site.String() != want[1] {
			t.Errorf("%s: %s, %s", address, got, site)
		}
	}
	if ratelimit.Network(netip.Addr{}).IsValid() {
		t.Error("the network of no address is valid")
	}
}

// A success takes back what it added itself: it never ends a wait that others have begun, nor
// one in which it was admitted because the subject is observed.
func TestSuccessKeepsTheWaitsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFailures(t), t.Context()
		network := ratelimit.FailureSubject{Name: "network", Free: 20}
		own := network
		own.Observed = true
		admitted := 0
		for range 1000 {
			if f.Begin(ctx, network).Wait == 0 {
				admitted++
			}
			f.Succeeded(ctx, f.Begin(ctx, own))
		}
		if admitted != 21 {
			t.Errorf("%d failures are admitted at once, want the free ones and the first with a delay", admitted)
		}
		slow := f.Begin(ctx, own)
		if slow.Wait != 0 || slow.ObservedWait != time.Second {
			t.Fatalf("%+v", slow)
		}
		f.Undone(ctx, slow)
		f.Overloaded(ctx, f.Begin(ctx, own))
		if r := f.Begin(ctx, network); r.Wait != time.Second {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Second)
		first := f.Begin(ctx, own)
		time.Sleep(2 * time.Second)
		f.Begin(ctx, network)
		f.Succeeded(ctx, first)
		if r := f.Begin(ctx, network); r.Wait != 4*time.Second {
			t.Errorf("after a slow success: %+v", r)
		}
	})
}
