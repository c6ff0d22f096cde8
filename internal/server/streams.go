package server

import (
	"context"
	"errors"
	"sync/atomic"

	"sixty/internal/crm"
)

// maxStreams bounds the streams that are open at once.
const maxStreams = 2000

// ErrShutdown is the cause of a stream's context when the server shuts down.
var ErrShutdown = errors.New("the server shuts down")

// streams counts the responses that have no end of their own, such as event streams.
type streams struct {
	open chan struct{}   // holds one for each
	shed atomic.Int64    // those that were rejected
	all  context.Context // ends when all of them must
	end  context.CancelCauseFunc
}

func newStreams() *streams {
	s := &streams{open: make(chan struct{}, maxStreams)}
	s.all, s.end = context.WithCancelCause(context.Background())
	return s
}

// OpenStream returns a context for a stream, which also ends with [ErrShutdown] as its
// cause when the server shuts down. It fails if too many are open. done must be called.
func (s *Server) OpenStream(parent context.Context) (ctx context.Context, done func(), err error) {
	select {
	case s.streams.open <- struct{}{}:
	default:
		s.streams.shed.Add(1)
		return nil, nil, crm.Unavailable(errors.New("too many streams are open"))
	}
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(s.streams.all, func() { cancel(ErrShutdown) })
	return ctx, func() {
		stop()
		cancel(nil)
		<-s.streams.open
	}, nil
}

// EndStreams ends all streams and those opened later.
func (s *Server) EndStreams() { s.streams.end(ErrShutdown) }

// OpenStreams returns how many streams are open.
func (s *Server) OpenStreams() int { return len(s.streams.open) }
