package store

import (
	"context"

	"sixty/internal/crm"
)

// All numbers of one company or contact, each in a few statements.

// statusTotal is a row of totals: the deals in one currency and status.
type statusTotal struct {
	status string
	deals  int64
	value  crm.Sum
}

// dealTotals sums deals; from says which, and reads deals as t.
func (r *reader) dealTotals(ctx context.Context, name, from string, org, id crm.ID) (crm.DealTotals, error) {
	s := r.store
	args, owned := r.ownedOnly([]any{org, id}, " AND t.owner_id = @")
	st := s.statement(name+owned, func() *Statement {
		return &Statement{name, "SELECT t.status, t.currency, count(*), " + s.dialect.SumBig("t.value") + from +
			" AND t.deleted_at IS NULL" + owned + " GROUP BY t.currency, t.status ORDER BY t.currency, t.status"}
	})
	var totals crm.DealTotals
	rows, err := collect(ctx, s, r.of(org), st, func(d *statusTotal) []any {
		return []any{&d.status, &d.value.Currency, &d.deals, &d.value.Amount}
	}, args...)
	for _, d := range rows {
		totals.All.Add(d.deals, d.value)
		switch d.status {
		case crm.StatusActive:
			totals.Open.Add(d.deals, d.value)
		case crm.StatusWon:
			totals.Won.Add(d.deals, d.value)
		case crm.StatusLost:
			totals.Lost.Add(d.deals, d.value)
		}
	}
	return totals, err
}

// CompanyTotals implements crm.Reads.
func (r *reader) CompanyTotals(ctx context.Context, org, company crm.ID) (crm.CompanyTotals, error) {
	var totals crm.CompanyTotals
	deals, err := r.dealTotals(ctx, "company.deal_totals", " FROM deals t WHERE t.org_id = $1 AND t.company_id = $2", org, company)
	if err != nil {
		return totals, err
	}
	args, owned := r.ownedOnly([]any{org, company}, " AND owner_id = @")
	rest := r.store.statement("company.totals"+owned, func() *Statement {
		return &Statement{"company.totals", `SELECT
(SELECT count(*) FROM contacts WHERE org_id = $1 AND company_id = $2 AND deleted_at IS NULL` + owned + `),
(SELECT max(date) FROM activities WHERE org_id = $1 AND company_id = $2 AND status = '` + crm.ActivityCompleted + `' AND deleted_at IS NULL` + owned + `)`}
	})
	err = r.store.query(ctx, r.of(org), rest, args, func(rows Rows) (bool, error) {
		return false, rows.Scan(&totals.Contacts, &totals.LastActivity)
	})
	totals.Deals = deals
	return totals, err
}

// ContactTotals implements crm.Reads.
func (r *reader) ContactTotals(ctx context.Context, org, contact crm.ID) (crm.ContactTotals, error) {
	var totals crm.ContactTotals
	// Primary contacts stand in deal_contacts too.
	const onDeals = " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id WHERE l.org_id = $1 AND l.contact_id = $2"
	deals, err := r.dealTotals(ctx, "contact.deal_totals", onDeals, org, contact)
	if err != nil {
		return totals, err
	}
	args, owned := r.ownedOnly([]any{org, contact}, " AND owner_id = @")
	activities := r.store.statement("contact.activity_totals"+owned, func() *Statement {
		return &Statement{"contact.activity_totals", `SELECT
coalesce(sum(CASE WHEN type = 'meeting' THEN 1 END), 0), coalesce(sum(CASE WHEN type = 'email' THEN 1 END), 0),
coalesce(sum(CASE WHEN type = 'call' THEN 1 END), 0) FROM activities WHERE org_id = $1 AND contact_id = $2 AND deleted_at IS NULL` + owned}
	})
	err = r.store.query(ctx, r.of(org), activities, args, func(rows Rows) (bool, error) {
		return false, rows.Scan(&totals.Meetings, &totals.Emails, &totals.Calls)
	})
	totals.Deals = deals
	return totals, err
}
