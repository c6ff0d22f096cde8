package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/rueidis"
	"pgregory.net/rapid"

	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// fakeClock is a clock that goes when it is told to. Redis can be told it too.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func newFakeClock() *fakeClock {
	return &fakeClock{now: time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newLimiters returns n limiters that share their limits; there is only one in memory.
type newLimiters func(t rapid.TB, n int, o Options) []*Limiter

// sources are the kinds of limiters.
var sources = map[string]func(*testing.T) newLimiters{"memory": inMemory, "redis": onRedis}

func inMemory(*testing.T) newLimiters {
	return func(t rapid.TB, _ int, o Options) []*Limiter {
		t.Helper()
		return []*Limiter{mustNew(t, o)}
	}
}

func onRedis(t *testing.T) newLimiters {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{servertest.RedisAddress(t)}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return func(t rapid.TB, n int, o Options) []*Limiter {
		t.Helper()
		o.Redis = func() rueidis.Client { return client }
		o.Logger = slog.New(slog.DiscardHandler)
		o.Prefix = "test:" + crm.NewID().String() + ":"
		all := make([]*Limiter, n)
		for i := range all {
			l := mustNew(t, o)
			// The speed of the machine is not what is tested.
			defaulted := o.withDefaults()
			l.shared = newShared(&defaulted, 10*time.Second)
			l.shared.clock = func() string { return strconv.FormatInt(o.Now().UnixMicro(), 10) }
			all[i] = l
		}
		return all
	}
}

func mustNew(t rapid.TB, o Options) *Limiter {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// drawOptions draws limits that are small, so that they are met. Nobody is held up:
// that takes time that the fake clock does not know of.
func drawOptions(t *rapid.T, clock *fakeClock) Options {
	limit := func(name string) Limit {
		return Limit{
			Requests: rapid.Int64Range(1, 12).Draw(t, name+" requests"),
			Window:   time.Duration(rapid.IntRange(1, 60).Draw(t, name+" seconds")) * time.Second,
		}
	}
	return Options{
		Global: limit("global"), API: limit("api"), Expensive: limit("expensive"),
		PrincipalFactor:    rapid.Int64Range(1, 3).Draw(t, "principals"),
		OrganisationFactor: rapid.Int64Range(1, 5).Draw(t, "organisations"),
		Penalties: Penalties{
			First: time.Second, Longest: 4 * time.Second, Delays: rapid.IntRange(1, 4).Draw(t, "delays"),
			Block: 7 * time.Second, Quiet: 3 * time.Second, MaxHeld: -1,
		},
		Now: clock.Now,
	}
}

// drawCaller draws one of few callers.
func drawCaller(t *rapid.T, addresses int) Caller {
	if rapid.Bool().Draw(t, "signed in") {
		return Principal(crm.ID{rapid.ByteRange(1, 2).Draw(t, "organisation")}, crm.ID{rapid.ByteRange(1, 3).Draw(t, "principal")})
	}
	i := rapid.IntRange(1, addresses).Draw(t, "address")
	return Address(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
}

// ledger holds what got through each limit.
type ledger map[string]*account

type account struct {
	limit Limit
	taken []entryOf
}

type entryOf struct {
	at   time.Duration
	cost Cost
}

// note notes what has been let through at a time.
func (l ledger) note(c Caller, d *Decision, at time.Duration, cost Cost) {
	subjects, _ := c.subjects()
	for i, s := range d.Standings() {
		e := d.plan.limits[i]
		name := fmt.Sprint(subjects[e.subject], s.Tier)
		if l[name] == nil {
			l[name] = &account{limit: e.limit}
		}
		l[name].taken = append(l[name].taken, entryOf{at, cost})
	}
}

// check tells of any stretch of time in which more got through than burst + elapsed
// × rate.
func (l ledger) check(t rapid.TB) {
	t.Helper()
	for name, a := range l {
		for i := range a.taken {
			var sum Cost
			for _, e := range a.taken[i:] {
				sum += e.cost
				elapsed := e.at - a.taken[i].at
				rate := float64(a.limit.Requests) / a.limit.Window.Seconds()
				most := float64(Request) * (float64(a.limit.Requests) + elapsed.Seconds()*rate)
				if float64(sum) > most+1e-3 {
					t.Fatalf("%s: %d hundredths of a request in %s, at most %.3f are allowed by %+v", name, sum, elapsed, most, a.limit)
				}
			}
		}
	}
}

// However many ask at the same time, through however many instances, from however
// many addresses: no limit ever lets through more than its burst and what has grown
// back.
func TestNeverMoreThanBurstAndWhatHasGrownBack(t *testing.T) {
	t.Parallel()
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiters := source(t)
			rapid.Check(t, func(t *rapid.T) {
				clock := newFakeClock()
				o := drawOptions(t, clock)
				addresses := 3
				if rapid.Bool().Draw(t, "crowded") {
					o.MaxSubjects, addresses = shards, 200 // there is room for one in each shard
				}
				all := limiters(t, 3, o)
				got := ledger{}
				var mu sync.Mutex
				var elapsed time.Duration
				for range rapid.IntRange(1, 12).Draw(t, "steps") {
					step := time.Duration(rapid.IntRange(0, 5000).Draw(t, "milliseconds")) * time.Millisecond
					clock.advance(step)
					elapsed += step
					var charges sync.WaitGroup
					for i := range rapid.IntRange(1, 12).Draw(t, "at once") {
						caller, tier := drawCaller(t, addresses), Tier(rapid.IntRange(0, tiers-1).Draw(t, "tier"))
						cost := Cost(rapid.IntRange(1, 150).Draw(t, "cost"))
						charges.Go(func() {
							d := all[i%len(all)].Charge(context.Background(), caller, tier, cost)
							mu.Lock()
							defer mu.Unlock()
							if d.Allowed {
								got.note(caller, &d, elapsed, cost)
							}
						})
					}
					charges.Wait()
				}
				got.check(t)
			})
		})
	}
}

// The script and decide are the same function.
func TestSourcesDecideAlike(t *testing.T) {
	t.Parallel()
	redisLimiters := onRedis(t)
	rapid.Check(t, func(t *rapid.T) {
		clock := newFakeClock()
		o := drawOptions(t, clock)
		memory, redis := mustNew(t, o), redisLimiters(t, 1, o)[0]
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			clock.advance(time.Duration(rapid.IntRange(0, 3_000_000).Draw(t, "microseconds")) * time.Microsecond)
			caller, tier := drawCaller(t, 2), Tier(rapid.IntRange(0, tiers-1).Draw(t, "tier"))
			cost := Cost(rapid.IntRange(0, 300).Draw(t, "cost"))
			want := memory.Charge(context.Background(), caller, tier, cost)
			got := redis.Charge(context.Background(), caller, tier, cost)
			if !got.Shared && !got.Blocked {
				t.Fatal("Redis has not answered")
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Decision{}), cmpopts.IgnoreFields(Decision{}, "Shared")); diff != "" {
				t.Fatalf("memory (-) and Redis (+) differ:\n%s", diff)
			}
			if diff := cmp.Diff(want.Standings(), got.Standings()); diff != "" {
				t.Fatalf("memory (-) and Redis (+) differ:\n%s", diff)
			}
		}
	})
}

// What instances let through together is what one would: no more, and no less. The
// clock is Redis's: those of the instances differ by hours.
func TestInstancesShareALimit(t *testing.T) {
	t.Parallel()
	const n = 30
	o := Options{
		API: Limit{n, time.Hour}, PrincipalFactor: 1, OrganisationFactor: 2, Penalties: Penalties{MaxHeld: -1},
		Now: time.Now,
	}
	all := onRedis(t)(t, 3, o)
	for i, l := range all {
		l.shared.clock = func() string { return "" }
		l.now = func() time.Time { return time.Now().Add(time.Duration(i-1) * time.Hour) }
		l.start = l.now()
	}
	tests := []struct {
		name    string
		callers [2]Caller
		want    int
	}{
		{"an address", [2]Caller{Address(netip.MustParseAddr("2001:db8::1")), Address(netip.MustParseAddr("2001:db8::2"))}, n},
		{"principals of an organisation", [2]Caller{Principal(crm.ID{1}, crm.ID{1}), Principal(crm.ID{1}, crm.ID{2})}, 2 * n},
	}
	for _, test := range tests {
		decisions := make(chan Decision, 4*n)
		for i := range cap(decisions) {
			go func() { decisions <- all[i%3].Charge(context.Background(), test.callers[i%2], API, Request) }()
		}
		allowed := 0
		for range cap(decisions) {
			d := <-decisions
			if !d.Shared && !d.Blocked {
				t.Fatalf("%s: Redis has not answered", test.name)
			}
			if d.Allowed {
				allowed++
			}
		}
		if allowed != test.want {
			t.Errorf("%s: %d requests are allowed by all instances together, want %d", test.name, allowed, test.want)
		}
	}
}

// A block holds at all instances, and one that knows of it does not ask Redis again.
func TestBlockedEverywhere(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	o := Options{
		API:       Limit{1, time.Hour},
		Penalties: Penalties{First: time.Second, Delays: 1, Block: time.Hour, MaxHeld: -1}, Now: clock.Now,
	}
	all := onRedis(t)(t, 3, o)
	ctx, c := context.Background(), Address(netip.MustParseAddr("203.0.113.7"))
	for i, l := range all { // takes all of it, is delayed, is blocked
		d := l.Charge(ctx, c, API, Request)
		if !d.Shared || d.Allowed != (i == 0) || d.Blocked != (i == 2) {
			t.Fatalf("request %d: %+v", i, d)
		}
		clock.advance(time.Second)
	}
	for i, l := range all {
		if d := l.Charge(ctx, c, API, Request); !d.Blocked || d.Shared != (i < 2) {
			t.Errorf("instance %d: %+v", i, d)
		}
		if d := l.Charge(ctx, c, API, Request); !d.Blocked || d.Shared {
			t.Errorf("instance %d, again: %+v", i, d)
		}
	}
}

// What is refused has no room, and what is told to come again then has.
func TestWhoWaitsAsToldGetsThrough(t *testing.T) {
	t.Parallel()
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiters := source(t)
			rapid.Check(t, func(t *rapid.T) {
				clock := newFakeClock()
				l := limiters(t, 1, drawOptions(t, clock))[0]
				caller := drawCaller(t, 1)
				tier := Tier(rapid.IntRange(0, tiers-1).Draw(t, "tier"))
				for range rapid.IntRange(1, 30).Draw(t, "requests") {
					cost := Cost(rapid.IntRange(1, 100).Draw(t, "cost"))
					d := l.Charge(context.Background(), caller, tier, cost)
					if d.Allowed {
						continue
					}
					if d.RetryAfter <= 0 {
						t.Fatalf("refused, but may come again at once: %+v", d)
					}
					clock.advance(d.RetryAfter)
					if again := l.Charge(context.Background(), caller, tier, cost); !again.Allowed {
						t.Fatalf("was told to wait %s, and then again %s", d.RetryAfter, again.RetryAfter)
					}
					// The rest of it, by when a microsecond has gone by.
					clock.advance(time.Microsecond)
					if rest := l.Try(context.Background(), caller, tier, Request-cost); !rest.Allowed {
						t.Fatalf("was told to wait %s, paid %d hundredths, and was told to wait %s for the rest", d.RetryAfter, cost, rest.RetryAfter)
					}
				}
			})
		})
	}
}
