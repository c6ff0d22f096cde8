package ratelimit

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"pgregory.net/rapid"
)

// leaseOptions returns limits whose leases hold at most 10 requests and last a second; 10 a
// second are replenished.
func leaseOptions(clock *fakeClock) Options {
	return Options{
		Global: Limit{64_000, 64 * time.Second}, API: Limit{640, 64 * time.Second},
		Penalties: Penalties{MaxDelayed: -1, First: time.Millisecond, Delays: 1, Block: time.Hour}, Now: clock.Now,
	}
}

// hitCost is the cost of a cache hit.
const hitCost = Request / 5

var testAddress = Address(netip.MustParseAddr("203.0.113.7"))

// holds returns what an instance holds in leases.
func (l *Limiter) holds(c Caller, of Tier) Cost {
	s := l.memory.shardOf(&c)
	s.mu.Lock()
	defer s.mu.Unlock()
	subjects, _ := c.subjects()
	if e := s.entries[subjects[0]]; e != nil {
		return e.leased(l.nowMicros())[of]
	}
	return 0
}

// takeLease charges until the instance holds a lease, and returns the number of requests.
func takeLease(t *testing.T, l *Limiter, c Caller) (n int) {
	t.Helper()
	for n = 1; n < 1000; n++ {
		if d := l.Try(context.Background(), c, API, hitCost); !d.Allowed || !d.Shared {
			t.Fatalf("request %d: %+v", n, d)
		}
		if l.holds(c, API) >= 2*Request {
			return n
		}
	}
	t.Fatal("no lease")
	return n
}

// spendAll charges until it is rejected, and returns the number of allowed requests.
func spendAll(l *Limiter, c Caller, cost Cost) (n int, rejected Decision) {
	for ; ; n++ {
		if d := l.Try(context.Background(), c, API, cost); !d.Allowed {
			return n, d
		}
	}
}

func TestLease_NeverExceedsBurstPlusReplenished(t *testing.T) {
	t.Parallel()
	redisLimiters := onRedis(t)
	var held atomic.Bool
	rapid.Check(t, func(t *rapid.T) {
		clock := newFakeClock()
		o := drawOptions(t, clock)
		for _, l := range []*Limit{&o.Global, &o.API, &o.Expensive} {
			l.Requests = rapid.Int64Range(64, 200).Draw(t, "requests")
		}
		o.Penalties.First, o.Penalties.Longest, o.Penalties.Block = time.Millisecond, time.Millisecond, time.Millisecond
		limiters := redisLimiters(t, 3, o)
		got := ledger{}
		var mu sync.Mutex
		var elapsed time.Duration
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			step := time.Duration(rapid.SampledFrom([]int{0, 0, 1, 9, 99, 499}).Draw(t, "milliseconds")) * time.Millisecond
			clock.advance(step)
			elapsed += step
			caller, tier := drawCaller(t, 1), Tier(rapid.IntRange(0, tiers-1).Draw(t, "tier"))
			if rapid.IntRange(0, 3).Draw(t, "all that is left") == 0 {
				for _, cost := range []Cost{1000, 100, 10, 1} {
					for d := (Decision{Allowed: true}); d.Allowed; {
						if d = limiters[2].Charge(context.Background(), caller, tier, cost); d.Allowed {
							got.add(caller, &d, elapsed, cost)
						}
					}
				}
				continue
			}
			cost := Cost(rapid.SampledFrom([]int{1, 7, 20, 100}).Draw(t, "cost"))
			of := limiters[:rapid.IntRange(1, len(limiters)).Draw(t, "instances")]
			var all sync.WaitGroup
			for i := range rapid.IntRange(1, 40).Draw(t, "at once") {
				all.Go(func() {
					l := of[i%len(of)]
					d := l.Charge(context.Background(), caller, tier, cost)
					if l.holds(caller, tier) > 0 {
						held.Store(true)
					}
					mu.Lock()
					defer mu.Unlock()
					if d.Allowed {
						got.add(caller, &d, elapsed, cost)
					}
				})
			}
			all.Wait()
		}
		got.check(t)
	})
	if !held.Load() {
		t.Error("no lease was granted")
	}
}

// A lease still held when all else is replenished is not allowed on top of the limit.
func TestLease_CountsAsTaken(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	all := onRedis(t)(t, 2, leaseOptions(clock))
	takeLease(t, all[0], testAddress)
	clock.advance(time.Second - time.Microsecond)
	held := int(all[0].holds(testAddress, API) / hitCost)
	if held == 0 {
		t.Fatal("the lease has ended too early")
	}
	others, _ := spendAll(all[1], testAddress, hitCost)
	own, _ := spendAll(all[0], testAddress, hitCost)
	if own != held || others+own > 640*5 || others+own < 640*5-11*5 {
		t.Errorf("%d of %d in the lease and %d others were allowed, of 3,200", own, held, others)
	}
}

func TestLease_ContinuousCaller(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	redisLimiters := onRedis(t)
	l, exact := redisLimiters(t, 1, leaseOptions(clock))[0], mustNew(t, leaseOptions(clock))
	var asked atomic.Int64
	l.shared.clock = func(clock func() string) func() string {
		return func() string { asked.Add(1); return clock() }
	}(l.shared.clock)
	var n, before int64
	for ; ; n++ {
		clock.advance(time.Millisecond)
		want := exact.Try(context.Background(), testAddress, API, hitCost)
		got := l.Try(context.Background(), testAddress, API, hitCost)
		if !got.Allowed {
			break
		}
		actual, reported := want.Statuses()[API].Remaining, got.Statuses()[API].Remaining
		if !got.Shared || reported > actual || reported < actual-11 {
			t.Fatalf("request %d: %+v, and %d remain", n, got, actual)
		}
		if limits := l.Limits(context.Background(), testAddress); limits[API].Remaining != reported {
			t.Fatalf("request %d: %d remain, and then %d", n, reported, limits[API].Remaining)
		}
		asked.Add(-1) // for the limits
		if reported < 480 && before == 0 {
			before = asked.Load()
			if before*4 > n {
				t.Errorf("Redis was asked %d times at %d requests", before, n)
			}
		}
	}
	if actual := exact.Limits(context.Background(), testAddress)[API].Remaining; actual > 11 {
		t.Errorf("rejected while %d remain", actual)
	}
	if since := asked.Load() - before; since < n/2 {
		t.Errorf("Redis was asked %d times at %d requests near the limit", since, n)
	}
}

func TestLease_LossIsBounded(t *testing.T) {
	t.Parallel()
	const cost = 82
	clock := newFakeClock()
	redisLimiters := onRedis(t)
	l, exact := redisLimiters(t, 1, leaseOptions(clock))[0], mustNew(t, leaseOptions(clock))
	var lost Cost
	for burst := range 150 {
		for i := range 12 {
			want := exact.Try(context.Background(), testAddress, API, cost)
			got := l.Try(context.Background(), testAddress, API, cost)
			actual, reported := want.Statuses()[API].Remaining, got.Statuses()[API].Remaining
			if !got.Allowed || reported < actual-160 {
				t.Fatalf("burst %d, request %d: %+v, and %d remain", burst, i, got, actual)
			}
		}
		lost += l.holds(testAddress, API)
		clock.advance(time.Second)
	}
	if lost < 160*Request {
		t.Errorf("only %d were lost: not the worst case", lost)
	}
}

// A lease belongs to one principal, and is charged to the organisation's ceiling.
func TestLease_PerPrincipal(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	o := leaseOptions(clock)
	o.PrincipalFactor, o.OrganisationFactor = 1, 2
	all := onRedis(t)(t, 2, o)
	one, two := Principal([16]byte{1}, [16]byte{1}), Principal([16]byte{1}, [16]byte{2})
	spent := takeLease(t, all[0], one)
	if held := all[0].holds(two, API); held != 0 {
		t.Errorf("another principal holds %d", held)
	}
	for _, l := range all {
		for _, c := range []Caller{one, two} {
			n, _ := spendAll(l, c, hitCost)
			spent += n
		}
	}
	if spent > 2*640*5 || spent < 2*640*5-22*5 {
		t.Errorf("%d of 6,400 hits", spent)
	}
}

// A block caused by one instance takes effect at another at the end of its lease.
func TestLease_BlockAfterItsEnd(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	all := onRedis(t)(t, 2, leaseOptions(clock))
	takeLease(t, all[0], testAddress)
	for range 3 {
		if _, d := spendAll(all[1], testAddress, 10*Request); d.Blocked {
			break
		}
		clock.advance(time.Millisecond)
	}
	if d := all[1].Try(context.Background(), testAddress, API, hitCost); !d.Blocked {
		t.Fatalf("not blocked: %+v", d)
	}
	clock.advance(longestLease - 3*time.Millisecond)
	if d := all[0].Try(context.Background(), testAddress, API, hitCost); !d.Allowed {
		t.Errorf("the lease has ended too early: %+v", d)
	}
	clock.advance(3 * time.Millisecond)
	if d := all[0].Try(context.Background(), testAddress, API, hitCost); !d.Blocked {
		t.Errorf("still not blocked: %+v", d)
	}
}

// Losing Redis or its data while a lease is held does not reset the allowance.
func TestLease_RedisLost(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]bool{"unreachable": false, "empty": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newFakeClock()
			l := onRedis(t)(t, 1, leaseOptions(clock))[0]
			spent := takeLease(t, l, testAddress)
			held := int(l.holds(testAddress, API) / hitCost)
			if empty {
				l.shared.prefix += "others:"
			} else {
				l.shared.script = rueidis.NewLuaScript("return redis.error_reply('gone')")
			}
			for i := range held {
				if d := l.Try(context.Background(), testAddress, API, hitCost); !d.Allowed {
					t.Fatalf("request %d of %d held: %+v", i, held, d)
				}
			}
			n, d := spendAll(l, testAddress, hitCost)
			if spent += held + n; spent > 640*5 || spent < 640*5-11*5 || d.Shared != empty {
				t.Errorf("%d of 3,200 hits were allowed, then %+v", spent, d)
			}
		})
	}
}
