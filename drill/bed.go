package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// plan says what a scenario needs.
type plan struct {
	binary   string   // of the instances; the tested one if empty
	standby  bool     // a standby, and instances that know both servers
	sync     bool     // commits wait for the standby
	sentinel bool     // Redis with sentinels
	pooler   bool     // PgBouncer between the instances and PostgreSQL
	postgres []string // settings
	env      []string // of all instances
	last     []string // of the last instance, additionally
	quiet    bool     // without the ordinary load
}

// bed is what a scenario runs on, and the load on it.
type bed struct {
	d     *drill
	m     *machine
	plan  plan
	book  *ledger
	tally *tally
	probe *probe

	primary   *postgres
	standby   *standby
	former    *postgres // the primary before the last failover
	failovers int
	redis     *redis
	sentinels *sentinels
	instances []*instance
	proxy     *haproxy
	template  *template
	orgs      []*organisation

	followers  []*follower
	stopped    atomic.Bool
	work       sync.WaitGroup // writers and readers
	follow     sync.WaitGroup
	writing    context.Context // of the writers
	endWork    context.CancelFunc
	endFollow  context.CancelFunc
	resettable atomic.Bool // followers may be told to begin anew
	asleep     atomic.Bool // sleepers rest: groups are not read, followers are not connected
}

// instanceCount is how many instances are behind the proxy.
const instanceCount = 3

// open starts everything of a plan.
func (d *drill) open(ctx context.Context, p plan, t *tally) (*bed, error) {
	if p.binary == "" {
		p.binary = d.binary
	}
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	b := &bed{d: d, m: m, plan: p, book: newLedger(), tally: t}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bed) start(ctx context.Context) error {
	var err error
	if b.template, err = b.d.template(ctx, b.plan.binary); err != nil {
		return err
	}
	b.orgs = b.template.organisations()
	if b.primary, err = newPostgres(ctx, b.m, b.d.bin, "postgres", b.template.dir); err != nil {
		return err
	}
	if err := b.primary.start(ctx, b.plan.postgres...); err != nil {
		return err
	}
	servers := []*postgres{b.primary}
	if b.plan.standby {
		if b.standby, err = newStandby(ctx, b.primary, nil, b.plan.postgres...); err != nil {
			return err
		}
		servers = append(servers, b.standby.postgres)
	}
	if b.plan.sync {
		if err := b.synchronous(ctx); err != nil {
			return err
		}
	}
	env := append([]string{"DATABASE_URL=" + databaseURL(servers...)}, b.plan.env...)
	if b.plan.pooler {
		pooled, err := newPgBouncer(ctx, b.m, b.primary)
		if err != nil {
			return err
		}
		env = append([]string{"DATABASE_URL=" + pooled, "SIXTY_DATABASE_POOLER=transaction", "SIXTY_DATABASE_DIRECT_URL=" + databaseURL(servers...)}, b.plan.env...)
	}
	if b.plan.sentinel {
		if b.sentinels, err = newSentinels(ctx, b.m); err != nil {
			return err
		}
		env = append(env, b.sentinels.env()...)
	} else {
		if b.redis, err = newRedis(ctx, b.m, "redis"); err != nil {
			return err
		}
		env = append(env, "REDIS_URL=redis://"+b.redis.host())
	}
	b.probe = startProbe(context.WithoutCancel(ctx), servers...)
	ports, err := b.m.portsOf(instanceCount)
	if err != nil {
		return err
	}
	for i, port := range ports {
		one := &instance{m: b.m, number: i, port: port, env: env}
		if i == len(ports)-1 {
			one.env = append(append([]string(nil), env...), b.plan.last...)
		}
		b.instances = append(b.instances, one)
		if err := one.start(ctx, b.plan.binary); err != nil {
			return err
		}
	}
	if b.proxy, err = newHAProxy(ctx, b.m, ports); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // the proxy's first health checks
	if !b.plan.quiet {
		b.load(ctx)
	}
	return nil
}

// synchronous makes commits wait for the standby.
func (b *bed) synchronous(ctx context.Context) error {
	if err := b.primary.exec(ctx, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return b.primary.await(ctx, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
}

// load starts the clients: writers, readers with and without tokens, by the proxy and at each
// instance, and followers.
func (b *bed) load(ctx context.Context) {
	const pause = 8 * time.Millisecond
	ctx, b.endWork = context.WithCancel(ctx)
	for i, org := range []int{0, 0, 1, 2} {
		w := &writer{b: b, c: b.client(-1), org: b.orgs[org], keyed: i%2 == 1, pause: pause}
		b.work.Go(func() { w.run(ctx) })
	}
	b.writing = ctx
	for i := range 2 * (instanceCount + 1) {
		r := &reader{b: b, c: b.client(i/2 - 1), tokens: i%2 == 1, pause: pause}
		b.work.Go(func() { r.run(ctx) })
	}
	following, end := context.WithCancel(ctx)
	b.endFollow = end
	for i := range 2 * (instanceCount + 1) {
		f := &follower{b: b, c: b.client(i/2 - 1), org: b.orgs[i%len(b.orgs)], events: i%2 == 1, sleeper: i >= 4}
		b.followers = append(b.followers, f)
		b.follow.Go(func() { f.run(following) })
	}
}

// crowd adds writers, by the proxy or at each instance in turn, so that writes are in progress
// whenever something happens. Each has an organisation of its own.
func (b *bed) crowd(ctx context.Context, n int, direct bool) error {
	const pause = 60 * time.Millisecond
	orgs, err := b.multiply(ctx, n)
	if err != nil {
		return err
	}
	for i := range n {
		instance := -1
		if direct {
			instance = i % instanceCount
		}
		w := &writer{b: b, c: b.client(instance), org: orgs[i], keyed: i%4 == 3, pause: pause}
		b.work.Go(func() { w.run(b.writing) })
	}
	return nil
}

// client returns a client of an instance, or of the proxy for -1.
func (b *bed) client(instance int) *client {
	if instance < 0 {
		return newClient(fmt.Sprintf("http://127.0.0.1:%d", b.proxy.port), "", b.tally)
	}
	return newClient(b.instances[instance].base(), strconv.Itoa(instance), b.tally)
}

func (b *bed) stopping() bool { return b.stopped.Load() }

// mayReset notes that a follower was told to begin anew, which only a failover excuses.
func (b *bed) mayReset(name string) {
	if !b.resettable.Load() {
		b.tally.fault("reset without a failover", "%s", name)
	}
}

// records reads all records of the drill from a server, by the tags of their groups.
func records(ctx context.Context, server *postgres) (map[string][]record, error) {
	found := map[string][]record{}
	err := server.with(ctx, "sixty", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT 'company', name, substr(description, 2)::bigint FROM companies WHERE deleted_at IS NULL AND description ~ '^v\d+$'
			UNION ALL SELECT 'contact', last_name, substr(title, 2)::bigint FROM contacts WHERE deleted_at IS NULL AND title ~ '^v\d+$'
			UNION ALL SELECT 'deal', name, value / 100 FROM deals WHERE deleted_at IS NULL
			UNION ALL SELECT 'activity', description, amount / 100 FROM activities WHERE deleted_at IS NULL`)
		if err != nil {
			return err
		}
		var r record
		_, err = pgx.ForEachRow(rows, []any{(*string)(&r.kind), &r.key, &r.value}, func() error {
			found[tagOf(r.key)] = append(found[tagOf(r.key)], r)
			return nil
		})
		return err
	})
	return found, err
}

// logs reads the change logs of the organisations.
func logs(ctx context.Context, server *postgres) (map[string][]entry, error) {
	found := map[string][]entry{}
	err := server.with(ctx, "sixty", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT org_id::text, seq, entity, coalesce(entity_id::text, ''), op FROM changes ORDER BY org_id, seq")
		if err != nil {
			return err
		}
		var org string
		var e entry
		_, err = pgx.ForEachRow(rows, []any{&org, &e.Seq, &e.Entity, &e.ID, &e.Op}, func() error {
			found[org] = append(found[org], e)
			return nil
		})
		return err
	})
	return found, err
}

// finish stops the load and compares what the database has with the ledger, and what the
// followers were told with the log.
func (b *bed) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := b.probe.writable(ctx); err != nil {
		return err
	}
	b.stopped.Store(true)
	b.work.Wait()
	truth, err := records(ctx, b.primary)
	if err != nil {
		return err
	}
	for _, g := range b.book.all() {
		b.final(g, truth[g.tag])
	}
	if b.endFollow == nil {
		return nil
	}
	log, err := logs(ctx, b.primary)
	if err != nil {
		return err
	}
	for _, f := range b.followers {
		end := int64(len(log[f.org.id]))
		if n := len(log[f.org.id]); n > 0 {
			end = log[f.org.id][n-1].Seq
		}
		limit, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := until(limit, 20*time.Millisecond, func() error {
			if f.last() != end {
				return errors.New("not at the end")
			}
			return nil
		})
		cancel()
		if err != nil {
			b.tally.judged(lost, func() string { return fmt.Sprintf("%s is at %d, the log ends at %d", f.name(), f.last(), end) })
		}
		f.verify(log[f.org.id], b.failovers)
	}
	b.endFollow()
	b.follow.Wait()
	return nil
}

// final judges what the database has of a group at the end.
func (b *bed) final(g *group, rows []record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.doubled {
		return
	}
	if key, twice := repeated(rows); twice {
		b.tally.judged(g.blame(key), func() string { return fmt.Sprintf("%s is in the database twice", key) })
		return
	}
	o := everything{rows}
	n := len(g.ops)
	if o.matches(g.state(n)) || n > 0 && g.ops[n-1].acked.IsZero() && o.matches(g.state(n-1)) {
		b.tally.judged(right, nil)
		return
	}
	b.tally.judged(lost, func() string { return fmt.Sprintf("the database has %v, and not %v", rows, g.state(n)) })
}

// ready waits until all instances are ready.
func (b *bed) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	for _, one := range b.instances {
		if err := until(ctx, 50*time.Millisecond, func() error { return one.ready(ctx) }); err != nil {
			return fmt.Errorf("instance %d: %w", one.number, err)
		}
	}
	return nil
}

// close ends everything.
func (b *bed) close() {
	b.stopped.Store(true)
	if b.endWork != nil {
		b.endWork()
	}
	if b.probe != nil {
		b.probe.close()
	}
	b.m.endAll(0)
	if b.standby != nil {
		b.standby.relay.close()
	}
	b.work.Wait()
	b.follow.Wait()
	if b.d.keep {
		b.tally.say("files kept in %s", b.m.dir)
		return
	}
	b.m.close()
}
