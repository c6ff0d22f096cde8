package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// net/http sends an answer through a buffer of 4 KiB: the first of it with the header,
// and then the rest, each in a write of its own, which costs a way through the network
// stack and wakes the client twice. The body of a kept answer is whole, so that both can
// go in one write (writev(2)). A connection that gathers does this while it is told to,
// and not a moment longer.

// Gather has the connections of a TCP listener gather what is written of one answer, for
// servers whose ConnContext is that of this package. What is no TCP connection stays as
// it is.
func Gather(l net.Listener) net.Listener { return gathering{l} }

type gathering struct{ net.Listener }

// Accept gives the next connection.
func (g gathering) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &gatheringConn{TCPConn: tcp}, nil
	}
	return c, err
}

// connKey is what a request's context holds its connection under.
type connKey struct{}

// ConnContext is for an http.Server: it lets answers find the connection that they are
// written to.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	for {
		switch v := c.(type) {
		case *gatheringConn:
			return context.WithValue(ctx, connKey{}, v)
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			return ctx
		}
	}
}

// writeWhole writes a body that is there as a whole, if it can in one write with the
// header that goes before it.
func writeWhole(w http.ResponseWriter, r *http.Request, body []byte) {
	c, ok := r.Context().Value(connKey{}).(*gatheringConn)
	if !ok || len(body) < gatherFrom {
		_, _ = w.Write(body) // a client that does not read its answer is no failure of ours
		return
	}
	c.gather()
	defer c.release()
	_, _ = w.Write(body)                      // see above
	_ = http.NewResponseController(w).Flush() // the end of it, which would else follow in a write of its own
}

const (
	// headRoom is the buffer through which net/http writes.
	headRoom = 4 << 10
	// gatherFrom is the length from which on a body may not fit into that buffer with its
	// header, and so is written in more than one part.
	gatherFrom = headRoom / 2
)

// gatheringConn is a connection that can hold back the first part of an answer until the
// second is there. What is written to it is written by one goroutine at a time, as
// net/http does.
type gatheringConn struct {
	*net.TCPConn
	gathers bool
	held    *[]byte // what was not yet written; nil if nothing
	// Of the one write that runs, so that it allocates nothing:
	parts [2][]byte
	rest  net.Buffers
}

// heads keeps the memory of what is held back.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, headRoom); return &b }}

// gather has what is written next wait for what is written after it; release must follow.
func (c *gatheringConn) gather() { c.gathers = true }

// release writes what waits, and gathers no more.
func (c *gatheringConn) release() {
	c.gathers = false
	if c.held != nil {
		_, _ = c.send(nil) // should it fail, so does the next write
	}
}

// Write writes p, together with what was held back, or holds it back.
func (c *gatheringConn) Write(p []byte) (int, error) {
	switch {
	case c.held != nil:
		return c.send(p)
	case !c.gathers || len(p) > headRoom:
		return c.TCPConn.Write(p)
	}
	c.held = heads.Get().(*[]byte)
	*c.held = append((*c.held)[:0], p...)
	return len(p), nil
}

// send writes what was held back, and then p, in one write. It gives how much of p was
// written.
func (c *gatheringConn) send(p []byte) (int, error) {
	held := *c.held
	c.parts = [2][]byte{held, p}
	c.rest = c.parts[:]
	n, err := c.rest.WriteTo(c.TCPConn)
	heads.Put(c.held)
	c.held, c.rest, c.parts = nil, nil, [2][]byte{}
	return max(0, int(n)-len(held)), err
}
