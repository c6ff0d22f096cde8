package postgres

import (
	"context"
	"strconv"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	// notifyPeriod is the least time between two notifications: commits that come in between
	// are told of together.
	notifyPeriod = 10 * time.Millisecond
	// notifyTimeout bounds how long a notification takes. Readers of the log have polled by then.
	notifyTimeout = 250 * time.Millisecond
)

// notifier sends the notifications of commits, in transactions of their own after them: those
// that notify commit one after the other, across all databases of the server. No commit waits
// for its notification, and one that fails is lost.
type notifier struct {
	engine *Engine
	ended  *sync.WaitGroup

	mu      sync.Mutex
	pending map[crm.ID]int64 // by organisation: the last entry
	running bool
}

// notify tells all watchers of an entry, soon.
func (n *notifier) notify(org crm.ID, seq int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending == nil {
		n.pending = map[crm.ID]int64{}
	}
	n.pending[org] = max(seq, n.pending[org])
	if !n.running {
		n.running = true
		n.ended.Go(n.run)
	}
}

// run sends what is pending until nothing is.
func (n *notifier) run() {
	for payloads := n.take(); len(payloads) > 0; payloads = n.take() {
		_ = within(context.Background(), notifyTimeout, func(ctx context.Context) error { return n.send(ctx, payloads) })
		time.Sleep(notifyPeriod)
	}
}

func (n *notifier) take() (payloads []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for org, seq := range n.pending {
		payloads = append(payloads, org.String()+":"+strconv.FormatInt(seq, 10))
	}
	clear(n.pending)
	n.running = len(payloads) > 0
	return payloads
}

func (n *notifier) send(ctx context.Context, payloads []string) error {
	conn, release, err := n.engine.acquireReserved(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = conn.Exec(ctx, "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload", channel, payloads)
	return err
}
