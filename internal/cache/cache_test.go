package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func TestHit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made := b.want(t, list(), text("one"), "one", cache.Miss)
	cached := b.want(t, list(), text("two"), "one", cache.Hit)
	if cached.Entry != made.Entry || cached.Source != cache.Memory || made.Source != "" {
		t.Errorf("the hit is from %q and the miss from %q, of the same entry: %v", cached.Source, made.Source, cached.Entry == made.Entry)
	}
	if cached.Status != 200 || cached.ContentType != "application/json" || cached.Link != `</api/deals?after=x>; rel="next"` {
		t.Errorf("wrong header fields: %+v", cached.Entry)
	}
	// printf one | sha256sum
	if cached.Hash != "7692c3ad3540bb80" {
		t.Errorf("Hash = %s", cached.Hash)
	}
	other := list()
	other.Org = abroad
	b.want(t, other, text("theirs"), "theirs", cache.Miss)
	other = list()
	other.Key += "0"
	b.want(t, other, text("longer"), "longer", cache.Miss)
}

// TestValid checks what invalidates an entry, and what does not.
func TestValid(t *testing.T) {
	t.Parallel()
	deal := crm.Tag{Entity: crm.EntityDeal, By: crm.ByID, ID: crm.NewID()}
	for _, c := range []struct {
		name   string
		change func(*changes)
		want   cache.Outcome
	}{
		{"nothing", func(*changes) {}, cache.Hit},
		{"another tag", func(l *changes) { l.invalidate(stages, deal) }, cache.Hit},
		{"its tag", func(l *changes) { l.invalidate(deals) }, cache.Miss},
		{"its tag before", func(l *changes) { l.set(func(l *changes) { l.invalidated[deals] = l.seq }) }, cache.Hit},
		{"the cache cleared", func(l *changes) { l.invalidate(crm.Tag{Entity: crm.EntityCache}) }, cache.Miss},
		{"its tier cleared", func(l *changes) { l.invalidate(crm.Tag{Entity: crm.EntityCache + ".frequent"}) }, cache.Miss},
		{"another tier cleared", func(l *changes) { l.invalidate(crm.Tag{Entity: crm.EntityCache + ".static"}) }, cache.Hit},
		{"its position is no longer known", func(l *changes) { l.set(func(l *changes) { l.seq, l.floor = 200, 150 }) }, cache.Miss},
		{"the log was reset", func(l *changes) { l.set(func(l *changes) { l.seq = 50 }) }, cache.Miss},
		{"another epoch", func(l *changes) { l.set(func(l *changes) { l.epoch = "e2" }) }, cache.Miss},
		{"the log is lost", func(l *changes) { l.set(func(l *changes) { l.lost = true }) }, cache.Bypass},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.want(t, list(), text("old"), "old", cache.Miss)
			c.change(b.log)
			r := list()
			res, found := b.Lookup(t.Context(), &r)
			if found != (c.want == cache.Hit) || found && (string(res.Body) != "old" || res.Outcome != cache.Hit || res.Source != cache.Memory) {
				t.Errorf("found: %v, %+v", found, res)
			}
			if r.Bypass != (c.want == cache.Bypass) {
				t.Errorf("after Lookup, Bypass = %v", r.Bypass)
			}
			body := "new"
			if c.want == cache.Hit {
				body = "old"
			}
			b.want(t, list(), text("new"), body, c.want)
		})
	}
}

// TestPositionIsFromBeforeTheFill makes a change while the fill runs, after it has read.
func TestPositionIsFromBeforeTheFill(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.want(t, list(), func(context.Context) (*cache.Answer, error) {
		a := answer("before the change")
		b.log.invalidate(deals)
		return a, nil
	}, "before the change", cache.Miss)
	b.want(t, list(), text("after the change"), "after the change", cache.Miss)
	b.want(t, list(), text("again"), "after the change", cache.Hit)
}

func TestUncached(t *testing.T) {
	t.Parallel()
	with := func(change func(*cache.Answer)) func(context.Context) (*cache.Answer, error) {
		return func(context.Context) (*cache.Answer, error) {
			a := answer("first")
			change(a)
			return a, nil
		}
	}
	for _, c := range []struct {
		name string
		ask  func(*cache.Request)
		fill func(context.Context) (*cache.Answer, error)
		want cache.Outcome // of the second request
	}{
		{"what exists", nil, with(func(*cache.Answer) {}), cache.Hit},
		{"not found", nil, with(func(a *cache.Answer) { a.Status = 404 }), cache.Hit},
		{"another status", nil, with(func(a *cache.Answer) { a.Status = 503 }), cache.Miss},
		{"a redirect", nil, with(func(a *cache.Answer) { a.Status = 302 }), cache.Miss},
		{"NoStore", nil, with(func(a *cache.Answer) { a.NoStore = true }), cache.Miss},
		{"Until has passed", nil, with(func(a *cache.Answer) { a.Until = until(-time.Second) }), cache.Miss},
		{"too great", nil, with(func(a *cache.Answer) { a.Body = append(make([]byte, 0, 1<<16), a.Body...) }), cache.Miss},
		{"bypass", func(r *cache.Request) { r.Bypass = true }, with(func(*cache.Answer) {}), cache.Miss},
		{"no such tier", func(r *cache.Request) { r.Tier = "none" }, with(func(*cache.Answer) {}), cache.Miss},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			r := list()
			if c.ask != nil {
				c.ask(&r)
			}
			res, err := b.Do(t.Context(), r, c.fill)
			if err != nil || string(res.Body) != "first" {
				t.Fatalf("Do: %q, %v", res.Body, err)
			}
			if cached := res.TTL > 0; cached != (c.want == cache.Hit) {
				t.Errorf("TTL = %s", res.TTL)
			}
			body := "second"
			if c.want == cache.Hit {
				body = "first"
			}
			b.want(t, list(), text("second"), body, c.want)
		})
	}
}

func TestErrorIsUncached(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := errors.New("broken")
	for range 2 {
		res, err := b.Do(t.Context(), list(), func(context.Context) (*cache.Answer, error) { return nil, broken })
		if !errors.Is(err, broken) || res.Entry != nil || res.Outcome != cache.Miss {
			t.Fatalf("Do: %+v, %v", res, err)
		}
	}
	b.want(t, list(), text("whole"), "whole", cache.Miss)
}

// TestBypass: while the log is lost, entries are neither used nor added.
func TestBypass(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.want(t, list(), text("old"), "old", cache.Miss)
	b.log.set(func(l *changes) { l.lost = true })
	b.want(t, list(), text("new"), "new", cache.Bypass)
	b.log.set(func(l *changes) { l.lost = false })
	b.want(t, list(), text("newer"), "old", cache.Hit)

	off := newBench(t, func(o *cache.Options) { o.Bytes = 0 })
	for range 2 {
		off.want(t, list(), text("made"), "made", cache.Bypass)
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tier  cache.Tier
		until time.Duration
		want  time.Duration
	}{
		{cache.Frequent, 0, 5 * time.Minute},
		{cache.Session, 0, 30 * time.Second}, // configured
		{cache.Static, 0, time.Hour},
		{cache.Static, time.Minute, time.Minute},
		{cache.Frequent, 2 * time.Hour, 5 * time.Minute},
	} {
		t.Run(string(c.tier)+" until "+c.until.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(o *cache.Options) { o.TTL[cache.Session] = 30 * time.Second })
				r := list()
				r.Tier = c.tier
				fill := func(context.Context) (*cache.Answer, error) {
					a := answer("cached")
					if c.until > 0 {
						a.Until = until(c.until)
					}
					return a, nil
				}
				if res := b.want(t, r, fill, "cached", cache.Miss); res.TTL != c.want {
					t.Errorf("TTL = %s, want %s", res.TTL, c.want)
				}
				pass(c.want - 1)
				if res := b.want(t, r, fill, "cached", cache.Hit); res.TTL != 1 {
					t.Errorf("TTL = %s, want 1ns", res.TTL)
				}
				pass(1)
				b.want(t, r, fill, "cached", cache.Miss)
			})
		})
	}
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestJitter(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *cache.Options) { o.Jitter = 0.1 })
	least, most := time.Hour, time.Duration(0)
	for i := range 1000 {
		r := list()
		r.Tier, r.Key = cache.Static, string(rune('a'+i))
		res, err := b.Do(t.Context(), r, text(""))
		if err != nil {
			t.Fatal(err)
		}
		least, most = min(least, res.TTL), max(most, res.TTL)
	}
	// 1,000 even draws miss either end by 3 % of the range once in 10^13.
	if least < 54*time.Minute-time.Second || least > 54*time.Minute+11*time.Second || most > time.Hour || most < time.Hour-11*time.Second {
		t.Errorf("lifetimes from %s to %s, want from 54m to 1h", least, most)
	}
}

func TestStaleIfError(t *testing.T) {
	t.Parallel()
	const window = 30 * time.Second
	for _, c := range []struct {
		name    string
		window  time.Duration
		fill    func(context.Context) (*cache.Answer, error)
		happens func(*bench)
		stale   bool
	}{
		{"a tag is invalidated", window, unavailable, func(b *bench) { b.log.invalidate(deals) }, true},
		{"the log is lost", window, unavailable, func(b *bench) { b.log.set(func(l *changes) { l.lost = true }) }, true},
		{"at the end of the window", window, unavailable, func(b *bench) { b.log.invalidate(deals); pass(window) }, true},
		{"after the window", window, unavailable, func(b *bench) { b.log.invalidate(deals); pass(window + 1) }, false},
		{"after its end", 5*time.Minute + window, unavailable, func(*bench) { pass(5*time.Minute + window) }, true},
		{"too long after its end", time.Hour, unavailable, func(*bench) { pass(5*time.Minute + cache.StaleFor + 2*time.Second) }, false},
		{"a hit shows that it is valid", window, unavailable, func(b *bench) {
			pass(time.Minute)
			if _, err := b.Do(context.Background(), list(), unavailable); err != nil {
				panic(err)
			}
			b.log.invalidate(deals)
			pass(window)
		}, true},
		{"not requested", 0, unavailable, func(b *bench) { b.log.invalidate(deals) }, false},
		{"another error", window, func(context.Context) (*cache.Answer, error) {
			return nil, crm.Conflict("no")
		}, func(b *bench) { b.log.invalidate(deals) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.want(t, list(), text("old"), "old", cache.Miss)
				c.happens(b)
				r := list()
				r.StaleIfError = c.window
				if c.stale {
					if res := b.want(t, r, c.fill, "old", cache.StaleError); res.TTL != 0 {
						t.Errorf("TTL = %s", res.TTL)
					}
					return
				}
				if res, err := b.Do(t.Context(), r, c.fill); err == nil {
					t.Errorf("Do: %s %q", res.Outcome, res.Body)
				}
			})
		})
	}
}
