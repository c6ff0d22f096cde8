package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// entry is one change of an organisation as a follower sees it.
type entry struct {
	Seq    int64
	Entity string
	ID     string
	Op     string
}

// follower follows the changes of one organisation, by polling or by events, and keeps what
// it was told since it last had to begin anew.
type follower struct {
	b      *bed
	c      *client
	org    *organisation
	events bool
	// sleeper: it is not connected from a failover until the log is as long again.
	sleeper bool

	mu       sync.Mutex
	position string // where to go on
	start    int64  // the entries follow this one
	entries  []entry
	resets   int
}

func (f *follower) name() string {
	way := "/api/changes"
	if f.events {
		way = "/api/events"
	}
	if f.c.instance == "" {
		return way + " by the proxy"
	}
	return way + " of instance " + f.c.instance
}

// run follows until the context ends: longer than the writers write.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		switch {
		case f.asleep():
		case f.events:
			f.stream(ctx)
		default:
			f.poll(ctx)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (f *follower) asleep() bool { return f.sleeper && f.b.asleep.Load() }

// awake ends with the context, and when the follower is to sleep.
func (f *follower) awake(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	f.b.follow.Go(func() {
		defer cancel()
		for ctx.Err() == nil && !f.asleep() {
			time.Sleep(20 * time.Millisecond)
		}
	})
	return ctx, cancel
}

// poll reads the next page of changes.
func (f *follower) poll(ctx context.Context) {
	const limit = 200
	a := f.c.send(ctx, http.MethodGet, "/api/changes?limit="+strconv.Itoa(limit)+"&since="+f.since(), f.org.reader.key, nil, nil)
	if a.status != http.StatusOK {
		if a.status != 0 && a.status < 500 {
			f.b.tally.fault(fmt.Sprintf("changes answered with %d", a.status), "since %s: %s", f.since(), a.body)
		}
		return
	}
	var page struct {
		Data       []entry
		Pagination struct {
			NextCursor *string `json:"nextCursor"`
		}
		Meta struct{ Reset bool }
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		f.b.tally.fault("unreadable answer", "%s: %v", f.name(), err)
		return
	}
	if page.Meta.Reset {
		if page.Pagination.NextCursor == nil {
			f.b.tally.fault("reset without a position", "%s: %s", f.name(), a.body)
			return
		}
		f.reset(*page.Pagination.NextCursor, len(page.Data))
	}
	for _, e := range page.Data {
		f.add(e)
	}
	if page.Pagination.NextCursor != nil {
		f.mu.Lock()
		f.position = *page.Pagination.NextCursor
		f.mu.Unlock()
	}
}

func (f *follower) since() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.position == "" {
		return "0"
	}
	return f.position
}

// stream reads events until the connection ends.
func (f *follower) stream(ctx context.Context) {
	ctx, cancel := f.awake(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.c.base+"/api/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+f.org.reader.key)
	req.Header.Set("Last-Event-ID", f.since())
	transport := &http.Transport{ResponseHeaderTimeout: requestBound, DisableKeepAlives: true}
	began := time.Now()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		f.b.tally.note(f.c, http.MethodGet, "/api/events", &answer{began: began, ended: time.Now(), header: http.Header{}, err: err}, ctx.Err() != nil)
		return
	}
	defer func() { _ = res.Body.Close() }()
	a := &answer{began: began, ended: time.Now(), header: res.Header, status: res.StatusCode}
	if res.StatusCode != http.StatusOK {
		a.body, _ = io.ReadAll(io.LimitReader(res.Body, 1000))
		if a.status < 500 {
			f.b.tally.fault(fmt.Sprintf("events answered with %d", a.status), "Last-Event-ID %s: %s", f.since(), a.body)
		}
	}
	f.b.tally.note(f.c, http.MethodGet, "/api/events", a, ctx.Err() != nil)
	if a.ok() {
		f.receive(res.Body)
	}
}

// receive parses events. An event that was cut off has no empty line after it and is ignored.
func (f *follower) receive(body io.Reader) {
	lines := bufio.NewScanner(body)
	fields := map[string]string{}
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok && name != "" {
			fields[name] = value
		}
		if lines.Text() != "" {
			continue
		}
		f.event(fields["event"], fields["id"], fields["data"])
		clear(fields)
	}
}

func (f *follower) event(kind, id, data string) {
	switch kind {
	case "reset":
		f.reset(id, 0)
	case "change":
		var e entry
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			f.b.tally.fault("unreadable event", "%s: %v: %s", f.name(), err, data)
			return
		}
		f.add(e)
	default:
		return
	}
	if id != "" {
		f.mu.Lock()
		f.position = id
		f.mu.Unlock()
	}
}

// reset begins anew at a position, behind the entries that come with it.
func (f *follower) reset(position string, with int) {
	seq, err := strconv.ParseInt(position[strings.LastIndexByte(position, '.')+1:], 10, 64)
	if err != nil {
		f.b.tally.fault("reset without a position", "%s: %q", f.name(), position)
		return
	}
	f.b.mayReset(f.name())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resets++
	f.position, f.entries, f.start = position, nil, seq-int64(with)
}

// add notes an entry, which must follow the last one.
func (f *follower) add(e entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.start
	if n := len(f.entries); n > 0 {
		last = f.entries[n-1].Seq
	}
	switch {
	case e.Seq <= last:
		f.b.tally.judged(doubled, func() string { return fmt.Sprintf("%s: entry %d after %d", f.name(), e.Seq, last) })
		return
	case e.Seq > last+1:
		f.b.tally.judged(lost, func() string { return fmt.Sprintf("%s: entry %d after %d", f.name(), e.Seq, last) })
	default:
		f.b.tally.judged(right, nil)
	}
	f.entries = append(f.entries, e)
}

// last returns the position in the log.
func (f *follower) last() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.entries); n > 0 {
		return f.entries[n-1].Seq
	}
	return f.start
}

// verify compares what the follower was told with the log in the database. Each failover is
// the begin of another epoch, in which nothing of the former is continued.
func (f *follower) verify(log []entry, failovers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resets < failovers {
		f.b.tally.fault("no reset after a failover", "%s: %d resets, %d failovers", f.name(), f.resets, failovers)
	}
	byseq := map[int64]entry{}
	for _, e := range log {
		byseq[e.Seq] = e
	}
	for _, e := range f.entries {
		if want, there := byseq[e.Seq]; !there || want != e {
			f.b.tally.judged(never, func() string {
				return fmt.Sprintf("%s: entry %+v, without a reset since; the database has %+v (%t)", f.name(), e, want, there)
			})
			return // the entries after it are of the same history
		}
	}
}
