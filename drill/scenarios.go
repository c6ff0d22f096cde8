package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// scenario is one way in which things go wrong.
type scenario struct {
	name  string
	quick bool // part of the quick run
	plan  plan
	run   func(context.Context, *bed) error
}

// scenarios returns all, in the order in which they run. previous is the binary to upgrade from.
func scenarios() []scenario {
	return []scenario{
		{"kill", true, plan{}, kill},
		{"rolling-restart", true, plan{}, rolling},
		{"rolling-upgrade", false, plan{binary: previousBinary}, upgrade},
		{"instance-frozen", false, plan{}, instanceFrozen},
		{"redis-stopped", false, plan{}, redisStopped},
		{"redis-flushed", false, plan{}, redisFlushed},
		{"redis-paused", false, plan{}, redisPaused},
		{"sentinel-failover", false, plan{sentinel: true}, sentinelFailover},
		{"postgres-restarted", false, plan{}, postgresRestarted},
		{"postgres-frozen", false, plan{}, postgresFrozen},
		{"failover-synchronous", false, plan{standby: true, sync: true}, failoverSynchronous},
		{"failover-lagging-twice", true, plan{standby: true}, failoverLagging},
		{"standby-removed", false, plan{standby: true, sync: true}, standbyRemoved},
		{"clock-ahead", false, plan{last: []string{"SIXTY_TEST_CLOCK_OFFSET=192h"}}, clockAhead},
		{"pooler", false, plan{pooler: true}, pooler},
		{"few-connections", false, plan{postgres: []string{"max_connections=20"}}, fewConnections},
		{"organisations", false, plan{quiet: true}, manyOrganisations},
	}
}

// previousBinary stands for the binary of the commit before, until it is built.
const previousBinary = "previous"

// during lets the load go on for some time.
func during(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// inTurn runs steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// wait is during as a step.
func wait(ctx context.Context, d time.Duration) func() error {
	return func() error { return during(ctx, d) }
}

// noticed is how long the proxy may send requests to an instance that is dead.
const noticed = 1500 * time.Millisecond

// kill ends two instances without warning, one after the other.
func kill(ctx context.Context, b *bed) error {
	if err := b.crowd(ctx, 8, false); err != nil {
		return err
	}
	for _, victim := range b.instances[:2] {
		if err := during(ctx, 3*time.Second); err != nil {
			return err
		}
		end := b.tally.cut()
		if !victim.signal(syscall.SIGKILL, stopBound) {
			return fmt.Errorf("instance %d survives", victim.number)
		}
		err := inTurn(wait(ctx, noticed), func() error { end(); return nil }, func() error { return victim.start(ctx, b.d.binary) })
		if err != nil {
			return err
		}
	}
	return during(ctx, 3*time.Second)
}

// rolling replaces the instances one by one.
func rolling(ctx context.Context, b *bed) error {
	for _, one := range b.instances {
		err := inTurn(wait(ctx, 1500*time.Millisecond), one.stop, func() error { return one.start(ctx, b.d.binary) })
		if err != nil {
			return err
		}
	}
	return during(ctx, 2*time.Second)
}

// upgrade replaces the instances by those of the new version, one by one. The proxy is told
// before, because the previous version may not announce its end.
func upgrade(ctx context.Context, b *bed) error {
	for _, one := range b.instances {
		err := inTurn(wait(ctx, 1500*time.Millisecond), func() error { return b.proxy.set(ctx, one.number, "drain") }, wait(ctx, drain), one.stop,
			func() error { return one.start(ctx, b.d.binary) }, func() error { return b.proxy.set(ctx, one.number, "ready") })
		if err != nil {
			return err
		}
	}
	return during(ctx, 2*time.Second)
}

// instanceFrozen stops an instance for longer than it may trust what it knows.
func instanceFrozen(ctx context.Context, b *bed) error {
	for range 2 {
		if err := during(ctx, 2*time.Second); err != nil {
			return err
		}
		end := b.tally.cut()
		thaw := b.instances[0].freeze()
		err := during(ctx, 4*time.Second)
		thaw()
		end()
		if err != nil {
			return err
		}
	}
	return during(ctx, 3*time.Second)
}

func redisStopped(ctx context.Context, b *bed) error {
	return inTurn(wait(ctx, 3*time.Second),
		func() error { b.redis.signal(syscall.SIGKILL, stopBound); return nil }, wait(ctx, 4*time.Second),
		func() error { return b.redis.start(ctx) }, wait(ctx, 4*time.Second))
}

func redisFlushed(ctx context.Context, b *bed) error {
	for range 6 {
		if err := during(ctx, 1500*time.Millisecond); err != nil {
			return err
		}
		if _, err := b.redis.do(ctx, "FLUSHALL"); err != nil {
			return err
		}
	}
	return during(ctx, time.Second)
}

func redisPaused(ctx context.Context, b *bed) error {
	for range 2 {
		if err := during(ctx, 2*time.Second); err != nil {
			return err
		}
		thaw := b.redis.freeze()
		err := during(ctx, 3*time.Second)
		thaw()
		if err != nil {
			return err
		}
	}
	return during(ctx, 2*time.Second)
}

func sentinelFailover(ctx context.Context, b *bed) error {
	if err := during(ctx, 3*time.Second); err != nil {
		return err
	}
	b.sentinels.master.signal(syscall.SIGKILL, stopBound)
	limit, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	if err := b.sentinels.promoted(limit); err != nil {
		return fmt.Errorf("the sentinels promote nothing: %w", err)
	}
	if err := during(ctx, 4*time.Second); err != nil {
		return err
	}
	// A program that lost Redis answers as well: it must have found the new master.
	line, err := b.sentinels.replica.do(ctx, "DBSIZE")
	if err != nil {
		return err
	}
	if line == ":0" || line == ":1" { // the probe's own key
		b.tally.fault("the new master is not used", "DBSIZE %s", line)
	}
	return nil
}

func postgresRestarted(ctx context.Context, b *bed) error {
	return inTurn(wait(ctx, 3*time.Second), b.primary.stop, wait(ctx, 2*time.Second),
		func() error { return b.primary.start(ctx, b.primary.settings...) }, wait(ctx, 4*time.Second),
		b.primary.crash, func() error { return b.primary.start(ctx, b.primary.settings...) }, wait(ctx, 4*time.Second))
}

func postgresFrozen(ctx context.Context, b *bed) error {
	if err := during(ctx, 3*time.Second); err != nil {
		return err
	}
	thaw := b.primary.freeze()
	err := during(ctx, 7*time.Second)
	thaw()
	if err != nil {
		return err
	}
	return during(ctx, 5*time.Second)
}

// clockAhead has an instance whose clock is eight days ahead: it must say so and clean nothing up.
func clockAhead(ctx context.Context, b *bed) error {
	last := b.instances[len(b.instances)-1]
	if err := during(ctx, 6*time.Second); err != nil {
		return err
	}
	a := b.client(last.number).send(ctx, http.MethodGet, "/api/health", b.orgs[0].reader.key, nil, nil)
	b.tally.say("health of the instance whose clock is ahead: %.300s", a.body)
	if !strings.Contains(string(a.body), "clock") {
		b.tally.fault("a clock that is ahead is not reported", "%d: %.300s", a.status, a.body)
	}
	log, err := logs(ctx, b.primary)
	if err != nil {
		return err
	}
	for org, entries := range log {
		if len(entries) > 0 && entries[0].Seq != 1 {
			b.tally.judged(lost, func() string { return fmt.Sprintf("the log of %s begins at %d", org, entries[0].Seq) })
		}
	}
	return during(ctx, time.Second)
}

func pooler(ctx context.Context, _ *bed) error { return during(ctx, 8*time.Second) }

// fewConnections has requests that want more connections at a time than the server has, but
// can be served by those that there are.
func fewConnections(ctx context.Context, b *bed) error {
	var crowd sync.WaitGroup
	limit, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	for i := range 30 {
		crowd.Go(func() {
			c := b.client(-1)
			defer c.close()
			for limit.Err() == nil {
				c.send(ctx, http.MethodGet, fmt.Sprintf("/api/search?q=zz%d", rand.IntN(1_000_000)), b.orgs[i%len(b.orgs)].reader.key, nil, nil)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	crowd.Wait()
	return during(ctx, 2*time.Second)
}

const (
	organisations = 2000
	rounds        = 2
)

// manyOrganisations writes and reads in 2,000 organisations in turn, more than an instance
// follows at a time.
func manyOrganisations(ctx context.Context, b *bed) error {
	orgs, err := b.multiply(ctx, organisations)
	if err != nil {
		return err
	}
	groups := make([]*group, len(orgs))
	for range rounds {
		var workers sync.WaitGroup
		for worker := range 4 {
			workers.Go(func() {
				var readers []*reader
				for i := range 2 * (instanceCount + 1) {
					readers = append(readers, &reader{b: b, c: b.client(i/2 - 1), tokens: i%2 == 1, known: map[string]remembered{}})
				}
				for i := worker; i < len(orgs) && ctx.Err() == nil; i += 4 {
					w := &writer{b: b, c: b.client(-1), org: orgs[i], g: groups[i]}
					if w.g == nil {
						w.next(ctx)
						groups[i] = w.g
					} else {
						readers[2*((i+1)%instanceCount)+2].read(ctx, w.g, 0) // what was written in the last round
						w.n = w.g.now()[w.g.tag].value
						w.change(ctx, w.g.now()[w.g.tag])
					}
					readers[2*(i%instanceCount)+3].read(ctx, w.g, 0) // at an instance, with a token
				}
			})
		}
		workers.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// multiply adds copies of an organisation, each with a user and a key.
func (b *bed) multiply(ctx context.Context, n int) ([]*organisation, error) {
	var orgs []*organisation
	err := b.primary.with(ctx, "sixty", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			WITH model AS MATERIALIZED (
				SELECT i, gen_random_uuid() AS org, gen_random_uuid() AS usr, 'sixty_' || lpad(i::text, 8, '0') || '_' || lpad(md5(i::text), 43, '0') AS key
				FROM generate_series(1, $2::int) i),
			o AS (INSERT INTO organisations SELECT (jsonb_populate_record(t, jsonb_build_object('id', org, 'name', 'copy ' || i, 'name_key', 'copy ' || i, 'log_seq', 0))).*
				FROM organisations t, model WHERE t.id = $1),
			u AS (INSERT INTO users SELECT (jsonb_populate_record(t, jsonb_build_object('id', usr, 'org_id', org))).*
				FROM users t, model WHERE t.id = (SELECT user_id FROM api_keys WHERE org_id = $1 AND name = 'reader')),
			k AS (INSERT INTO api_keys SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'org_id', org, 'user_id', usr,
					'prefix', left(key, 14), 'hash', sha256(convert_to(key, 'UTF8'))))).*
				FROM api_keys t, model WHERE t.org_id = $1 AND t.name = 'reader'),
			s AS (INSERT INTO deal_stages SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'org_id', org))).*
				FROM deal_stages t, model WHERE t.org_id = $1)
			SELECT org::text, usr::text, key FROM model`, b.orgs[0].id, n)
		if err != nil {
			return err
		}
		var id, user, key string
		_, err = pgx.ForEachRow(rows, []any{&id, &user, &key}, func() error {
			p := principal{user: user, key: key, shared: true}
			orgs = append(orgs, &organisation{id: id, reader: p, users: []principal{p}})
			return nil
		})
		return err
	})
	return orgs, err
}
