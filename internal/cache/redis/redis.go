// Package redis is the tier of the cache that instances share, on Redis. It is never
// waited for long: while Redis does not answer, requests do not ask it, and nobody
// notices but the figures.
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
	// maxRunning bounds the commands that run.
	maxRunning = 64
	// maxValue bounds a value, maxQueued the values that wait to be written, and
	// maxQueuedBytes their bytes together.
	maxValue       = 1 << 20
	maxQueued      = 1024
	maxQueuedBytes = 16 << 20
	// closeLimit bounds the writing of values that wait at Close.
	closeLimit = time.Second
)

// Shared is Redis as cache.Shared.
type Shared struct {
	calls  *redis.Calls[[]byte]
	queue  chan item
	queued atomic.Int64 // bytes in queue

	life    context.Context // ends at Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the goroutine that writes has ended

	hits, misses, sets, failed, skipped, dropped atomic.Int64
}

// item is a value that waits to be written.
type item struct {
	key   string
	value []byte
	ttl   time.Duration
}

var _ cache.Shared = (*Shared)(nil)

// New gives the shared tier on a connection. Close ends it, before the connection.
// The logger hears when Redis comes and goes.
func New(conn *redis.Conn, log *slog.Logger) *Shared {
	s := &Shared{
		calls: redis.NewCalls[[]byte](redis.CallsOptions{
			Name: "cache", Client: conn.Client, Running: maxRunning, Patience: redis.Patience, Logger: log,
		}),
		queue: make(chan item, maxQueued), stopped: make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	go s.tend()
	return s
}

// Close writes the values that wait, if that goes quickly. Nothing may be asked any
// more.
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

// Figures tells how it has fared.
func (s *Shared) Figures() cache.SharedFigures {
	return cache.SharedFigures{
		Hits: s.hits.Load(), Misses: s.misses.Load(), Sets: s.sets.Load(),
		Errors: s.failed.Load(), Skipped: s.skipped.Load(), Dropped: s.dropped.Load(),
		Breaker: s.calls.State(),
	}
}

// do runs a command whose answer is awaited for a short time.
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
