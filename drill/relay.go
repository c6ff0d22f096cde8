package main

import (
	"io"
	"net"
	"sync"
)

// relay passes TCP connections on to a server, and can be cut: a standby behind it falls back
// without its server noticing anything else.
type relay struct {
	addr   string
	target string
	l      net.Listener

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newRelay(target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{addr: l.Addr().String(), target: target, l: l, conns: map[net.Conn]bool{}}
	r.wg.Go(r.accept)
	return r, nil
}

func (r *relay) accept() {
	for {
		client, err := r.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !r.add(client, server) {
			continue
		}
		r.wg.Go(func() { r.pass(client, server) })
		r.wg.Go(func() { r.pass(server, client) })
	}
}

// add keeps both ends of a connection, so that they can be closed; none while it is cut.
func (r *relay) add(ends ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, end := range ends {
		if r.cut {
			_ = end.Close()
			continue
		}
		r.conns[end] = true
	}
	return !r.cut
}

func (r *relay) pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, end := range []net.Conn{to, from} {
		_ = end.Close()
		delete(r.conns, end)
	}
}

// sever closes all connections and refuses new ones.
func (r *relay) sever() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	for end := range r.conns {
		_ = end.Close()
	}
}

func (r *relay) close() {
	_ = r.l.Close()
	r.sever()
	r.wg.Wait()
}
