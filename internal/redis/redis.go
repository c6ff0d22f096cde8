// Package redis is the program's connection to Redis: a single server, one managed by
// Sentinel, or a cluster. It is established in the background, and every use of Redis has
// an alternative without it, so calls wait at most 20 ms, and not at all while a circuit
// breaker is open (see [Calls]).
package redis

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Mode is the kind of Redis deployment.
type Mode string

// The kinds.
const (
	Single   Mode = "single"
	Sentinel Mode = "sentinel"
	Cluster  Mode = "cluster"
)

// Options configure the connection.
type Options struct {
	// Addresses are HOST:PORT of the server, of the sentinels, or of some cluster nodes.
	Addresses []string
	Mode      Mode
	// Master is the name of the master that the sentinels monitor.
	Master string
	// Credentials are for the servers, Sentinels for the sentinels.
	Credentials
	Sentinels Credentials
	// DB is the number of the database; always 0 for a cluster.
	DB int
	// TLS, if not nil, is used for servers and sentinels.
	TLS *tls.Config
	// Logger logs the first connection. Required.
	Logger *slog.Logger
}

// Credentials are a user and a password; the user may be empty.
type Credentials struct{ Username, Password string }

// The pause between attempts to connect doubles from leastPause to mostPause.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// Conn is the connection. It is safe for concurrent use.
type Conn struct {
	options atomic.Pointer[Options]        // of which credentials may be replaced
	client  atomic.Pointer[rueidis.Client] // nil until connected for the first time
	log     *slog.Logger
	life    context.Context // ends at Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the connecting goroutine has ended
}

// New returns a connection at once. It connects in the background, and reconnects after
// outages. The caller must Close it.
func New(o Options) *Conn {
	c := &Conn{log: o.Logger, stopped: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	c.options.Store(&o)
	go c.maintain(c.clientOptions())
	return c
}

// Client returns the driver's client; nil before the first connection. It does not block.
func (c *Conn) Client() rueidis.Client {
	if client := c.client.Load(); client != nil {
		return *client
	}
	return nil
}

// ReplacePassword replaces the credentials that new connections are authenticated by, and
// reports whether it did: not if the options differ in anything else, nor with sentinels.
func (c *Conn) ReplacePassword(o Options) bool {
	was := c.options.Load()
	if was.Mode == Sentinel || o.Mode != was.Mode || o.DB != was.DB || (o.TLS == nil) != (was.TLS == nil) || !slices.Equal(o.Addresses, was.Addresses) {
		return false
	}
	c.options.Store(&o)
	return true
}

// Close disconnects. The client must not be in use any more.
func (c *Conn) Close() {
	c.end()
	<-c.stopped
}

// maintain connects and holds the client until Close.
func (c *Conn) maintain(o rueidis.ClientOption) {
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

// connect retries until Redis can be reached: the driver reconnects by itself, except for
// the first time. It returns nil at Close.
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
			c.log.Warn("redis: cannot connect; retrying", slog.Any("error", err))
		}
		select {
		case <-time.After(pause):
		case <-c.life.Done():
			return nil
		}
	}
}

// clientOptions converts the options.
func (c *Conn) clientOptions() rueidis.ClientOption {
	o := c.options.Load()
	dialer := net.Dialer{Timeout: commandLimit, KeepAlive: time.Second}
	driver := rueidis.ClientOption{
		InitAddress: o.Addresses, SelectDB: o.DB, TLSConfig: o.TLS,
		Dialer: dialer, ConnWriteTimeout: commandLimit, ClientName: "sixty",
		ForceSingleClient: o.Mode == Single,
		// Callers have caches of their own, and wait too briefly for a retry.
		DisableCache: true, DisableRetry: true,
		// The driver's default buffers are for much more traffic.
		RingScaleEachConn: 8, ReadBufferEachConn: 1 << 16, WriteBufferEachConn: 1 << 16,
	}
	if o.Mode == Sentinel {
		// The driver would ask a function for the sentinels' credentials too, without telling it
		// who they are for.
		driver.Username, driver.Password = o.Username, o.Password
		driver.Sentinel = rueidis.SentinelOption{
			MasterSet: o.Master, TLSConfig: o.TLS, Dialer: dialer, ClientName: "sixty",
			Username: o.Sentinels.Username, Password: o.Sentinels.Password,
			// A missed failover message would otherwise bind it to the old master for good.
			TopologyRefreshInterval: 5 * time.Second,
		}
		return driver
	}
	driver.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
		o := c.options.Load()
		return rueidis.AuthCredentials{Username: o.Username, Password: o.Password}, nil
	}
	return driver
}
