package crm

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// IdempotentRequest identifies a request that its client may repeat, not knowing its outcome,
// by a key of the client's choice (the Idempotency-Key header field of the IETF draft).
// Requests of other principals, and to other targets, are others.
type IdempotentRequest struct {
	Key    string
	Target string // where it goes: the method and the path
	Digest []byte // of its content; another request with the same key has another one
}

// IdempotentResult is the answer to a request.
type IdempotentResult struct {
	Bytes []byte
	// Replayed is true when this is the answer to an earlier request. At is then a position in
	// the organisation's change log that is no older than the request's changes.
	Replayed bool
	At       LogPosition
}

// The errors of Idempotent.
var (
	// ErrKeyReused says that the key has been used for a request with another content.
	ErrKeyReused = &Error{Code: CodeInvalid, Message: "This key was used with another request. A new request needs a new key."}
	// ErrInProgress says that the same request is still being answered.
	ErrInProgress = &Error{Code: CodeConflict, Message: "The same request is still being answered. Send it again shortly."}
)

const (
	// IdempotencyRetention is how long the answers to requests are stored.
	IdempotencyRetention = 24 * time.Hour
	// underwayWait bounds the wait for the same request's answer, which is polled after
	// pauses that grow from the first to the last.
	underwayWait = 10 * time.Second
	firstPause   = 10 * time.Millisecond
	lastPause    = 500 * time.Millisecond
)

// Idempotent answers a request once, and returns the same answer each time that it is
// repeated. fn answers it in an Atomic, and may be run again. A failure is not stored: the
// request may succeed when it is repeated. While the same request is being answered elsewhere,
// Idempotent waits up to ten seconds, without holding a connection. Errors: fn's,
// ErrKeyReused, ErrInProgress.
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
	// Another process may have answered, and its changes may not have been read here yet.
	ends, err := s.store.LogEnds(ctx, []ID{by.Org})
	return IdempotentResult{Bytes: bytes, Replayed: true, At: LogPosition{ends.Epoch, ends.Seqs[by.Org]}}, err
}
