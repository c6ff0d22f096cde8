package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"sixty/bench/internal/load"

	"sixty/bench/internal/fleet"
)

// The content codings of a page.
const (
	identity = "identity"
	brotli   = "br"
)

// asInProduction configures a measured server like in production: every request is logged.
var asInProduction = []string{"NODE_ENV=production", "LOG_LEVEL=info"}

// halfConnections are enough that requests at half load do not wait for a connection.
const halfConnections = 4 * clients

// cached measures a cached page of deals compared with a bare handler that writes the same
// body from memory, one that also writes the same header, and the uncached page.
func (b *bed) cached(deals, rounds int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	kept, err := b.program.Serve(b.ctx, "", asInProduction...)
	if err != nil {
		return err
	}
	defer kept.Stop()
	unkept, err := b.program.Serve(b.ctx, "", append(asInProduction, withoutCache)...)
	if err != nil {
		return err
	}
	defer unkept.Stop()
	path := fmt.Sprintf("/api/deals?limit=%d", pageSize)
	bare, err := b.startMemory(kept.Addr, path)
	if err != nil {
		return err
	}
	defer bare.Stop()

	var peers []*peer
	for _, coding := range []string{identity, brotli} {
		accept := []string{"Accept-Encoding", coding}
		for _, p := range []*peer{
			{name: "bare, " + coding, server: bare, path: "/" + coding},
			{name: "bare, same header, " + coding, server: bare, path: "/" + coding + sameHeader},
			{name: "cached, " + coding, server: kept, path: path},
			{name: "uncached, " + coding, server: unkept, path: path},
		} {
			p.addr, p.key, p.headers = p.server.Addr, b.key, accept
			peers = append(peers, p)
		}
	}
	half, err := b.compare("page of deals", peers, rounds)
	if err != nil {
		return err
	}
	for i := 0; i < len(peers); i += 4 {
		c, u := peers[i+2], peers[i+3]
		printRatios(c, peers[i], half, "aim: 0.80", "aim: 1.5")
		printRatios(c, peers[i+1], half, "no aim", "no aim")
		times, _, _ := ratios(c.rates, u.rates)
		fmt.Printf("%10s    %s / uncached = %.1f\n", "", c.name, times)
	}
	return nil
}

// printRatios prints how a peer compares with another: requests per second, p99 at half load,
// and processor time per request.
func printRatios(p, to *peer, half map[*peer][]float64, aim, aim99 string) {
	mid, least, most := ratios(p.rates, to.rates)
	p99, least99, most99 := ratios(half[p], half[to])
	fmt.Printf("%10s    (%s) / (%s) = %.2f (rounds %.2f to %.2f; %s), p99 %.2f times (rounds %.2f to %.2f; %s), CPU %.2f times\n",
		"", p.name, to.name, mid, least, most, aim, p99, least99, most99, aim99, median(p.cpu)/median(to.cpu))
}

// compare loads peers alternately, each at full and then at half load, and prints the
// results. It returns the p99 at half load by round.
func (b *bed) compare(what string, peers []*peer, rounds int) (half map[*peer][]float64, err error) {
	if err := turns(peers, rounds, func(p *peer) error { return p.round(b.ctx, clients) }); err != nil {
		return nil, err
	}
	half = make(map[*peer][]float64, len(peers))
	order := slices.Clone(peers)
	for range rounds {
		for _, p := range order {
			r, err := load.Open(b.ctx, p.target(), halfConnections, median(p.rates)/2, roundTime)
			if err != nil {
				return nil, fmt.Errorf("%s, at half load: %w", p.name, err)
			}
			half[p] = append(half[p], load.Percentile(r.Took, 99))
		}
		slices.Reverse(order) // alternate the order
	}
	fmt.Printf("%-10s  %s, %d rows of %d, %d connections; p99 at half of each one's greatest rate:\n", b.engine, what, pageSize, b.deals, clients)
	fmt.Printf("%10s    %-30s %10s %10s %14s %6s\n", "", "", "requests/s", "p99 ms", "CPU/request us", "hits")
	for _, p := range peers {
		fmt.Printf("%10s    %-30s %10.0f %10.2f %14.1f %5.0f%%\n", "", p.name, median(p.rates), median(half[p]), median(p.cpu), 100*median(p.hits))
	}
	return half, nil
}

// startMemory starts the bare peer that writes the page's bytes from memory, with the same
// GOGC as the program.
func (b *bed) startMemory(addr, path string) (*fleet.Process, error) {
	bodies, err := b.storeBodies(addr, path)
	if err != nil {
		return nil, err
	}
	return b.startBare("-memory", bodies, "GOGC=800")
}

// storeBodies writes the page's responses, in each coding, to a directory.
func (b *bed) storeBodies(addr, path string) (string, error) {
	dir := filepath.Join(b.dir, "bodies")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, coding := range []string{identity, brotli} {
		p := &peer{addr: addr, path: path, key: b.key, headers: []string{"Accept-Encoding", coding}}
		if err := p.get(b.ctx, client); err != nil { // the next one is a hit
			return "", err
		}
		resp, err := p.fetch(b.ctx, client)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close(), storeAnswer(dir, coding, resp.Header, body)); err != nil {
			return "", err
		}
	}
	return dir, nil
}
