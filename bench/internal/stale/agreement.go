package stale

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"sixty/bench/internal/load"
)

// agreeTimeout bounds the wait for instances to agree.
const agreeTimeout = 10 * time.Second

// Agreement writes a deal repeatedly, each time through one of the instances, and returns the
// sorted times from the acknowledgement until every instance showed the write without a token.
func Agreement(ctx context.Context, key string, instances []string, writes int, seed uint64) ([]time.Duration, error) {
	c := &client{load.NewClient(len(instances) + 1), key}
	defer c.Close()
	random := rand.New(rand.NewPCG(seed, 0xa9ee))
	a, err := c.do(ctx, instances[0], http.MethodPost, Deal.collection(), []byte(`{"name":"Deal ~0v0~"}`))
	if err != nil {
		return nil, err
	}
	var made struct{ Data struct{ ID string } }
	if err := json.Unmarshal(a.Body, &made); err != nil {
		return nil, err
	}
	path := Deal.collection() + "/" + made.Data.ID
	var took []time.Duration
	for version := 1; version <= writes; version++ {
		body := fmt.Appendf(nil, `{"name":"Deal %s"}`, Mark(0, version))
		a, err := c.do(ctx, pick(random, instances), http.MethodPatch, path, body)
		if err != nil {
			return nil, err
		}
		if a.Status != http.StatusOK {
			return nil, fmt.Errorf("writing: status %d: %.300s", a.Status, a.Body)
		}
		acknowledged := time.Now()
		if err := c.shown(ctx, instances, path, version); err != nil {
			return nil, err
		}
		took = append(took, time.Since(acknowledged))
	}
	slices.Sort(took)
	return took, nil
}

// shown waits until every instance shows a version.
func (c *client) shown(ctx context.Context, instances []string, path string, version int) error {
	ctx, cancel := context.WithTimeout(ctx, agreeTimeout)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(instances))
	for i, addr := range instances {
		wg.Go(func() {
			for {
				a, err := c.do(ctx, addr, http.MethodGet, path, nil)
				if err != nil {
					errs[i] = fmt.Errorf("%s did not show version %d: %w", addr, version, err)
					return
				}
				if s := sightings(a.Body); len(s) > 0 && s[0].version >= version {
					return
				}
				pause(ctx, time.Millisecond)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
