package postgres

import (
	"context"
	"sync"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// commits are the commits that were sent. Each has a goroutine, which waits for the server's
// answer for as long as there is a connection; its caller may leave before.
type commits struct {
	limit int // of those whose callers have left
	ended sync.WaitGroup

	mu      sync.Mutex
	running map[*commit]struct{}
	left    int
	closing bool
}

// A commit is one that was sent.
type commit struct {
	tx       *tx
	log      *store.LogAppend
	answered chan struct{} // closed when at and err are set
	at       crm.LogPosition
	err      error
	left     *time.Timer // of a commit whose caller has left: until its connection is dropped
}

// leftLimit is how long a commit is waited for when its caller has left: the server may be
// frozen, or cut off, and another may have taken over.
const leftLimit = 2 * time.Minute

var (
	errNoOrganisation = crm.NotFound("organisation")
	errUnconfirmed    = &crm.Error{Code: crm.CodeUnavailable, Message: "The database does not confirm what is written at the moment. Try again shortly."}
)

func newCommits(connections int32) *commits {
	return &commits{limit: max(1, int(connections)/4), running: map[*commit]struct{}{}}
}

// admit rejects transactions that write while too many commits are not answered.
func (cs *commits) admit() error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.left >= cs.limit {
		return errUnconfirmed
	}
	return nil
}

// start sends the end of a transaction, whose connection is the commit's from now on.
func (cs *commits) start(t *tx, log *store.LogAppend) *commit {
	c := &commit{tx: &tx{engine: t.engine, conn: t.conn, writes: t.writes, timeout: t.timeout}, log: log, answered: make(chan struct{})}
	t.conn = nil
	cs.mu.Lock()
	cs.running[c] = struct{}{}
	if cs.closing {
		c.drop()
	}
	cs.ended.Add(1)
	cs.mu.Unlock()
	go cs.run(c)
	return c
}

// run waits for the answer.
func (cs *commits) run(c *commit) {
	defer cs.ended.Done()
	conn := c.tx.conn.Conn()
	c.at, c.err = finish(conn, c.log)
	cs.mu.Lock()
	delete(cs.running, c)
	left := c.left != nil
	if left {
		c.left.Stop()
		cs.left--
	}
	cs.mu.Unlock()
	if left && c.log != nil && c.log.Late != nil {
		c.log.Late(c.at, c.err) // before those who wait for the outcome learn of it
	}
	close(c.answered)
	if c.err == nil {
		c.tx.engine.readOnly.Store(false)
	}
	if c.err == nil && c.log != nil {
		c.tx.engine.notifier.notify(c.log.Org, c.at.Seq)
	}
	if conn.PgConn().TxStatus() == 'I' {
		c.tx.release()
	} else {
		_ = c.tx.Rollback()
	}
}

// leave is called when a caller waits no longer. Of those beyond the limit the connection is
// dropped, which ends nothing on the server: it is asked for the outcome by another one. left is
// false if there is an answer.
func (cs *commits) leave(c *commit) (left bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if _, running := cs.running[c]; !running {
		return false
	}
	c.left = time.AfterFunc(leftLimit, func() { cs.dropIf(func(running *commit) bool { return running == c }) })
	if cs.left++; cs.left > cs.limit {
		c.drop()
	}
	return true
}

// dropLeft drops the connections of commits whose callers have left.
func (cs *commits) dropLeft() { cs.dropIf(func(c *commit) bool { return c.left != nil }) }

func (cs *commits) dropIf(is func(*commit) bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.running {
		if is(c) {
			c.drop()
		}
	}
}

// drop ends the connection without a word to the server.
func (c *commit) drop() { _ = c.tx.conn.Conn().PgConn().Conn().Close() }

// close waits for the answers, but no longer than the limit.
func (cs *commits) close(limit time.Duration) {
	over := time.AfterFunc(limit, func() {
		cs.mu.Lock()
		cs.closing = true
		cs.mu.Unlock()
		cs.dropIf(func(*commit) bool { return true })
	})
	cs.ended.Wait()
	over.Stop()
}

// within runs fn within a limit.
func within(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return fn(ctx)
}
