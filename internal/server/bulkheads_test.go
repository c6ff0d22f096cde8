package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func TestBulkheadQueueIsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := new(bulkheads).add("test", 2, 2, queueTime)
		org := crm.ID{1}
		for range 2 {
			if err := b.enter(t.Context(), org); err != nil {
				t.Fatal(err)
			}
		}
		queued := make(chan error, 2)
		for range 2 {
			go func() { queued <- b.enter(t.Context(), org) }()
		}
		synctest.Wait()
		// The queue is full as well.
		began := time.Now()
		if err := b.enter(t.Context(), org); crm.CodeOf(err) != crm.CodeUnavailable || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		b.leave()
		if err := <-queued; err != nil {
			t.Errorf("the request that waited has no slot: %v", err)
		}
		if err := <-queued; crm.CodeOf(err) != crm.CodeUnavailable || time.Since(began) != queueTime {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.enter(gone, org); !errors.Is(err, context.Canceled) {
			t.Errorf("the request that was cancelled: %v", err)
		}
		b.leave()
		if err := b.enter(t.Context(), org); err != nil {
			t.Error(err)
		}
	})
}

// However many responses are missing in the cache, their fills use only a part of the
// connections. Without a cache there are no fills.
func TestCacheFillsAreBounded(t *testing.T) {
	t.Parallel()
	const asked, connections = 30, 10
	for _, off := range []bool{false, true} {
		running, most, mu := 0, 0, sync.Mutex{}
		arrived, goOn := make(chan struct{}, asked), make(chan struct{})
		read := func(c *Call) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			arrived <- struct{}{}
			<-goOn
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		}
		change := func(o *Options) {
			o.Connections = connections
			if off {
				o.Cache = cache.New(cache.Options{Freshness: o.Changes, Logger: o.Logger})
			}
		}
		a := newCachingServer(t, read, change)
		var requests sync.WaitGroup
		for i := range asked {
			requests.Go(func() {
				if res := ask(t, a, "GET", fmt.Sprintf("/api/deals?limit=%d", i+1)); res.Code != http.StatusOK {
					t.Errorf("%d: %s", res.Code, res.Body)
				}
			})
		}
		want := 4
		if off {
			want = asked
		}
		for range want {
			<-arrived
		}
		close(goOn)
		requests.Wait()
		if mu.Lock(); most != want {
			t.Errorf("the cache off: %v: at most %d ran at once, want %d", off, most, want)
		}
		mu.Unlock()
	}
}

// When all bulk slots are taken, interactive requests go on, and bulk requests are rejected
// with Retry-After.
func TestBulkHasItsOwnSlots(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil, func(o *Options) { o.MaxRequests = 2 })
	if err := a.bulkheads.bulk.enter(t.Context(), crm.ID{}); err != nil {
		t.Fatal(err)
	}
	if w := ask(t, a, "GET", "/api/deals"); w.Code != http.StatusOK {
		t.Errorf("interactive: %d %s", w.Code, w.Body)
	}
	w := ask(t, a, "GET", "/api/dashboard")
	if status, _ := problemIn(t, w); status != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("bulk: %d, %v", w.Code, w.Header())
	}
}

// A body is received before a slot is taken, and rejected as usual if it is too large.
func TestBodiesAreReceivedBeforeASlotIsTaken(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil, func(o *Options) { o.MaxRequests = 1 })
	for range a.bulkheads.interactive.slots {
		if err := a.bulkheads.interactive.enter(t.Context(), crm.ID{}); err != nil {
			t.Fatal(err)
		}
	}
	read := make(chan struct{})
	body := iotest.OneByteReader(strings.NewReader(`{"name":"A"}`))
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/deals", &noting{body, read})
	r.Header.Set("Authorization", "Bearer key")
	done := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		done <- w.Code
	}()
	<-read // although there is no slot
	if status := <-done; status != http.StatusServiceUnavailable {
		t.Errorf("without a slot: %d", status)
	}
	a.bulkheads.interactive.leave()
	w := httptest.NewRecorder()
	r = httptest.NewRequestWithContext(t.Context(), "POST", "/api/deals", strings.NewReader(strings.Repeat(" ", maxBody+1)))
	r.Header.Set("Authorization", "Bearer key")
	r.ContentLength = -1
	a.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too large: %d %s", w.Code, w.Body)
	}
}

// noting closes a channel at the end of its reader.
type noting struct {
	from interface{ Read([]byte) (int, error) }
	end  chan struct{}
}

func (n *noting) Read(p []byte) (int, error) {
	count, err := n.from.Read(p)
	if err != nil {
		close(n.end)
	}
	return count, err
}
