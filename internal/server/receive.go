package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"sixty/internal/crm"
)

// Received is a body that was received as it arrived.
type Received struct {
	// Digest stands for the body where requests are compared.
	Digest []byte
	// Discard removes what was kept of the body. It is called unless the operation succeeds.
	Discard func(context.Context)
}

const (
	// receivingBodies bounds the bodies that are received at once.
	receivingBodies = 16
	// receiveTime bounds how long a body may take as a whole, and receivePause how long until more
	// of it arrives.
	receiveTime  = 4 * time.Hour
	receivePause = 30 * time.Second
	// respondTime is how long the response to it may take.
	respondTime = 2 * time.Minute
)

// receive receives the body of a call, outside of any slot and time limit of the operation. done must
// be called with the operation's error.
func (s *Server) receive(op *Operation, w http.ResponseWriter, c *Call) (done func(error), err error) {
	select {
	case s.bodies.received <- struct{}{}:
	default:
		return nil, &crm.Error{
			Code: crm.CodeUnavailable, Message: "Too many files are being received. Try again shortly.",
			Cause: errors.New("all slots of received bodies are taken"),
		}
	}
	defer func() { <-s.bodies.received }()
	ctx, cancel := context.WithTimeout(c.Context, receiveTime)
	defer cancel()
	out := http.NewResponseController(w)
	receiving := &Call{Context: s.WithOrigin(ctx, w, c.Request), Request: c.Request.WithContext(ctx), Actor: c.Actor}
	receiving.Request.Body = &patientBody{ReadCloser: c.Request.Body, ctx: ctx, out: out}
	received, err := op.Receive(receiving)
	now := time.Now()
	// A connection without deadlines has none.
	_, _ = out.SetReadDeadline(now.Add(respondTime)), out.SetWriteDeadline(now.Add(respondTime))
	if err != nil {
		return nil, err
	}
	c.Received, c.digest = receiving.Received, received.Digest
	return func(failed error) {
		// Of a write whose outcome is unknown, what it refers to may be there.
		if (failed != nil || c.replayed) && crm.CodeOf(failed) != crm.CodeCommitUnknown {
			received.Discard(context.WithoutCancel(c.Request.Context()))
		}
	}, nil
}

// patientBody is a body whose reads have time as long as data arrives.
type patientBody struct {
	io.ReadCloser
	ctx      context.Context
	out      *http.ResponseController
	extended time.Time
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if now := time.Now(); now.Sub(b.extended) > time.Second {
		b.extended = now
		_ = b.out.SetReadDeadline(now.Add(receivePause)) // a connection without deadlines has none
	}
	return b.ReadCloser.Read(p)
}

// ReadError returns the error of a body's reader as the problem that it is.
func ReadError(err error) error {
	var problem *Problem
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &big):
		return tooLarge(int(big.Limit))
	}
	return err
}
