package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// requestBound is how long a client waits for an answer; the program must answer earlier.
const requestBound = 20 * time.Second

// answer is what came back for one request.
type answer struct {
	began, ended time.Time
	status       int // 0: no answer
	header       http.Header
	body         []byte
	err          error
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

// byProxy reports whether the proxy answered instead of an instance.
func (a *answer) byProxy() bool { return a.header.Get(proxyMade) != "" }

// open reports whether the outcome of a write is not known from its answer.
func (a *answer) open() bool {
	if a.status == 0 || a.byProxy() && a.status != http.StatusServiceUnavailable {
		return true
	}
	return a.status == http.StatusServiceUnavailable && a.code() == "commit.unknown"
}

func (a *answer) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &problem)
	return problem.Code
}

// problem reports whether the body is a problem as every failure must have.
func (a *answer) problem() bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json")
}

// client sends requests to one address, an instance's or the proxy's.
type client struct {
	base     string
	instance string // the number of the instance; empty behind the proxy
	log      *tally
	http     *http.Client
}

func newClient(base, instance string, log *tally) *client {
	return &client{base: base, instance: instance, log: log, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true},
		Timeout:   requestBound,
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// send sends a request and notes it. Go repeats a request itself when a connection that was
// idle turns out to be closed, unless it has a body that cannot be rewound: none is repeated
// here.
func (c *client) send(ctx context.Context, method, path, key string, body any, header map[string]string) *answer {
	a := &answer{began: time.Now(), header: http.Header{}}
	defer func() {
		a.ended = time.Now()
		c.log.note(c, method, path, a, ctx.Err() != nil)
	}()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		a.err = err
		return a
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			a.err = err
			return a
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		a.err = err
		return a
	}
	defer func() { _ = res.Body.Close() }()
	a.header = res.Header
	if a.body, a.err = io.ReadAll(res.Body); a.err == nil {
		a.status = res.StatusCode
	}
	return a
}
