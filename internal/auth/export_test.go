package auth

import (
	"context"
	"time"
)

// The delays of failures are tested by themselves; outside, SignIn is all there is.

type (
	Attempts = attempts
	Tried    struct {
		Name string
		Free int
	}
)

func NewAttempts(now func() time.Time) *Attempts { return newAttempts(now) }

func (a *attempts) Begin(all ...Tried) error { return a.begin(inner(all)...) }
func (a *attempts) Standing(all ...Tried) Standing {
	return a.standing(inner(all)...)
}
func (a *attempts) Undo(all ...Tried)     { a.undo(inner(all)...) }
func (a *attempts) TurnAway(all ...Tried) { a.turnAway(inner(all)...) }
func (a *attempts) Forgive(t Tried)       { a.forgive(tried{t.Name, t.Free}) }

func inner(all []Tried) []tried {
	out := make([]tried, len(all))
	for i, t := range all {
		out[i] = tried{t.Name, t.Free}
	}
	return out
}

// Work has something done when it is the turn of a hash.
func (h *Hasher) Work(ctx context.Context, who Standing, do func()) error {
	return h.work(ctx, who, do)
}
