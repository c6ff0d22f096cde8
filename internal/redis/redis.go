// Package redis is the program's connection to Redis: one server, one that sentinels
// watch over, or a cluster. It is made when Redis can be reached and kept from then
// on, and nobody waits for it: whoever asks Redis has a way without it, so an answer
// is awaited for 20 ms, and not at all while a circuit breaker is open (see [Calls]).
package redis

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Mode is what Redis is.
type Mode string

// The modes.
const (
	Single   Mode = "single"
	Sentinel Mode = "sentinel"
	Cluster  Mode = "cluster"
)

// Options say where Redis is.
type Options struct {
	// Addresses are HOST:PORT: the server's, the sentinels', or those of some of the
	// cluster's nodes.
	Addresses []string
	Mode      Mode
	// Master is the name of the server that the sentinels watch over.
	Master string
	// Username and Password are for the servers; sentinels are asked without.
	Username string
	Password string
	// DB is the number of the database; a cluster has only 0.
	DB int
	// TLS, if set, is how to speak to servers and sentinels.
	TLS *tls.Config
	// Logger hears when Redis is first reached. It is needed.
	Logger *slog.Logger
}

// The pause between attempts to connect, which doubles from the least to the most.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// Conn is the connection. It is safe for concurrent use.
type Conn struct {
	client  atomic.Pointer[rueidis.Client] // nil until connected for the first time
	log     *slog.Logger
	life    context.Context // ends at Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the goroutine that connects has ended
}

// New gives the connection at once; it is made in the background, and again whenever
// Redis has been away. Close ends it.
func New(o Options) *Conn {
	c := &Conn{log: o.Logger, stopped: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	go c.tend(clientOptions(o))
	return c
}

// Client gives the driver's client; nil until Redis was reached for the first time.
// It does not wait.
func (c *Conn) Client() rueidis.Client {
	if client := c.client.Load(); client != nil {
		return *client
	}
	return nil
}

// Close disconnects. Whoever uses the client must have ended.
func (c *Conn) Close() {
	c.end()
	<-c.stopped
}

// tend keeps a client from when Redis can be reached until Close.
func (c *Conn) tend(o rueidis.ClientOption) {
	defer close(c.stopped)
	client := c.connect(o)
	if client == nil {
		return
	}
	defer client.Close()
	c.client.Store(&client)
	c.log.Info("redis: connected")
	<-c.life.Done()
}

// connect gives a client as soon as Redis can be reached: the driver connects again
// by itself, but not for the first time. It gives nil at Close.
func (c *Conn) connect(o rueidis.ClientOption) rueidis.Client {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		client, err := rueidis.NewClient(o)
		if err == nil {
			return client
		}
		if client != nil {
			client.Close()
		}
		if pause == leastPause {
			c.log.Warn("redis: cannot be reached; it will be tried again", slog.Any("error", err))
		}
		select {
		case <-time.After(pause):
		case <-c.life.Done():
			return nil
		}
	}
}

// clientOptions says the same to the driver.
func clientOptions(o Options) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: commandLimit, KeepAlive: time.Second}
	c := rueidis.ClientOption{
		InitAddress: o.Addresses, Username: o.Username, Password: o.Password, SelectDB: o.DB, TLSConfig: o.TLS,
		Dialer: dialer, ConnWriteTimeout: commandLimit, ClientName: "sixty",
		ForceSingleClient: o.Mode == Single,
		// Whoever asks has a memory of its own, and waits too short a time for a second
		// try.
		DisableCache: true, DisableRetry: true,
		// The driver's own buffers are for far more traffic.
		RingScaleEachConn: 8, ReadBufferEachConn: 1 << 16, WriteBufferEachConn: 1 << 16,
	}
	if o.Mode == Sentinel {
		c.Sentinel = rueidis.SentinelOption{
			MasterSet: o.Master, TLSConfig: o.TLS, Dialer: dialer, ClientName: "sixty",
			// A lost word of a failover would bind it to the old master for good.
			TopologyRefreshInterval: 5 * time.Second,
		}
	}
	return c
}
