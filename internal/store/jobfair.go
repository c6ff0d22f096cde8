package store

import (
	"context"
	"crypto/rand"
	"slices"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// How the slots of a kind are shared among organisations. Who waits is found by one probe of an
// index for each organisation, whatever each has queued.

// sharedAmong bounds the organisations that one claim looks at. Of more, it looks at some, which
// are others each time.
const sharedAmong = 200

// fair says how many jobs of a kind can be claimed, how many an organisation may have while others
// wait, and how many each has.
type fair struct {
	free, limit int
	held        map[crm.ID]int
}

// share returns which jobs are claimed: those that were found, unless an organisation gets more
// than its share while others wait.
func (c *claim) share(ctx context.Context, kind jobs.Kind, found []candidate, f fair) ([]candidate, error) {
	if !f.exceeded(found) {
		return found, nil
	}
	firsts, err := c.waiting(ctx, kind)
	if err != nil {
		return nil, err
	}
	// An organisation is limited while another one waits.
	limited := func(org crm.ID) bool {
		return slices.ContainsFunc(firsts, func(d candidate) bool { return d.waited && d.org != org })
	}
	all := slices.Clone(found)
	for _, first := range firsts {
		room := f.limit - f.held[first.org]
		if !limited(first.org) {
			room = f.free
		}
		if room = min(room, f.free); room <= 0 {
			continue
		}
		more, err := c.next(ctx, kind, &first.org, room)
		if err != nil {
			return nil, err
		}
		for _, d := range more {
			if !slices.ContainsFunc(all, func(known candidate) bool { return known.id == d.id && known.org == d.org }) {
				all = append(all, d)
			}
		}
		if taken, _ := f.divide(all, limited); len(taken) == f.free {
			return taken, nil
		}
	}
	taken, rest := f.divide(all, limited)
	return append(taken, rest[:min(len(rest), f.free-len(taken))]...), nil
}

// exceeded reports whether any organisation would have more than the limit.
func (f fair) exceeded(found []candidate) bool {
	n := map[crm.ID]int{}
	for _, d := range found {
		if n[d.org]++; n[d.org]+f.held[d.org] > f.limit {
			return true
		}
	}
	return false
}

// divide returns the jobs that are within the limits, as many as are free, and those that are not:
// these are claimed only if slots are left.
func (f fair) divide(all []candidate, limited func(crm.ID) bool) (taken, rest []candidate) {
	slices.SortFunc(all, compareCandidates)
	n := map[crm.ID]int{}
	for _, d := range all {
		switch {
		case limited(d.org) && n[d.org]+f.held[d.org] >= f.limit:
			rest = append(rest, d)
		case len(taken) < f.free:
			n[d.org]++
			taken = append(taken, d)
		}
	}
	return taken, rest
}

// waiting returns the next job of each organisation, in the order of jobs.
func (c *claim) waiting(ctx context.Context, kind jobs.Kind) ([]candidate, error) {
	var start crm.ID
	_, _ = rand.Read(start[:]) // it never fails
	firsts, err := c.waitingFrom(ctx, kind, start)
	if err != nil {
		return nil, err
	}
	if len(firsts) < sharedAmong {
		if firsts, err = c.waitingFrom(ctx, kind, crm.ID{}); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(firsts, compareCandidates)
	return firsts, nil
}

// waitingFrom returns the next job of each organisation from an id on.
func (c *claim) waitingFrom(ctx context.Context, kind jobs.Kind, from crm.ID) ([]candidate, error) {
	args := []any{string(kind), from, int64(sharedAmong)}
	for _, p := range c.places {
		args = append(args, p)
	}
	st := c.statement(numbered("job.waiting", len(c.places)), func() *Statement {
		const ofKind = "FROM jobs t WHERE t.kind = $1 AND t.state = 'ready'"
		there := inPlaces(4, len(c.places))
		return &Statement{"job.waiting", `WITH RECURSIVE o (org_id, n) AS (
SELECT (SELECT t.org_id ` + ofKind + ` AND t.org_id >= $2 ORDER BY t.org_id LIMIT 1), 1
UNION ALL
SELECT (SELECT t.org_id ` + ofKind + ` AND t.org_id > o.org_id ORDER BY t.org_id LIMIT 1), o.n + 1 FROM o WHERE o.org_id IS NOT NULL AND o.n < $3
)
SELECT j.org_id, j.id, j.priority, j.run_at, j.run_at <= ` + c.dialect.SecondsAgo(1) + `
FROM o CROSS JOIN jobs j WHERE j.org_id = o.org_id AND j.id = (SELECT t.id ` + ofKind + ` AND t.org_id = o.org_id` + there + nextOrder + ` LIMIT 1)`}
	})
	return collect(ctx, c.Store, c.etx, st, (*candidate).destinations, args...)
}
