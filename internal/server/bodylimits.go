package server

import (
	"cmp"
	"errors"
	"net/http"

	"sixty/internal/crm"
)

// largeBodies bounds the requests at once whose body may be longer than usual: each is held in
// memory until its operation has run.
const largeBodies = 8

// bodyLimits are the bounds of the bodies of operations that have one of their own.
type bodyLimits struct {
	byPattern map[string]int
	large     chan struct{} // slots
	received  chan struct{} // slots of bodies that are received as they arrive
}

func newBodyLimits() bodyLimits {
	return bodyLimits{map[string]int{}, make(chan struct{}, largeBodies), make(chan struct{}, receivingBodies)}
}

// mayBeLarge reports whether a body may be longer than usual once it is decoded.
func mayBeLarge(r *http.Request) bool {
	return r.ContentLength < 0 || r.ContentLength > maxBody || len(r.Header["Content-Encoding"]) > 0
}

// bodyLimit returns the bound of a request's body.
func (s *Server) bodyLimit(r *http.Request) int {
	if !mayBeLarge(r) {
		return maxBody
	}
	_, pattern := s.mux.Handler(r)
	return cmp.Or(s.bodies.byPattern[pattern], maxBody)
}

// enter takes a slot for a body that may be longer than usual. It fails if there is none. leave
// must be called when the body is not needed any more.
func (b bodyLimits) enter(op *Operation, r *http.Request) (leave func(), err error) {
	if op.MaxBody == 0 || !mayBeLarge(r) {
		return func() {}, nil
	}
	select {
	case b.large <- struct{}{}:
		return func() { <-b.large }, nil
	default:
		return nil, &crm.Error{
			Code: crm.CodeUnavailable, Message: "Too many large requests are being received. Try again shortly.",
			Cause: errors.New("all slots of large bodies are taken"),
		}
	}
}
