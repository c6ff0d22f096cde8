package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/cache"
	"sixty/internal/crm"
)

// buffers pools the memory that response bodies are built in.
type buffers struct{ pool sync.Pool }

// maxPooledBuffer bounds the capacity of a pooled buffer.
const maxPooledBuffer = 1 << 20

func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4<<10)
	return &b
}

func (p *buffers) put(b *[]byte) {
	if cap(*b) <= maxPooledBuffer {
		p.pool.Put(b)
	}
}

// serve responds to a request to an operation.
func (s *Server) serve(op *Operation, w http.ResponseWriter, r *http.Request) {
	rec := recorderOf(w)
	if rec != nil {
		rec.op = op
	}
	var actor crm.Actor
	stale := false
	if !op.Public {
		var known bool
		if actor, known = s.lookup(r); !known {
			if !s.chargePreAuth(w, r, op) {
				return
			}
			var err error
			if actor, stale, err = s.caller(op, w, r); err != nil {
				s.rejectUnauthenticated(w, r, op, err)
				return
			}
		}
		if rec != nil {
			rec.actor = actor
		}
	}
	if !s.chargeRequest(w, r, op, actor) {
		return
	}
	if !op.Public && !actor.Scopes.Has(op.Scope) {
		s.fail(w, r, missingScope(op.Scope))
		return
	}
	if op.Caching.Tier != "" {
		s.respondCached(op, w, r, actor, stale)
		return
	}
	c := &Call{Context: r.Context(), Request: r, Actor: actor}
	var err error
	switch {
	case op.Stream != nil:
		err = op.Stream(c, w)
	case op.Method == http.MethodGet:
		err = s.read(op, w, c)
	default:
		err = s.write(op, w, c)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// caller returns the actor of a request. stale means that the database is unavailable,
// that the actor is known from an earlier authentication, and that the request accepts a
// stale response.
func (s *Server) caller(op *Operation, w http.ResponseWriter, r *http.Request) (actor crm.Actor, stale bool, err error) {
	actor, err = s.Authenticate(w, r)
	if crm.CodeOf(err) != crm.CodeUnavailable || op.Caching.Tier == "" || staleIfError(r.Header["Cache-Control"]) == 0 {
		return actor, false, err
	}
	if before, ok := s.LastKnown(r); ok {
		return before, true, nil
	}
	return actor, false, err
}

// run runs an operation in a buffer from the pool, and records how long it took. The
// buffer must be put back.
func (s *Server) run(op *Operation, w http.ResponseWriter, c *Call, buffer *[]byte) error {
	c.Out = (*buffer)[:0]
	start := time.Now()
	err := s.inSlot(op, c)
	*buffer = c.Out // it may have grown
	if !op.Public {
		took := time.Since(start)
		w.Header().Set("Server-Timing", string(appendServerTiming(nil, 0, took, took)))
	}
	return err
}

// timeLimit returns how long an operation may take.
func (s *Server) timeLimit(op *Operation) time.Duration {
	if op.LongRunning {
		return 2 * s.RequestTimeout
	}
	return s.RequestTimeout
}

// read responds to a GET or HEAD whose responses are not cached.
func (s *Server) read(op *Operation, w http.ResponseWriter, c *Call) error {
	var cancel context.CancelFunc
	c.Context, cancel = context.WithTimeout(c.Context, s.timeLimit(op))
	defer cancel()
	if op.Public { // a health check, which is of now
		w.Header()["Cache-Control"] = s.values.noStore
	} else {
		w.Header()["Cache-Status"] = s.values.bypass
	}
	buffer := s.buffers.get()
	defer s.buffers.put(buffer)
	if err := s.run(op, w, c, buffer); err != nil {
		return err
	}
	if c.SeeOther != "" {
		w.Header()["Cache-Control"] = s.values.noStore
		w.Header().Set("Location", c.SeeOther)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	s.respond(w, c.Request, &representation{
		body: c.Out, hash: cache.HashOf(c.Out), version: c.Version, contentType: s.values.json, link: c.Link,
	})
	return nil
}

// write responds to a request that may change something.
func (s *Server) write(op *Operation, w http.ResponseWriter, c *Call) error {
	if op.Receive == nil {
		return s.perform(op, w, c)
	}
	if key := c.Request.Header[IdempotencyKey]; op.Repeatable() && len(key) > 0 { // before the files are sent
		if _, err := idempotencyKey(key); err != nil {
			return err
		}
	}
	done, err := s.receive(op, w, c)
	if err != nil {
		return err
	}
	err = s.perform(op, w, c)
	done(err)
	return err
}

// perform is write for a request whose body is received, if it is received as it arrives.
func (s *Server) perform(op *Operation, w http.ResponseWriter, c *Call) error {
	ctx, cancel := context.WithTimeout(c.Context, s.timeLimit(op))
	defer cancel()
	c.Context = s.WithOrigin(ctx, w, c.Request)
	if !op.Public {
		w.Header()["Cache-Status"] = s.values.written
	}
	if op.HasBody { // before the client is asked for it
		if err := checkContentType(c.Request); err != nil {
			return err
		}
		leave, err := s.bodies.enter(op, c.Request)
		if err != nil {
			return err
		}
		defer leave()
	}
	if op.Unrepeatable() && len(c.Request.Header[IdempotencyKey]) > 0 {
		return unrepeatable()
	}
	if op.Conditional() {
		var err error
		if c.Expected, err = expectedVersion(c.Request); err != nil {
			return err
		}
	}
	buffer := s.buffers.get()
	defer s.buffers.put(buffer)
	if op.Repeatable() && len(c.Request.Header[IdempotencyKey]) > 0 {
		return s.writeOnce(op, w, c, buffer)
	}
	if op.Repeatable() {
		if answered, err := s.runConfirmed(op, w, c, buffer); answered || err != nil {
			return err
		}
	} else if err := s.run(op, w, c, buffer); err != nil {
		return err
	}
	for _, cookie := range c.Cookies {
		http.SetCookie(w, cookie)
	}
	if op.Secret { // not even the browser stores it
		w.Header()["Cache-Control"] = s.values.noStore
	}
	s.setConsistencyToken(w, c.Request, c.Actor.Org, s.Changes.Known(c.Actor.Org))
	s.confirm(w, c.Request, c.confirmation(op))
	return nil
}

// WithOrigin returns a context that holds where a request comes from, for the audit trail.
func (s *Server) WithOrigin(ctx context.Context, w http.ResponseWriter, r *http.Request) context.Context {
	return accounts.WithOrigin(ctx, accounts.Origin{Address: s.ClientAddress(r), RequestID: requestID(w)})
}
