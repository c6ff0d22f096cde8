package postgres

import "context"

// Epoch implements store.Engine.
func (e *Engine) Epoch() string { return *e.epoch.Load() }

// epochChanged notes the epoch of a read, and reports whether the one before had another.
// The first to notice replaces the connections.
func (e *Engine) epochChanged(epoch string) bool {
	before := e.epoch.Load()
	if *before == epoch {
		return false
	}
	if next := epoch; e.epoch.CompareAndSwap(before, &next) && *before != "" {
		e.reset()
	}
	return *before != ""
}

// epoch returns the epoch of the server that a transaction runs on.
func (t *tx) epoch(ctx context.Context) (epoch string, err error) {
	err = t.conn.QueryRow(ctx, "SELECT coalesce("+currentEpoch+", '')").Scan(&epoch)
	return epoch, err
}
