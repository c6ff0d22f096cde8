package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sixty/internal/crm"
)

// acknowledged is the last acknowledged write: every request from then on must read it, or a
// newer one.
type acknowledged struct {
	value int
	token string
}

var valueMember = regexp.MustCompile(`"value":(\d+)\.00`)

// While there are many reads and writes, no response is older than a write that was
// acknowledged before its request: on the instance of the write, and with the token on the
// other. There are still cache hits.
func TestNoStaleReads(t *testing.T) {
	t.Parallel()
	const writes, readers = 20, 2 // readers on each instance
	eachPair(t, func(t *testing.T, a, b *client) {
		u := newUser(a, "Nothing is stale", crm.RoleManager)
		path := "/api/deals/" + id(u.make("/api/deals", object{"name": "A", "value": 0}))
		paths := []string{path, path + "?includeRelationships=true", "/api/deals", "/api/deals?limit=1", "/api/deals?search=a"}
		var last atomic.Pointer[acknowledged]
		last.Store(&acknowledged{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var reading sync.WaitGroup
		var hits, asked atomic.Int64
		for i := range 2 * readers {
			reading.Go(func() {
				c := a
				if i%2 == 1 {
					c = b
				}
				for n := i; ctx.Err() == nil; n++ {
					before := *last.Load()
					req := c.request("GET", paths[n%len(paths)], u.key, nil)
					if c == b && before.token != "" {
						req.Header.Set("Sixty-Consistency", before.token)
					}
					value, said, err := c.value(req.WithContext(ctx))
					switch {
					case ctx.Err() != nil || c == b && before.token == "":
						continue
					case err != nil:
						t.Error(err)
						return
					case value < before.value:
						t.Errorf("%s: %d after %d was acknowledged: %s", req.URL.Path, value, before.value, said)
						return
					}
					asked.Add(1)
					if strings.HasPrefix(said, "sixty; hit") {
						hits.Add(1)
					}
				}
			})
		}
		for n := 1; n <= writes && !t.Failed(); n++ {
			status, header, body := u.raw("PATCH", path, u.key, object{"value": n})
			if status != http.StatusOK {
				t.Fatalf("%d: %s", status, body)
			}
			last.Store(&acknowledged{n, header.Get("Sixty-Consistency")})
			// Enough reads that the next write invalidates cached responses.
			enough := asked.Load() + 8
			eventually(t, "the others read", func() bool { return asked.Load() >= enough || t.Failed() })
		}
		cancel()
		reading.Wait()
		if hits.Load() < writes {
			t.Errorf("of %d answers %d were hits", asked.Load(), hits.Load())
		}
	})
}

// value reads a deal's value, from a goroutine that may not end the test.
func (c *client) value(req *http.Request) (value int, said string, err error) {
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	said = res.Header.Get("Cache-Status")
	found := valueMember.FindSubmatch(body)
	if err != nil || found == nil {
		return 0, said, fmt.Errorf("%s: %s, %w: %.300s", req.URL, res.Status, err, body)
	}
	value, err = strconv.Atoi(string(found[1]))
	return value, said, err
}
