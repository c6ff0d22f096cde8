package ratelimit_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/servertest"
)

// patient bounds the waits of tests.
const patient = time.Minute

// instances returns the limiters of three instances that share a Redis.
func instances(t *testing.T, address string, o ratelimit.Options) (all [3]*ratelimit.Limiter) {
	t.Helper()
	o.Prefix = "test:" + crm.NewID().String() + ":"
	o.Logger = slog.New(slog.DiscardHandler)
	for i := range all {
		client := connect(t, address)
		o.Redis = func() rueidis.Client { return client }
		skewed := time.Duration(i-1) * time.Hour // clocks of instances differ
		o.Now = func() time.Time { return time.Now().Add(skewed) }
		all[i] = newLimiter(t, o)
	}
	return all
}

// hourly returns limits that are not replenished during a test.
func hourly(n int64) ratelimit.Options {
	return ratelimit.Options{
		API: ratelimit.Limit{Requests: n, Window: time.Hour}, PrincipalFactor: 1, OrganisationFactor: 2,
		Penalties: ratelimit.Penalties{MaxDelayed: -1, First: time.Hour, Longest: time.Hour},
	}
}

// settled charges until Redis decides, or until it does not.
func settled(t *testing.T, l *ratelimit.Limiter, c ratelimit.Caller, cost ratelimit.Cost, shared bool) ratelimit.Decision {
	t.Helper()
	deadline := time.NewTimer(patient)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		d := l.Charge(t.Context(), c, ratelimit.API, cost)
		if d.Shared == shared {
			return d
		}
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("Redis decides: %t, want %t", d.Shared, shared)
		}
	}
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	proxy := servertest.Proxy(t, servertest.RedisAddress(t))
	const n = 5
	all := instances(t, proxy.Listen, hourly(n))
	used, fresh := ratelimit.Principal(crm.ID{1}, crm.ID{1}), ratelimit.Principal(crm.ID{2}, crm.ID{1})

	// One instance uses up the limit, which applies to all.
	settled(t, all[0], used, n*ratelimit.Request, true)
	for i, l := range all {
		if d := settled(t, l, used, ratelimit.Request, true); d.Allowed {
			t.Errorf("before: instance %d ignores what another has charged: %+v", i, d)
		}
	}

	proxy.Stop()
	for i, l := range all {
		if d := settled(t, l, used, ratelimit.Request, false); d.Allowed {
			t.Errorf("without Redis: instance %d has reset the allowance: %+v", i, d)
		}
		for range n {
			if d := settled(t, l, fresh, ratelimit.Request, false); !d.Allowed {
				t.Errorf("without Redis: instance %d rejects a new caller: %+v", i, d)
			}
		}
		if d := settled(t, l, fresh, ratelimit.Request, false); d.Allowed {
			t.Errorf("without Redis: instance %d has no limit: %+v", i, d)
		}
	}

	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}

	for i, l := range all {
		if d := settled(t, l, fresh, ratelimit.Request, true); d.Allowed {
			t.Errorf("after the outage: instance %d has reset the allowance: %+v", i, d)
		}
	}
	later := ratelimit.Principal(crm.ID{3}, crm.ID{1})
	settled(t, all[2], later, n*ratelimit.Request, true)
	for i, l := range all {
		if d := settled(t, l, later, ratelimit.Request, true); d.Allowed {
			t.Errorf("after the outage: instance %d does not share the limit: %+v", i, d)
		}
	}
}

// An empty Redis learns the state from the instances.
func TestRedisComesBackEmpty(t *testing.T) {
	t.Parallel()
	const n = 5
	o := onRedis(t, hourly(n))
	l := newLimiter(t, o)
	c := from("203.0.113.7")
	settled(t, l, c, n*ratelimit.Request, true)
	client := o.Redis()
	key := o.Prefix + "{203.0.113.7}"
	if err := client.Do(t.Context(), client.B().Del().Key(key).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if d := settled(t, l, c, ratelimit.Request, true); d.Allowed {
		t.Errorf("allowed again after Redis lost its data: %+v", d)
	}
}

// A key expires when its states no longer have an effect.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	o := onRedis(t, ratelimit.Options{API: ratelimit.Limit{Requests: 10, Window: 20 * time.Minute}})
	l := newLimiter(t, o)
	c := from("203.0.113.7")
	settled(t, l, c, 3*ratelimit.Request, true)
	d := settled(t, l, c, 0, true)
	want := d.Statuses()[ratelimit.API].Reset
	client := o.Redis()
	left, err := client.Do(t.Context(), client.B().Pttl().Key(o.Prefix+"{203.0.113.7}").Build()).AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	// Redis reads its own clock, and both times pass: what matters is that they are close.
	got := time.Duration(left) * time.Millisecond
	if (got-want).Abs() > patient || want < 5*time.Minute {
		t.Errorf("the key expires in %s, everything is replenished in %s", got, want)
	}
}

// With a foreign value in Redis, or without a client, memory decides.
func TestRedisUnusable(t *testing.T) {
	t.Parallel()
	o := onRedis(t, hourly(1))
	client := o.Redis()
	c := from("203.0.113.7")
	if err := client.Do(t.Context(), client.B().Set().Key(o.Prefix+"{203.0.113.7}").Value("\xd3").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	none := hourly(1)
	none.Redis, none.Logger = func() rueidis.Client { return nil }, o.Logger
	for name, o := range map[string]ratelimit.Options{"a key that cannot be read": o, "not connected yet": none} {
		l := newLimiter(t, o)
		for _, want := range []bool{true, false} {
			if d := charge(t, l, c, ratelimit.API); d.Allowed != want || d.Shared {
				t.Errorf("%s: %+v, want allowed: %t", name, d, want)
			}
		}
	}
}
