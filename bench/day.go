package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
	"sixty/bench/internal/population"
	"sixty/bench/internal/stale"
)

// warmShare is the fraction (1/4) of a day that is sent beforehand to warm up.
const warmShare = 4

// dayClients is the maximum number of concurrent requests.
const dayClients = 64

// day is a sales team's day (see day.md).
type day struct {
	bed     *bed
	offices []*office
	ledger  stale.Ledger

	mu      sync.Mutex
	records map[string]*written // by id
	named   map[string]stale.Thing
}

// written is a record that was written, locked during each write.
type written struct {
	mu     sync.Mutex
	record stale.Thing
	value  int
}

// sight is a read and its response.
type sight struct {
	class  string
	key    string // equal for requests that may share a response
	sent   time.Time
	hit    bool
	shared bool // with a concurrent request
	tier   string
	body   uint64 // a hash
}

// diary holds the results of a day.
type diary struct {
	sights     []sight
	took       []time.Duration // of the reads
	stale      []string
	writes     int
	statements float64
	received   int64
}

func (b *bed) day(s settings) error {
	bed, err := newBed(b.ctx, b.engine, b.program.Path, filepath.Join(b.dir, "day"))
	if err != nil {
		return err
	}
	defer bed.close()
	d := &day{bed: bed, records: map[string]*written{}, named: map[string]stale.Thing{}}
	if err := d.open(); err != nil {
		return err
	}
	requests := errands(d.offices, int(float64(s.rate)*s.lasting.Seconds()), s.seed)
	// Warm-up: the first run would meet a database that has just been filled.
	if _, err := d.live(requests[:len(requests)/warmShare], s.rate, identity, withoutCache); err != nil {
		return err
	}
	with, err := d.live(requests, s.rate, brotli)
	if err != nil {
		return err
	}
	without, err := d.live(requests, s.rate, identity, withoutCache)
	if err != nil {
		return err
	}
	fmt.Printf("%-10s  a day of %d organisations of %d people: %d/s for %s, seed %d (bench/day.md):\n",
		b.engine, len(d.offices), dayPlan.Each.People, s.rate, s.lasting, s.seed)
	with.printHits()
	fmt.Printf("%10s    %-36s %14s %14s %8s\n", "", "", "br, cached", "neither", "ratio")
	for _, line := range []struct {
		what         string
		with, wthout float64
	}{
		{"database statements", with.statements, without.statements},
		{"bytes received", float64(with.received), float64(without.received)},
		{"reads, median ms", load.Percentile(with.took, 50), load.Percentile(without.took, 50)},
		{"reads, p99 ms", load.Percentile(with.took, 99), load.Percentile(without.took, 99)},
	} {
		fmt.Printf("%10s    %-36s %14.6g %14.6g %8.3f\n", "", line.what, line.with, line.wthout, line.with/line.wthout)
	}
	fmt.Printf("%10s    stale answers: %d of %d, and %d of %d (aim: 0)\n", "", len(with.stale), len(with.sights), len(without.stale), len(without.sights))
	if found := slices.Concat(with.stale, without.stale); len(found) > 0 {
		return fmt.Errorf("stale answers: %q", found[:min(len(found), 10)])
	}
	return nil
}

// open creates the organisations and reads their records.
func (d *day) open() error {
	organisations, err := population.Make(d.bed.ctx, d.bed.url, d.bed.dir, dayPlan)
	if err != nil {
		return err
	}
	if err := fleet.Administer(d.bed.ctx, d.bed.url, "VACUUM ANALYZE"); err != nil {
		return err
	}
	server, err := d.bed.program.Serve(d.bed.ctx, "", withoutCache)
	if err != nil {
		return err
	}
	defer server.Stop()
	client := load.NewClient(1)
	defer client.Close()
	for _, o := range organisations {
		e := &explorer{ctx: d.bed.ctx, client: client, addr: server.Addr}
		f, err := e.open(o)
		if err != nil {
			return err
		}
		d.offices = append(d.offices, f)
	}
	return nil
}

// live sends the requests to a newly started server, at the given rate.
func (d *day) live(requests []errand, rate int, coding string, env ...string) (*diary, error) {
	server, err := d.bed.program.Serve(d.bed.ctx, "", env...)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	before, err := server.Metrics(d.bed.ctx)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(dayClients)
	defer client.Close()
	l := &life{day: d, client: client, addr: server.Addr, coding: coding, hash: maphash.MakeSeed()}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, dayClients)
	begin := time.Now()
	for i := range dayClients {
		wg.Go(func() {
			for errs[i] == nil {
				n := int(next.Add(1) - 1)
				if n >= len(requests) {
					return
				}
				time.Sleep(time.Until(begin.Add(time.Duration(n) * time.Second / time.Duration(rate))))
				errs[i] = errors.Join(l.run(d.bed.ctx, &requests[n]), d.bed.ctx.Err())
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	after, err := server.Metrics(d.bed.ctx)
	if err != nil {
		return nil, err
	}
	l.statements = after[fleet.MetricStatements] - before[fleet.MetricStatements]
	l.received = client.Received()
	l.finish()
	return &l.diary, nil
}

// life is a running day.
type life struct {
	day    *day
	client *load.Client
	addr   string
	coding string
	hash   maphash.Seed

	mu sync.Mutex
	diary
}

func (l *life) run(ctx context.Context, e *errand) error {
	if e.change != nil {
		return l.write(ctx, e)
	}
	floors, sent := l.day.ledger.Floors(), time.Now()
	a, err := l.client.Do(ctx, load.Call{Addr: l.addr, Method: http.MethodGet, Path: e.path, Key: e.key, Headers: []string{"Accept-Encoding", l.coding}})
	if err != nil {
		return err
	}
	took := time.Since(sent)
	if a.Status != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.300s", e.path, a.Status, a.Body)
	}
	l.day.mu.Lock()
	found := append(l.day.ledger.JudgeMarks(floors, a.Body), l.day.ledger.JudgeNames(floors, a.Body, l.day.named)...)
	l.day.mu.Unlock()
	status := a.Header.Get("Cache-Status")
	key := fmt.Sprint(e.org, e.path)
	if e.path == "/api/user" { // the only response that depends on the person
		key = e.key + e.path
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	l.sights = append(l.sights, sight{
		class: e.class, key: key, sent: sent, tier: load.Tier(status),
		hit: load.IsHit(status), shared: strings.Contains(status, "collapsed"), body: maphash.Bytes(l.hash, a.Body),
	})
	for _, f := range found {
		l.stale = append(l.stale, e.path+": "+f)
	}
	return nil
}

// write writes the next version of a record, or adds an activity.
func (l *life) write(ctx context.Context, e *errand) error {
	c := e.change
	if c.kind == "" {
		return l.send(ctx, e, http.MethodPost, "/api/activities", map[string]any{"type": "call", "status": "completed", "deal_id": c.id})
	}
	w := l.day.record(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.value++
	version := l.day.ledger.Propose(w.record, stale.State{There: true})
	mark := stale.Mark(w.record, version)
	path, body := "/api/"+string(c.kind)+"s/"+c.id, map[string]any{}
	switch c.kind {
	case stale.Deal:
		body["name"], body["value"] = "Deal "+mark, w.value
		if c.stage != "" {
			body["stage_id"] = c.stage
		}
	case stale.Contact:
		body["last_name"] = mark
	case stale.Company:
		path = "/api/companies/" + c.id
		body["name"] = "Company " + mark
	}
	if err := l.send(ctx, e, http.MethodPatch, path, body); err != nil {
		return err
	}
	l.day.ledger.Acknowledge(w.record, version)
	return nil
}

func (l *life) send(ctx context.Context, e *errand, method, path string, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	a, err := l.client.Do(ctx, load.Call{Addr: l.addr, Method: method, Path: path, Key: e.key, Body: text})
	if err == nil && a.Status/100 != 2 {
		err = fmt.Errorf("%s %s: status %d: %.300s", method, path, a.Status, a.Body)
	}
	l.mu.Lock()
	l.writes++
	l.mu.Unlock()
	return err
}

// record returns the record to be written.
func (d *day) record(c *change) *written {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.records[c.id]
	if w == nil {
		w = &written{record: d.ledger.Enter(c.kind)}
		d.records[c.id], d.named[c.id] = w, w.record
	}
	return w
}
