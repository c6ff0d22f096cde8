package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// What organisations are bound to. It is looked for in all of them.

var (
	issuers      = &Statement{"binding.issuers", `SELECT id, issuer FROM organisations WHERE issuer IS NOT NULL`}
	domains      = &Statement{"binding.domains", `SELECT org_id, domain FROM email_domains ORDER BY domain`}
	domainHolder = &Statement{"binding.holder", `SELECT org_id FROM email_domains WHERE domain = $1`}
	setIssuer    = &Statement{"binding.issuer", `UPDATE organisations SET issuer = nullif($2, '') WHERE id = $1`}
	bindDomain   = &Statement{"binding.insert", `INSERT INTO email_domains (domain, org_id, created_at) VALUES ($1, $2, $3)`}
	unbindDomain = &Statement{"binding.delete", `DELETE FROM email_domains WHERE domain = $1 AND org_id = $2`}
)

// Bindings implements accounts.Store.
func (s *Store) Bindings(ctx context.Context) (map[crm.ID]accounts.Binding, error) {
	type row struct {
		org  crm.ID
		text string
	}
	dest := func(r *row) []any { return []any{&r.org, &r.text} }
	out := map[crm.ID]accounts.Binding{}
	rows, err := collect(ctx, s, s.apart(), issuers, dest)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		out[r.org] = accounts.Binding{Issuer: r.text}
	}
	if rows, err = collect(ctx, s, s.apart(), domains, dest); err != nil {
		return nil, err
	}
	for _, r := range rows {
		b := out[r.org]
		b.Domains = append(b.Domains, r.text)
		out[r.org] = b
	}
	return out, nil
}

// DomainHolder implements accounts.Store.
func (s *Store) DomainHolder(ctx context.Context, domain string) (crm.ID, error) {
	rows, err := collect(ctx, s, s.apart(), domainHolder, func(id *crm.ID) []any { return []any{id} }, domain)
	if err != nil {
		return crm.ID{}, err
	}
	if len(rows) == 0 {
		return crm.ID{}, crm.NotFound("binding to a domain")
	}
	return rows[0], nil
}

// SetIssuer implements accounts.Tx.
func (t *tx) SetIssuer(ctx context.Context, issuer string) error {
	n, err := t.exec(ctx, setIssuer, t.by.Org, issuer)
	if err != nil {
		return err
	}
	return allWritten("organisations", n, 1)
}

// BindDomain implements accounts.Tx.
func (t *tx) BindDomain(ctx context.Context, domain string) error {
	_, err := t.exec(ctx, bindDomain, domain, t.by.Org, t.at)
	return err
}

// UnbindDomain implements accounts.Tx.
func (t *tx) UnbindDomain(ctx context.Context, domain string) (bool, error) {
	n, err := t.exec(ctx, unbindDomain, domain, t.by.Org)
	return n > 0, err
}
