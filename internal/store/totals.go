package store

import (
	"context"

	"sixty/internal/crm"
)

// All numbers of one company or contact, each in a few statements.

// standing is a row of the deals of one thing: those in one currency and status.
type standing struct {
	status string
	deals  int64
	value  crm.Sum
}

// dealTotals sums deals; from says which, and reads deals as t.
func (r *reader) dealTotals(ctx context.Context, name, from string, org, id crm.ID) (crm.DealTotals, error) {
	s := r.store
	st := s.statement(name, func() *Statement {
		return &Statement{name, "SELECT t.status, t.currency, count(*), " + s.dialect.SumBig("t.value") + from +
			" AND t.deleted_at IS NULL GROUP BY t.currency, t.status ORDER BY t.currency, t.status"}
	})
	var totals crm.DealTotals
	rows, err := collect(ctx, s, r.of(org), st, func(d *standing) []any {
		return []any{&d.status, &d.value.Currency, &d.deals, &d.value.Amount}
	}, org, id)
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

var companyRest = &Statement{"company.totals", `SELECT
(SELECT count(*) FROM contacts c WHERE c.org_id = $1 AND c.company_id = $2 AND c.deleted_at IS NULL),
(SELECT max(a.date) FROM activities a WHERE a.org_id = $1 AND a.company_id = $2 AND a.status = '` + crm.ActivityCompleted + `' AND a.deleted_at IS NULL)`}

// CompanyTotals implements crm.Reads.
func (r *reader) CompanyTotals(ctx context.Context, org, company crm.ID) (crm.CompanyTotals, error) {
	var totals crm.CompanyTotals
	deals, err := r.dealTotals(ctx, "company.deal_totals", " FROM deals t WHERE t.org_id = $1 AND t.company_id = $2", org, company)
	if err != nil {
		return totals, err
	}
	err = r.store.query(ctx, r.of(org), companyRest, []any{org, company}, func(rows Rows) (bool, error) {
		return false, rows.Scan(&totals.Contacts, &totals.LastActivity)
	})
	totals.Deals = deals
	return totals, err
}

var contactActivities = &Statement{"contact.activity_totals", `SELECT
coalesce(sum(CASE WHEN type = 'meeting' THEN 1 END), 0), coalesce(sum(CASE WHEN type = 'email' THEN 1 END), 0),
coalesce(sum(CASE WHEN type = 'call' THEN 1 END), 0) FROM activities WHERE org_id = $1 AND contact_id = $2 AND deleted_at IS NULL`}

// ContactTotals implements crm.Reads.
func (r *reader) ContactTotals(ctx context.Context, org, contact crm.ID) (crm.ContactTotals, error) {
	var totals crm.ContactTotals
	// Primary contacts stand in deal_contacts too.
	const onDeals = " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id WHERE l.org_id = $1 AND l.contact_id = $2"
	deals, err := r.dealTotals(ctx, "contact.deal_totals", onDeals, org, contact)
	if err != nil {
		return totals, err
	}
	err = r.store.query(ctx, r.of(org), contactActivities, []any{org, contact}, func(rows Rows) (bool, error) {
		return false, rows.Scan(&totals.Meetings, &totals.Emails, &totals.Calls)
	})
	totals.Deals = deals
	return totals, err
}
