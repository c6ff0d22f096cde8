package store

import (
	"context"
	"slices"
	"strconv"
	"time"

	"sixty/internal/crm"
)

// Deals are found by what they show of their company and contacts. When that changes, their
// terms are replaced in the same transaction, up to Options.ReindexedAtOnce of them. The rest waits in
// the table search_pending for ReindexPending; meanwhile searches of deals are truncated.

const (
	// reindexedAtOnce is Options.ReindexedAtOnce where nothing else is said, and reindexBatch bounds
	// the deals of a transaction that does nothing else.
	reindexedAtOnce = 10_000
	reindexBatch    = 500
)

// A dealLink is what a deal shows of its company and its primary contact, or of a further contact.
type dealLink struct {
	deal                 crm.ID
	company, name, email *string
}

// dealLinks returns the texts that deals show of their company, primary contact and further
// contacts, as far as an owner sees these; nil sees all.
func dealLinks(ctx context.Context, s *Store, db Querier, org crm.ID, owner *crm.ID, deals []crm.ID) (map[crm.ID][]string, error) {
	key, ownedCompany, ownedContact := "deal.links", "", ""
	if owner != nil {
		key, ownedCompany, ownedContact = "deal.links owned", " AND c.owner_id = $3", " AND p.owner_id = $3"
	}
	contact := " JOIN contacts p ON p.org_id = t.org_id AND p.deleted_at IS NULL" + ownedContact + " AND p.id = "
	linked := s.statement(key, func() *Statement {
		return &Statement{"deal.links", "SELECT t.id, c.name, p.full_name, p.email FROM deals t LEFT JOIN companies c ON c.org_id = t.org_id AND c.id = t.company_id AND c.deleted_at IS NULL" +
			ownedCompany + " LEFT" + contact + "t.primary_contact_id WHERE t.org_id = $1 AND " + s.dialect.AnyID("t.id", 2)}
	})
	further := s.statement(key+" further", func() *Statement {
		return &Statement{"deal.links_further", "SELECT t.deal_id, NULL, p.full_name, NULL FROM deal_contacts t" + contact + "t.contact_id WHERE t.org_id = $1 AND " + s.dialect.AnyID("t.deal_id", 2) +
			" AND t.role IS NOT NULL ORDER BY t.deal_id, t.contact_id"}
	})
	links := make(map[crm.ID][]string, len(deals))
	_, err := inParts(deals, func(part []crm.ID) ([]dealLink, error) {
		args := []any{org, s.dialect.IDs(part)}
		if owner != nil {
			args = append(args, owner)
		}
		var l dealLink
		dest := []any{&l.deal, &l.company, &l.name, &l.email}
		if err := s.query(ctx, db, linked, args, func(rows Rows) (bool, error) {
			if err := rows.Scan(dest...); err != nil {
				return false, err
			}
			for _, text := range []*string{l.company, l.name, l.email} {
				if text != nil {
					links[l.deal] = append(links[l.deal], *text)
				}
			}
			return true, nil
		}); err != nil {
			return nil, err
		}
		var of crm.ID
		n := 0
		return nil, s.query(ctx, db, further, args, func(rows Rows) (bool, error) {
			if err := rows.Scan(dest...); err != nil {
				return false, err
			}
			if l.deal != of {
				of, n = l.deal, 0
			}
			if n++; n <= crm.MaxLinks {
				links[l.deal] = append(links[l.deal], *l.name)
			}
			return true, nil
		})
	})
	return links, err
}

// The conditions that deals show one of the records in $2.
type dealsOf string

const (
	dealsOfCompanies dealsOf = "company_id"
	dealsOfContacts  dealsOf = "contact_id"
)

// reindexDealsOf replaces the terms of the deals that show some companies or contacts.
func (t *tx) reindexDealsOf(ctx context.Context, of dealsOf, ids []crm.ID) error {
	s := t.store
	// They are found by the index of the reference, and then sorted: not the other way round.
	linked := "SELECT l.id FROM deals l WHERE l.org_id = $1 AND " + s.dialect.AnyID("l.company_id", 2) + " AND l.deleted_at IS NULL"
	if of == dealsOfContacts {
		linked = "SELECT l.deal_id FROM deal_contacts l WHERE l.org_id = $1 AND " + s.dialect.AnyID("l.contact_id", 2)
	}
	from := " FROM deals t WHERE t.org_id = $1 AND " + s.dialect.AnyOf("t.id", linked) + " AND t.deleted_at IS NULL"
	name := "deal.shows_" + string(of)
	find := s.statement(name, func() *Statement {
		return &Statement{name, "SELECT t.id" + from + " ORDER BY t.id LIMIT " + strconv.Itoa(s.reindexedAtOnce+1)}
	})
	wait := s.statement(name+"_pending", func() *Statement {
		return &Statement{name + "_pending", "INSERT INTO search_pending (org_id, id) SELECT t.org_id, t.id" + from + " AND t.id > $3 " + againPending}
	})
	_, err := inParts(ids, func(part []crm.ID) ([]crm.ID, error) {
		room := s.reindexedAtOnce - t.reindexed
		deals, err := collect(ctx, s, t.db, find, func(id *crm.ID) []any { return []any{id} }, t.by.Org, s.dialect.IDs(part))
		if err != nil || len(deals) == 0 {
			return nil, err
		}
		if len(deals) > room {
			deals = deals[:room]
			var last crm.ID
			if room > 0 {
				last = deals[room-1]
			}
			if _, err := t.exec(ctx, wait, t.by.Org, s.dialect.IDs(part), last); err != nil {
				return nil, err
			}
		}
		return nil, t.reindexDeals(ctx, deals)
	})
	return err
}

// againPending waits for a transaction that takes the deal from the table, which may not see what
// this one has changed.
const againPending = "ON CONFLICT (org_id, id) DO UPDATE SET id = excluded.id"

// reindexDeals replaces the terms of deals, as far as there are not too many.
func (t *tx) reindexDeals(ctx context.Context, ids []crm.ID) error {
	s := t.store
	ids = slices.Clone(ids)
	slices.SortFunc(ids, crm.CompareIDs)
	now := ids[:min(len(ids), s.reindexedAtOnce-t.reindexed)]
	wait := s.statement("search_pending.put", func() *Statement {
		return &Statement{"search_pending.put", "INSERT INTO search_pending (org_id, id) SELECT t.org_id, t.id FROM deals t WHERE t.org_id = $1 AND " + s.dialect.AnyID("t.id", 2) + " " + againPending}
	})
	if _, err := inParts(ids[len(now):], func(part []crm.ID) ([]crm.ID, error) {
		_, err := t.exec(ctx, wait, t.by.Org, s.dialect.IDs(part))
		return nil, err
	}); err != nil {
		return err
	}
	t.reindexed += len(now)
	return t.replaceDealTerms(ctx, now)
}

// replaceDealTerms replaces the terms of deals, which are locked first: a transaction that changes one
// replaces its terms too.
func (t *tx) replaceDealTerms(ctx context.Context, ids []crm.ID) error {
	w := writer[crm.Deal, crm.DealFilter]{t, &t.store.deals}
	_, err := inParts(ids, func(part []crm.ID) ([]crm.ID, error) {
		rows, err := byID(ctx, t.store, t.db, w.table, t.by.Org, nil, part, false)
		if err != nil {
			return nil, err
		}
		if err := w.deleteTerms(ctx, part); err != nil {
			return nil, err
		}
		return nil, w.insertTerms(ctx, len(rows), func(i int) *crm.Deal { return &rows[i] })
	})
	return err
}

var (
	anyPending  = &Statement{"search_pending.any", `SELECT org_id FROM search_pending WHERE org_id > $1 ORDER BY org_id LIMIT 1`}
	pendingOf   = &Statement{"search_pending.of", `SELECT 1 FROM search_pending WHERE org_id = $1 LIMIT 1`}
	takePending = &Statement{"search_pending.take", `DELETE FROM search_pending
WHERE org_id = $1 AND id IN (SELECT id FROM search_pending WHERE org_id = $1 ORDER BY id LIMIT $2) RETURNING id`}
)

// ReindexPending replaces the terms of the deals that wait for it. It is resumed where it was
// interrupted, by any instance; several take turns.
func (s *Store) ReindexPending(ctx context.Context) error {
	var org crm.ID
	for {
		orgs, err := collect(ctx, s, s.service(), anyPending, func(id *crm.ID) []any { return []any{id} }, org)
		if err != nil || len(orgs) == 0 {
			return err
		}
		org = orgs[0]
		for more := true; more; {
			if more, err = s.reindexBatch(ctx, org); err != nil {
				return err
			}
		}
	}
}

// reindexBatch replaces the terms of the next deals of an organisation, and reports whether
// others wait.
func (s *Store) reindexBatch(ctx context.Context, org crm.ID) (more bool, err error) {
	leave, err := s.background(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	err = s.Write(ctx, crm.Operator(org), crm.InstantOf(time.Now()), func(writing Tx) error {
		t, _ := writing.(*tx) // which Write passes
		if _, err := t.lockDerived(ctx, "search"); err != nil {
			return err
		}
		ids, err := collect(ctx, s, t.db, takePending, func(id *crm.ID) []any { return []any{id} }, org, int64(reindexBatch))
		if err != nil {
			return err
		}
		slices.SortFunc(ids, crm.CompareIDs)
		if err := t.replaceDealTerms(ctx, ids); err != nil {
			return err
		}
		if more, err = t.exists(ctx, pendingOf, org); err == nil && !more && len(ids) > 0 { // answers that were incomplete are no longer valid
			t.log(crm.EntityDeal, nil, crm.OpBulk, crm.Refs{})
		}
		return err
	})
	return more, err
}

// searchComplete reports whether the index of searches has the current version, and no deals
// wait for being indexed, if it is deals that are searched.
func (r *reader) searchComplete(ctx context.Context, org crm.ID, deals bool) (bool, error) {
	s := r.store
	if !s.searchable.Load() {
		state, err := s.derivedState(ctx, r.of(org), "search")
		if err != nil || state.version < searchVersion {
			return false, err
		}
		s.searchable.Store(true)
	}
	if !deals {
		return true, nil
	}
	complete := true
	err := s.query(ctx, r.of(org), pendingOf, []any{org}, func(Rows) (bool, error) {
		complete = false
		return false, nil
	})
	return complete, err
}
