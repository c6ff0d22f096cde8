package crm

import "context"

type validityKey struct{}

// WithValidity returns a context in which use cases call note with each instant at which the
// clock alone may change their answer. It is valid until the earliest of them, unless one of the
// records that it was made from changes before.
func WithValidity(ctx context.Context, note func(until Instant)) context.Context {
	return context.WithValue(ctx, validityKey{}, note)
}

// ValidUntil notes that from an instant on the answer may be another one.
func ValidUntil(ctx context.Context, until Instant) {
	if note, ok := ctx.Value(validityKey{}).(func(Instant)); ok {
		note(until)
	}
}
