package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// forkBound is how long after a promotion an instance may still show the former history: the
// second of docs/caching.md, and the time that the clients need.
const forkBound = 1500 * time.Millisecond

// failover ends the primary and promotes the standby. What the standby has is the truth from
// then on. It returns the number of acknowledged writes that are void.
func (b *bed) failover(ctx context.Context) (void int, err error) {
	b.resettable.Store(true)
	var truth map[string][]record
	err = inTurn(b.primary.crash, wait(ctx, 200*time.Millisecond), func() error { return b.standby.settle(ctx) }, func() (err error) {
		truth, err = records(ctx, b.standby.postgres)
		return err
	})
	if err != nil {
		return 0, err
	}
	void = b.book.fork(truth)
	if err := b.standby.promote(ctx); err != nil {
		return void, err
	}
	b.book.settle(time.Now().Add(forkBound))
	b.standby.relay.close()
	b.primary, b.former = b.standby.postgres, b.primary
	b.failovers++
	return void, nil
}

func failoverSynchronous(ctx context.Context, b *bed) error {
	if err := b.crowd(ctx, 12, false); err != nil {
		return err
	}
	if err := during(ctx, 4*time.Second); err != nil {
		return err
	}
	void, err := b.failover(ctx)
	if err != nil {
		return err
	}
	for range void {
		b.tally.judged(lost, func() string { return "an acknowledged write is not on the promoted standby" })
	}
	return inTurn(wait(ctx, 6*time.Second), func() error { return b.ready(ctx) })
}

// failoverLagging promotes a standby that lacks acknowledged writes; the log gets as long
// again as it was, and longer. Then all of it again, with a standby of the promoted server.
func failoverLagging(ctx context.Context, b *bed) error {
	for round := range 2 {
		if round > 0 {
			var err error
			if b.standby, err = newStandby(ctx, b.primary, b.former); err != nil {
				return err
			}
		}
		sleepers := b.sleepers(ctx)
		if err := during(ctx, time.Second); err != nil {
			return err
		}
		b.standby.relay.sever()
		for _, w := range sleepers {
			w.step(ctx)
			w.change(ctx, w.g.now()[w.g.tag])
			w.g.retire()
		}
		if err := inTurn(wait(ctx, 1500*time.Millisecond), func() error { b.readAll(ctx, sleepers, true); return nil }); err != nil {
			return err
		}
		ends, err := b.logEnds(ctx)
		if err != nil {
			return err
		}
		b.asleep.Store(true)
		void, err := b.failover(ctx)
		if err != nil {
			return err
		}
		b.tally.say("failover %d made %d acknowledged writes void", round+1, void)
		if void == 0 {
			b.tally.fault("the standby did not lag", "failover %d", round+1)
		}
		if err := inTurn(wait(ctx, forkBound), func() error { return b.awaitLog(ctx, ends) }, func() error { return b.wake(ctx, sleepers) },
			wait(ctx, 3*time.Second), func() error { return b.ready(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// sleepers writes groups of their own, which are read again only when the log is as long
// after a failover as it was before.
func (b *bed) sleepers(ctx context.Context) []*writer {
	var all []*writer
	for i := range 6 {
		w := &writer{b: b, c: b.client(-1), org: b.orgs[i%len(b.orgs)]}
		w.next(ctx)
		w.g.sleeper = true
		for _, k := range []kind{deal, deal, contact, activity} {
			w.create(ctx, k, fmt.Sprintf("%s%c%d", w.g.tag, k[0], w.n+1))
		}
		all = append(all, w)
	}
	return all
}

// readAll reads all that there is of groups, on every instance.
func (b *bed) readAll(ctx context.Context, groups []*writer, tokens bool) {
	for _, one := range b.instances {
		r := &reader{b: b, c: b.client(one.number), tokens: tokens, known: map[string]remembered{}}
		for _, w := range groups {
			for which := range 2 * readings {
				r.read(ctx, w.g, which%readings)
			}
		}
	}
}

// logEnds returns the ends of the organisations' logs.
func (b *bed) logEnds(ctx context.Context) (map[string]int64, error) {
	log, err := logs(ctx, b.primary)
	ends := map[string]int64{}
	for org, entries := range log {
		ends[org] = entries[len(entries)-1].Seq
	}
	return ends, err
}

// awaitLog waits until the logs are longer than they were.
func (b *bed) awaitLog(ctx context.Context, ends map[string]int64) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	return until(ctx, 200*time.Millisecond, func() error {
		now, err := b.logEnds(ctx)
		if err != nil {
			return err
		}
		for org, end := range ends {
			if now[org] < end+20 {
				return fmt.Errorf("the log of %s ends at %d, and was at %d", org, now[org], end)
			}
		}
		return nil
	})
}

// wake has the groups read again, also by an instance that has just started, and the
// followers go on.
func (b *bed) wake(ctx context.Context, groups []*writer) error {
	b.readAll(ctx, groups, false)
	last := b.instances[len(b.instances)-1]
	if err := inTurn(last.stop, func() error { return last.start(ctx, b.plan.binary) }); err != nil {
		return err
	}
	b.readAll(ctx, groups, true)
	b.asleep.Store(false)
	return nil
}

// standbyRemoved cuts the synchronous standby off: no commit may be acknowledged. Then the
// standby is promoted, which has none of what was committed only locally.
func standbyRemoved(ctx context.Context, b *bed) error {
	// More writes than may wait for their commits at an instance, in more organisations than
	// there are writers, because a commit that waits locks its organisation's log.
	if err := b.crowd(ctx, 8*instanceCount, true); err != nil {
		return err
	}
	if err := during(ctx, 3*time.Second); err != nil {
		return err
	}
	b.standby.relay.sever()
	if err := during(ctx, 9*time.Second); err != nil {
		return err
	}
	b.tally.mu.Lock()
	open := 0
	for _, f := range b.tally.failures {
		if strings.Contains(f.detail, "commit.unknown") {
			open++
		}
	}
	b.tally.mu.Unlock()
	b.tally.say("%d writes were answered with commit.unknown", open)
	if open == 0 {
		b.tally.fault("no write was answered with commit.unknown", "while the standby was away")
	}
	void, err := b.failover(ctx)
	if err != nil {
		return err
	}
	for range void {
		b.tally.judged(lost, func() string { return "a write was acknowledged that only the former primary had" })
	}
	return inTurn(wait(ctx, 5*time.Second), func() error { return b.ready(ctx) })
}
