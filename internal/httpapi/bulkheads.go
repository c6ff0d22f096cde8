package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"sixty/internal/crm"
)

const (
	// queueTime is the longest that a request waits for a place.
	queueTime = time.Second
	// fillTime is the longest that a fill does: many may wait for its answer, none of whom
	// holds anything meanwhile.
	fillTime = 5 * time.Second
)

// bulkheads bound the requests that are worked on at once. What is interactive and what
// is bulk (statistics, analysis, exports) have places of their own, so that however much
// is asked of the latter, it is nothing to whoever waits before a page. A place is held
// while the use case runs and not while anything is received or sent: a slow client
// holds none. Answers from the cache need none.
//
// What is interactive and fills the cache needs a place of a third kind before, of which
// there are fewer than connections to the database: however empty the cache is, and
// whoever comes at once, there are connections left for those who write, for the look-up
// of callers, and for the change log.
type bulkheads struct{ interactive, bulk, filling bulkhead }

// bulkShare is how many places there are for one that is for bulk: fewer than there are
// connections to the database.
const bulkShare = 16

// fillShare is the share of the connections to the database that fills may take: with
// what else goes on, it stays at half of them.
const fillShare = 0.4

// newBulkheads makes n places for interactive requests, and a few for the others. Fills
// go by the connections to the database.
func newBulkheads(n, connections int) bulkheads {
	bulk := max(1, n/bulkShare)
	fills := max(1, int(fillShare*float64(connections)))
	return bulkheads{newBulkhead(n, n, queueTime), newBulkhead(bulk, bulk, queueTime), newBulkhead(fills, n, fillTime)}
}

// fills takes a place for a fill by an operation, if that needs one, and gives what leaves it.
func (b *bulkheads) fills(ctx context.Context, op *operation) (leave func(), err error) {
	if op.price.bulk() || op.price.free {
		return func() {}, nil
	}
	return b.filling.leave, b.filling.enter(ctx)
}

// of gives the bulkhead that is for an operation.
func (b *bulkheads) of(op *operation) *bulkhead {
	if op.price.bulk() {
		return &b.bulk
	}
	return &b.interactive
}

// A bulkhead is a number of places, and a queue before them.
type bulkhead struct {
	places chan struct{} // holds one for each that is taken
	queue  chan struct{} // holds one for each request that waits
	most   time.Duration // that it waits
}

func newBulkhead(places, queue int, most time.Duration) bulkhead {
	return bulkhead{make(chan struct{}, places), make(chan struct{}, queue), most}
}

// errFull is the cause that is told when there is no place.
var errFull = errors.New("too many requests are worked on")

// enter takes a place, for which it waits shortly; leave gives it back.
func (b *bulkhead) enter(ctx context.Context) error {
	select {
	case b.places <- struct{}{}:
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
	timer := time.NewTimer(b.most)
	defer timer.Stop()
	select {
	case b.places <- struct{}{}:
		return nil
	case <-timer.C:
		return full
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *bulkhead) leave() { <-b.places }

// work runs an operation in a place of its bulkhead.
func (a *API) work(op *operation, c *call) error {
	if op.price.free { // it is asked whether all is well, or it is no work
		return op.run(c)
	}
	if op.body != nil {
		c.r.Body = received(c.r.Body)
	}
	b := a.bulkheads.of(op)
	if err := b.enter(c.ctx); err != nil {
		return err
	}
	defer b.leave()
	return op.run(c)
}

// received reads a body, whose size is bounded already, and gives it again with the
// error that ended it.
func received(body io.Reader) io.ReadCloser {
	text, err := io.ReadAll(body)
	if err == nil {
		err = io.EOF
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(text), cutOff{err}))
}

// cutOff is a body that cannot be read any further.
type cutOff struct{ err error }

func (c cutOff) Read([]byte) (int, error) { return 0, c.err }
