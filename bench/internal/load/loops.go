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

// patience is how much longer than it should a loop may take before it is given up.
const patience = 30 * time.Second

// Target is a server, and the requests that are sent to it in turn.
type Target struct {
	Addr     string
	Requests [][]byte
}

// Result is what a loop measured.
type Result struct {
	Took    []time.Duration // of every answer, ascending
	Hits    []time.Duration // of the answers that were kept, ascending
	Refused int             // answers that the server was too busy (503), not counted among the others
	Elapsed time.Duration
}

// Rate is the answers per second.
func (r *Result) Rate() float64 { return float64(len(r.Took)) / r.Elapsed.Seconds() }

// Percentile gives the time within which so many of a hundred were answered, in
// milliseconds; 0 when nothing was.
func Percentile(took []time.Duration, percent int) float64 {
	if len(took) == 0 {
		return 0
	}
	return float64(took[min(len(took)-1, len(took)*percent/100)].Nanoseconds()) / 1e6
}

// Closed lets every connection send its next request as soon as its last one is
// answered. Any answer but 200 and 503 ends the measurement.
func Closed(ctx context.Context, t Target, connections int, lasting time.Duration) (Result, error) {
	return run(ctx, t, connections, lasting, func(w *worker) (bool, time.Time) {
		return time.Since(w.begin) < lasting, time.Now()
	})
}

// Open sends requests at a rate per second, whether or not earlier ones are answered,
// as far as there are connections. A request that found none free is timed from when
// it was due, so that a server that stalls does not look quick.
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
		return true, time.Now() // a timer that is late is not the server's
	})
}

// worker is a connection of a loop.
type worker struct {
	begin time.Time
	Result
	err error
}

// run sends requests on every connection while next says so; next waits until it is
// time, and tells from when the request counts.
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
		sum.Refused += workers[i].Refused
	}
	slices.Sort(sum.Took)
	slices.Sort(sum.Hits)
	if len(sum.Took) == 0 {
		return sum, fmt.Errorf("nothing was answered within %s", lasting)
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
			w.Refused++
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
