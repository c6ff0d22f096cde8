package app

import (
	"container/list"
	"net"
	"net/http"
	"sync"

	"sixty/internal/ratelimit"
)

// boundedListener accepts so many connections at once: each takes some 20 KB, however idle
// it is. When there are as many, whichever has been without a request for the longest time
// gives way. Of one address it accepts fewer, and closes those that are too many: one
// client must not take all that there is. Those of trusted proxies are of many clients and
// not bounded so.
type boundedListener struct {
	net.Listener
	most          int
	mostOfAddress int // 0: as many as it likes
	proxies       ratelimit.Proxies

	mu   sync.Mutex
	open map[ratelimit.Caller]int // by address, as rate limits count it
	all  list.List                // of *boundedConn, in the order of their last change of state
}

func newBoundedListener(l net.Listener, most, mostOfAddress int, proxies ratelimit.Proxies) *boundedListener {
	return &boundedListener{Listener: l, most: most, mostOfAddress: mostOfAddress, proxies: proxies, open: map[ratelimit.Caller]int{}}
}

// Accept gives the next connection that is not too many.
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
			_ = longest.Close() // nobody works on it
		}
		if taken {
			return b, nil
		}
		_ = c.Close() // it was never used
	}
}

// from gives whom a connection counts for.
func (l *boundedListener) from(c net.Conn) (ratelimit.Caller, bool) {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || l.mostOfAddress == 0 {
		return ratelimit.Caller{}, false
	}
	a := tcp.AddrPort().Addr()
	return ratelimit.Address(a), !l.proxies.Trust(a)
}

// take counts a connection, unless it is too many, and gives the one that is to give way.
func (l *boundedListener) take(b *boundedConn) (taken bool, longest *boundedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.limited && l.open[b.from] >= l.mostOfAddress {
		return false, nil
	}
	if l.all.Len() >= l.most {
		if longest = l.longestIdle(); longest == nil {
			return false, nil
		}
		l.forget(longest)
	}
	if b.limited {
		l.open[b.from]++
	}
	b.place = l.all.PushBack(b)
	return true, longest
}

// longestIdle gives the connection that has been without a request for the longest time;
// nil if each has one. The lock is held.
func (l *boundedListener) longestIdle() *boundedConn {
	for e := l.all.Front(); e != nil; e = e.Next() {
		if b := e.Value.(*boundedConn); !b.active {
			return b
		}
	}
	return nil
}

// forget counts a connection no more. The lock is held.
func (l *boundedListener) forget(b *boundedConn) {
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

// note is for http.Server.ConnState: it learns which connections are without a request,
// those among them on which the header of one is still to come.
func (l *boundedListener) note(c net.Conn, state http.ConnState) {
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

// boundedConn is a connection that counts until it is closed.
type boundedConn struct {
	net.Conn
	listener *boundedListener
	from     ratelimit.Caller
	limited  bool // whether it counts for its address

	// The listener's lock guards these.
	place  *list.Element // nil when it counts no more
	active bool          // whether a request on it is worked on
}

// NetConn gives the connection that is counted.
func (c *boundedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http tell a client that no more will come, and wait for what it is
// still sending, so that it does not lose the answer with the connection.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection, which then counts no more.
func (c *boundedConn) Close() error {
	defer func() {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.listener.forget(c)
	}()
	return c.Conn.Close()
}
