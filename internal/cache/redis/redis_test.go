package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sixty/internal/cache"
	shared "sixty/internal/cache/redis"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := open(t, servertest.RedisAddress(t))
	works(t, s, "at first")
	for name, value := range map[string][]byte{
		"empty":  {},
		"binary": {0, 255, '\r', '\n', 0},
		"great":  bytes.Repeat([]byte("x"), 1<<20),
	} {
		s.Set("test:"+name, value, time.Minute)
		eventually(t, name+" is there", func() bool {
			got, ok := s.Get(t.Context(), "test:"+name)
			return ok && bytes.Equal(got, value)
		})
	}
	s.Set("test:brief", []byte("brief"), 50*time.Millisecond)
	eventually(t, "the brief one has expired", func() bool {
		_, ok := s.Get(t.Context(), "test:brief")
		return !ok
	})
	before := s.Stats()
	s.Set("test:too great", make([]byte, 1<<20+1), time.Minute)
	s.Set("test:over already", []byte("x"), 0)
	// On a busy machine, a late write counts as dropped.
	after := s.Stats()
	if after.Dropped != before.Dropped+2 || after.Breaker != "closed" || after.Hits < 4 || after.Sets+before.Dropped < 5 {
		t.Errorf("Figures = %+v, before %+v", after, before)
	}
}

// TestStartsWithoutRedis starts the tier before its server.
func TestStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	s := plain(t)
	s.stop()
	began := time.Now()
	r := open(t, s.address())
	r.Set("test", []byte("x"), time.Minute)
	if _, ok := r.Get(t.Context(), "test"); ok {
		t.Error("Get found a value")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if !s.start(t) {
		t.Fatal("the server does not start")
	}
	works(t, r, "after the server started")
}

// TestStoppedAndEmptied stops Redis and starts it again without data.
func TestStoppedAndEmptied(t *testing.T) {
	t.Parallel()
	s := plain(t)
	r := open(t, s.address())
	works(t, r, "before")
	s.stop()
	unavailable(t, r)
	if !s.start(t) {
		t.Fatal("the server does not start again")
	}
	works(t, r, "again")
	s.cli(t, "FLUSHALL")
	if _, ok := r.Get(t.Context(), "test:"+t.Name()+":again"); ok {
		t.Error("there is a value in an empty Redis")
	}
	works(t, r, "when empty")
}

// unavailable checks that calls of an unavailable Redis are short until the circuit breaker
// is open, and immediate afterwards.
func unavailable(t *testing.T, s *shared.Shared) {
	t.Helper()
	var waits []time.Duration
	eventually(t, "the circuit breaker opens", func() bool {
		began := time.Now()
		if _, ok := s.Get(t.Context(), "test:gone"); ok {
			t.Error("Get found a value")
		}
		waits = append(waits, time.Since(began))
		return s.Stats().Breaker == "open"
	})
	// On a busy machine some timers are late. If calls waited for the whole command limit,
	// all of them would take a second.
	if slices.Min(waits) > 900*time.Millisecond || len(waits) > 6 {
		t.Errorf("waits: %v", waits)
	}
	for range 1000 {
		s.Get(t.Context(), "test:gone")
		s.Set("test:gone", []byte("x"), time.Minute)
	}
	// Meanwhile some calls may have probed whether Redis is back.
	if f := s.Stats(); f.Errors < 5 || f.Skipped < 900 || f.Dropped < 900 {
		t.Errorf("Figures = %+v", f)
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	proxy := servertest.Proxy(t, servertest.RedisAddress(t))
	s := open(t, proxy.Listen)
	works(t, s, "before")
	if _, err := proxy.Toxics.AddToxicJson(bytes.NewBufferString(
		`{"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": 500}}`)); err != nil {
		t.Fatal(err)
	}
	unavailable(t, s)
	if err := proxy.Toxics.RemoveToxic(context.Background(), "slow"); err != nil {
		t.Fatal(err)
	}
	works(t, s, "after the latency is removed")
	proxy.Stop()
	unavailable(t, s)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	works(t, s, "after it is back")
}

// TestCallerCancels: a cancelled caller does not wait, and does not count as a failure.
func TestCallerCancels(t *testing.T) {
	t.Parallel()
	s := open(t, servertest.RedisAddress(t))
	works(t, s, "at first")
	before := s.Stats()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		s.Get(ctx, "test:cancelled")
	}
	// Values set by works may still be written late.
	if f := s.Stats(); f.Errors > before.Errors+4 || f.Breaker != "closed" {
		t.Errorf("Figures = %+v, before %+v", f, before)
	}
}

// TestClose: Close writes queued values, and calls after it do nothing.
func TestClose(t *testing.T) {
	t.Parallel()
	address := servertest.RedisAddress(t)
	s := open(t, address)
	works(t, s, "at first")
	key := func(i int) string { return fmt.Sprintf("test:close:%d", i) }
	for i := range 200 {
		s.Set(key(i), []byte("written"), time.Minute)
	}
	s.Close()
	s.Set("test:close", []byte("x"), time.Minute)
	if _, ok := s.Get(t.Context(), key(0)); ok {
		t.Error("Get after Close found a value")
	}
	other := open(t, address)
	works(t, other, "for others")
	for i := range 200 {
		eventually(t, key(i)+" is there", func() bool {
			_, ok := other.Get(t.Context(), key(i))
			return ok
		})
	}
}

// unchanging is a log without changes.
type unchanging struct{ epoch string }

func (u unchanging) Position(context.Context, crm.ID) (at crm.LogPosition, generation uint64, ok bool) {
	return crm.LogPosition{Epoch: u.epoch, Seq: 1}, 1, true
}
func (unchanging) Fresh(crm.ID, crm.LogPosition, []crm.Tag) bool { return true }

// TestTwoCaches: an answer built by one instance is used by another.
func TestTwoCaches(t *testing.T) {
	t.Parallel()
	address, epoch := servertest.RedisAddress(t), crm.NewID().String()
	var caches [2]*cache.Cache
	for i := range caches {
		s := open(t, address)
		works(t, s, fmt.Sprintf("for cache %d", i))
		caches[i] = cache.New(cache.Options{
			Bytes: 1 << 20, Freshness: unchanging{epoch}, Shared: s, Seal: []byte("key"), Logger: slog.New(slog.DiscardHandler),
			TTL: map[cache.Tier]time.Duration{cache.Static: time.Hour},
		})
		t.Cleanup(caches[i].Close)
	}
	body := bytes.Repeat([]byte("a page of deals "), 500)
	ask := func(c *cache.Cache, key string) cache.Source {
		res, err := c.Do(t.Context(), cache.Request{Key: key, Tier: cache.Static, Operation: "list-deals"}, func(context.Context) (*cache.Answer, error) {
			return &cache.Answer{Status: 200, Body: body}, nil
		})
		if err != nil || !bytes.Equal(res.Body, body) {
			t.Errorf("Do: %+v, %v", res, err)
		}
		return res.Source
	}
	// A late write or read causes a second fill.
	asked, found := 0, 0
	eventually(t, "one finds the other's answer", func() bool {
		key := fmt.Sprint(asked)
		asked++
		if source := ask(caches[0], key); source != "" {
			t.Errorf("the first answer is from %q", source)
		}
		if ask(caches[1], key) == cache.SharedSource {
			found++
		}
		return found == 20
	})
	if o := caches[1].Stats().Operations[0]; o.SharedHits != 20 || o.Misses != int64(asked-20) {
		t.Errorf("of %d requests: %+v", asked, o)
	}
}
