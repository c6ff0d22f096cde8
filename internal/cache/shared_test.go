package cache_test

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// store is a cache.Shared in memory.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
	ttl    time.Duration // of the last value
}

func (s *store) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return bytes.Clone(v), ok
}

func (s *store) Set(key string, value []byte, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key], s.ttl = value, ttl
}

func (s *store) Stats() cache.SharedStats { return cache.SharedStats{Breaker: "closed"} }

// only returns the only value.
func (s *store) only(t *testing.T) (key string, value []byte) {
	t.Helper()
	if len(s.values) != 1 {
		t.Fatalf("there are %d values", len(s.values))
	}
	key = slices.Collect(maps.Keys(s.values))[0]
	return key, s.values[key]
}

// sharing sets the shared tier.
func sharing(s *store) func(*cache.Options) {
	return func(o *cache.Options) { o.Shared, o.Seal = s, []byte("key") }
}

// TestSharedRoundTrip reads the entry of one cache in another.
func TestSharedRoundTrip(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 12000) // incompressible
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	everything := answer(strings.Repeat("a page of deals ", 600))
	everything.Version = 7
	everything.Tags = []crm.Tag{{Entity: crm.EntityDeal, By: crm.ByOwner, ID: crm.NewID()}, {Entity: crm.EntityStage}}
	everything.Until = until(time.Minute)
	for name, a := range map[string]*cache.Answer{
		"empty":              {Status: 200},
		"small":              answer("small"),
		"everything":         everything,
		"noise":              {Status: 200, Body: noise},
		"not found":          {Status: 404, Body: []byte(`{}`)},
		"a negative version": {Status: 200, Version: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{values: map[string][]byte{}}
			one, two := newBench(t, sharing(s)), newBench(t, sharing(s))
			made, err := one.Do(t.Context(), list(), func(context.Context) (*cache.Answer, error) { return a, nil })
			if err != nil {
				t.Fatal(err)
			}
			read := two.want(t, list(), never(t), string(a.Body), cache.Hit)
			if read.Source != cache.SharedSource {
				t.Errorf("Source = %s", read.Source)
			}
			if d := cmp.Diff(made.Entry, read.Entry, cmpopts.IgnoreUnexported(cache.Entry{}), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
			if diff := (made.TTL - read.TTL).Abs(); diff > 5*time.Second || s.ttl > 5*time.Minute || (s.ttl-made.TTL).Abs() > time.Second {
				t.Errorf("TTL made %s, read %s, of the value %s", made.TTL, read.TTL, s.ttl)
			}
			_, value := s.only(t)
			if len(a.Body) > 1024 && name != "noise" && len(value) > len(a.Body)/4 {
				t.Errorf("a body of %d bytes takes %d", len(a.Body), len(value))
			}
			if again := two.want(t, list(), never(t), string(a.Body), cache.Hit); again.Source != cache.Memory {
				t.Errorf("the second time, Source = %s", again.Source)
			}
			for _, tag := range append(slices.Clone(a.Tags), crm.Tag{Entity: crm.EntityCache}) {
				third := newBench(t, sharing(s))
				third.log.invalidate(tag)
				third.want(t, list(), text("new"), "new", cache.Miss)
				s.mu.Lock() // restore the replaced value
				for k := range s.values {
					s.values[k] = value
				}
				s.mu.Unlock()
			}
		})
	}
}

// TestSharedIsChecked reads values that are no longer valid.
func TestSharedIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*bench)
	}{
		{"from before what is known", func(b *bench) { b.log.set(func(l *changes) { l.seq, l.floor = 200, 101 }) }},
		{"from beyond the position", func(b *bench) { b.log.set(func(l *changes) { l.seq = 99 }) }},
		{"a tag was invalidated", func(b *bench) { b.log.invalidate(deals) }},
		{"expired", func(*bench) { pass(5 * time.Minute) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &store{values: map[string][]byte{}}
				newBench(t, sharing(s)).want(t, list(), text("old"), "old", cache.Miss)
				b := newBench(t, sharing(s))
				c.change(b)
				b.want(t, list(), text("new"), "new", cache.Miss)
			})
		})
	}
}

func TestSharedOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	s := &store{values: map[string][]byte{}}
	newBench(t, sharing(s)).want(t, list(), text("old"), "old", cache.Miss)
	b := newBench(t, sharing(s))
	b.log.set(func(l *changes) { l.epoch = "e2" })
	b.want(t, list(), text("of e2"), "of e2", cache.Miss)
	if len(s.values) != 2 {
		t.Errorf("of two epochs, there are %d values", len(s.values))
	}
}

// TestSharedForeignKey stores an entry under another's key, as a hash collision would.
func TestSharedForeignKey(t *testing.T) {
	t.Parallel()
	s := &store{values: map[string][]byte{}}
	b := newBench(t, sharing(s))
	foreign := list()
	foreign.Org = abroad
	b.want(t, foreign, text("theirs"), "theirs", cache.Miss)
	_, value := s.only(t)
	s.values = map[string][]byte{}
	b.want(t, list(), text("ours"), "ours", cache.Miss)
	address, _ := s.only(t)
	s.values[address] = value
	newBench(t, sharing(s)).want(t, list(), text("new"), "new", cache.Miss)
}

// TestSharedMalformed truncates a value at every length, and alters each of its bytes.
func TestSharedMalformed(t *testing.T) {
	t.Parallel()
	s := &store{values: map[string][]byte{}}
	b := newBench(t, sharing(s))
	b.want(t, list(), text(strings.Repeat("body ", 300)), strings.Repeat("body ", 300), cache.Miss)
	address, value := s.only(t)
	try := func(what string, v []byte) {
		s.values[address] = v
		b.log.invalidate(deals) // not answered from memory
		b.log.set(func(l *changes) { l.invalidated, l.seq = map[crm.Tag]int64{}, 100 })
		fresh := newBench(t, sharing(s))
		if res, err := fresh.Do(t.Context(), list(), text("new")); err != nil || res.Outcome != cache.Miss {
			t.Errorf("%s: %s, %v", what, res.Outcome, err)
		}
		fresh.Close()
	}
	for i := range value {
		try("cut short", value[:i])
		altered := bytes.Clone(value)
		altered[i] ^= 1 << (i % 8)
		try("altered", altered)
	}
	try("longer", append(bytes.Clone(value), 0))
	try("huge", make([]byte, 1<<20))
}

// TestSharedOfAnotherSeal reads a value that a program without the key has written: it is not used,
// and counted.
func TestSharedOfAnotherSeal(t *testing.T) {
	t.Parallel()
	s := &store{values: map[string][]byte{}}
	newBench(t, sharing(s), func(o *cache.Options) { o.Seal = []byte("guessed") }).want(t, list(), text("forged"), "forged", cache.Miss)
	b := newBench(t, sharing(s))
	b.want(t, list(), text("true"), "true", cache.Miss)
	if f := b.Stats().Shared; f.Rejected != 1 {
		t.Errorf("%+v", f)
	}
	newBench(t, sharing(s)).want(t, list(), never(t), "true", cache.Hit)
}

// TestSharedHerd: concurrent callers share one Get.
func TestSharedHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{values: map[string][]byte{}}
		newBench(t, sharing(s)).want(t, list(), text("shared"), "shared", cache.Miss)
		slow := &slowStore{store: s}
		b := newBench(t, func(o *cache.Options) { o.Shared, o.Seal = slow, []byte("key") })
		first := b.ask(t.Context(), never(t))
		synctest.Wait()
		second := b.ask(t.Context(), never(t))
		if o := <-first; o.err != nil || o.res.Outcome != cache.Hit || o.res.Source != cache.SharedSource || o.res.Lookup != 10*time.Millisecond {
			t.Errorf("the first: %+v, %v", o.res, o.err)
		}
		if o := <-second; o.err != nil || o.res.Outcome != cache.Joined || o.res.Source != cache.SharedSource {
			t.Errorf("the second: %+v, %v", o.res, o.err)
		}
		if slow.gets != 1 {
			t.Errorf("%d looks", slow.gets)
		}
	})
}

// slowStore is a store with latency.
type slowStore struct {
	*store
	gets int
}

func (s *slowStore) Get(ctx context.Context, key string) ([]byte, bool) {
	s.gets++
	pass(10 * time.Millisecond)
	return s.store.Get(ctx, key)
}
