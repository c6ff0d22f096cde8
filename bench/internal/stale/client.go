package stale

import (
	"context"

	"sixty/bench/internal/load"
)

// TokenHeader is the header of the consistency token, which is returned by writes and sent with
// reads that must show them.
const TokenHeader = "Sixty-Consistency"

// client calls instances with one key.
type client struct {
	*load.Client
	key string
}

// do sends a request; headers are alternating names and values.
func (c *client) do(ctx context.Context, addr, method, path string, body []byte, headers ...string) (load.Reply, error) {
	return c.Do(ctx, load.Call{Addr: addr, Method: method, Path: path, Key: c.key, Body: body, Headers: headers})
}
