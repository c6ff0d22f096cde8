package webhooks_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
)

// TestNeverResponding: of ten endpoints that have failed and then never respond, five have slots at
// a time; the others are put off, and a healthy endpoint receives everything meanwhile.
func TestNeverResponding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	const bad = 10
	for i := range bad {
		path := fmt.Sprint("/bad", i)
		w.endpoint(path, "*")
		w.answer(path, status(http.StatusInternalServerError))
	}
	w.company("Failed")
	if n := w.work(); n != bad {
		t.Fatalf("%d jobs were run", n)
	}
	w.advance(6 * time.Second) // their first retry
	w.due()

	released := make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	var waiting atomic.Int64
	arrived := make(chan struct{}, bad)
	for i := range bad {
		w.answer(fmt.Sprint("/bad", i), func(http.ResponseWriter, received) {
			waiting.Add(1)
			select {
			case arrived <- struct{}{}:
			case <-released: // these are the next changes
			}
			<-released
		})
	}
	if err := w.hooks.Feeder.Feed(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	claimed := w.claim()
	if len(claimed) != bad {
		t.Fatalf("%d jobs are due", len(claimed))
	}
	var runs sync.WaitGroup
	ended := make(chan struct{}, bad)
	for _, c := range claimed {
		if c.Job.Priority >= 0 {
			t.Errorf("the priority of an endpoint in trouble is %d", c.Job.Priority)
		}
		runs.Go(func() {
			if err := w.run(c); err != nil {
				t.Error(err)
			}
			ended <- struct{}{}
		})
	}
	for range bad / 2 {
		<-arrived // these hold their slots
		<-ended   // and these have given theirs back
	}
	if n := waiting.Load(); n != bad/2 {
		t.Errorf("%d requests are in flight", n)
	}
	w.endpoint("/good", "*")
	for i := range 20 {
		w.company(fmt.Sprint("Change ", i))
	}
	if err := w.hooks.Feeder.Feed(t.Context(), []crm.ID{w.org.Org}); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.claim() {
		if c.Job.Priority == 0 {
			if err := w.run(c); err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(w.requests("/good")); n != 20 {
		t.Errorf("the healthy endpoint has received %d changes", n)
	}
	release()
	runs.Wait()
}
