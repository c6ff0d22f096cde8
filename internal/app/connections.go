package app

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"sixty/internal/ratelimit"
)

// boundedListener bounds the connections that are open at once: each takes some 20 KB, even
// if it is idle. At the bound, a new connection evicts the one that has been idle for the
// longest time. An address has a lower bound, beyond which its connections are closed, so
// that one client cannot take all of them. Trusted proxies have none: their connections
// are of many clients.
type boundedListener struct {
	net.Listener
	limit           int
	limitPerAddress int // 0: none
	proxies         ratelimit.Proxies

	mu   sync.Mutex
	open map[ratelimit.Caller]int // by address, as rate limits count it
	all  list.List                // of *boundedConn, in the order of their last change of state
}

func newBoundedListener(l net.Listener, limit, perAddress int, proxies ratelimit.Proxies) *boundedListener {
	return &boundedListener{Listener: l, limit: limit, limitPerAddress: perAddress, proxies: proxies, open: map[ratelimit.Caller]int{}}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		b := &boundedConn{Conn: c, listener: l}
		b.from, b.limited = l.from(c)
		taken, longest := l.take(b)
		if longest != nil {
			_ = longest.Close() // no request is served on it
		}
		if taken {
			return b, nil
		}
		_ = c.Close() // it was never used
	}
}

// from returns the address that a connection counts for; false if it is not limited.
func (l *boundedListener) from(c net.Conn) (ratelimit.Caller, bool) {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || l.limitPerAddress == 0 {
		return ratelimit.Caller{}, false
	}
	a := tcp.AddrPort().Addr()
	return ratelimit.Address(a), !l.proxies.Trust(a)
}

// take counts a connection, unless that is over a bound, and returns the one that it
// evicts, if any.
func (l *boundedListener) take(b *boundedConn) (taken bool, longest *boundedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.limited && l.open[b.from] >= l.limitPerAddress {
		return false, nil
	}
	if l.all.Len() >= l.limit {
		if longest = l.longestIdle(); longest == nil {
			return false, nil
		}
		l.remove(longest)
	}
	if b.limited {
		l.open[b.from]++
	}
	b.place = l.all.PushBack(b)
	return true, longest
}

// longestIdle returns the connection that has been idle for the longest time; nil if all
// are active. The lock is held.
func (l *boundedListener) longestIdle() *boundedConn {
	for e := l.all.Front(); e != nil; e = e.Next() {
		if b := e.Value.(*boundedConn); !b.active {
			return b
		}
	}
	return nil
}

// remove stops counting a connection. The lock is held.
func (l *boundedListener) remove(b *boundedConn) {
	if b.place == nil {
		return
	}
	l.all.Remove(b.place)
	b.place = nil
	if !b.limited {
		return
	}
	if l.open[b.from]--; l.open[b.from] == 0 {
		delete(l.open, b.from)
	}
}

// note is for http.Server.ConnState: it records which connections are idle. A connection
// is idle until the header of a request has arrived.
func (l *boundedListener) note(c net.Conn, state http.ConnState) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	b, ok := c.(*boundedConn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.place != nil {
		b.active = state == http.StateActive
		l.all.MoveToBack(b.place)
	}
}

// boundedConn is a connection that is counted until it is closed.
type boundedConn struct {
	net.Conn
	listener *boundedListener
	from     ratelimit.Caller
	limited  bool // whether it counts for from

	// The listener's lock guards these.
	place  *list.Element // nil if it is not counted any more
	active bool          // whether a request is served on it
}

// NetConn returns the underlying connection.
func (c *boundedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http close its side first, and read what the client is still sending,
// so that the client receives the response.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection, and stops counting it.
func (c *boundedConn) Close() error {
	defer func() {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.listener.remove(c)
	}()
	return c.Conn.Close()
}
