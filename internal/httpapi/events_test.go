package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/changes"
	"sixty/internal/changes/changestest"
	"sixty/internal/server"
)

// pipes is a listener of unbuffered connections: a write ends when the other end has read it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// streaming runs a test against a server whose streams follow the log, in a synctest bubble.
func streaming(t *testing.T, test func(t *testing.T, a testAPI, log *changestest.Log, open func() *bufio.Reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, follower := new(changestest.Log), changes.New(changes.Options{})
		a := newAPI(t, func(o *testOptions) { o.Changes = follower })
		ctx, cancel := context.WithCancel(t.Context())
		listener := make(pipes)
		// As bounded as the program's own server.
		server := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 90 * time.Second}
		server.RegisterOnShutdown(a.EndStreams)
		var running sync.WaitGroup
		running.Go(func() { _ = follower.Run(ctx, log) })
		running.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
		var conns []net.Conn
		test(t, a, log, func() *bufio.Reader {
			ours, theirs := net.Pipe()
			conns = append(conns, ours)
			listener <- theirs
			if _, err := io.WriteString(ours, "GET /api/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer key\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(ours), nil)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%+v, %v", res, err)
			}
			t.Cleanup(func() { _ = res.Body.Close() })
			return bufio.NewReader(res.Body)
		})
		for _, conn := range conns {
			_ = conn.Close()
		}
		close(listener)
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		cancel()
		running.Wait()
	})
}

// readEvent reads up to the end of an event, or of a comment.
func readEvent(r *bufio.Reader) (string, error) {
	text := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\n" {
			return text, err
		}
		text += line
	}
}

// An idle stream sends heartbeats, and is not subject to the server's timeouts of requests.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	streaming(t, func(t *testing.T, _ testAPI, log *changestest.Log, open func() *bufio.Reader) {
		r := open()
		if first, err := readEvent(r); err != nil || first != "id: EPOCH234.0\nevent: ready\ndata: {\"seq\":0}\n" {
			t.Fatalf("%q, %v", first, err)
		}
		began := time.Now()
		for n := 1; n <= 40; n++ {
			beat, err := readEvent(r)
			if took := time.Since(began); err != nil || beat != ":\n" || took != time.Duration(n)*heartbeat {
				t.Fatalf("after %s: %q, %v", took, beat, err)
			}
		}
		log.Grow(1)
		if change, err := readEvent(r); err != nil || !strings.HasPrefix(change, "id: EPOCH234.1\nevent: change\n") {
			t.Errorf("%q, %v", change, err)
		}
	})
}

// A client that does not read is disconnected, and does not delay others.
func TestSlowClientsAreDisconnected(t *testing.T) {
	t.Parallel()
	streaming(t, func(t *testing.T, a testAPI, log *changestest.Log, open func() *bufio.Reader) {
		slow, r := open(), open()
		if _, err := readEvent(r); err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			written := time.Now()
			log.Grow(1)
			change, err := readEvent(r)
			if took := time.Since(written); err != nil || !strings.Contains(change, "event: change\n") || took > time.Second {
				t.Fatalf("change %d comes after %s: %q, %v", n, took, change, err)
			}
		}
		for began := time.Now(); a.OpenStreams() > 1; {
			if time.Since(began) > streamWriteTimeout+time.Second {
				t.Fatal("the other stream is still open")
			}
			if beat, err := readEvent(r); err != nil || beat != ":\n" {
				t.Fatalf("%q, %v", beat, err)
			}
		}
		if text, err := io.ReadAll(slow); !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(string(text), "event: change\n") {
			t.Errorf("its stream ends with %v: %q", err, text)
		}
	})
}

// The last event of a stream is the reason why it ends.
func TestEndEvents(t *testing.T) {
	t.Parallel()
	a := apiOver(t, noDeals)
	for err, want := range map[error]string{
		changes.ErrSlow: "too slow", changes.ErrStopped: "shuts down", server.ErrShutdown: "shuts down", errRevoked: "no longer valid", errors.New("x"): "cannot follow",
	} {
		w := httptest.NewRecorder()
		s := stream{api: a.API, w: w, out: http.NewResponseController(w)}
		s.end(err)
		if got := w.Body.String(); !strings.HasPrefix(got, "event: end\ndata: {\"reason\":\"") || !strings.Contains(got, want) || s.disconnected {
			t.Errorf("%v: %q", err, got)
		}
	}
}
