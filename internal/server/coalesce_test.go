package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// pair returns both ends of a coalescing connection.
func pair(t *testing.T) (server *coalescingConn, client net.Conn) {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := CoalesceWrites(inner)
	defer func() { _ = l.Close() }()
	client, err = new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, ok := accepted.(*coalescingConn)
	if !ok {
		t.Fatalf("accepted is a %T", accepted)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return server, client
}

func TestConnectionCoalesces(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	write := func(s string) {
		t.Helper()
		if n, err := io.WriteString(server, s); n != len(s) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(s), err)
		}
	}
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		_ = client.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
			t.Fatalf("read is %q, %v, want %q", got, err, want)
		}
	}
	write("at once;")
	read("at once;")
	server.coalesce()
	write("head;")
	if server.held == nil {
		t.Error("the first part is not held back")
	}
	write("body;")
	if server.held != nil {
		t.Error("something is held back although the second part is there")
	}
	read("head;body;")
	write("alone;")
	server.release()
	read("alone;")
	server.release()
	write("after;")
	read("after;")
	server.coalesce()
	long := string(bytes.Repeat([]byte("x"), writeBuffer+1))
	write(long)
	server.release()
	read(long)
	// A failed write returns its error.
	_ = client.Close()
	server.coalesce()
	write("head;")
	_ = server.Close()
	if n, err := io.WriteString(server, "body;"); err == nil || n != 0 {
		t.Errorf("%d bytes were written to a closed connection, %v", n, err)
	}
	server.release()
}

// Responses of every length arrive complete over a coalescing connection.
func TestResponsesAreComplete(t *testing.T) {
	t.Parallel()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, ConnContext: ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Value(connKey{}).(*coalescingConn); !ok {
			t.Error("the context has no connection")
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Header().Set("Link", string(bytes.Repeat([]byte("l"), len(r.URL.Query().Get("link")))))
		writeBody(w, r, bytes.Repeat([]byte("b"), n))
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(nested{CoalesceWrites(inner)}) }()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	for _, n := range []int{0, 1, 1000, writeBuffer - 200, writeBuffer - 1, writeBuffer, writeBuffer + 1, 2*writeBuffer - 150, 2 * writeBuffer, 50_000, 1 << 20} {
		for _, link := range []int{0, 100, writeBuffer + 10} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				target := "http://" + inner.Addr().String() + "/?n=" + strconv.Itoa(n) + "&link=" + string(bytes.Repeat([]byte("l"), link))
				req, err := http.NewRequestWithContext(t.Context(), method, target, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				want := n
				if method == http.MethodHead {
					want = 0
				}
				if err != nil || len(body) != want || bytes.Count(body, []byte("b")) != want || len(resp.Header.Get("Link")) != link {
					t.Errorf("%s of %d bytes, a header of %d: %d bytes, %v", method, n, link, len(body), err)
				}
			}
		}
	}
	client.CloseIdleConnections()
	if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// A response of any length is sent as soon as its body is written: no part of it waits for
// the end of the request.
func TestResponsesAreSentAtOnce(t *testing.T) {
	t.Parallel()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hasRead := make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Minute, ConnContext: ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		w.Header().Set("Content-Length", strconv.Itoa(n))
		writeBody(w, r, bytes.Repeat([]byte("b"), n))
		select {
		case <-hasRead:
		case <-r.Context().Done():
			t.Errorf("of %d bytes, some were not sent", n)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(CoalesceWrites(inner)) }()
	client := &http.Client{Timeout: 5 * time.Second}
	for _, n := range []int{coalesceFrom, writeBuffer - 200, writeBuffer, writeBuffer + 1, 2*writeBuffer - 150, 2 * writeBuffer, 50_000} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+inner.Addr().String()+"/?n="+strconv.Itoa(n), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) != n {
			t.Fatalf("%d of %d bytes, %v", len(body), n, err)
		}
		_ = resp.Body.Close()
		hasRead <- struct{}{}
	}
	client.CloseIdleConnections()
	if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// nested is a listener whose connections are those of another, wrapped.
type nested struct{ net.Listener }

func (n nested) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	return nestedConn{c}, err
}

type nestedConn struct{ net.Conn }

func (c nestedConn) NetConn() net.Conn { return c.Conn }
