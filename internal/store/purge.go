package store

import (
	"context"
	"fmt"
	"strings"

	"sixty/internal/crm"
)

// Removing for good what was deleted long ago. Until then it can be restored, so that nothing is
// removed that something else refers to: references of other deleted records are cleared, as
// deleting it has cleared those of the others. What only names a record by its id (the change
// log, the audit trail, the user of a stage's history) may outlive it.

// PurgedKinds are the kinds of records that PurgeDeleted removes, in the order in which they are to
// be removed: what refers to others comes first.
var PurgedKinds = []string{
	crm.EntityActivity, crm.EntityTask, crm.EntityDeal, crm.EntityContact, crm.EntityCompany, crm.EntityStage, crm.EntityOwner,
}

// purged says how the deleted records of a kind are removed.
type purged struct {
	table string
	// batch is how many a transaction removes at most; see pruneBatch.
	batch int
	// holders refer to them. One that is not deleted keeps the record from being removed, and so
	// does any that cannot be cleared.
	holders []holder
	// own is what is removed with them.
	own []belonging
}

// A holder is a column that refers to records.
type holder struct {
	table, column string
	set           string // what clears it; "" if it cannot be
	permanent     bool   // the table's rows are never deleted
}

// A belonging is a column that refers to records, and the condition on the rows that belong to them.
type belonging struct{ table, column, where string }

var purgedTables = map[string]purged{
	crm.EntityActivity: {table: "activities", batch: pruneBatch},
	crm.EntityTask:     {table: "tasks", batch: pruneBatch},
	crm.EntityDeal: {table: "deals", batch: pruneBatch, own: []belonging{
		{table: "deal_contacts", column: "deal_id"}, {table: "deal_stage_moves", column: "deal_id"}, {table: "search_pending", column: "id"},
	}},
	crm.EntityContact: {table: "contacts", batch: pruneBatch, own: []belonging{{table: "deal_contacts", column: "contact_id"}}},
	crm.EntityCompany: {table: "companies", batch: pruneBatch},
	// There are few of both, and their foreign keys are checked without an index.
	crm.EntityStage: {table: "deal_stages", batch: 1, holders: []holder{
		{table: "deals", column: "stage_id"}, {table: "deal_stage_moves", column: "stage_id", permanent: true},
	}},
	crm.EntityOwner: {table: "users", batch: 1, holders: []holder{
		{table: "companies", column: "owner_id"}, {table: "contacts", column: "owner_id"}, {table: "deals", column: "owner_id"},
		{table: "activities", column: "owner_id"}, {table: "tasks", column: "assigned_to"}, {table: "tasks", column: "created_by"},
		{table: "api_keys", column: "user_id", permanent: true},
	}, own: []belonging{
		{table: "passwords", column: "user_id"}, {table: "sessions", column: "user_id"}, {table: "tickets", column: "user_id"}, {table: "identities", column: "user_id"},
		{table: "operators", column: "user_id"}, {table: "sign_ins", column: "user_id"}, {table: "sign_in_networks", column: "user_id"},
	}},
}

// purgedOf returns how records of a kind are removed, with what all kinds have in common.
func purgedOf(entity string) (purged, bool) {
	p, ok := purgedTables[entity]
	for _, l := range linksTo[entity] {
		h := holder{table: l.table, column: l.column, set: l.column + " = NULL"}
		if l.detail != "" { // the primary contact of a company
			h.set += ", is_primary = false"
		}
		p.holders = append(p.holders[:len(p.holders):len(p.holders)], h)
	}
	if len(linksTo[entity]) > 0 {
		p.own = append(p.own[:len(p.own):len(p.own)],
			belonging{"search", "id", " AND kind = '" + entity + "'"},
			belonging{"cleared_references", "record_id", " AND kind = '" + entity + "'"},
			belonging{"address_collisions", "entity_id", " AND entity = '" + entity + "'"},
		)
	}
	return p, ok
}

// candidates composes what locks the next records that may be removed: of the organisation in $1,
// deleted before $2, at most $3, those of the oldest deletion first.
func (p *purged) candidates(d Dialect) string {
	var b strings.Builder
	b.WriteString("SELECT t.id FROM " + p.table + " t WHERE t.org_id = $1 AND t.deleted_at < $2")
	without := func(h holder, and string) {
		b.WriteString(" AND NOT EXISTS (SELECT 1 FROM " + h.table + " r WHERE r.org_id = $1 AND r." + h.column + " = t.id" + and + ")")
	}
	for _, h := range p.holders {
		if h.permanent {
			without(h, "")
			continue
		}
		without(h, " AND r.deleted_at IS NULL")
		if h.set == "" { // each by an index of its own
			without(h, " AND r.deleted_at IS NOT NULL")
		}
	}
	if p.table == "contacts" {
		b.WriteString(" AND NOT EXISTS (SELECT 1 FROM deal_contacts r JOIN deals d ON d.org_id = r.org_id AND d.id = r.deal_id" +
			" WHERE r.org_id = $1 AND r.contact_id = t.id AND d.deleted_at IS NULL)")
	}
	return b.String() + " ORDER BY t.deleted_at, t.id LIMIT $3" + d.ForUpdate()
}

// PurgeDeleted removes records of one of PurgedKinds for good that were deleted before an instant,
// with what belongs to them, at most limit of them.
func (s *Store) PurgeDeleted(ctx context.Context, entity string, before crm.Instant, limit int) (int64, error) {
	p, ok := purgedOf(entity)
	if !ok {
		return 0, fmt.Errorf("records of the kind %q are not removed", entity)
	}
	old := s.statement(entity+".old", func() *Statement {
		return &Statement{entity + ".old", "SELECT o.id FROM organisations o WHERE EXISTS (SELECT 1 FROM " + p.table +
			" t WHERE t.org_id = o.id AND t.deleted_at < $1) ORDER BY o.id"}
	})
	return s.pruneOrganisations(ctx, old, before, limit, p.batch, func(org crm.ID, batch int) (n int64, err error) {
		err = s.pruning(ctx, func(etx EngineTx) error {
			n, err = s.purgeBatch(ctx, etx, entity, &p, org, before, batch)
			return err
		})
		return n, err
	})
}

// purgeBatch removes a batch of an organisation's, and returns how many.
func (s *Store) purgeBatch(ctx context.Context, etx EngineTx, entity string, p *purged, org crm.ID, before crm.Instant, batch int) (int64, error) {
	name := entity + ".purged"
	st := s.statement(name, func() *Statement { return &Statement{name, p.candidates(s.dialect)} })
	gone, err := collect(ctx, s, etx, st, func(id *crm.ID) []any { return []any{id} }, org, before, int64(batch))
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	all := s.dialect.IDs(gone)
	run := func(name, sql, column, and string) (int64, error) {
		name = entity + "." + name
		st := s.statement(name, func() *Statement {
			return &Statement{name, sql + " WHERE org_id = $1 AND " + s.dialect.AnyID(column, 2) + and}
		})
		return s.exec(ctx, etx, st, org, all)
	}
	for _, h := range p.holders {
		if h.set == "" {
			continue
		}
		if _, err := run("purge_"+h.table+"_"+h.column, "UPDATE "+h.table+" SET "+h.set, h.column, " AND deleted_at IS NOT NULL"); err != nil {
			return 0, err
		}
	}
	for _, own := range p.own {
		if _, err := run("purge_"+own.table, "DELETE FROM "+own.table, own.column, own.where); err != nil {
			return 0, err
		}
	}
	return run("purge", "DELETE FROM "+p.table, "id", "")
}
