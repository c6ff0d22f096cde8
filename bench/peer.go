package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

// clients is the number of connections of a closed loop: each sends its next request after the
// response to its last one.
const clients = 8

// roundTime is the duration of a round. Peers alternate round by round, so that other load on
// the machine affects all of them.
const roundTime = 2 * time.Second

// withoutCache is the environment variable that turns the server's cache off.
const withoutCache = "SIXTY_CACHE_BYTES=0"

// A peer is a server under load with one request.
type peer struct {
	name, addr, path, key string
	headers               []string       // of the request: alternating names and values
	requests              [][]byte       // instead of the one request, in turn; may be nil
	server                *fleet.Process // whose processor time is measured; may be nil

	rates []float64 // requests per second, by round
	p99   []float64 // milliseconds, by round
	cpu   []float64 // microseconds of the server's processors per request, by round
	hits  []float64 // the share of cached responses, by round
}

func (p *peer) target() load.Target {
	if p.requests != nil {
		return load.Target{Addr: p.addr, Requests: p.requests}
	}
	return load.Target{Addr: p.addr, Requests: [][]byte{load.Request(p.addr, p.path, p.key, p.headers...)}}
}

// round loads a peer for a while, with a number of connections.
func (p *peer) round(ctx context.Context, connections int) error {
	before, err := p.used()
	if err != nil {
		return err
	}
	r, err := load.Closed(ctx, p.target(), connections, roundTime)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	after, err := p.used()
	if err != nil {
		return err
	}
	n := float64(len(r.Took))
	p.rates = append(p.rates, r.Rate())
	p.p99 = append(p.p99, load.Percentile(r.Took, 99))
	p.cpu = append(p.cpu, float64((after-before).Microseconds())/n)
	p.hits = append(p.hits, float64(len(r.Hits))/n)
	return nil
}

// used returns the processor time used by the server.
func (p *peer) used() (time.Duration, error) {
	if p.server == nil {
		return 0, nil
	}
	return p.server.CPU()
}

// discard drops the measurements of the warm-up.
func (p *peer) discard() { p.rates, p.p99, p.cpu, p.hits = nil, nil, nil, nil }

// turns runs the rounds of several peers alternately, after a warm-up round, reversing the
// order each time.
func turns(peers []*peer, rounds int, round func(*peer) error) error {
	order := slices.Clone(peers)
	for i := range rounds + 1 {
		for _, p := range order {
			if err := round(p); err != nil {
				return err
			}
			if i == 0 {
				p.discard()
			}
		}
		slices.Reverse(order)
	}
	return nil
}

func (p *peer) get(ctx context.Context, client *http.Client) error {
	resp, err := p.fetch(ctx, client)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return err
}

// fetch sends one request. The response's body must be closed.
func (p *peer) fetch(ctx context.Context, client *http.Client) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+p.path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	for i := 0; i+1 < len(p.headers); i += 2 {
		req.Header.Set(p.headers[i], p.headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	return resp, nil
}

// ratios returns the median, least and greatest ratio of a to b by round.
func ratios(a, b []float64) (mid, least, most float64) {
	r := make([]float64, len(a))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return median(r), slices.Min(r), slices.Max(r)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func worst(v []float64) float64 { return slices.Max(v) }
