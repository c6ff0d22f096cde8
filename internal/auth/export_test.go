package auth

import "time"

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
func (a *attempts) Undo(all ...Tried)        { a.undo(inner(all)...) }
func (a *attempts) Forgive(t Tried)          { a.forgive(tried{t.Name, t.Free}) }

func inner(all []Tried) []tried {
	out := make([]tried, len(all))
	for i, t := range all {
		out[i] = tried{t.Name, t.Free}
	}
	return out
}
