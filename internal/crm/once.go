package crm

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// IdempotentRequest names a request that whoever sends it may send again, not knowing what became
// of it: by a key of their own choice (the Idempotency-Key header field of the IETF
// draft). It is told apart from other principals' requests and from those to elsewhere.
type IdempotentRequest struct {
	Key    string
	Target string // where it goes: the method and the path
	Digest []byte // of what it says; another request with the same key has another one
}

// IdempotentResult is what became of a request.
type IdempotentResult struct {
	Bytes []byte
	// Replayed says that it was answered before, and with this. Seq is then an entry of the
	// organisation's change log that is no older than what the request has changed.
	Replayed bool
	Seq      int64
}

// The refusals of Once.
var (
	// ErrKeyReused says that the key has been used for a request that says something else.
	ErrKeyReused = &Error{Code: CodeInvalid, Message: "This key was used with another request. A new request needs a new key."}
	// ErrInProgress says that the same request is still being answered.
	ErrInProgress = &Error{Code: CodeConflict, Message: "The same request is still being answered. Send it again shortly."}
)

const (
	// IdempotencyRetention is how long the answers to requests are kept.
	IdempotencyRetention = 24 * time.Hour
	// underwayWait bounds the wait for the same request's answer, which is asked for
	// after pauses that grow from the first to the last.
	underwayWait = 10 * time.Second
	firstPause   = 10 * time.Millisecond
	lastPause    = 500 * time.Millisecond
)

// Idempotent answers a request the first time that it is sent, and gives that answer each
// time after. fn makes it, in one transaction with everything that is read and written
// with the context that it is given; it may be run more than once, and then what it did
// before was taken back. A failure is not kept: the request may succeed when it is
// sent again. While the same request is being answered elsewhere, Once waits up to ten
// seconds, without holding a connection. Errors: fn's, ErrKeyReused, ErrInProgress.
func (s *Service) Idempotent(ctx context.Context, by Actor, r IdempotentRequest, fn func(context.Context) ([]byte, error)) (IdempotentResult, error) {
	limit := time.NewTimer(underwayWait)
	defer limit.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		a, err := s.once(ctx, by, r, fn)
		if !errors.Is(err, ErrInProgress) {
			return a, err
		}
		next := time.NewTimer(pause + rand.N(pause)) //nolint:gosec // jitter, no secret
		select {
		case <-next.C:
			continue
		case <-limit.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		next.Stop()
		return IdempotentResult{}, err
	}
}

func (s *Service) once(ctx context.Context, by Actor, r IdempotentRequest, fn func(context.Context) ([]byte, error)) (IdempotentResult, error) {
	bytes, again, err := s.store.Idempotent(ctx, by, s.clock(), r, fn)
	if err != nil || !again {
		return IdempotentResult{Bytes: bytes}, err
	}
	// Another process may have made it, of whose changes this one has not heard yet.
	ends, err := s.store.LogEnds(ctx, []ID{by.Org})
	return IdempotentResult{Bytes: bytes, Replayed: true, Seq: ends[by.Org]}, err
}
