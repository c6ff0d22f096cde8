package server

import (
	"context"
	"errors"
	"testing"

	"sixty/internal/crm"
)

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var last func()
	for range maxStreams {
		_, done, err := s.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last = done
	}
	if _, _, err := s.OpenStream(t.Context()); crm.CodeOf(err) != crm.CodeUnavailable || s.OpenStreams() != maxStreams {
		t.Errorf("one more: %v, %d are open", err, s.OpenStreams())
	}
	last()
	ctx, done, err := s.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	s.EndStreams()
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), ErrShutdown) {
		t.Errorf("it ends because of %v", context.Cause(ctx))
	}
}
