package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

// writers are the numbers of clients that write at once.
var writers = []int{1, 16, 32}

// writes measures how many changes of deals of one organisation are committed in a second, by
// this build beside an earlier one (-old), in turns, with commits that wait for the disk and
// commits that do not.
func (b *bed) writes(old string, rounds int) error {
	if old == "" {
		return errors.New("-old names no program to compare with")
	}
	if b.url == "" {
		return nil // SQLite has one writer, and no round trips
	}
	const deals = 1000
	earlier, err := newBed(b.ctx, b.engine, old, filepath.Join(b.dir, "old"))
	if err != nil {
		return err
	}
	defer earlier.close()
	for _, x := range []*bed{earlier, b} {
		if err := x.seed(deals); err != nil {
			return err
		}
		if err := fleet.Administer(b.ctx, x.url, "ALTER SYSTEM SET track_wal_io_timing = on"); err != nil {
			return err
		}
		if err := fleet.Administer(b.ctx, x.url, "SELECT pg_reload_conf()"); err != nil {
			return err
		}
	}
	for _, mode := range []string{"on", "off"} {
		if err := b.writesWith(earlier, mode, rounds); err != nil {
			return err
		}
	}
	return nil
}

// A writingPeer is a server that is written to by so many clients.
type writingPeer struct {
	peer
	bed      *bed
	requests [][][]byte // by client: each has deals of its own, or most changes would change nothing
	clients  int
	syncs    []float64 // of the log of writes, for each write, by round
	syncing  []float64 // the part of the time that they took, by round
}

func (b *bed) writesWith(earlier *bed, mode string, rounds int) error {
	var peers []*writingPeer
	var servers []*fleet.Process
	defer func() {
		for _, server := range servers {
			server.Stop()
		}
	}()
	for _, build := range []*bed{earlier, b} {
		server, err := build.program.Serve(b.ctx, "", append([]string{"DATABASE_URL=" + withCommit(build.url, mode), "SIXTY_RATE_LIMITS=off"}, asInProduction...)...)
		if err != nil {
			return err
		}
		servers = append(servers, server)
		requests, err := build.dealChanges(server.Addr)
		if err != nil {
			return err
		}
		for _, n := range writers {
			peers = append(peers, &writingPeer{peer: peer{name: fmt.Sprint(n, " clients"), server: server, addr: server.Addr, key: build.key}, bed: build, requests: requests, clients: n})
		}
	}
	of := map[*peer]*writingPeer{}
	var order []*peer
	for _, p := range peers {
		of[&p.peer] = p
		order = append(order, &p.peer)
	}
	if err := turns(order, rounds, func(p *peer) error { return of[p].write() }); err != nil {
		return err
	}
	fmt.Printf("%-10s  changes of deals of one organisation, synchronous_commit = %s, this build beside an earlier one:\n", b.engine, mode)
	half := len(peers) / 2
	for i, was := range peers[:half] {
		now := peers[half+i]
		rate, least, most := ratios(now.rates, was.rates)
		cpu, leastCPU, mostCPU := ratios(now.cpu, was.cpu)
		fmt.Printf("%-10s    %-11s %5.0f/s to %5.0f/s = %.2f (rounds %.2f to %.2f), p99 %.1f to %.1f ms, CPU/request %.2f (%.2f to %.2f), fsyncs a write %.2f to %.2f, taking %.0f to %.0f %% of the time\n",
			"", now.name, median(was.rates), median(now.rates), rate, least, most, median(was.p99), median(now.p99), cpu, leastCPU, mostCPU,
			median(was.syncs), median(now.syncs), 100*median(was.syncing), 100*median(now.syncing))
	}
	return nil
}

// withCommit returns a database's URL with a setting of synchronous_commit.
func withCommit(database, mode string) string {
	u, err := url.Parse(database)
	if err != nil {
		return database
	}
	q := u.Query()
	q.Set("synchronous_commit", mode)
	u.RawQuery = q.Encode()
	return u.String()
}

// dealChanges returns requests of each client that change the value of a deal each.
func (b *bed) dealChanges(addr string) ([][][]byte, error) {
	conn, err := pgx.Connect(b.ctx, b.url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(b.ctx) }()
	rows, err := conn.Query(b.ctx, "SELECT id::text FROM deals WHERE deleted_at IS NULL ORDER BY id LIMIT 500")
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	requests := make([][][]byte, slices.Max(writers))
	for value := 1; value <= 4; value++ {
		for i, id := range ids {
			body := fmt.Sprintf(`{"value":%d}`, 1000*value)
			client := i % len(requests)
			requests[client] = append(requests[client], fmt.Appendf(nil,
				"PATCH /api/deals/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				id, addr, b.key, len(body), body))
		}
	}
	return requests, nil
}

// load writes with every client, and returns how long each write took.
func (p *writingPeer) load() (took []time.Duration, err error) {
	results, errs := make([]load.Result, p.clients), make([]error, p.clients)
	var writing sync.WaitGroup
	for i := range p.clients {
		writing.Go(func() {
			results[i], errs[i] = load.Closed(p.bed.ctx, load.Target{Addr: p.addr, Requests: p.requests[i]}, 1, roundTime)
		})
	}
	writing.Wait()
	for i := range results {
		took = append(took, results[i].Took...)
	}
	slices.Sort(took)
	return took, errors.Join(errs...)
}

// write writes for a while.
func (p *writingPeer) write() error {
	syncs, syncing, err := p.bed.walSyncs()
	if err != nil {
		return err
	}
	before, err := p.used()
	if err != nil {
		return err
	}
	began := time.Now()
	took, err := p.load()
	elapsed := time.Since(began).Seconds()
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	after, err := p.used()
	if err != nil {
		return err
	}
	syncsAfter, syncingAfter, err := p.bed.walSyncs()
	if err != nil {
		return err
	}
	n := float64(len(took))
	p.rates = append(p.rates, n/elapsed)
	p.p99 = append(p.p99, load.Percentile(took, 99))
	p.cpu = append(p.cpu, float64((after-before).Microseconds())/n)
	p.hits = append(p.hits, 0)
	p.syncs = append(p.syncs, float64(syncsAfter-syncs)/n)
	p.syncing = append(p.syncing, (syncingAfter-syncing).Seconds()/elapsed)
	return nil
}

// walSyncs returns how often the server has synced its log, and how long that took.
func (b *bed) walSyncs() (n int64, took time.Duration, err error) {
	conn, err := pgx.Connect(b.ctx, b.url)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close(b.ctx) }()
	var ms float64
	err = conn.QueryRow(b.ctx, "SELECT wal_sync, wal_sync_time FROM pg_stat_wal").Scan(&n, &ms)
	return n, time.Duration(ms * float64(time.Millisecond)), err
}
