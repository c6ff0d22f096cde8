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

// few are limits that are soon met: 2 a second, with no holding up.
func few() ratelimit.Options {
	return ratelimit.Options{
		API: ratelimit.Limit{Requests: 2, Window: time.Second}, PrincipalFactor: 1,
		Penalties: ratelimit.Penalties{MaxHeld: -1},
	}
}

func charge(tb testing.TB, l *ratelimit.Limiter, c ratelimit.Caller, t ratelimit.Tier) ratelimit.Decision {
	tb.Helper()
	return l.Charge(tb.Context(), c, t, ratelimit.Request)
}

func TestUsualLimits(t *testing.T) {
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
						t.Errorf("nothing was taken, and yet: %+v", s)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("limits (-want +got):\n%s", diff)
				}
				// All of it at once, the narrowest tier first, and no more.
				for _, tier := range []ratelimit.Tier{ratelimit.Expensive, ratelimit.API, ratelimit.Global} {
					for range l.Limits(t.Context(), test.caller)[tier].Remaining {
						if d := charge(t, l, test.caller, tier); !d.Allowed || d.Held != 0 {
							t.Fatalf("%s: refused within the limit: %+v", tier, d)
						}
					}
					if d := charge(t, l, test.caller, tier); d.Held == 0 || d.Tier != tier && !d.Allowed {
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
		l := newLimiter(t, ratelimit.Options{Penalties: ratelimit.Penalties{MaxHeld: -1}})
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
		if d.Allowed || d.Blocked || d.Tier != ratelimit.Expensive || d.Scope != ratelimit.OfAddress {
			t.Errorf("the eleventh expensive request: %+v", d)
		}
		equal(t, "RetryAfterSeconds", d.RetryAfterSeconds(), "30") // 29.9, rounded up
		equal(t, "RateLimit", d.RateLimit(), `"global";r=990;t=1, "api";r=90;t=1, "expensive";r=0;t=30`)
	})
}

func TestOfAllLimitsOrOfNone(t *testing.T) {
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
				t.Fatalf("request %d is refused: %+v", i, d)
			}
		}
		// The organisation has taken all it may: nothing is taken from who asks now.
		other := ratelimit.Principal(org, crm.ID{9})
		for began := time.Now(); time.Since(began) < 250*time.Millisecond; time.Sleep(10 * time.Millisecond) {
			d := charge(t, l, other, ratelimit.API)
			if d.Allowed || d.Blocked || d.Scope != ratelimit.OfOrganisation || d.Tier != ratelimit.API || d.RetryAfter != 250*time.Millisecond-time.Since(began) {
				t.Fatalf("beyond the organisation's ceiling: %+v", d)
			}
			equal(t, "what remains", remaining(other), []int64{1000, 2})
		}
		// Another organisation has its own.
		if d := charge(t, l, ratelimit.Principal(crm.ID{2}, crm.ID{9}), ratelimit.API); !d.Allowed {
			t.Errorf("another organisation: %+v", d)
		}
		// Nobody is punished for what others have taken.
		if d := charge(t, l, other, ratelimit.API); !d.Allowed {
			t.Errorf("when there is room again: %+v", d)
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
		take(ratelimit.Request, false)   // all of a query at once,
		take(ratelimit.Request/10, true) // or its first part
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

// The delays double to the longest, then comes a block, which ends when it is said
// to, and all is forgotten after a while.
func TestPenalties(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := ratelimit.Options{
			API: ratelimit.Limit{Requests: 1, Window: time.Minute},
			Penalties: ratelimit.Penalties{
				First: 100 * time.Millisecond, Longest: 300 * time.Millisecond, Delays: 4,
				Block: 90 * time.Second, Quiet: 10 * time.Minute,
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
				if d.Allowed || d.Blocked || time.Since(began) != d.Held {
					t.Fatalf("a violation, after %s: %+v", time.Since(began), d)
				}
				got = append(got, d.Held/time.Millisecond)
			}
			equal(t, "held up", got, []time.Duration{100, 200, 300, 300})

			began := time.Now()
			d := charge(t, l, c, ratelimit.API)
			if d.Allowed || !d.Blocked || d.Held != 0 || d.RetryAfter != 90*time.Second {
				t.Fatalf("the violation that is one too many: %+v", d)
			}
			// However often it is asked, the end does not move. Other tiers go on.
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
			// It is not forgotten yet: the next violation blocks again.
			if d = charge(t, l, c, ratelimit.API); !d.Blocked || d.RetryAfter != 90*time.Second {
				t.Fatalf("a violation soon after a block: %+v", d)
			}
			time.Sleep(90*time.Second + 10*time.Minute)
			if d = charge(t, l, c, ratelimit.API); !d.Allowed {
				t.Fatalf("after a quiet time: %+v", d)
			}
		}
	})
}

// Whoever is held up gets through if there is room then.
func TestHeldUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := few()
		o.Penalties = ratelimit.Penalties{First: 500 * time.Millisecond}
		l := newLimiter(t, o)
		c := from("203.0.113.7")
		for i := range 3 {
			d := charge(t, l, c, ratelimit.API)
			if want := time.Duration(i/2) * 500 * time.Millisecond; !d.Allowed || d.Held != want {
				t.Errorf("request %d: %+v, held for %s is expected", i, d, want)
			}
		}
	})
}

// Waiting does not help whoever is beyond the organisation's ceiling as well.
func TestNotHeldBeyondTheCeiling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := few()
		o.OrganisationFactor, o.Penalties.MaxHeld = 1, 1
		l := newLimiter(t, o)
		for i := range 3 {
			d := charge(t, l, ratelimit.Principal(crm.ID{1}, crm.ID{1}), ratelimit.API)
			if d.Allowed != (i < 2) || d.Held != 0 {
				t.Errorf("request %d: %+v", i, d)
			}
		}
	})
}

// Requests that are sent together are one violation. No more of them are held up than
// is set; the others are refused at once.
func TestHeldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		o := few()
		o.Penalties = ratelimit.Penalties{First: 100 * time.Millisecond, MaxHeld: most, Delays: 2}
		l := newLimiter(t, o)
		c := from("203.0.113.7")
		decisions := make(chan ratelimit.Decision, 100)
		began := time.Now()
		ctx, leave := context.WithCancel(t.Context())
		for range cap(decisions) {
			go func() { decisions <- l.Charge(ctx, c, ratelimit.API, ratelimit.Request) }()
		}
		synctest.Wait()
		if got := len(decisions); got != cap(decisions)-most {
			t.Errorf("%d are decided at once, %d are to be", got, cap(decisions)-most)
		}
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if got := len(decisions); got != cap(decisions)-most {
			t.Errorf("%d are decided a little later", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(decisions); got != cap(decisions) {
			t.Errorf("%d are decided in the end", got)
		}
		held, allowed := 0, 0
		for range cap(decisions) {
			d := <-decisions
			if d.Blocked {
				t.Fatalf("all at once are more than one violation: %+v", d)
			}
			if d.Held > 0 {
				held++
			}
			if d.Allowed {
				allowed++
			}
		}
		if held != most || allowed != 2 || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%d held up, %d allowed, in %s", held, allowed, time.Since(began))
		}

		// Who gives up is not held any longer, and makes room.
		go func() { decisions <- l.Charge(ctx, c, ratelimit.API, ratelimit.Request) }()
		synctest.Wait()
		leave()
		if d := <-decisions; d.Allowed || d.Held != 0 || time.Since(began) != 100*time.Millisecond {
			t.Errorf("who gave up: %+v", d)
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
		t.Error("whoever has no address is taken for an IPv4 one")
	}
	if ratelimit.Principal(crm.ID{1}, crm.ID{2}) == ratelimit.Principal(crm.ID{2}, crm.ID{2}) {
		t.Error("principals of two organisations are one")
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
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
		"longest no less", "before a block", "quiet time", "subjects",
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
