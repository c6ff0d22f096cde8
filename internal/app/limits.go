package app

import (
	"fmt"
	"net"
	"sync"

	"sixty/internal/config"
	"sixty/internal/ratelimit"
)

// newLimiter makes the rate limits; nil if they are off, which is not to be overlooked.
func newLimiter(core *Core, s *serving, cfg config.Limits) (*ratelimit.Limiter, error) {
	if !cfg.Limited() {
		core.Log.Warn("RATE LIMITS ARE OFF: whoever can reach this server may ask as often as they like",
			"setting", config.NameOf(cfg, "RateLimits"))
		return nil, nil //nolint:nilnil // none is what was asked for
	}
	o := ratelimit.Options{
		Global: ratelimit.Limit(cfg.LimitGlobal), API: ratelimit.Limit(cfg.LimitAPI), Expensive: ratelimit.Limit(cfg.LimitExpensive),
		PrincipalFactor: int64(cfg.LimitPrincipalFactor), OrganisationFactor: int64(cfg.LimitOrganisationFactor),
		Logger: core.Log,
	}
	if s.redis != nil {
		o.Redis, o.Prefix = s.redis.Client, "sixty:"+s.epoch+":limit:" // of this database's instances alone
	}
	l, err := ratelimit.New(o)
	if err != nil {
		return nil, fmt.Errorf("make the rate limits: %w", err)
	}
	return l, nil
}

// boundedListener accepts so many connections of one address at once, and closes those
// that are too many: one client must not take all that the system has. Those of trusted
// proxies are of many clients and not bounded.
type boundedListener struct {
	net.Listener
	most    int
	proxies ratelimit.Proxies

	mu   sync.Mutex
	open map[ratelimit.Caller]int // by address, as rate limits count it
}

// bounded bounds the connections that a listener accepts of one address; most is 0 for no bound.
func bounded(l net.Listener, most int, proxies ratelimit.Proxies) net.Listener {
	if most == 0 {
		return l
	}
	return &boundedListener{Listener: l, most: most, proxies: proxies, open: map[ratelimit.Caller]int{}}
}

// Accept gives the next connection that is not too many.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, limited := l.from(c)
		if !limited {
			return c, nil
		}
		if l.take(from) {
			return &boundedConn{Conn: c, release: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		_ = c.Close() // it was never used
	}
}

// from gives whom a connection counts for.
func (l *boundedListener) from(c net.Conn) (ratelimit.Caller, bool) {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ratelimit.Caller{}, false
	}
	a := tcp.AddrPort().Addr()
	return ratelimit.Address(a), !l.proxies.Trust(a)
}

func (l *boundedListener) take(from ratelimit.Caller) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.most {
		return false
	}
	l.open[from]++
	return true
}

func (l *boundedListener) give(from ratelimit.Caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

// boundedConn is a connection that counts until it is closed.
type boundedConn struct {
	net.Conn
	release func()
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
	defer c.release()
	return c.Conn.Close()
}
