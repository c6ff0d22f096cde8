package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long a loop may overrun before it fails.
const patience = 30 * time.Second

// Target is a server, and the requests that are sent to it cyclically.
type Target struct {
	Addr     string
	Requests [][]byte
}

// Result is the result of a loop.
type Result struct {
	Took     []time.Duration // of all responses, sorted
	Hits     []time.Duration // of the cached ones, sorted
	Rejected int             // responses with status 503, not included in Took
	Elapsed  time.Duration
}

// Rate returns the responses per second.
func (r *Result) Rate() float64 { return float64(len(r.Took)) / r.Elapsed.Seconds() }

// Percentile returns a percentile of sorted durations in milliseconds; 0 if there are none.
func Percentile(took []time.Duration, percent int) float64 {
	if len(took) == 0 {
		return 0
	}
	return float64(took[min(len(took)-1, len(took)*percent/100)].Nanoseconds()) / 1e6
}

// Closed sends requests on each connection, each after the response to the last. Any status but
// 200 and 503 is an error.
func Closed(ctx context.Context, t Target, connections int, lasting time.Duration) (Result, error) {
	return run(ctx, t, connections, lasting, func(w *worker) (bool, time.Time) {
		return time.Since(w.begin) < lasting, time.Now()
	})
}

// Open sends requests at a fixed rate, regardless of pending ones, as far as connections are
// free. Requests are timed from when they were due, so that a stalled server does not look
// fast.
func Open(ctx context.Context, t Target, connections int, rate float64, lasting time.Duration) (Result, error) {
	interval := time.Duration(float64(time.Second) / rate)
	var next atomic.Int64
	return run(ctx, t, connections, lasting, func(w *worker) (bool, time.Time) {
		due := time.Duration(next.Add(1)-1) * interval
		if due >= lasting {
			return false, time.Time{}
		}
		wait := due - time.Since(w.begin)
		if wait <= 0 {
			return true, w.begin.Add(due)
		}
		time.Sleep(wait)
		return true, time.Now() // a late timer is not the server's fault
	})
}

// worker is a connection of a loop.
type worker struct {
	begin time.Time
	Result
	err error
}

// run sends requests on every connection while next returns true; next waits until the request
// is due, and returns the time from which it is timed.
func run(ctx context.Context, t Target, connections int, lasting time.Duration, next func(*worker) (bool, time.Time)) (Result, error) {
	conns := make([]*Conn, connections)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	for i := range conns {
		var err error
		if conns[i], err = Dial(t.Addr, time.Now().Add(lasting+patience)); err != nil {
			return Result{}, err
		}
	}
	workers := make([]worker, connections)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range workers {
		w := &workers[i]
		w.begin = begin
		wg.Go(func() { w.err = w.run(ctx, conns[i], t.Requests, i, next) })
	}
	wg.Wait()
	sum := Result{Elapsed: time.Since(begin)}
	for i := range workers {
		if err := workers[i].err; err != nil {
			return sum, err
		}
		sum.Took = append(sum.Took, workers[i].Took...)
		sum.Hits = append(sum.Hits, workers[i].Hits...)
		sum.Rejected += workers[i].Rejected
	}
	slices.Sort(sum.Took)
	slices.Sort(sum.Hits)
	if len(sum.Took) == 0 {
		return sum, fmt.Errorf("no response within %s", lasting)
	}
	return sum, nil
}

func (w *worker) run(ctx context.Context, c *Conn, requests [][]byte, first int, next func(*worker) (bool, time.Time)) error {
	for i := first; ctx.Err() == nil; i++ {
		more, from := next(w)
		if !more {
			break
		}
		a, err := c.Do(requests[i%len(requests)])
		if err != nil {
			return err
		}
		took := time.Since(from)
		switch a.Status {
		case http.StatusOK:
		case http.StatusServiceUnavailable:
			w.Rejected++
			continue
		default:
			return fmt.Errorf("status %d", a.Status)
		}
		w.Took = append(w.Took, took)
		if a.Hit {
			w.Hits = append(w.Hits, took)
		}
	}
	return ctx.Err()
}
