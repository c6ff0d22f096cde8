package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// few returns low limits: 2 requests a second, without delays.
func few() ratelimit.Options {
	return ratelimit.Options{
		API: ratelimit.Limit{Requests: 2, Window: time.Second}, PrincipalFactor: 1,
		Penalties: ratelimit.Penalties{MaxDelayed: -1},
	}
}

func charge(tb testing.TB, l *ratelimit.Limiter, c ratelimit.Caller, t ratelimit.Tier) ratelimit.Decision {
	tb.Helper()
	return l.Charge(tb.Context(), c, t, ratelimit.Request)
}

func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		caller ratelimit.Caller
		want   []string
	}{
		{"address", from("203.0.113.7"), []string{
			"global address 1000 15m0s", "api address 100 1m0s", "expensive address 10 5m0s",
		}},
		{"principal", ratelimit.Principal(crm.ID{1}, crm.ID{2}), []string{
			"global principal 10000 15m0s", "api principal 1000 1m0s", "expensive principal 100 5m0s",
			"global organisation 100000 15m0s", "api organisation 10000 1m0s", "expensive organisation 1000 5m0s",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Options{})
				var got []string
				for _, s := range l.Limits(t.Context(), test.caller) {
					got = append(got, fmt.Sprint(s.Tier, " ", s.Scope, " ", s.Limit, " ", s.Window))
					if s.Remaining != s.Limit || s.Next != 0 || s.Reset != 0 {
						t.Errorf("nothing was taken, got %+v", s)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("limits (-want +got):\n%s", diff)
				}
				// The full burst of each tier is allowed, starting with the narrowest, and no more.
				for _, tier := range []ratelimit.Tier{ratelimit.Expensive, ratelimit.API, ratelimit.Global} {
					for range l.Limits(t.Context(), test.caller)[tier].Remaining {
						if d := charge(t, l, test.caller, tier); !d.Allowed || d.Delay != 0 {
							t.Fatalf("%s: rejected within the limit: %+v", tier, d)
						}
					}
					if d := charge(t, l, test.caller, tier); d.Delay == 0 || d.Tier != tier && !d.Allowed {
						t.Errorf("%s: beyond the limit: %+v", tier, d)
					}
				}
			})
		})
	}
}

func TestHeaderFields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Options{Penalties: ratelimit.Penalties{MaxDelayed: -1}})
		address, principal := from("203.0.113.7"), ratelimit.Principal(crm.ID{1}, crm.ID{2})

		d := charge(t, l, address, ratelimit.Expensive)
		equal(t, "Policy", d.Policy(), `"global";q=1000;w=900, "api";q=100;w=60, "expensive";q=10;w=300`)
		equal(t, "RateLimit", d.RateLimit(), `"global";r=999;t=1, "api";r=99;t=1, "expensive";r=9;t=30`)

		d = charge(t, l, principal, ratelimit.Global)
		equal(t, "Policy", d.Policy(), `"global";q=10000;w=900, "organisation-global";q=100000;w=900`)
		equal(t, "RateLimit", d.RateLimit(), `"global";r=9999;t=1, "organisation-global";r=99999;t=1`)

		for range 9 {
			d = charge(t, l, address, ratelimit.Expensive)
		}
		equal(t, "RateLimit", d.RateLimit(), `"global";r=990;t=1, "api";r=90;t=1, "expensive";r=0;t=30`)
		time.Sleep(100 * time.Millisecond)
		d = charge(t, l, address, ratelimit.Expensive)
		if d.Allowed || d.Blocked || d.Tier != ratelimit.Expensive || d.Scope != ratelimit.ScopeAddress {
			t.Errorf("the eleventh expensive request: %+v", d)
		}
		equal(t, "RetryAfterSeconds", d.RetryAfterSeconds(), "30") // 29.9, rounded up
		equal(t, "RateLimit", d.RateLimit(), `"global";r=990;t=1, "api";r=90;t=1, "expensive";r=0;t=30`)
	})
}

func TestCharge_AllLimitsOrNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := few()
		o.OrganisationFactor = 2
		o.Penalties.First, o.Penalties.Longest, o.Penalties.Delays = time.Millisecond, time.Millisecond, 1
		l := newLimiter(t, o)
		org := crm.ID{1}
		remaining := func(c ratelimit.Caller) (all []int64) {
			for _, s := range l.Limits(t.Context(), c)[:2] {
				all = append(all, s.Remaining)
			}
			return all
		}
		for i := range byte(4) {
			if d := charge(t, l, ratelimit.Principal(org, crm.ID{i / 2}), ratelimit.API); !d.Allowed {
				t.Fatalf("request %d is rejected: %+v", i, d)
			}
		}
		// The organisation has used its ceiling: the caller's own limit is not charged.
		other := ratelimit.Principal(org, crm.ID{9})
		for began := time.Now(); time.Since(began) < 250*time.Millisecond; time.Sleep(10 * time.Millisecond) {
			d := charge(t, l, other, ratelimit.API)
			if d.Allowed || d.Blocked || d.Scope != ratelimit.ScopeOrganisation || d.Tier != ratelimit.API || d.RetryAfter != 250*time.Millisecond-time.Since(began) {
				t.Fatalf("beyond the organisation's ceiling: %+v", d)
			}
			equal(t, "Remaining", remaining(other), []int64{1000, 2})
		}
		// Another organisation is not affected.
		if d := charge(t, l, ratelimit.Principal(crm.ID{2}, crm.ID{9}), ratelimit.API); !d.Allowed {
			t.Errorf("another organisation: %+v", d)
		}
		// A principal is not penalised for what others have used.
		if d := charge(t, l, other, ratelimit.API); !d.Allowed {
			t.Errorf("after replenishment: %+v", d)
		}
	})
}

func TestCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, few())
		c := from("203.0.113.7")
		take := func(cost ratelimit.Cost, want bool) {
			t.Helper()
			if d := l.Charge(t.Context(), c, ratelimit.API, cost); d.Allowed != want {
				t.Errorf("a cost of %d: %+v", cost, d)
			}
		}
		for range 15 { // hits
			take(ratelimit.Request/10, true)
		}
		take(ratelimit.Request, false)   // a whole query,
		take(ratelimit.Request/10, true) // its first part
		take(ratelimit.Request*9/10, false)
		take(ratelimit.Request*4/10, true)
		take(1, false)
		take(0, true)
		take(-1, true)
		time.Sleep(time.Hour)
		take(2*ratelimit.Request+1, false) // never
		take(1<<62, false)
		take(2*ratelimit.Request, true)
	})
}

// Delays double up to Longest. Then comes a block, which ends at the announced time. The
// count of violations is reset after ResetAfter.
func TestPenalties(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := ratelimit.Options{
			API: ratelimit.Limit{Requests: 1, Window: time.Minute},
			Penalties: ratelimit.Penalties{
				First: 100 * time.Millisecond, Longest: 300 * time.Millisecond, Delays: 4,
				Block: 90 * time.Second, ResetAfter: 10 * time.Minute,
			},
		}
		l := newLimiter(t, o)
		c := from("203.0.113.7")
		if d := charge(t, l, c, ratelimit.API); !d.Allowed {
			t.Fatalf("the first: %+v", d)
		}
		for round := range 2 {
			var got []time.Duration
			for range 4 {
				began := time.Now()
				d := charge(t, l, c, ratelimit.API)
				if d.Allowed || d.Blocked || time.Since(began) != d.Delay {
					t.Fatalf("a violation, after %s: %+v", time.Since(began), d)
				}
				got = append(got, d.Delay/time.Millisecond)
			}
			equal(t, "delays", got, []time.Duration{100, 200, 300, 300})

			began := time.Now()
			d := charge(t, l, c, ratelimit.API)
			if d.Allowed || !d.Blocked || d.Delay != 0 || d.RetryAfter != 90*time.Second {
				t.Fatalf("the violation after the last delay: %+v", d)
			}
			// Further requests do not extend the block. Other tiers are not blocked.
			for time.Since(began) < 80*time.Second {
				time.Sleep(time.Second)
				if d = charge(t, l, c, ratelimit.API); d.Allowed || !d.Blocked || d.RetryAfter != 90*time.Second-time.Since(began) {
					t.Fatalf("%s into the block: %+v", time.Since(began), d)
				}
			}
			if s := l.Limits(t.Context(), c)[ratelimit.API]; s.Remaining != 0 || s.Reset != 10*time.Second {
				t.Errorf("in a block: %+v", s)
			}
			if d = charge(t, l, c, ratelimit.Global); !d.Allowed {
				t.Fatalf("another tier: %+v", d)
			}
			time.Sleep(10 * time.Second)
			if d = charge(t, l, c, ratelimit.API); !d.Allowed {
				t.Fatalf("after the block: %+v", d)
			}
			if round > 0 {
				break
			}
			// The count is not reset yet: the next violation blocks again.
			if d = charge(t, l, c, ratelimit.API); !d.Blocked || d.RetryAfter != 90*time.Second {
				t.Fatalf("a violation soon after a block: %+v", d)
			}
			time.Sleep(90*time.Second + 10*time.Minute)
			if d = charge(t, l, c, ratelimit.API); !d.Allowed {
				t.Fatalf("after the reset time: %+v", d)
			}
		}
	})
}

// A delayed request is allowed if the limit has capacity by then.
func TestDelay_UntilReplenished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := few()
		o.Penalties = ratelimit.Penalties{First: 500 * time.Millisecond}
		l := newLimiter(t, o)
		c := from("203.0.113.7")
		for i := range 3 {
			d := charge(t, l, c, ratelimit.API)
			if want := time.Duration(i/2) * 500 * time.Millisecond; !d.Allowed || d.Delay != want {
				t.Errorf("request %d: %+v, want a delay of %s", i, d, want)
			}
		}
	})
}

// A request beyond the organisation's ceiling is not delayed.
func TestDelay_NotBeyondTheCeiling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := few()
		o.OrganisationFactor, o.Penalties.MaxDelayed = 1, 1
		l := newLimiter(t, o)
		for i := range 3 {
			d := charge(t, l, ratelimit.Principal(crm.ID{1}, crm.ID{1}), ratelimit.API)
			if d.Allowed != (i < 2) || d.Delay != 0 {
				t.Errorf("request %d: %+v", i, d)
			}
		}
	})
}

// Concurrent requests are one violation. At most MaxDelayed of them are delayed; the
// others are rejected at once.
func TestDelay_MaxDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		o := few()
		o.Penalties = ratelimit.Penalties{First: 100 * time.Millisecond, MaxDelayed: most, Delays: 2}
		l := newLimiter(t, o)
		c := from("203.0.113.7")
		decisions := make(chan ratelimit.Decision, 100)
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		for range cap(decisions) {
			go func() { decisions <- l.Charge(ctx, c, ratelimit.API, ratelimit.Request) }()
		}
		synctest.Wait()
		if got := len(decisions); got != cap(decisions)-most {
			t.Errorf("%d are decided at once, want %d", got, cap(decisions)-most)
		}
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if got := len(decisions); got != cap(decisions)-most {
			t.Errorf("%d are decided before the delay has passed", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(decisions); got != cap(decisions) {
			t.Errorf("%d are decided after the delay", got)
		}
		delayed, allowed := 0, 0
		for range cap(decisions) {
			d := <-decisions
			if d.Blocked {
				t.Fatalf("concurrent requests are more than one violation: %+v", d)
			}
			if d.Delay > 0 {
				delayed++
			}
			if d.Allowed {
				allowed++
			}
		}
		if delayed != most || allowed != 2 || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%d delayed, %d allowed, in %s", delayed, allowed, time.Since(began))
		}

		// A cancelled request is no longer delayed.
		go func() { decisions <- l.Charge(ctx, c, ratelimit.API, ratelimit.Request) }()
		synctest.Wait()
		cancel()
		if d := <-decisions; d.Allowed || d.Delay != 0 || time.Since(began) != 100*time.Millisecond {
			t.Errorf("cancelled: %+v", d)
		}
	})
}

func TestCallers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		same bool
	}{
		{"203.0.113.7", "203.0.113.7", true},
		{"203.0.113.7", "203.0.113.8", false},
		{"203.0.113.7", "::ffff:203.0.113.7", true},
		{"2001:db8:1:2::3", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:2::3", "2001:db8:1:3::3", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	}
	for _, test := range tests {
		if got := from(test.a) == from(test.b); got != test.same {
			t.Errorf("%s and %s are the same: %t", test.a, test.b, got)
		}
	}
	if ratelimit.Address(netip.Addr{}) == from("0.0.0.0") {
		t.Error("a caller without an address equals an IPv4 one")
	}
	if ratelimit.Principal(crm.ID{1}, crm.ID{2}) == ratelimit.Principal(crm.ID{2}, crm.ID{2}) {
		t.Error("principals of two organisations are equal")
	}
}

func TestNew_InvalidOptions(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.New(ratelimit.Options{
		Global: ratelimit.Limit{Requests: -1, Window: time.Minute}, API: ratelimit.Limit{Requests: 1, Window: time.Millisecond},
		Expensive:       ratelimit.Limit{Requests: 1e9, Window: time.Minute},
		PrincipalFactor: -1, MaxSubjects: 1,
		Penalties: ratelimit.Penalties{First: time.Minute, Longest: time.Second, Delays: 99, Block: -1},
	})
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		"factors", "global: requests", "api: the window", "expensive: requests",
		"not below the first", "before a block", "reset time", "MaxSubjects",
	} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("problem %d is not about %q:\n%s", i, want, err)
		}
	}
	if len(got) != 8 {
		t.Errorf("%d problems:\n%s", len(got), err)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
