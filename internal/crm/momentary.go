package crm

import "context"

type momentaryKey struct{}

// WithTimeDependent gives a context in which a use case calls note when its answer is of the
// moment: when the clock alone may change it, in a way that what it reads does not show.
func WithTimeDependent(ctx context.Context, note func()) context.Context {
	return context.WithValue(ctx, momentaryKey{}, note)
}

// momentary says that the answer is of the moment.
func momentary(ctx context.Context) {
	if note, ok := ctx.Value(momentaryKey{}).(func()); ok {
		note()
	}
}
