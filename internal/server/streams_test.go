package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// Streams are bounded by principal, by organisation and in total. One that ends makes room, and
// leaves nothing behind.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, func(o *Options) { o.PrincipalStreams, o.OrganisationStreams = 2, 3 })
	org := crm.NewID()
	ada, eve := crm.Actor{Org: org, User: crm.NewID()}, crm.Actor{Org: org, User: crm.NewID()}
	open := func(by crm.Actor) (done func()) {
		t.Helper()
		_, done, err := s.OpenStream(t.Context(), by)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	rejected := func(by crm.Actor, want int) {
		t.Helper()
		_, _, err := s.OpenStream(t.Context(), by)
		if p := ProblemOf(err); err == nil || p.Status != want || !strings.HasPrefix(p.Header, "Retry-After: ") || strings.Contains(p.Detail, "database") {
			t.Errorf("%v, want %d", err, want)
		}
	}
	first, second := open(ada), open(ada)
	rejected(ada, http.StatusTooManyRequests)
	third := open(eve)
	rejected(eve, http.StatusTooManyRequests)
	other := open(crm.Actor{Org: crm.NewID(), User: ada.User})
	first()
	fourth := open(eve)
	for _, done := range []func(){second, third, fourth, other} {
		done()
	}
	if len(s.streams.principals)+len(s.streams.organisations)+s.OpenStreams() != 0 {
		t.Errorf("it still counts %v and %v", s.streams.principals, s.streams.organisations)
	}

	var last func()
	for range maxStreams {
		last = open(crm.Actor{Org: crm.NewID(), User: crm.NewID()})
	}
	rejected(ada, http.StatusServiceUnavailable)
	last()
	ctx, done, err := s.OpenStream(t.Context(), ada)
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
