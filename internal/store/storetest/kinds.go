package storetest

import (
	"slices"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/mail"
	"sixty/internal/store"
)

// A kind is an entity with its view and table, for cases that all entities share.
type kind[T, F any] struct {
	entity  string // in the change log
	view    func(crm.Reads) crm.View[T, F]
	table   func(store.Tx) crm.Table[T]
	sorts   crm.Sorts
	id, org func(*T) *crm.ID
	version func(*T) *int64
	updated func(*T) *crm.Instant
	fresh   func(row *T, n int) // sets an id and unique values

	properties []property[T]
	filters    []crm.Filter[T, F]
}

func companies() kind[crm.Company, crm.CompanyFilter] {
	return declared(kind[crm.Company, crm.CompanyFilter]{
		entity:  "company",
		view:    crm.Reads.Companies,
		table:   store.Tx.Companies,
		id:      func(c *crm.Company) *crm.ID { return &c.ID },
		org:     func(c *crm.Company) *crm.ID { return &c.OrgID },
		version: func(c *crm.Company) *int64 { return &c.Version },
		updated: func(c *crm.Company) *crm.Instant { return &c.UpdatedAt },
		fresh: func(c *crm.Company, n int) {
			c.ID = crm.NewID()
			c.Domain, c.ExternalID = distinct(c.Domain, n), distinct(c.ExternalID, n)
		},
	}, crm.Companies)
}

func contacts() kind[crm.Contact, crm.ContactFilter] {
	return declared(kind[crm.Contact, crm.ContactFilter]{
		entity:  "contact",
		view:    crm.Reads.Contacts,
		table:   store.Tx.Contacts,
		id:      func(c *crm.Contact) *crm.ID { return &c.ID },
		org:     func(c *crm.Contact) *crm.ID { return &c.OrgID },
		version: func(c *crm.Contact) *int64 { return &c.Version },
		updated: func(c *crm.Contact) *crm.Instant { return &c.UpdatedAt },
		fresh: func(c *crm.Contact, n int) {
			c.ID, c.IsPrimary = crm.NewID(), false // a company has one
			c.Email, c.ExternalID = distinct(c.Email, n), distinct(c.ExternalID, n)
		},
	}, crm.Contacts)
}

func deals() kind[crm.Deal, crm.DealFilter] {
	return declared(kind[crm.Deal, crm.DealFilter]{
		entity:  "deal",
		view:    crm.Reads.Deals,
		table:   store.Tx.Deals,
		id:      func(d *crm.Deal) *crm.ID { return &d.ID },
		org:     func(d *crm.Deal) *crm.ID { return &d.OrgID },
		version: func(d *crm.Deal) *int64 { return &d.Version },
		updated: func(d *crm.Deal) *crm.Instant { return &d.UpdatedAt },
		fresh: func(d *crm.Deal, n int) {
			d.ID, d.ExternalID = crm.NewID(), distinct(d.ExternalID, n)
		},
	}, crm.Deals)
}

func stages() kind[crm.Stage, crm.StageFilter] {
	return declared(kind[crm.Stage, crm.StageFilter]{
		entity:  "deal_stage",
		view:    crm.Reads.Stages,
		table:   store.Tx.Stages,
		id:      func(s *crm.Stage) *crm.ID { return &s.ID },
		org:     func(s *crm.Stage) *crm.ID { return &s.OrgID },
		version: func(s *crm.Stage) *int64 { return &s.Version },
		updated: func(s *crm.Stage) *crm.Instant { return &s.UpdatedAt },
		fresh:   func(s *crm.Stage, _ int) { s.ID = crm.NewID() },
	}, crm.Stages)
}

func owners() kind[crm.Owner, crm.OwnerFilter] {
	return declared(kind[crm.Owner, crm.OwnerFilter]{
		entity:  "owner",
		view:    crm.Reads.Owners,
		table:   store.Tx.Owners,
		id:      func(o *crm.Owner) *crm.ID { return &o.ID },
		org:     func(o *crm.Owner) *crm.ID { return &o.OrgID },
		version: func(o *crm.Owner) *int64 { return &o.Version },
		updated: func(o *crm.Owner) *crm.Instant { return &o.UpdatedAt },
		fresh: func(o *crm.Owner, n int) {
			o.ID, o.Email, o.ExternalID = crm.NewID(), distinct(o.Email, n), distinct(o.ExternalID, n)
		},
	}, crm.Owners)
}

func activities() kind[crm.Activity, crm.ActivityFilter] {
	return declared(kind[crm.Activity, crm.ActivityFilter]{
		entity:  "activity",
		view:    crm.Reads.Activities,
		table:   store.Tx.Activities,
		id:      func(a *crm.Activity) *crm.ID { return &a.ID },
		org:     func(a *crm.Activity) *crm.ID { return &a.OrgID },
		version: func(a *crm.Activity) *int64 { return &a.Version },
		updated: func(a *crm.Activity) *crm.Instant { return &a.UpdatedAt },
		fresh: func(a *crm.Activity, n int) {
			a.ID, a.ExternalID = crm.NewID(), distinct(a.ExternalID, n)
		},
	}, crm.Activities)
}

func tasks() kind[crm.Task, crm.TaskFilter] {
	return declared(kind[crm.Task, crm.TaskFilter]{
		entity:  "task",
		view:    crm.Reads.Tasks,
		table:   store.Tx.Tasks,
		id:      func(t *crm.Task) *crm.ID { return &t.ID },
		org:     func(t *crm.Task) *crm.ID { return &t.OrgID },
		version: func(t *crm.Task) *int64 { return &t.Version },
		updated: func(t *crm.Task) *crm.Instant { return &t.UpdatedAt },
		fresh: func(t *crm.Task, n int) {
			t.ID, t.ExternalID = crm.NewID(), distinct(t.ExternalID, n)
		},
	}, crm.Tasks)
}

// auditTrail and keys are lists without a crm.Table.
func auditTrail() kind[accounts.AuditEntry, accounts.AuditFilter] {
	return declared(kind[accounts.AuditEntry, accounts.AuditFilter]{entity: "audit", view: auditView}, accounts.AuditTrail)
}

func keys() kind[accounts.APIKey, accounts.APIKeyFilter] {
	return declared(kind[accounts.APIKey, accounts.APIKeyFilter]{entity: "api_key", view: keyView}, accounts.APIKeys)
}

func outbox() kind[mail.Entry, mail.Filter] {
	return declared(kind[mail.Entry, mail.Filter]{entity: mail.Entity, view: outboxView}, mail.Outbox)
}

// insert stores rows, at the time 1.
func insert[T, F any](f *fixture, o tenant, k kind[T, F], rows ...T) {
	f.Helper()
	f.write(o, 1, func(tx store.Tx) error { return k.table(tx).Insert(f.Context(), rows) })
}

// update locks records, lets edit change them, and stores them with the time n.
func update[T, F any](f *fixture, o tenant, k kind[T, F], n int, edit func(*T), ids ...crm.ID) {
	f.Helper()
	f.write(o, n, func(tx store.Tx) error {
		rows, err := k.table(tx).LockForUpdate(f.Context(), ids)
		if err != nil {
			return err
		}
		if len(rows) != len(ids) {
			f.Fatalf("locked %d rows of %d", len(rows), len(ids))
		}
		changes := make([]crm.Change[T], len(rows))
		for i, before := range rows {
			after := before
			*k.updated(&after) = at(n)
			edit(&after)
			changes[i] = crm.Change[T]{Before: before, After: after}
		}
		return k.table(tx).Update(f.Context(), changes)
	})
}

// remove deletes records, with the time n.
func remove[T, F any](f *fixture, o tenant, k kind[T, F], n int, ids ...crm.ID) {
	f.Helper()
	f.write(o, n, func(tx store.Tx) error {
		rows, err := k.table(tx).LockForUpdate(f.Context(), ids)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := k.table(tx).Delete(f.Context(), row); err != nil {
				return err
			}
		}
		return nil
	})
}

// get reads one record as its view shows it.
func get[T, F any](f *fixture, o tenant, k kind[T, F], id crm.ID) T {
	f.Helper()
	rows := readAll(f, o, k, []crm.ID{id})
	if len(rows) != 1 {
		f.Fatalf("found %d records of kind %s by the id %s", len(rows), k.entity, id)
	}
	return rows[id]
}

// readAll reads records as their view shows them, by id.
func readAll[T, F any](f *fixture, o tenant, k kind[T, F], ids []crm.ID) map[crm.ID]T {
	f.Helper()
	out := make(map[crm.ID]T, len(ids))
	for part := range slices.Chunk(ids, crm.MaxLimit) {
		rows, err := k.view(f.store.Reads(crm.Actor{})).ByID(f.Context(), o.ID, part)
		for _, row := range must(f, rows, err) {
			out[*k.id(&row)] = row
		}
	}
	return out
}

// listAll reads a whole list, in pages, by id.
func listAll[T, F any](f *fixture, o tenant, k kind[T, F]) map[crm.ID]T {
	f.Helper()
	out := map[crm.ID]T{}
	q := crm.List[F]{Sort: k.sorts.Default, Limit: crm.MaxLimit}
	for {
		p, err := k.view(f.store.Reads(crm.Actor{})).Page(f.Context(), o.ID, q)
		for _, row := range must(f, p, err).Rows {
			out[*k.id(&row)] = row
		}
		if !p.HasMore {
			return out
		}
		if len(p.Rows) == 0 {
			f.Fatal("a page without rows says that there are more")
		}
		q.From = p.Last
	}
}

func idsOf[T, F any](k kind[T, F], rows []T) []crm.ID {
	ids := make([]crm.ID, len(rows))
	for i := range rows {
		ids[i] = *k.id(&rows[i])
	}
	return ids
}

func auditView(r crm.Reads) crm.View[accounts.AuditEntry, accounts.AuditFilter] {
	return r.(interface {
		Audit() crm.View[accounts.AuditEntry, accounts.AuditFilter]
	}).Audit()
}

func keyView(r crm.Reads) crm.View[accounts.APIKey, accounts.APIKeyFilter] {
	return r.(interface {
		APIKeys() crm.View[accounts.APIKey, accounts.APIKeyFilter]
	}).APIKeys()
}

func outboxView(r crm.Reads) crm.View[mail.Entry, mail.Filter] {
	return r.(interface {
		Outbox() crm.View[mail.Entry, mail.Filter]
	}).Outbox()
}
