package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

const (
	// heartbeatRetry is the time between a heartbeat that failed and the next one.
	heartbeatRetry = time.Second
	// heartbeatAge is the time after the last heartbeat from which on the database counts as
	// accepting no writes: two have failed, or one has not ended.
	heartbeatAge = 2 * store.HeartbeatPeriod
	// maxSkew is the greatest difference between the clock of this instance and the database's
	// that is tolerated.
	maxSkew = time.Minute
)

// heartbeat keeps this server registered in the database, which shows that a commit succeeds
// and what the database's time is.
type heartbeat struct {
	core   *Core
	id     crm.ID
	failed atomic.Bool // the last one

	mu   sync.Mutex
	last time.Time     // when the last one that succeeded began; zero before that
	skew time.Duration // by how much the clock is ahead of the database's; 0 within maxSkew
}

func newHeartbeat(core *Core) *heartbeat { return &heartbeat{core: core, id: crm.NewID()} }

// run repeats the heartbeat until ctx ends, and takes the server from the registry.
func (h *heartbeat) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := time.NewTimer(h.period())
		select {
		case <-ctx.Done():
		case <-pause.C:
			h.beat(ctx)
		}
		pause.Stop()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	_ = h.core.Store.EndInstance(ctx, h.id) // or its heartbeat times out
}

// period returns the time until the next heartbeat.
func (h *heartbeat) period() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last.IsZero() || time.Since(h.last) >= store.HeartbeatPeriod {
		return heartbeatRetry
	}
	return store.HeartbeatPeriod
}

// beat does it once.
func (h *heartbeat) beat(ctx context.Context) {
	began, before := time.Now(), h.core.Clock()
	now, err := h.core.Store.Heartbeat(ctx, h.id)
	after := h.core.Clock()
	if err != nil {
		if ctx.Err() == nil {
			level := slog.LevelDebug
			if h.failed.CompareAndSwap(false, true) { // once
				level = slog.LevelWarn
			}
			h.core.Log.Log(ctx, level, "the database has committed no heartbeat", "error", err)
		}
		return
	}
	if h.failed.Swap(false) {
		h.core.Log.Info("the database commits heartbeats again")
	}
	skew := skewOf(before, after, now)
	h.mu.Lock()
	was := h.skew
	h.last, h.skew = began, skew
	h.mu.Unlock()
	switch {
	case skew != 0 && was == 0:
		h.core.Log.Error("the clock of this instance differs from the database's; it removes no old rows until the clocks agree",
			"ahead", skew.Round(time.Second), "limit", maxSkew)
	case skew == 0 && was != 0:
		h.core.Log.Info("the clock of this instance agrees with the database's again")
	}
}

// skewOf returns by how much a clock is ahead of the database's, or behind it (negative),
// given what it showed before and after the database's was read; 0 if the difference may be
// within maxSkew.
func skewOf(before, after time.Time, database crm.Instant) time.Duration {
	at := database.Time()
	if ahead := before.Sub(at); ahead > maxSkew {
		return ahead
	}
	if ahead := after.Sub(at); ahead < -maxSkew {
		return ahead
	}
	return 0
}

// state returns whether the last heartbeat is recent, and the skew.
func (h *heartbeat) state() (recent bool, skew time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.last.IsZero() && time.Since(h.last) <= heartbeatAge, h.skew
}

// health implements httpapi.Health.
type health struct{ app *App }

var errNoCommit = fmt.Errorf("no heartbeat was committed within %s", heartbeatAge)

// Readable returns an error if the database cannot be read, or the server shuts down.
func (h health) Readable(ctx context.Context) error {
	return h.check(ctx, h.app.core.Store.Readable)
}

// Writable returns an error if the database cannot be written either.
func (h health) Writable(ctx context.Context) error {
	if err := h.check(ctx, h.app.core.Store.Writable); err != nil {
		return err
	}
	if recent, _ := h.app.serving.heartbeat.state(); !recent {
		return crm.ReadOnly(errNoCommit)
	}
	return nil
}

func (h health) check(ctx context.Context, database func(context.Context) error) error {
	if h.app.drain.begun.Load() {
		return &crm.Error{Code: crm.CodeUnavailable, Message: "The server is shutting down.", Cause: errDraining}
	}
	return database(ctx)
}

// Warnings returns what is wrong with this instance alone.
func (h health) Warnings() []string {
	_, skew := h.app.serving.heartbeat.state()
	if skew == 0 {
		return nil
	}
	relation := "ahead of"
	if skew < 0 {
		relation = "behind"
	}
	return []string{fmt.Sprintf("The clock of this instance is %s %s the database's.", skew.Abs().Round(time.Second), relation)}
}
