package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"sixty/internal/crm"
)

const (
	// queueTime is the longest that a request waits for a slot.
	queueTime = time.Second
	// fillQueueTime is the longest that a cache fill waits: many may wait for its result,
	// and hold nothing meanwhile.
	fillQueueTime = 5 * time.Second
	// bulkShare is how many interactive slots there are for one bulk slot.
	bulkShare = 16
	// fillShare is the part of the connection pool that cache fills may use. With what
	// else goes on, about half of the pool is in use.
	fillShare = 0.4
)

// bulkheads bound the operations that run at once. Interactive and bulk operations
// (statistics, analysis, exports) have slots of their own, so that the latter never delay
// a page. A slot is held while the use case runs, and not while anything is received or
// sent: a slow client holds none. Cache hits need none.
//
// An interactive operation that fills the cache first needs a slot of a third kind, of
// which there are fewer than connections to the database: when the cache is empty,
// connections are left for writes, credentials and the change log.
type bulkheads struct{ interactive, bulk, filling bulkhead }

// newBulkheads returns bulkheads with n interactive slots.
func newBulkheads(n, connections int) bulkheads {
	bulk := max(1, n/bulkShare)
	fills := max(1, int(fillShare*float64(connections)))
	return bulkheads{newBulkhead(n, n, queueTime), newBulkhead(bulk, bulk, queueTime), newBulkhead(fills, n, fillQueueTime)}
}

// enterFill takes a slot for a cache fill, if the operation needs one. leave releases it.
func (b *bulkheads) enterFill(ctx context.Context, op *Operation) (leave func(), err error) {
	if op.Cost.bulk() || op.Cost.Free {
		return func() {}, nil
	}
	return b.filling.leave, b.filling.enter(ctx)
}

// of returns the bulkhead of an operation.
func (b *bulkheads) of(op *Operation) *bulkhead {
	if op.Cost.bulk() {
		return &b.bulk
	}
	return &b.interactive
}

// A bulkhead is a number of slots, and a bounded queue for them.
type bulkhead struct {
	slots chan struct{} // holds one for each that is taken
	queue chan struct{} // holds one for each waiter
	limit time.Duration // of waiting
}

func newBulkhead(slots, queue int, limit time.Duration) bulkhead {
	return bulkhead{make(chan struct{}, slots), make(chan struct{}, queue), limit}
}

var errFull = errors.New("all slots and the queue for them are taken")

// enter takes a slot, for which it waits if need be. leave releases it.
func (b *bulkhead) enter(ctx context.Context) error {
	select {
	case b.slots <- struct{}{}:
		return nil
	default:
	}
	full := &crm.Error{Code: crm.CodeUnavailable, Message: "Too many requests are being worked on. Try again shortly.", Cause: errFull}
	select {
	case b.queue <- struct{}{}:
		defer func() { <-b.queue }()
	default:
		return full
	}
	timer := time.NewTimer(b.limit)
	defer timer.Stop()
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return full
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *bulkhead) leave() { <-b.slots }

// inSlot runs an operation in a slot of its bulkhead.
func (s *Server) inSlot(op *Operation, c *Call) error {
	if op.Cost.Free { // health checks, and what costs nothing
		return op.Run(c)
	}
	if op.HasBody {
		c.Request.Body = received(c.Request.Body)
	}
	b := s.bulkheads.of(op)
	if err := b.enter(c.Context); err != nil {
		return err
	}
	defer b.leave()
	return op.Run(c)
}

// received reads a body, whose size is bounded already, and returns it for another
// reader, with the error that it ended in.
func received(body io.Reader) io.ReadCloser {
	text, err := io.ReadAll(body)
	if err == nil {
		err = io.EOF
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(text), failingReader{err}))
}

// failingReader is a reader that has failed.
type failingReader struct{ err error }

// Read implements io.Reader.
func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
