package crm

import "context"

type momentaryKey struct{}

// WithTimeDependent returns a context in which a use case calls note when its answer is
// time-dependent: when the clock alone may change it, which the records that it reads do not
// show.
func WithTimeDependent(ctx context.Context, note func()) context.Context {
	return context.WithValue(ctx, momentaryKey{}, note)
}

// momentary notes that the answer is time-dependent.
func momentary(ctx context.Context) {
	if note, ok := ctx.Value(momentaryKey{}).(func()); ok {
		note()
	}
}
