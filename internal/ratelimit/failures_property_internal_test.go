package ratelimit

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/crm"
	"sixty/internal/redis"
	"sixty/internal/servertest"
)

// Redis and memory decide alike, whatever attempts begin and end in whatever order.
func TestSharedFailuresAreThoseInMemory(t *testing.T) {
	t.Parallel()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{servertest.RedisAddress(t)}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := time.UnixMilli(1_767_600_000_000)
		clock := func() time.Time { return now }
		memory, shared := NewFailures(FailuresOptions{Now: clock}), NewFailures(FailuresOptions{Now: clock})
		shared.shared = &sharedFailures{
			calls: redis.NewCalls[[]int64](redis.CallsOptions{
				Name: "failures", Client: func() rueidis.Client { return client }, Running: maxRunning, Patience: time.Minute, Logger: slog.New(slog.DiscardHandler),
			}),
			prefix: "test:" + crm.NewID().String() + ":",
		}
		t.Cleanup(shared.Close)
		subjects := []FailureSubject{
			{Name: "account", Free: 2, Forgiving: true}, {Name: "network", Free: 4}, {Name: "strangers", Free: 6, Window: 5 * time.Minute},
		}
		type pair struct{ memory, shared FailureResult }
		var running []pair
		for step := range 200 {
			now = now.Add(time.Duration(r.IntN(40)) * time.Duration(r.IntN(40)) * time.Millisecond)
			shared.shared.time = strconv.FormatInt(now.UnixMilli(), 10)
			if n := len(running); n > 0 && r.IntN(2) == 0 {
				i := r.IntN(n)
				end := []func(*Failures, context.Context, FailureResult){(*Failures).Succeeded, (*Failures).Undone, (*Failures).Overloaded}[r.IntN(3)]
				end(memory, t.Context(), running[i].memory)
				end(shared, t.Context(), running[i].shared)
				running = append(running[:i], running[i+1:]...)
				continue
			}
			var all []FailureSubject
			for _, s := range subjects[r.IntN(2):] {
				s.Observed = r.IntN(2) == 0
				all = append(all, s)
			}
			p := pair{memory.Begin(t.Context(), all...), shared.Begin(t.Context(), all...)}
			if p.memory.Wait != p.shared.Wait || p.memory.ObservedWait != p.shared.ObservedWait || !p.shared.shared {
				t.Fatalf("seed %d, step %d: memory %+v, Redis %+v", seed, step, p.memory, p.shared)
			}
			if p.memory.Wait == 0 && r.IntN(3) > 0 {
				running = append(running, p)
			}
		}
	}
}
