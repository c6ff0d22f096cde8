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
	jobs    bool             // were added
	running bool
}

// notifyJobs tells all watchers of jobs, soon.
func (n *notifier) notifyJobs() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.jobs = true
	n.start()
}

// notify tells all watchers of an entry, soon.
func (n *notifier) notify(org crm.ID, seq int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending == nil {
		n.pending = map[crm.ID]int64{}
	}
	n.pending[org] = max(seq, n.pending[org])
	n.start()
}

// start begins to send. The caller has the lock.
func (n *notifier) start() {
	if !n.running {
		n.running = true
		n.ended.Go(n.run)
	}
}

// run sends what is pending until nothing is.
func (n *notifier) run() {
	for channels, payloads := n.take(); len(payloads) > 0; channels, payloads = n.take() {
		_ = within(context.Background(), notifyTimeout, func(ctx context.Context) error { return n.send(ctx, channels, payloads) })
		time.Sleep(notifyPeriod)
	}
}

func (n *notifier) take() (channels, payloads []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for org, seq := range n.pending {
		channels = append(channels, channel)
		payloads = append(payloads, org.String()+":"+strconv.FormatInt(seq, 10))
	}
	clear(n.pending)
	if n.jobs {
		channels, payloads, n.jobs = append(channels, jobsChannel), append(payloads, ""), false
	}
	n.running = len(payloads) > 0
	return channels, payloads
}

func (n *notifier) send(ctx context.Context, channels, payloads []string) error {
	conn, release, err := n.engine.acquireReserved(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = conn.Exec(ctx, "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) n (channel, payload)", channels, payloads)
	return err
}
