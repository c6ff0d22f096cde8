package main

import (
	"errors"
	"fmt"
	"path/filepath"
)

// versus measures a page of deals, uncached and cached, of this build beside an earlier
// one (-old), in turns. Each build has a database of its own with the same rows, because
// an older build rejects a newer schema.
func (b *bed) versus(old string, deals, rounds int) error {
	if old == "" {
		return errors.New("-old names no program to compare with")
	}
	earlier, err := newBed(b.ctx, b.engine, old, filepath.Join(b.dir, "old"))
	if err != nil {
		return err
	}
	defer earlier.close()

	var peers []*peer
	defer func() {
		for i := 0; i < len(peers); i += 2 { // two peers of each server
			peers[i].server.Stop()
		}
	}()
	for _, build := range []struct {
		name string
		bed  *bed
	}{{"old", earlier}, {"new", b}} {
		if err := build.bed.seed(deals); err != nil {
			return err
		}
		for _, mode := range []struct {
			name string
			env  []string
		}{{"uncached", []string{withoutCache}}, {"cached", nil}} {
			server, err := build.bed.program.Serve(b.ctx, "", append(mode.env, asInProduction...)...)
			if err != nil {
				return err
			}
			for _, coding := range []string{identity, brotli} {
				peers = append(peers, &peer{
					name: build.name + ", " + mode.name + ", " + coding, server: server, addr: server.Addr, key: build.bed.key,
					path: fmt.Sprintf("/api/deals?limit=%d", pageSize), headers: []string{"Accept-Encoding", coding},
				})
			}
		}
	}
	if err := turns(peers, rounds, func(p *peer) error { return p.round(b.ctx, clients) }); err != nil {
		return err
	}
	fmt.Printf("%-10s  page of %d of %d deals, this build beside an earlier one, %d connections:\n", b.engine, pageSize, deals, clients)
	half := len(peers) / 2
	for i, was := range peers[:half] {
		now := peers[half+i]
		rate, leastRate, mostRate := ratios(now.rates, was.rates)
		cpu, leastCPU, mostCPU := ratios(now.cpu, was.cpu)
		fmt.Printf("%-10s    %-22s %6.0f/s to %6.0f/s = %.2f (rounds %.2f to %.2f), CPU/request %.0f to %.0f us = %.2f (%.2f to %.2f; aim: at most 1.03)\n",
			"", now.name, median(was.rates), median(now.rates), rate, leastRate, mostRate,
			median(was.cpu), median(now.cpu), cpu, leastCPU, mostCPU)
	}
	return nil
}
