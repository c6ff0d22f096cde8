package postgres

import (
	"context"
	"sync"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// commits are the commits that were sent. Each has a goroutine, which waits for the server's
// answer for as long as there is a connection; its caller may give up before, and abandon it.
type commits struct {
	limit int // of those that are abandoned
	ended sync.WaitGroup

	mu        sync.Mutex
	running   map[*commit]struct{}
	abandoned int // whose callers wait no longer
	closing   bool
}

// A commit is one that was sent.
type commit struct {
	tx        *tx
	log       *store.LogAppend
	answered  chan struct{} // closed when at and err are set
	at        crm.LogPosition
	err       error
	abandoned *time.Timer // until the connection is dropped; nil while its caller waits
}

// abandonedLimit is how long an abandoned commit is waited for: the server may be
// frozen, or cut off, and another may have taken over.
const abandonedLimit = 2 * time.Minute

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
	if cs.abandoned >= cs.limit {
		return errUnconfirmed
	}
	return nil
}

// start sends the end of a transaction, whose connection is the commit's from now on.
func (cs *commits) start(t *tx, log *store.LogAppend) *commit {
	c := &commit{tx: &tx{engine: t.engine, conn: t.conn, writes: t.writes, timeout: t.timeout, guard: t.guard}, log: log, answered: make(chan struct{})}
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
	c.at, c.err = finish(conn, c.tx.guard, c.log)
	cs.mu.Lock()
	delete(cs.running, c)
	abandoned := c.abandoned != nil
	if abandoned {
		c.abandoned.Stop()
		cs.abandoned--
	}
	cs.mu.Unlock()
	if abandoned && c.log != nil && c.log.Late != nil {
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

// abandon is called when a caller waits no longer. Of commits beyond the limit the connection is
// dropped, which ends nothing on the server: it is asked for the outcome by another one. ok is
// false if there is an answer.
func (cs *commits) abandon(c *commit) (ok bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if _, running := cs.running[c]; !running {
		return false
	}
	c.abandoned = time.AfterFunc(abandonedLimit, func() { cs.dropIf(func(running *commit) bool { return running == c }) })
	if cs.abandoned++; cs.abandoned > cs.limit {
		c.drop()
	}
	return true
}

// dropAbandoned drops the connections of abandoned commits.
func (cs *commits) dropAbandoned() { cs.dropIf(func(c *commit) bool { return c.abandoned != nil }) }

func (cs *commits) dropIf(is func(*commit) bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.running {
		if is(c) {
			c.drop()
		}
	}
}

// drop closes the connection. No cancel request is sent.
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
