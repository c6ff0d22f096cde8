package store

import (
	"context"
	"time"
)

// Patience is how many times longer a statement may take that looks at everything, such
// as a dashboard over all history. An answer after some seconds, which is then kept, is
// better than none.
const Patience = 4

type patienceKey struct{}

// patient gives a context in which statements may take longer.
func patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, patienceKey{}, true)
}

// TimeLimit gives the time that a statement may take, from what most of them may.
func TimeLimit(ctx context.Context, usual time.Duration) time.Duration {
	if ctx.Value(patienceKey{}) != nil {
		return Patience * usual
	}
	return usual
}
