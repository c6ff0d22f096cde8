package stale

import (
	"context"

	"sixty/bench/internal/load"
)

// TokenHeader carries the consistency token: from the answer to a write, to a read
// that is to show it on whatever instance.
const TokenHeader = "Sixty-Consistency"

// client asks instances on behalf of one key.
type client struct {
	*load.Client
	key string
}

// do sends a request; headers are names and values by turns.
func (c *client) do(ctx context.Context, addr, method, path string, body []byte, headers ...string) (load.Reply, error) {
	return c.Do(ctx, load.Call{Addr: addr, Method: method, Path: path, Key: c.key, Body: body, Headers: headers})
}
