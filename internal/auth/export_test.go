package auth

import (
	"context"
	"time"
)

type (
	Attempts = attempts
	Subject  struct {
		Name string
		Free int
	}
)

func NewAttempts(now func() time.Time) *Attempts { return newAttempts(now) }

func (a *attempts) Begin(all ...Subject) error { return a.begin(inner(all)...) }
func (a *attempts) TrustLevel(all ...Subject) TrustLevel {
	return a.trustLevel(inner(all)...)
}
func (a *attempts) Undo(all ...Subject)         { a.undo(inner(all)...) }
func (a *attempts) UndoRejected(all ...Subject) { a.undoRejected(inner(all)...) }
func (a *attempts) Reset(t Subject)             { a.reset(subject{t.Name, t.Free}) }

func inner(all []Subject) []subject {
	out := make([]subject, len(all))
	for i, t := range all {
		out[i] = subject{t.Name, t.Free}
	}
	return out
}

// Work runs do in place of a hash.
func (h *Hasher) Work(ctx context.Context, level TrustLevel, do func()) error {
	return h.work(ctx, level, do)
}
