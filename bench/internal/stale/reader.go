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

// maxKept bounds the answers that a reader keeps to ask whether they have changed.
const maxKept = 200

// A reader asks for whatever shows what is written, and judges the answers.
type reader struct {
	c      *Checker
	random *rand.Rand
	kept   map[string]kept // by path
}

// kept is an answer that a reader asks about conditionally.
type kept struct {
	etag, encoding string
	body           []byte // decoded
}

func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		g := r.c.grant.Load()
		// Where no tokens are given, nothing less is expected.
		if !r.c.options.Tokens || g.token == "" {
			g = &grant{floors: r.c.ledger.Floors()}
		}
		views := r.c.views(r.random)
		r.read(ctx, pick(r.random, r.c.options.Instances), pick(r.random, views), g)
	}
}

// read asks one instance for a view, in one encoding or another, every second time on
// condition that it has changed, and judges the answer by what the grant covers.
func (r *reader) read(ctx context.Context, addr string, v view, g *grant) {
	encoding, before := pick(r.random, load.Encodings[:]), kept{}
	if r.random.IntN(2) == 0 {
		if before = r.kept[v.path]; before.etag != "" {
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
		r.keep(v.path, kept{a.Header.Get("ETag"), encoding, a.Body})
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

func (r *reader) keep(path string, k kept) {
	if k.etag == "" {
		return
	}
	if len(r.kept) >= maxKept {
		clear(r.kept)
	}
	k.body = bytes.Clone(k.body)
	r.kept[path] = k
}

// judge holds an answer against the ledger.
func (c *Checker) judge(floors Floors, v view, body []byte) []string {
	found := c.ledger.JudgeMarks(floors, body)
	if v.scope != nil {
		found = append(found, c.ledger.JudgeScope(floors, body, *v.scope)...)
	}
	if v.sums != nil {
		sums, err := v.sums(body)
		if err != nil {
			return append(found, fmt.Sprintf("it cannot be read: %v", err))
		}
		for _, s := range sums {
			found = append(found, c.ledger.JudgeSum(floors, s)...)
		}
	}
	return found
}
