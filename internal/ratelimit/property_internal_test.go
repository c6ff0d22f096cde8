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

// fakeClock is a clock that only advance moves. It can replace that of Redis too.
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
			// Patient, so that a busy machine does not fail the test.
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

// drawOptions draws low limits, so that they are reached. Nothing is delayed, because
// delays do not use the fake clock.
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
			Block: 7 * time.Second, ResetAfter: 3 * time.Second, MaxDelayed: -1,
		},
		Now: clock.Now,
	}
}

// drawCaller draws one of a few callers.
func drawCaller(t *rapid.T, addresses int) Caller {
	if rapid.Bool().Draw(t, "signed in") {
		return Principal(crm.ID{rapid.ByteRange(1, 2).Draw(t, "organisation")}, crm.ID{rapid.ByteRange(1, 3).Draw(t, "principal")})
	}
	i := rapid.IntRange(1, addresses).Draw(t, "address")
	return Address(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
}

// ledger holds what each limit has allowed.
type ledger map[string]*account

type account struct {
	limit Limit
	taken []ledgerEntry
}

type ledgerEntry struct {
	at   time.Duration
	cost Cost
}

// add records an allowed request.
func (l ledger) add(c Caller, d *Decision, at time.Duration, cost Cost) {
	subjects, _ := c.subjects()
	for i, s := range d.Statuses() {
		e := d.plan.limits[i]
		name := fmt.Sprint(subjects[e.subject], s.Tier)
		if l[name] == nil {
			l[name] = &account{limit: e.limit}
		}
		l[name].taken = append(l[name].taken, ledgerEntry{at, cost})
	}
}

// check fails if in any interval more was allowed than burst + elapsed
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

func TestNeverExceedsBurstPlusReplenished(t *testing.T) {
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
					o.MaxSubjects, addresses = shards, 200 // one per shard
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
								got.add(caller, &d, elapsed, cost)
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

// The script and decide have the same results.
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
				t.Fatal("Redis did not answer")
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Decision{}), cmpopts.IgnoreFields(Decision{}, "Shared")); diff != "" {
				t.Fatalf("memory (-) and Redis (+) differ:\n%s", diff)
			}
			if diff := cmp.Diff(want.Statuses(), got.Statuses()); diff != "" {
				t.Fatalf("memory (-) and Redis (+) differ:\n%s", diff)
			}
		}
	})
}

// Several instances allow exactly what one would. The
// clock is that of Redis: those of the instances differ by hours.
func TestInstancesShareALimit(t *testing.T) {
	t.Parallel()
	const n = 30
	o := Options{
		API: Limit{n, time.Hour}, PrincipalFactor: 1, OrganisationFactor: 2, Penalties: Penalties{MaxDelayed: -1},
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
				t.Fatalf("%s: Redis did not answer", test.name)
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

// A block applies to all instances, and one that knows of it does not ask Redis again.
func TestBlock_AllInstances(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	o := Options{
		API:       Limit{1, time.Hour},
		Penalties: Penalties{First: time.Second, Delays: 1, Block: time.Hour, MaxDelayed: -1}, Now: clock.Now,
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

// A rejected request is allowed after RetryAfter.
func TestRetryAfter_IsLongEnough(t *testing.T) {
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
						t.Fatalf("rejected without a RetryAfter: %+v", d)
					}
					clock.advance(d.RetryAfter)
					if again := l.Charge(context.Background(), caller, tier, cost); !again.Allowed {
						t.Fatalf("rejected again after waiting %s: RetryAfter %s", d.RetryAfter, again.RetryAfter)
					}
					// The rest of the request, a microsecond later.
					clock.advance(time.Microsecond)
					if rest := l.Try(context.Background(), caller, tier, Request-cost); !rest.Allowed {
						t.Fatalf("after waiting %s, a part of %d hundredths was allowed, but the rest has RetryAfter %s", d.RetryAfter, cost, rest.RetryAfter)
					}
				}
			})
		})
	}
}
