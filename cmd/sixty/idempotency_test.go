package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/servertest"
)

// TestRepeatedPastAKill: a POST that is sent fifty times at once with one key, to a
// server that is killed meanwhile, and again to the next one, creates one deal, and
// every response is the same.
func TestRepeatedPastAKill(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			variables := []string{"SIXTY_DATA_DIR=" + t.TempDir(), "SIXTY_RATE_LIMITS=off"}
			if engine == "postgres" {
				variables = append(variables, "DATABASE_URL="+servertest.PostgresURL(t))
			}
			if out, err := sixty(t, variables, "org", "create", "Killed").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			out, err := sixty(t, variables, "apikey", "create", "--name", "test", "--org", "Killed", "--role", "admin").Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			r := repeats{T: t, variables: variables, key: strings.TrimSpace(string(out))}
			// Killed when so many requests were sent; with none, when one was answered.
			for _, sent := range []int32{1, 25, 50, 0} {
				r.round(fmt.Sprint("killed-", sent), sent)
			}
		})
	}
}

// repeats sends requests to servers that it kills.
type repeats struct {
	*testing.T
	variables []string
	key       string
}

func (r repeats) round(name string, killAfter int32) {
	r.Helper()
	addr, kill := r.serve()
	var sent atomic.Int32
	const times = 50
	answers := make(chan string, times+1)
	var sending sync.WaitGroup
	for range times {
		sending.Go(func() {
			ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
				if sent.Add(1) == killAfter {
					kill()
				}
			}})
			if answer, ok := r.post(ctx, addr, name); ok {
				if killAfter == 0 {
					kill()
				}
				answers <- answer
			}
		})
	}
	sending.Wait()
	kill()
	addr, _ = r.serve()
	answer, ok := r.post(r.Context(), addr, name)
	if !ok {
		r.Fatalf("%s: no answer after the kill", name)
	}
	answers <- answer
	close(answers)
	for a := range answers {
		if a != answer {
			r.Errorf("%s: the answers %s and %s", name, a, answer)
		}
	}
	if _, list, err := request("http://"+addr+"/api/deals?limit=1000", r.key); err != nil || strings.Count(list, `"name":"`+name+`"`) != 1 {
		r.Errorf("%s: want one deal of this name: %s, %v", name, list, err)
	}
}

// serve starts a server and waits until it is ready. It is killed when the test ends,
// if not before.
func (r repeats) serve() (addr string, kill func()) {
	r.Helper()
	l, err := new(net.ListenConfig).Listen(r.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	addr = l.Addr().String()
	_ = l.Close() // for the server
	server := sixty(r.T, r.variables, "serve", "--addr", addr)
	if err := server.Start(); err != nil {
		r.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := server.Process.Kill(); err != nil {
			r.Error(err)
		}
		_ = server.Wait() // it was killed
	})
	r.Cleanup(kill)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		if status, _, err := request("http://"+addr+"/readyz", ""); err == nil && status == http.StatusOK {
			return addr, kill
		}
		select {
		case <-again.C:
		case <-limit.C:
			r.Fatal("the server is not ready")
		}
	}
}

// post creates a deal and returns the response; false if there is none.
func (r repeats) post(ctx context.Context, addr, name string) (answer string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/api/deals", strings.NewReader(`{"name":"`+name+`"}`))
	if err != nil {
		r.Error(err)
		return "", false
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", name)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusConflict {
		return "", false
	}
	if res.StatusCode != http.StatusCreated {
		r.Errorf("%s: %d %s", name, res.StatusCode, text)
	}
	return res.Header.Get("Location") + " " + res.Header.Get("Etag") + " " + string(text), true
}
