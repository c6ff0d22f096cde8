package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var errDraining = errors.New("the server has been told to stop")

// drain is the time between the signal to stop and the end of listening: readiness checks
// fail, by which proxies stop sending requests, and those that they still send are served.
type drain struct {
	delay time.Duration
	begun atomic.Bool
	over  chan struct{} // closed when it need not be waited for any longer
	end   func()        // closes it
}

func newDrain(delay time.Duration) *drain {
	over := make(chan struct{})
	return &drain{delay: delay, over: over, end: sync.OnceFunc(func() { close(over) })}
}

// wait begins the drain and waits for its end, unless the server fails before.
func (d *drain) wait(failed <-chan error) error {
	defer d.end()
	d.begun.Store(true)
	if d.delay == 0 {
		return nil
	}
	timer := time.NewTimer(d.delay)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err
	case <-timer.C:
	case <-d.over:
	}
	return nil
}

// closing asks clients to use another connection from the beginning of the drain on.
func (d *drain) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// EndDrain ends the drain delay, or omits it.
func (a *App) EndDrain() { a.drain.end() }

// Drained returns a channel that is closed at the end of the drain delay.
func (a *App) Drained() <-chan struct{} { return a.drain.over }

// shutdown stops the server: it drains, rejects connections, and waits for the requests in
// flight. After the timeout they are cancelled.
func (a *App) shutdown(ctx context.Context, served <-chan error) error {
	a.core.Log.Info("shutting down", "delay", a.drain.delay, "timeout", a.timeout)
	a.core.lines.Flush() // the process may be killed before the end
	a.serving.background.stop()
	if err := a.drain.wait(served); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
	defer cancel()
	if err := a.server.Shutdown(limit); err != nil {
		a.core.Log.Warn("requests in flight were cancelled", "timeout", a.timeout)
		a.endRequests()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
