package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

const (
	manyConnections = 1000
	manyRate        = 2000 // requests per second
	memoryLimit     = "GOMEMLIMIT=120MiB"
	writesEvery     = 100 * time.Millisecond // so that some responses are invalidated
	sampleEvery     = 500 * time.Millisecond
	settleTimeout   = 30 * time.Second // for goroutines to end without connections
	// The runtime forces a collection every two minutes, and returns memory to the system
	// gradually.
	restTimeout = 150 * time.Second
	restSlack   = 20 << 20 // bytes of the heap that may remain for cached responses
)

// watch holds the maxima of a server's metrics over a time.
type watch struct {
	resident   float64 // greatest
	heap       float64 // greatest
	stacks     float64 // greatest
	goroutines float64 // greatest
	inUse      float64 // greatest; database connections
	pool       float64
}

// connections measures a server with many connections: the times of cached responses, memory,
// database connections in use, and what remains of them afterwards; then its highest rate,
// compared with a bare handler's.
func (b *bed) connections(s settings) error {
	if err := b.seed(s.deals); err != nil {
		return err
	}
	server, err := b.program.Serve(b.ctx, "", append(asInProduction, memoryLimit)...)
	if err != nil {
		return err
	}
	defer server.Stop()
	target, deal, err := b.manyRequests(server.Addr)
	if err != nil {
		return err
	}
	before, err := server.Metrics(b.ctx)
	if err != nil {
		return err
	}
	w, result, err := b.underLoad(server, target, deal, s.lasting)
	if err != nil {
		return err
	}
	after, err := settled(b.ctx, server, before[fleet.MetricGoroutines]+10)
	if err != nil {
		return err
	}
	rest, err := rested(b.ctx, server, before[fleet.MetricHeap]+restSlack)
	if err != nil {
		return err
	}
	const mb = 1 << 20
	took, what := result.Hits, "kept"
	if len(took) == 0 {
		took, what = result.Took, "all (none was kept)"
	}
	fmt.Printf("%-10s  %d connections at %d requests/s for %s, %s:\n", b.engine, manyConnections, manyRate, s.lasting, memoryLimit)
	fmt.Printf("%10s    answered %.0f/s, %.1f%% cached, %d rejected; of %s: median %.2f ms, p95 %.2f ms, p99 %.2f ms\n", "",
		result.Rate(), 100*float64(len(result.Hits))/float64(len(result.Took)), result.Rejected, what, load.Percentile(took, 50), load.Percentile(took, 95), load.Percentile(took, 99))
	fmt.Printf("%10s    %-16s %8s %8s %8s %14s (aim: 150 MB resident at most)\n", "", "MB", "before", "at most", "after", rest.after.Round(time.Second).String()+" later")
	for _, m := range []struct {
		what, name string
		most       float64
	}{{"resident", fleet.MetricResident, w.resident}, {"heap", fleet.MetricHeap, w.heap}, {"stacks", fleet.MetricStacks, w.stacks}} {
		fmt.Printf("%10s    %-16s %8.0f %8.0f %8.0f %14.0f\n", "", m.what, before[m.name]/mb, m.most/mb, after[m.name]/mb, rest.metrics[m.name]/mb)
	}
	fmt.Printf("%10s    goroutines %.0f before, at most %.0f, %.0f after\n", "", before[fleet.MetricGoroutines], w.goroutines, after[fleet.MetricGoroutines])
	fmt.Printf("%10s    database connections in use: at most %.0f of %.0f (aim: %.0f)\n", "", w.inUse, w.pool, w.pool/2)
	return b.highestRate(server, target, s.rounds)
}

// manyRequests returns pages and records to request, and a deal to write.
func (b *bed) manyRequests(addr string) (load.Target, string, error) {
	client := load.NewClient(1)
	defer client.Close()
	e := &explorer{ctx: b.ctx, client: client, addr: addr, key: b.key}
	page := fmt.Sprintf("/api/deals?limit=%d", pageSize)
	paths := []string{page, page + "&includeRelationships=true", fmt.Sprintf("/api/contacts?limit=%d", pageSize), "/api/stages"}
	deals := e.ids(page)
	for _, id := range deals {
		paths = append(paths, "/api/deals/"+id)
	}
	if e.err != nil {
		return load.Target{}, "", e.err
	}
	target := load.Target{Addr: addr}
	for _, path := range paths {
		target.Requests = append(target.Requests, load.Request(addr, path, b.key, "Accept-Encoding", brotli))
	}
	return target, "/api/deals/" + deals[0], nil
}

// underLoad sends requests with occasional writes, and watches the server.
func (b *bed) underLoad(server *fleet.Process, target load.Target, deal string, lasting time.Duration) (watch, load.Result, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	watched := make(chan error, 1)
	var w watch
	go func() { watched <- w.run(ctx, server) }()
	wrote := make(chan error, 1)
	go func() { wrote <- b.writeRepeatedly(ctx, server.Addr, deal) }()
	result, err := load.Open(ctx, target, manyConnections, manyRate, lasting)
	cancel()
	return w, result, errors.Join(err, <-wrote, <-watched)
}

// writeRepeatedly changes a deal until ctx ends.
func (b *bed) writeRepeatedly(ctx context.Context, addr, deal string) error {
	client := load.NewClient(1)
	defer client.Close()
	return each(ctx, writesEvery, func(n int) error {
		a, err := client.Do(ctx, load.Call{Addr: addr, Method: http.MethodPatch, Path: deal, Key: b.key, Body: fmt.Appendf(nil, `{"value":%d}`, n)})
		if err == nil && a.Status != http.StatusOK {
			err = fmt.Errorf("%s: status %d: %.300s", deal, a.Status, a.Body)
		}
		return err
	})
}

// run takes samples until ctx ends.
func (w *watch) run(ctx context.Context, server *fleet.Process) error {
	return each(ctx, sampleEvery, func(int) error {
		m, err := server.Metrics(ctx)
		w.resident = max(w.resident, m[fleet.MetricResident])
		w.heap = max(w.heap, m[fleet.MetricHeap])
		w.stacks = max(w.stacks, m[fleet.MetricStacks])
		w.goroutines = max(w.goroutines, m[fleet.MetricGoroutines])
		w.inUse = max(w.inUse, m[fleet.MetricInUse])
		w.pool = m[fleet.MetricPool]
		return err
	})
}

// each calls do at intervals until ctx ends, which is not an error.
func each(ctx context.Context, interval time.Duration, do func(n int) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		if err := do(n); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// repose is the state of a server at rest.
type repose struct {
	after   time.Duration
	metrics map[string]float64
}

// rested waits until a server's heap has shrunk to a size, within a time limit.
func rested(ctx context.Context, server *fleet.Process, heap float64) (repose, error) {
	limited, cancel := context.WithTimeout(ctx, restTimeout)
	defer cancel()
	var r repose
	begin := time.Now()
	err := each(limited, 10*sampleEvery, func(int) error {
		m, err := server.Metrics(limited)
		if err != nil {
			return err
		}
		if r = (repose{time.Since(begin), m}); m[fleet.MetricHeap] <= heap && m[fleet.MetricResident]-m[fleet.MetricHeap] <= 2*restSlack {
			cancel()
		}
		return nil
	})
	return r, err
}

// settled waits until a server's goroutines have decreased to a number, within a time limit,
// and returns its metrics.
func settled(ctx context.Context, server *fleet.Process, goroutines float64) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var last map[string]float64
	err := each(ctx, sampleEvery, func(int) error {
		m, err := server.Metrics(ctx)
		if err != nil {
			return err
		}
		if last = m; m[fleet.MetricGoroutines] <= goroutines {
			cancel()
		}
		return nil
	})
	return last, err
}

// highestRate measures the highest rate with many connections, compared with a bare handler
// that writes the page's bytes.
func (b *bed) highestRate(server *fleet.Process, target load.Target, rounds int) error {
	path := fmt.Sprintf("/api/deals?limit=%d", pageSize)
	bare, err := b.startMemory(target.Addr, path)
	if err != nil {
		return err
	}
	defer bare.Stop()
	accept := []string{"Accept-Encoding", brotli}
	ours := &peer{name: "sixty", addr: server.Addr, path: path, key: b.key, headers: accept, server: server}
	theirs := &peer{name: "bare", addr: bare.Addr, path: "/" + brotli, key: b.key, headers: accept, server: bare}
	if err := turns([]*peer{ours, theirs}, rounds, func(p *peer) error { return p.round(b.ctx, manyConnections) }); err != nil {
		return err
	}
	mid, least, most := ratios(ours.rates, theirs.rates)
	fmt.Printf("%10s    highest rate, of a page of deals: sixty %.0f/s (%.0f%% cached), bare %.0f/s; sixty / bare = %.2f (rounds %.2f to %.2f)\n", "",
		median(ours.rates), 100*median(ours.hits), median(theirs.rates), mid, least, most)
	return nil
}
