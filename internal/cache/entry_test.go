package cache_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"sixty/internal/cache"
)

// TestEncodedOnce requests two codings of one entry from 50 goroutines.
func TestEncodedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.want(t, list(), text("body"), "body", cache.Miss).Entry
	var made [2]atomic.Int32
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range 50 {
		coding := i % 2
		all.Go(func() {
			<-begin
			got := e.Encoded(fmt.Sprint(coding), func(body []byte) []byte {
				made[coding].Add(1)
				return fmt.Appendf(nil, "%s in %d", body, coding)
			})
			if want := fmt.Sprintf("body in %d", coding); string(got) != want {
				t.Errorf("Encoded = %q, want %q", got, want)
			}
		})
	}
	close(begin)
	all.Wait()
	if made[0].Load() != 1 || made[1].Load() != 1 {
		t.Errorf("the codings were compressed %d and %d times", made[0].Load(), made[1].Load())
	}
}

// TestEncodedIsCounted: codings count as part of a cached entry.
func TestEncodedIsCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.want(t, list(), text("body"), "body", cache.Miss).Entry
	before := b.Stats()
	e.Encoded("br", func([]byte) []byte { return make([]byte, 5000) })
	after := b.Stats()
	if grown := after.Bytes - before.Bytes; grown < 5000 || grown > 5500 || after.Entries != 1 {
		t.Errorf("the cache has grown by %d bytes to %d entries", grown, after.Entries)
	}
	b.log.invalidate(deals)
	replaced := b.want(t, list(), text("next"), "next", cache.Miss).Entry
	e.Encoded("zstd", func([]byte) []byte { return make([]byte, 5000) })
	if f := b.Stats(); f.Bytes != before.Bytes {
		t.Errorf("with the entry replaced there are %d bytes, want %d", f.Bytes, before.Bytes)
	}
	if got := b.want(t, list(), never(t), "next", cache.Hit).Entry; got != replaced {
		t.Error("encoding the old entry has cached it again")
	}
}

// TestBytesBound stores 50 times the limit from several goroutines and checks the total.
func TestBytesBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				r := list()
				r.Key = fmt.Sprintf("%d/%d", worker, i)
				res, err := b.Do(context.Background(), r, func(context.Context) (*cache.Answer, error) {
					return &cache.Answer{Status: 200, Body: bytes.Repeat([]byte{'x'}, 15000)}, nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				for _, coding := range []string{"br", "gzip"} {
					res.Encoded(coding, func(body []byte) []byte { return bytes.Clone(body[:20000*(i%2)/3]) })
				}
				if i%50 == 0 {
					if f := b.Stats(); f.Bytes > f.Limit {
						t.Errorf("%d bytes are cached, the limit is %d", f.Bytes, f.Limit)
					}
				}
			}
		})
	}
	all.Wait()
	f := b.Stats()
	if f.Limit != 1<<20 || f.Bytes > f.Limit || f.Bytes < f.Limit/2 {
		t.Errorf("%d bytes are cached, the limit is %d", f.Bytes, f.Limit)
	}
	if o := f.Operations[0]; o.Bytes > f.Limit || o.Entries != f.Entries || o.Entries+o.Evicted != 2000 {
		t.Errorf("%d entries of %d bytes are cached and %d were evicted, of 2000", o.Entries, o.Bytes, o.Evicted)
	}
}
