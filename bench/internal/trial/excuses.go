package trial

import (
	"slices"
	"sync"
	"time"
)

// grace is how long a fault may have consequences after its end: the program detects broken
// connections at their next use.
const grace = 1500 * time.Millisecond

// excuse explains failures of requests that were pending during a fault.
type excuse struct {
	addrs      []string
	connection bool // also explains missing responses
	begin, end time.Time
}

// excuses are those of a trial. Faults of Redis explain no failures.
type excuses struct {
	mu  sync.Mutex
	all []*excuse
}

// begin starts an excuse for some instances, and returns a function that ends it.
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

// cover reports whether a present failure is excused. A 5xx status (no err) is explained by an
// unavailable database, a missing response by an unavailable instance.
func (e *excuses) cover(addr string, sent time.Time, err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.all, func(x *excuse) bool {
		return x.connection == (err != nil) && slices.Contains(x.addrs, addr) && (x.end.IsZero() || sent.Before(x.end))
	})
}
