package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// clients is the number of connections of a closed loop: each sends its next
// request when its last one is answered.
const clients = 8

// roundTime is how long a round lasts. Peers take turns round by round, so that
// what else the machine does falls on all of them.
const roundTime = 2 * time.Second

// A peer is a server under load.
type peer struct {
	name, url, key string
	rates          []float64 // requests per second, by round
	p99            []float64 // milliseconds, by round
}

// round loads a peer for a while.
func (p *peer) round(ctx context.Context, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*roundTime)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			var took []time.Duration
			for time.Since(begin) < roundTime {
				sent := time.Now()
				if err := p.get(ctx, client); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				took = append(took, time.Since(sent))
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	elapsed := time.Since(begin)
	if failed != nil {
		return fmt.Errorf("%s: %w", p.name, failed)
	}
	slices.Sort(all)
	p.rates = append(p.rates, float64(len(all))/elapsed.Seconds())
	p.p99 = append(p.p99, all[len(all)*99/100].Seconds()*1000)
	return nil
}

func (p *peer) get(ctx context.Context, client *http.Client) error {
	body, err := p.fetch(ctx, client)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		_ = body.Close()
	}
	return err
}

func (p *peer) fetch(ctx context.Context, client *http.Client) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	return resp.Body, nil
}

// ratios gives the median over the rounds of a's rate divided by b's in the same
// round, and the least and the greatest.
func ratios(a, b *peer) (mid, least, most float64) {
	r := make([]float64, len(a.rates))
	for i := range r {
		r[i] = a.rates[i] / b.rates[i]
	}
	return median(r), slices.Min(r), slices.Max(r)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func worst(v []float64) float64 { return slices.Max(v) }
