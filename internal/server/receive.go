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
	// receiveTime bounds how long a body may take as a whole.
	receiveTime = 4 * time.Hour
	// transferPause is how long a client may take until more of a file is received, and how much longer
	// than transferRate allows it may take altogether.
	transferPause = 30 * time.Second
	// transferRate is the least rate of a file, in bytes a second.
	transferRate = 10 << 10
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
	receiving.Request.Body = &transferredBody{ReadCloser: c.Request.Body, ctx: ctx, out: out, start: time.Now()}
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

// TransferDeadline returns until when the next bytes of a file must be received by the other side, or
// from it, so that none holds a slot for long at hardly any rate: moved is how many bytes were,
// since the start.
func TransferDeadline(start, now time.Time, moved int64) time.Time {
	least := start.Add(transferPause + time.Duration(moved/transferRate)*time.Second)
	if next := now.Add(transferPause); next.Before(least) {
		return next
	}
	return least
}

// transferredBody is a body whose reads have time as long as data arrives at the least rate.
type transferredBody struct {
	io.ReadCloser
	ctx             context.Context
	out             *http.ResponseController
	start, extended time.Time
	received        int64
}

// Read implements io.Reader.
func (b *transferredBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if now := time.Now(); now.Sub(b.extended) > time.Second {
		b.extended = now
		_ = b.out.SetReadDeadline(TransferDeadline(b.start, now, b.received)) // a connection without deadlines has none
	}
	n, err := b.ReadCloser.Read(p)
	b.received += int64(n)
	return n, err
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
