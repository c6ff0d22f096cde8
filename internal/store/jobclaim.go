package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// promotedAtOnce bounds the scheduled jobs that one statement makes ready.
const promotedAtOnce = 1000

// kindState is what is known of a wanted kind before anything is claimed.
type kindState struct {
	jobs.Want
	ready, due bool // it has ready jobs, or scheduled ones whose time has come
	total      int
}

// A claim is one that is being made.
type claim struct {
	*Store
	etx    EngineTx
	places []string
}

// A candidate is a job that can be claimed, and locked for it.
type candidate struct {
	org, id  crm.ID
	priority int64
	runAt    crm.Instant
	waited   bool // for a second
}

// Claim asks first whether there is anything to claim, for that costs no transaction. The jobs
// that it finds are locked, so that other claims skip them.
func (j jobStore) Claim(ctx context.Context, wants []jobs.Want, places []string) ([]jobs.Claimed, error) {
	s := j.store
	states, err := s.wanted(ctx, wants, places)
	if err != nil || len(states) == 0 {
		return nil, err
	}
	var claimed []jobs.Claimed
	err = s.byKeyInService(ctx, func(etx EngineTx) error {
		c := claim{s, etx, places}
		if err := c.promote(ctx, states); err != nil {
			return err
		}
		held, err := c.limits(ctx, states)
		if err != nil {
			return err
		}
		var all []candidate
		for i := range states {
			found, err := c.of(ctx, &states[i], held)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		claimed, err = j.lease(ctx, etx, all)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// wanted returns the kinds that are not paused and have anything to claim.
func (s *Store) wanted(ctx context.Context, wants []jobs.Want, places []string) ([]kindState, error) {
	wants = slices.DeleteFunc(slices.Clone(wants), func(w jobs.Want) bool { return w.Free <= 0 })
	if len(wants) == 0 {
		return nil, nil
	}
	st := s.statement(numbered("job.wanted", len(wants), len(places)), func() *Statement {
		there := inPlaces(len(wants)+1, len(places))
		arms := make([]string, len(wants))
		for i := range wants {
			kind := "$" + strconv.Itoa(i+1)
			arms[i] = "SELECT " + strconv.Itoa(i) + ", (SELECT t.id FROM jobs t WHERE t.kind = " + kind + " AND t.state = 'ready'" + there + nextOrder +
				" LIMIT 1) IS NOT NULL, (SELECT t.id FROM jobs t WHERE t.kind = " + kind + " AND t.state = 'scheduled' AND t.run_at <= " + s.dialect.SecondsAgo(0) +
				" ORDER BY t.run_at LIMIT 1) IS NOT NULL, coalesce((SELECT k.paused FROM job_kinds k WHERE k.kind = " + kind + "), false), coalesce((SELECT k.total FROM job_kinds k WHERE k.kind = " + kind + "), 0)"
		}
		return &Statement{"job.wanted", strings.Join(arms, "\nUNION ALL ")}
	})
	args := make([]any, 0, len(wants)+len(places))
	for _, w := range wants {
		args = append(args, string(w.Kind))
	}
	for _, p := range places {
		args = append(args, p)
	}
	var out []kindState
	var n int64
	var state kindState
	var paused bool
	err := s.query(ctx, s.service(), st, args, func(rows Rows) (bool, error) {
		if err := rows.Scan(&n, &state.ready, &state.due, &paused, &state.total); err != nil {
			return false, err
		}
		if !paused && (state.ready || state.due) {
			state.Want = wants[n]
			out = append(out, state)
		}
		return true, nil
	})
	return out, err
}

// promote makes scheduled jobs ready whose time has come.
func (c *claim) promote(ctx context.Context, states []kindState) error {
	for _, k := range states {
		if k.due {
			if _, err := c.promoteKind(ctx, c.etx, k.Kind); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) promoteKind(ctx context.Context, etx EngineTx, kind jobs.Kind) (int64, error) {
	st := s.statement("job.promote", func() *Statement {
		return &Statement{"job.promote", "UPDATE jobs SET state = 'ready', version = version + 1 FROM (SELECT t.org_id AS l_org, t.id AS l_id FROM jobs t WHERE t.kind = $1 AND t.state = 'scheduled' AND t.run_at <= " +
			s.dialect.SecondsAgo(0) + " ORDER BY t.run_at LIMIT " + strconv.Itoa(promotedAtOnce) + s.dialect.SkipLocked() + ") l WHERE org_id = l.l_org AND id = l.l_id"}
	})
	return s.exec(ctx, etx, st, string(kind))
}

// limits locks the kinds that have a total, so that no others are claimed at the same time, and
// returns how many jobs of each organisation run of them.
func (c *claim) limits(ctx context.Context, states []kindState) (map[jobs.Kind]map[crm.ID]int, error) {
	var kinds []any
	for _, k := range states {
		if k.total > 0 {
			kinds = append(kinds, string(k.Kind))
		}
	}
	if len(kinds) == 0 {
		return nil, nil
	}
	lock := c.statement(numbered("job.lock_kinds", len(kinds)), func() *Statement {
		return &Statement{"job.lock_kinds", "SELECT t.kind FROM job_kinds t WHERE t.kind IN " + kindList(1, len(kinds)) + " ORDER BY t.kind" + c.dialect.ForUpdate()}
	})
	if _, err := collect(ctx, c.Store, c.etx, lock, func(k *string) []any { return []any{k} }, kinds...); err != nil {
		return nil, err
	}
	count := c.statement(numbered("job.running", len(kinds)), func() *Statement {
		return &Statement{"job.running", "SELECT kind, org_id, count(*) FROM jobs WHERE kind IN " + kindList(1, len(kinds)) + " AND state = 'running' GROUP BY kind, org_id"}
	})
	held := map[jobs.Kind]map[crm.ID]int{}
	for _, k := range kinds {
		held[jobs.Kind(k.(string))] = map[crm.ID]int{}
	}
	var kind string
	var org crm.ID
	var n int64
	err := c.query(ctx, c.etx, count, kinds, func(rows Rows) (bool, error) {
		if err := rows.Scan(&kind, &org, &n); err != nil {
			return false, err
		}
		held[jobs.Kind(kind)][org] = int(n)
		return true, nil
	})
	return held, err
}

// of returns the jobs of a kind that are claimed.
func (c *claim) of(ctx context.Context, k *kindState, running map[jobs.Kind]map[crm.ID]int) ([]candidate, error) {
	free, slots, held := k.Free, k.Slots, k.Held
	if k.total > 0 {
		held, slots = running[k.Kind], k.total
		for _, n := range held {
			free = min(free, k.Free, slots)
			slots -= n
		}
		free, slots = min(free, slots), k.total
	}
	if free <= 0 {
		return nil, nil
	}
	found, err := c.next(ctx, k.Kind, nil, free)
	if err != nil {
		return nil, err
	}
	return c.share(ctx, k.Kind, found, fair{free: free, limit: (slots + 1) / 2, held: held})
}

// next returns the jobs of a kind that come next: of all organisations, or of one.
func (c *claim) next(ctx context.Context, kind jobs.Kind, org *crm.ID, limit int) ([]candidate, error) {
	name, args := "job.next", []any{string(kind)}
	condition := ""
	if org != nil {
		name, args, condition = "job.next_of", append(args, *org), " AND t.org_id = $2"
	}
	first := len(args) + 1
	for _, p := range c.places {
		args = append(args, p)
	}
	st := c.statement(numbered(name, limit, len(c.places)), func() *Statement {
		return &Statement{name, "SELECT t.org_id, t.id, t.priority, t.run_at, t.run_at <= " + c.dialect.SecondsAgo(1) + " FROM jobs t WHERE t.kind = $1" + condition +
			" AND t.state = 'ready'" + inPlaces(first, len(c.places)) + nextOrder + " LIMIT " + strconv.Itoa(limit) + c.dialect.SkipLocked()}
	})
	return collect(ctx, c.Store, c.etx, st, (*candidate).destinations, args...)
}

// nextOrder is the order in which the jobs of a kind are claimed.
const nextOrder = " ORDER BY t.priority DESC, t.run_at, t.id"

func (d *candidate) destinations() []any {
	return []any{&d.org, &d.id, &d.priority, &d.runAt, &d.waited}
}

func compareCandidates(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.runAt, b.runAt), slices.Compare(a.id[:], b.id[:]))
}

// lease takes leases on jobs that are locked.
func (j jobStore) lease(ctx context.Context, etx EngineTx, all []candidate) ([]jobs.Claimed, error) {
	if len(all) == 0 {
		return nil, nil
	}
	s := j.store
	st := s.statement("job.lease", func() *Statement {
		rows := s.dialect.JSONRows(1, JSONColumn{"v_org", JSONID}, JSONColumn{"v_id", JSONID}, JSONColumn{"v_token", JSONID})
		return &Statement{"job.lease", "UPDATE jobs SET state = 'running', attempt = attempt + 1, version = version + 1, lease_token = v.v_token, lease_until = " +
			s.dialect.Later(leaseMicros) + ", started_at = " + s.dialect.SecondsAgo(0) + " FROM " + rows + " v WHERE org_id = v.v_org AND id = v.v_id" + j.returning()}
	})
	values := make([][]any, len(all))
	tokens := make(map[jobKey]crm.ID, len(all))
	place := make(map[jobKey]int, len(all))
	for i, c := range all {
		token := crm.NewID()
		key := jobKey{c.org, c.id}
		values[i], tokens[key], place[key] = []any{c.org, c.id, token}, token, i
	}
	text, err := jsonRows(values)
	if err != nil {
		return nil, err
	}
	found, err := collect(ctx, s, etx, st, s.jobs.destinations, text)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b jobs.Job) int { return cmp.Compare(place[keyOf(a)], place[keyOf(b)]) })
	claimed := make([]jobs.Claimed, len(found))
	for i, job := range found {
		claimed[i] = jobs.Claimed{Job: job, Lease: jobs.Lease{Org: job.OrgID, Job: job.ID, Token: tokens[keyOf(job)]}}
	}
	return claimed, allWritten("jobs", int64(len(found)), int64(len(all)))
}
