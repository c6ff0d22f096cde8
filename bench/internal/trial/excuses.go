package trial

import (
	"slices"
	"sync"
	"time"
)

// grace is how long after a fault has ended its consequences may last: the program
// finds broken connections when it next uses them, and makes others.
const grace = 1500 * time.Millisecond

// excuse is a failure that a fault explains: of requests that were under way while it
// lasted.
type excuse struct {
	addrs      []string
	connection bool // also that there was no answer at all
	begin, end time.Time
}

// excuses are those of a trial. Nothing excuses a failure for want of Redis.
type excuses struct {
	mu  sync.Mutex
	all []*excuse
}

// begin begins an excuse of some instances. What it gives ends it.
func (e *excuses) begin(connection bool, addrs ...string) (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := &excuse{addrs: addrs, connection: connection, begin: time.Now()}
	e.all = append(e.all, x)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		x.end = time.Now().Add(grace)
	}
}

// cover tells whether a failure that shows now is excused. A status of the server's own
// failing (no err) is explained by a database that is gone, no answer by an instance
// that is.
func (e *excuses) cover(addr string, sent time.Time, err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.all, func(x *excuse) bool {
		return x.connection == (err != nil) && slices.Contains(x.addrs, addr) && (x.end.IsZero() || sent.Before(x.end))
	})
}
