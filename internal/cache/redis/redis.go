// Package redis implements the shared tier of the cache on Redis. Calls wait only briefly:
// while Redis does not answer, it is not asked, and only the counters show it.
package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/cache"
	"sixty/internal/redis"
)

const (
	// maxRunning bounds the concurrent commands.
	maxRunning = 64
	// maxValue bounds the size of a value, maxQueued the number of values waiting to be
	// written, and maxQueuedBytes their total size.
	maxValue       = 1 << 20
	maxQueued      = 1024
	maxQueuedBytes = 16 << 20
	// closeLimit bounds how long Close writes waiting values.
	closeLimit = time.Second
)

// Shared implements cache.Shared.
type Shared struct {
	calls  *redis.Calls[[]byte]
	queue  chan item
	queued atomic.Int64 // bytes in queue

	life    context.Context // ends at Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the writing goroutine has ended

	hits, misses, sets, failed, skipped, dropped atomic.Int64
}

// item is a value waiting to be written.
type item struct {
	key   string
	value []byte
	ttl   time.Duration
}

var _ cache.Shared = (*Shared)(nil)

// New returns the shared tier on a connection. Close it before the connection. The logger
// reports when Redis becomes available or unavailable.
func New(conn *redis.Conn, log *slog.Logger) *Shared {
	s := &Shared{
		calls: redis.NewCalls[[]byte](redis.CallsOptions{
			Name: "cache", Client: conn.Client, Running: maxRunning, Patience: redis.Patience, Logger: log,
		}),
		queue: make(chan item, maxQueued), stopped: make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	go s.writeQueued()
	return s
}

// Close writes the waiting values, as far as there is time. The tier must not be used
// afterwards.
func (s *Shared) Close() {
	s.end()
	<-s.stopped
}

// Get returns the value of a key, if Redis answers in time.
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

// Set queues a value to be written, unless the queue is full.
func (s *Shared) Set(key string, value []byte, ttl time.Duration) {
	n := int64(len(value))
	if n > maxValue || ttl < time.Millisecond || !s.calls.Ready() {
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

// Stats returns counters of the calls since the start.
func (s *Shared) Stats() cache.SharedStats {
	return cache.SharedStats{
		Hits: s.hits.Load(), Misses: s.misses.Load(), Sets: s.sets.Load(),
		Errors: s.failed.Load(), Skipped: s.skipped.Load(), Dropped: s.dropped.Load(),
		Breaker: s.calls.State(),
	}
}

// do runs a command and waits briefly for its answer.
func (s *Shared) do(ctx context.Context, command func(rueidis.Client) rueidis.Completed) ([]byte, error) {
	value, asked, err := s.calls.Do(ctx, func(ctx context.Context, c rueidis.Client) ([]byte, error) {
		return c.Do(ctx, command(c)).AsBytes()
	})
	switch {
	case !asked:
		s.skipped.Add(1)
	case err == nil, rueidis.IsRedisNil(err), errors.Is(err, context.Canceled):
	default:
		s.failed.Add(1)
	}
	return value, err
}
