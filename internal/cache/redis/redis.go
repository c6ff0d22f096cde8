// Package redis is the tier of the cache that instances share, on Redis: one server,
// one that sentinels watch over, or a cluster. It connects when it can and is never
// waited for long: while Redis does not answer, a circuit breaker keeps requests from
// asking it, and nobody notices but the figures.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"github.com/sony/gobreaker/v2"

	"sixty/internal/cache"
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
	// Logger hears when Redis comes and goes. It is needed.
	Logger *slog.Logger
}

// What Redis may take.
const (
	// wait is the longest that a caller waits.
	wait = 20 * time.Millisecond
	// commandLimit bounds a command that nobody waits for any more, connecting
	// included: it may succeed late and so open the way for those that follow.
	commandLimit = time.Second
	// maxRunning bounds the commands that run.
	maxRunning = 64
	// trip is after how many failures in a row Redis is not asked for openFor.
	trip    = 5
	openFor = time.Second
	// maxValue bounds a value, maxQueued the values that wait to be written, and
	// maxQueuedBytes their bytes together.
	maxValue       = 1 << 20
	maxQueued      = 1024
	maxQueuedBytes = 16 << 20
	// closeLimit bounds the writing of values that wait at Close.
	closeLimit = time.Second
)

// Reasons for having nothing.
var (
	errBusy = errors.New("too many commands are running")
	errLate = errors.New("no answer in time")
)

// Shared is Redis as cache.Shared.
type Shared struct {
	client  atomic.Pointer[rueidis.Client] // nil until connected for the first time
	breaker *gobreaker.CircuitBreaker[[]byte]
	log     *slog.Logger
	running chan struct{} // holds one for each command
	queue   chan item
	queued  atomic.Int64 // bytes in queue

	life    context.Context // ends at Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the goroutine that tends it has ended

	hits, misses, sets, failed, skipped, dropped atomic.Int64
}

// item is a value that waits to be written.
type item struct {
	key   string
	value []byte
	ttl   time.Duration
}

var _ cache.Shared = (*Shared)(nil)

// New gives the shared tier at once; it connects in the background, and again
// whenever Redis has been away. Close ends it.
func New(o Options) *Shared {
	s := &Shared{
		log: o.Logger, running: make(chan struct{}, maxRunning), queue: make(chan item, maxQueued),
		stopped: make(chan struct{}),
	}
	s.breaker = gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trip },
		IsSuccessful: func(err error) bool { return err == nil || rueidis.IsRedisNil(err) },
		// A caller who has gone, and a queue of our own, say nothing about Redis.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) || errors.Is(err, errBusy) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			s.log.Info("redis: circuit breaker", slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	s.life, s.end = context.WithCancel(context.Background())
	go s.tend(clientOptions(o))
	return s
}

// Close writes the values that wait, if that goes quickly, and disconnects. Nothing
// may be asked any more.
func (s *Shared) Close() {
	s.end()
	<-s.stopped
}

// Get gives the value under a key, if Redis has it and says so in time.
func (s *Shared) Get(ctx context.Context, key string) ([]byte, bool) {
	value, err := s.do(ctx, func(c rueidis.Client) rueidis.Completed { return c.B().Get().Key(key).Build() })
	switch {
	case err == nil && len(value) <= maxValue:
		s.hits.Add(1)
		return value, true
	case err == nil, rueidis.IsRedisNil(err):
		s.misses.Add(1)
	}
	return nil, false
}

// Set has a value written soon, unless too many wait already.
func (s *Shared) Set(key string, value []byte, ttl time.Duration) {
	n := int64(len(value))
	if n > maxValue || ttl < time.Millisecond || s.client.Load() == nil || s.breaker.State() == gobreaker.StateOpen {
		s.dropped.Add(1)
		return
	}
	if s.queued.Add(n) <= maxQueuedBytes {
		select {
		case s.queue <- item{key, value, ttl}:
			return
		default:
		}
	}
	s.queued.Add(-n)
	s.dropped.Add(1)
}

// Figures tells how it has fared.
func (s *Shared) Figures() cache.SharedFigures {
	return cache.SharedFigures{
		Hits: s.hits.Load(), Misses: s.misses.Load(), Sets: s.sets.Load(),
		Errors: s.failed.Load(), Skipped: s.skipped.Load(), Dropped: s.dropped.Load(),
		Breaker: s.breaker.State().String(),
	}
}

// do runs a command whose answer is awaited for a short time.
func (s *Shared) do(ctx context.Context, command func(rueidis.Client) rueidis.Completed) ([]byte, error) {
	client := s.client.Load()
	if client == nil {
		s.skipped.Add(1)
		return nil, errLate
	}
	value, err := s.breaker.Execute(func() ([]byte, error) { return s.await(ctx, *client, command) })
	switch {
	case err == nil, rueidis.IsRedisNil(err), errors.Is(err, context.Canceled):
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests), errors.Is(err, errBusy):
		s.skipped.Add(1)
	default:
		s.failed.Add(1)
	}
	return value, err
}

// await runs a command on a goroutine of its own, which is bounded, because the
// driver may wait for a connection without regard to the context.
func (s *Shared) await(ctx context.Context, client rueidis.Client, command func(rueidis.Client) rueidis.Completed) ([]byte, error) {
	select {
	case s.running <- struct{}{}:
	default:
		return nil, errBusy
	}
	type answer struct {
		value []byte
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-s.running }()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandLimit)
		defer cancel()
		value, err := client.Do(limited, command(client)).AsBytes()
		answers <- answer{value, err}
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-timer.C:
		return nil, errLate
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// clientOptions says the same to the driver.
func clientOptions(o Options) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: commandLimit, KeepAlive: time.Second}
	c := rueidis.ClientOption{
		InitAddress: o.Addresses, Username: o.Username, Password: o.Password, SelectDB: o.DB, TLSConfig: o.TLS,
		Dialer: dialer, ConnWriteTimeout: commandLimit, ClientName: "sixty",
		ForceSingleClient: o.Mode == Single,
		// There is a cache in front of it already, and a caller waits too short a time
		// for a second try.
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
