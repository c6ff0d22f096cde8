package store

import (
	"context"

	"sixty/internal/crm"
)

// What of a person's goes to another.

// LockAdmins implements crm.Tx. It goes by the ids, so that two who ask at once do not wait for each other.
func (t *tx) LockAdmins(ctx context.Context) ([]crm.ID, error) {
	s := t.store
	st := s.statement("owner.lock_admins", func() *Statement {
		return &Statement{"owner.lock_admins", `SELECT t.id FROM users t
WHERE t.org_id = $1 AND t.role = 'admin' AND NOT t.service AND t.deactivated_at IS NULL AND t.deleted_at IS NULL ORDER BY t.id` + s.dialect.ForUpdate()}
	})
	return collect(ctx, s, t.db, st, func(id *crm.ID) []any { return []any{id} }, t.by.Org)
}

// handOver gives what one person has of a kind to another: one statement, so that none
// of it comes here, however much there is.
func handOver(table, column string) string {
	return "UPDATE " + table + " SET " + column + " = $3, updated_at = $4, version = version + 1 WHERE org_id = $1 AND " + column + " = $2 AND deleted_at IS NULL"
}

var (
	handOverCompanies  = &Statement{"company.hand_over", handOver("companies", "owner_id")}
	handOverContacts   = &Statement{"contact.hand_over", handOver("contacts", "owner_id")}
	handOverDeals      = &Statement{"deal.hand_over", handOver("deals", "owner_id")}
	handOverActivities = &Statement{"activity.hand_over", handOver("activities", "owner_id")}
	handOverTasks      = &Statement{"task.hand_over", handOver("tasks", "assigned_to")}
)

// HandOver implements crm.Tx. The kinds come in the order in which other transactions
// write them.
func (t *tx) HandOver(ctx context.Context, from, to crm.ID) (crm.HandedOver, error) {
	ctx = patient(ctx)
	var n crm.HandedOver
	for _, of := range []struct {
		entity    string
		statement *Statement
		count     *int64
	}{
		{crm.EntityCompany, handOverCompanies, &n.Companies},
		{crm.EntityContact, handOverContacts, &n.Contacts},
		{crm.EntityDeal, handOverDeals, &n.Deals},
		{crm.EntityActivity, handOverActivities, &n.Activities},
		{crm.EntityTask, handOverTasks, &n.Tasks},
	} {
		var err error
		if *of.count, err = t.exec(ctx, of.statement, t.by.Org, from, to, t.at); err != nil {
			return crm.HandedOver{}, err
		}
		if of.entity == crm.EntityDeal {
			err = t.cleared(ctx, *of.count) // deal_contacts has the time of a deal's change
		} else {
			t.logCleared(of.entity, *of.count)
		}
		if err != nil {
			return crm.HandedOver{}, err
		}
	}
	return n, nil
}
