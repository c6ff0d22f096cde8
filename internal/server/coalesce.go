package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// net/http writes a response through a buffer of 4 KiB: its beginning together with the
// header, and the rest in a write of its own, which costs another system call and wakes
// the client twice. The body of a cached response is complete, so that both can go in one
// vectored write (writev(2)). A connection coalesces writes only while it is told to.

// CoalesceWrites returns a listener whose TCP connections can send header and body of a
// response in one write. The http.Server's ConnContext must be that of this package.
func CoalesceWrites(l net.Listener) net.Listener { return coalescingListener{l} }

type coalescingListener struct{ net.Listener }

// Accept implements net.Listener.
func (l coalescingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &coalescingConn{TCPConn: tcp}, nil
	}
	return c, err
}

// connKey is the context key of a request's connection.
type connKey struct{}

// ConnContext is for an http.Server: it adds the connection to the contexts of its requests.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	for {
		switch v := c.(type) {
		case *tls.Conn:
			return ctx // what it writes are records, and with HTTP/2 those of several requests
		case *coalescingConn:
			return context.WithValue(ctx, connKey{}, v)
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			return ctx
		}
	}
}

// writeBody writes the whole body of a response, in one write with the header if it can.
func writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	c, ok := r.Context().Value(connKey{}).(*coalescingConn)
	if !ok || len(body) < coalesceFrom {
		_, _ = w.Write(body) // the error would be the client's
		return
	}
	c.coalesce()
	defer c.release()
	_, _ = w.Write(body)                      // see above
	_ = http.NewResponseController(w).Flush() // else its end would follow in a write of its own
}

const (
	// writeBuffer is the size of the buffer through which net/http writes.
	writeBuffer = 4 << 10
	// coalesceFrom is the length from which on a body may not fit into that buffer together
	// with its header.
	coalesceFrom = writeBuffer / 2
)

// coalescingConn is a connection that can hold back the first part of a response until
// the second is written. Only one goroutine at a time may write, as net/http does.
type coalescingConn struct {
	*net.TCPConn
	coalescing bool
	held       *[]byte // what is held back; nil if nothing is
	// Of the current write, so that it allocates nothing:
	parts [2][]byte
	rest  net.Buffers
}

// heldBuffers pools the memory of what is held back.
var heldBuffers = sync.Pool{New: func() any { b := make([]byte, 0, writeBuffer); return &b }}

// coalesce holds back the next write until the one after it. release must follow.
func (c *coalescingConn) coalesce() { c.coalescing = true }

// release writes what is held back, and holds back no more.
func (c *coalescingConn) release() {
	c.coalescing = false
	if c.held != nil {
		_, _ = c.send(nil) // if it fails, so does the next write
	}
}

// Write implements net.Conn: it writes p, after what was held back, or holds it back.
func (c *coalescingConn) Write(p []byte) (int, error) {
	switch {
	case c.held != nil:
		return c.send(p)
	case !c.coalescing || len(p) > writeBuffer:
		return c.TCPConn.Write(p)
	}
	c.held = heldBuffers.Get().(*[]byte)
	*c.held = append((*c.held)[:0], p...)
	return len(p), nil
}

// send writes what was held back, and then p, in one write. It returns how much of p was
// written.
func (c *coalescingConn) send(p []byte) (int, error) {
	held := *c.held
	c.parts = [2][]byte{held, p}
	c.rest = c.parts[:]
	n, err := c.rest.WriteTo(c.TCPConn)
	heldBuffers.Put(c.held)
	c.held, c.rest, c.parts = nil, nil, [2][]byte{}
	return max(0, int(n)-len(held)), err
}
