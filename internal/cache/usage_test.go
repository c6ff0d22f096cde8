package cache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/cache"
)

// The keys that were read most come first, whether their entries are still there or not, and count for
// less as time passes.
func TestMostUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		read := func(key string, times int, unread bool) {
			t.Helper()
			for range times {
				r := list()
				r.Key, r.Unread = key, unread
				if _, err := b.Do(t.Context(), r, text("one")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		}
		want := func(limit int, want string) {
			t.Helper()
			got := ""
			for _, u := range b.MostUsed(limit) {
				if u.Org != home {
					t.Errorf("%+v", u)
				}
				got += fmt.Sprintf("%s %d ", u.Key, u.Reads)
			}
			if got != want {
				t.Errorf("used: %s, want %s", got, want)
			}
		}
		read("/often", 5, false)
		read("/seldom", 2, false)
		read("/warmed", 9, true)
		want(10, "/often 5 /seldom 2 ")
		want(1, "/often 4 ")
		time.Sleep(time.Hour) // all entries have expired
		read("/seldom", 9, false)
		want(10, "/seldom 9 /often 3 ")
		for range 40 {
			b.MostUsed(0)
		}
		want(10, "")
		// A table that is full keeps what is read more.
		read("/often", 50, false)
		for i := range 10_000 {
			r := list()
			r.Key = fmt.Sprint("/once/", i)
			if _, err := b.Do(t.Context(), r, text("one")); err != nil {
				t.Fatal(err)
			}
		}
		if all := b.MostUsed(10_000); len(all) > 5000 || all[0].Key != "/often" {
			t.Errorf("%d keys, first %+v", len(all), all[0])
		}
	})
	if all := newBench(t, func(o *cache.Options) { o.Bytes = 0 }).MostUsed(10); all != nil {
		t.Errorf("of a cache that is off: %v", all)
	}
}
