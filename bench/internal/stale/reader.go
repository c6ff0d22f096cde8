package stale

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"sixty/bench/internal/load"
)

// maxCached bounds the responses that a reader caches for conditional requests.
const maxCached = 200

// A reader requests views and checks the responses.
type reader struct {
	c      *Checker
	random *rand.Rand
	cached map[string]cached // by path
}

// cached is a response for conditional requests.
type cached struct {
	etag, encoding string
	body           []byte // decoded
}

func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		g := r.c.grant.Load()
		// Without tokens, all acknowledged writes are expected.
		if !r.c.options.Tokens || g.token == "" {
			g = &grant{floors: r.c.ledger.Floors()}
		}
		views := r.c.views(r.random)
		r.read(ctx, pick(r.random, r.c.options.Instances), pick(r.random, views), g)
	}
}

// read requests a view from one instance, with random encoding and every second time
// conditionally, and checks what the grant covers.
func (r *reader) read(ctx context.Context, addr string, v view, g *grant) {
	encoding, before := pick(r.random, load.Encodings[:]), cached{}
	if r.random.IntN(2) == 0 {
		if before = r.cached[v.path]; before.etag != "" {
			encoding = before.encoding
		}
	}
	sent := time.Now()
	a, err := r.c.client.do(ctx, addr, http.MethodGet, v.path, nil,
		TokenHeader, g.token, "Accept-Encoding", encoding, "If-None-Match", before.etag)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		r.c.failed(addr, http.MethodGet, v.path, sent, a, err)
		pause(ctx, retryPause)
		return
	}
	var found []string
	switch {
	case a.Status == http.StatusOK:
		r.keep(v.path, cached{a.Header.Get("ETag"), encoding, a.Body})
		found = r.c.judge(g.floors, v, a.Body)
	case a.Status == http.StatusNotModified && before.etag != "":
		found = r.c.judge(g.floors, v, before.body)
	case a.Status == http.StatusNotFound && v.one != nil:
		found = r.c.ledger.JudgeAbsence(g.floors, *v.one)
	default:
		r.c.failed(addr, http.MethodGet, v.path, sent, a, nil)
		pause(ctx, retryPause)
		return
	}
	status := a.Header.Get("Cache-Status")
	r.c.tally.note(func(report *Report) {
		report.Reads++
		if load.IsHit(status) {
			report.Hits++
		}
		if a.Status == http.StatusNotModified {
			report.NotModified++
		}
		if len(found) > 0 {
			report.Stale++
			report.example(fmt.Sprintf("%s at %s (%s, status %d, Cache-Status %q, sent %s): %.500q",
				v.path, addr, encoding, a.Status, status, sent.Format("15:04:05.000"), found))
		}
	})
}

func (r *reader) keep(path string, k cached) {
	if k.etag == "" {
		return
	}
	if len(r.cached) >= maxCached {
		clear(r.cached)
	}
	k.body = bytes.Clone(k.body)
	r.cached[path] = k
}

// judge checks a response against the ledger.
func (c *Checker) judge(floors Floors, v view, body []byte) []string {
	found := c.ledger.JudgeMarks(floors, body)
	if v.scope != nil {
		found = append(found, c.ledger.JudgeScope(floors, body, *v.scope)...)
	}
	if v.sums != nil {
		sums, err := v.sums(body)
		if err != nil {
			return append(found, fmt.Sprintf("invalid response: %v", err))
		}
		for _, s := range sums {
			found = append(found, c.ledger.JudgeSum(floors, s)...)
		}
	}
	return found
}
