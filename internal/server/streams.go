package server

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"sixty/internal/crm"
)

// maxStreams bounds the streams that are open at once.
const maxStreams = 2000

// Defaults of Options: the streams of one principal, and of one organisation.
const (
	DefaultPrincipalStreams    = 20
	DefaultOrganisationStreams = 500
)

// retryStream is after how many seconds a rejected stream may be opened again.
const retryStream = "5"

// ErrShutdown is the cause of a stream's context when the server shuts down.
var ErrShutdown = errors.New("the server shuts down")

// streams counts the responses that have no end of their own, such as event streams.
type streams struct {
	ofPrincipal, ofOrganisation int // how many each may have open

	mu            sync.Mutex
	open          int
	principals    map[streamPrincipal]int // those with an open stream
	organisations map[crm.ID]int
	shed          [len(streamScopes)]int64 // those that were rejected

	all context.Context // ends when all of them must
	end context.CancelCauseFunc
}

type streamPrincipal struct{ org, user crm.ID }

// The bounds of streams.
const (
	streamsOfAll = iota
	streamsOfPrincipal
	streamsOfOrganisation
)

var streamScopes = [...]string{streamsOfAll: "full", streamsOfPrincipal: "principal", streamsOfOrganisation: "organisation"}

func newStreams(ofPrincipal, ofOrganisation int) *streams {
	s := &streams{
		ofPrincipal: ofPrincipal, ofOrganisation: ofOrganisation,
		principals: map[streamPrincipal]int{}, organisations: map[crm.ID]int{},
	}
	s.all, s.end = context.WithCancelCause(context.Background())
	return s
}

// OpenStream returns a context for a stream of an actor, which also ends with [ErrShutdown] as
// its cause when the server shuts down. It fails if too many are open. done must be called.
func (s *Server) OpenStream(parent context.Context, by crm.Actor) (ctx context.Context, done func(), err error) {
	if err := s.streams.enter(by); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(s.streams.all, func() { cancel(ErrShutdown) })
	return ctx, func() {
		stop()
		cancel(nil)
		s.streams.leave(by)
	}, nil
}

// enter counts a stream, unless there are too many.
func (s *streams) enter(by crm.Actor) error {
	principal := streamPrincipal{by.Org, by.User}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.principals[principal] >= s.ofPrincipal:
		return s.reject(streamsOfPrincipal, http.StatusTooManyRequests, "You have too many event streams open. Close one, or try again later.")
	case s.organisations[by.Org] >= s.ofOrganisation:
		return s.reject(streamsOfOrganisation, http.StatusTooManyRequests, "Your organisation has too many event streams open. Try again later.")
	case s.open >= maxStreams:
		return s.reject(streamsOfAll, http.StatusServiceUnavailable, "Too many event streams are open here. Try again shortly.")
	}
	s.open++
	s.principals[principal]++
	s.organisations[by.Org]++
	return nil
}

// reject counts a stream that is not opened; the lock is held.
func (s *streams) reject(bound, status int, detail string) error {
	s.shed[bound]++
	return &Problem{Status: status, Detail: detail, Header: "Retry-After: " + retryStream}
}

func (s *streams) leave(by crm.Actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	decrement(s.principals, streamPrincipal{by.Org, by.User})
	decrement(s.organisations, by.Org)
}

// decrement removes a count that becomes zero.
func decrement[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// EndStreams ends all streams and those opened later.
func (s *Server) EndStreams() { s.streams.end(ErrShutdown) }

// OpenStreams returns how many streams are open.
func (s *Server) OpenStreams() int {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return s.streams.open
}
