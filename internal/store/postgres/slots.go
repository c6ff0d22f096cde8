package postgres

import (
	"container/list"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// slots bound the connections that are in use. When the server has no more of them, there are
// as many slots as connections are open, and requests wait for one within their deadlines;
// one is added again every some seconds.
type slots struct {
	max  int
	open func() int // the number of connections that are open
	now  func() time.Time

	mu      sync.Mutex
	limit   int
	used    int
	waiting list.List // of chan struct{}, each closed when a slot is its own
	grown   time.Time // when the limit was last raised or lowered
	refused time.Time // when the server last had no connection
}

const (
	// slotPeriod is the time after which the limit grows by one.
	slotPeriod = 5 * time.Second
	// fullPause is the longest pause after the server had no connection.
	fullPause = 100 * time.Millisecond
	// fullFor is how long a server that had no connection counts as full.
	fullFor = time.Second
)

func newSlots(n int, open func() int) *slots {
	return &slots{max: n, open: open, limit: n, now: time.Now}
}

// try takes a slot if one is free and no other waits for it.
func (s *slots) try() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow()
	if s.used >= s.limit || s.waiting.Len() > 0 {
		return false
	}
	s.used++
	return true
}

// enter takes a slot; leave returns it.
func (s *slots) enter(ctx context.Context) error {
	s.mu.Lock()
	s.grow()
	if s.used < s.limit && s.waiting.Len() == 0 {
		s.used++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	e := s.waiting.PushBack(turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn: // at the same time
		return nil
	default:
		s.waiting.Remove(e)
		return ctx.Err()
	}
}

func (s *slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.grow()
	s.pass()
}

// grow adds a slot when it is time, and slots for connections that were being made when the
// limit was set.
func (s *slots) grow() {
	if s.limit >= s.max {
		return
	}
	if open := min(s.open(), s.max); open > s.limit {
		s.limit = open
		s.pass()
	}
	if now := s.now(); s.limit < s.max && now.Sub(s.grown) >= slotPeriod {
		s.limit++
		s.grown = now
		s.pass()
	}
}

// pass assigns free slots to waiters.
func (s *slots) pass() {
	for s.used < s.limit && s.waiting.Len() > 0 {
		turn, _ := s.waiting.Remove(s.waiting.Front()).(chan struct{})
		s.used++
		close(turn)
	}
}

// shrink limits the slots to the connections that are open.
func (s *slots) shrink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.grown, s.refused = max(1, min(s.open(), s.limit)), s.now(), s.now()
}

// full reports whether the server has had no connection lately.
func (s *slots) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.refused) < fullFor
}

// acquire takes a slot and a connection. release returns both. If other processes have all
// connections of the server, requests share the reserved one.
func (e *Engine) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		if err := e.slots.enter(ctx); err != nil {
			return nil, err
		}
		if e.slots.full() && e.pool.Stat().TotalConns() == 0 {
			conn, err := e.reserved.Acquire(ctx)
			if err != nil {
				e.slots.leave()
			}
			return conn, err
		}
		conn, err := e.fromPool(ctx)
		if err == nil {
			return conn, nil
		}
		if !sqlState(err, tooManyConnections) {
			return nil, err
		}
		pause := time.NewTimer(fullPause/2 + rand.N(fullPause/2)) //nolint:gosec // jitter, no secret
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, err
		}
	}
}

// fromPool takes a connection, in a slot that is taken.
func (e *Engine) fromPool(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		if sqlState(err, tooManyConnections) {
			e.slots.shrink()
		}
		e.slots.leave()
	}
	return conn, err
}

// acquireReserved takes a connection that is idle, and otherwise the reserved one.
func (e *Engine) acquireReserved(ctx context.Context) (conn *pgxpool.Conn, release func(), err error) {
	if e.pool.Stat().IdleConns() > 0 && e.slots.try() {
		if conn, err := e.fromPool(ctx); err == nil {
			return conn, func() { e.release(conn) }, nil
		}
	}
	if conn, err = e.reserved.Acquire(ctx); err != nil {
		return nil, nil, err
	}
	return conn, conn.Release, nil
}

func (e *Engine) release(conn *pgxpool.Conn) {
	conn.Release()
	e.slots.leave()
}

// tooManyConnections is the SQLSTATE of a server, a role or a database that has as many as it may.
const tooManyConnections = "53300"

// readOnly is the SQLSTATE of a write on a server that only reads.
const readOnly = "25006"
