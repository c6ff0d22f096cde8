package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sixty/bench/internal/fleet"
)

// redisDelay is the delay of a slow Redis: far above the time limit of calls.
const redisDelay = 500 * time.Millisecond

// databaseDelay is the delay of a slow database: above the second for which an instance trusts
// a confirmed position.
const databaseDelay = 1200 * time.Millisecond

// fault breaks something for a while and repairs it.
type fault struct {
	name string
	run  func(ctx context.Context, b *Bed, r *rand.Rand, e *excuses) error
}

// faults are the faults of a trial.
var faults = []fault{
	{"Redis is stopped", func(ctx context.Context, b *Bed, r *rand.Rand, _ *excuses) error {
		b.redis.Stop()
		lasting(ctx, r)
		started, err := fleet.StartRedis(ctx, b.dir, b.redis.Addr)
		if err == nil {
			b.redis = started
		}
		return err
	}},
	{"Redis is slow", func(ctx context.Context, b *Bed, r *rand.Rand, _ *excuses) error {
		if err := b.redisPath.Slow(redisDelay); err != nil {
			return err
		}
		lasting(ctx, r)
		return b.redisPath.Quicken(ctx)
	}},
	{"Redis is cut off", func(ctx context.Context, b *Bed, r *rand.Rand, _ *excuses) error {
		b.redisPath.Cut()
		lasting(ctx, r)
		return b.redisPath.Restore()
	}},
	{"Redis is emptied", func(ctx context.Context, b *Bed, _ *rand.Rand, _ *excuses) error {
		return fleet.EmptyRedis(ctx, b.redis.Addr)
	}},
	{"the database is cut off from one instance", func(ctx context.Context, b *Bed, r *rand.Rand, e *excuses) error {
		return b.cut(ctx, r, e, b.instances[r.IntN(len(b.instances))])
	}},
	{"the database is cut off from all", func(ctx context.Context, b *Bed, r *rand.Rand, e *excuses) error {
		return b.cut(ctx, r, e, b.instances...)
	}},
	{"the database is slow for one instance", func(ctx context.Context, b *Bed, r *rand.Rand, e *excuses) error {
		i := b.instances[r.IntN(len(b.instances))]
		defer e.begin(false, i.process.Addr)()
		if err := i.database.Slow(databaseDelay); err != nil {
			return err
		}
		lasting(ctx, r)
		return i.database.Quicken(ctx)
	}},
	{"an instance is killed", func(ctx context.Context, b *Bed, r *rand.Rand, e *excuses) error {
		i := b.instances[r.IntN(len(b.instances))]
		defer e.begin(true, i.process.Addr)()
		i.process.Kill()
		lasting(ctx, r)
		started, err := i.program.Serve(ctx, i.process.Addr, i.env...)
		if err == nil {
			i.process = started
		}
		return err
	}},
}

// lasting waits for the duration of a fault: more than the second for which an instance trusts a
// confirmed position.
func lasting(ctx context.Context, r *rand.Rand) {
	wait(ctx, 1100*time.Millisecond+time.Duration(r.Int64N(int64(500*time.Millisecond))))
}

func (b *Bed) cut(ctx context.Context, r *rand.Rand, e *excuses, from ...*instance) error {
	var addrs []string
	for _, i := range from {
		addrs = append(addrs, i.process.Addr)
	}
	defer e.begin(false, addrs...)()
	for _, i := range from {
		i.database.Cut()
	}
	lasting(ctx, r)
	var err error
	for _, i := range from {
		err = errors.Join(err, i.database.Restore())
	}
	return err
}

// beset injects every fault once, in random order, and repeats that until the time is over.
func (b *Bed) beset(ctx context.Context, o Options, e *excuses) error {
	r := rand.New(rand.NewPCG(o.Seed, 0xfa017))
	begin := time.Now()
	for {
		for _, n := range r.Perm(len(faults)) {
			f := faults[n]
			o.Log("%6.1f s  %s", time.Since(begin).Seconds(), f.name)
			if err := f.run(ctx, b, r, e); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			wait(ctx, time.Duration(r.Int64N(int64(600*time.Millisecond))))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if time.Since(begin) >= o.Lasting {
			return nil
		}
	}
}
