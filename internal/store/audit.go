package store

import (
	"context"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The audit trail: rows that are entered, and never change.

func auditTable() table[accounts.AuditEntry, accounts.AuditFilter] {
	return table[accounts.AuditEntry, accounts.AuditFilter]{
		name: "audit", entity: "audit", permanent: true,
		columns: columnsOf(accounts.AuditTrail, nil),
		order:   accounts.AuditTrail.Sorts.Default.Field,
		sorts:   map[string]sortKey{"at": {column: "at", kind: keyInstant}},
		filters: filtersOf(accounts.AuditTrail, map[string]condition[accounts.AuditFilter]{
			"action":  {column: "t.action"},
			"actorId": {column: "t.actor_id"},
			"keyId":   {column: "t.key_id", nullIndex: true},
			"from": {add: func(b *whereBuilder, f *accounts.AuditFilter) {
				b.timeRange.column, b.timeRange.from = "t.at", new(crm.InstantOf(f.From.Time()))
			}},
			"to": {add: func(b *whereBuilder, f *accounts.AuditFilter) {
				b.timeRange.column, b.timeRange.before = "t.at", new(crm.InstantOf(f.To.Time().AddDate(0, 0, 1)))
			}},
		}),
		id:  func(e *accounts.AuditEntry) crm.ID { return e.ID },
		org: func(e *accounts.AuditEntry) crm.ID { return e.OrgID },
	}
}

func (r *reader) Audit() crm.View[accounts.AuditEntry, accounts.AuditFilter] {
	return view[accounts.AuditEntry, accounts.AuditFilter]{r, &r.store.audit}
}

// PutAudit implements crm.Tx. It writes nothing to the change log: no response is cached
// that is made from the audit trail.
func (t *tx) PutAudit(ctx context.Context, e accounts.AuditEntry) error {
	if err := t.confine("entry of the audit trail", e.OrgID); err != nil {
		return err
	}
	into := &t.store.audit
	st := t.store.statement("audit.insert", func() *Statement {
		return &Statement{"audit.insert", "INSERT INTO audit (" + strings.Join(into.writtenColumns(), ", ") + ") VALUES (" + placeholders(1, len(into.columns)) + ")"}
	})
	_, err := t.exec(ctx, st, into.values(&e, nil)...)
	return err
}
