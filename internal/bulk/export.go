package bulk

import (
	"context"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ExportRow is an exported record with readable names of the records that it refers to, by
// which ImportRow could find the same ones: of people and contacts the e-mail address, else
// the name; of a deal the external_id, else the name.
type ExportRow[T any] struct {
	Record T
	References
}

// exportLimit bounds an export: while it lasts, its snapshot keeps SQLite's log from
// being reset and PostgreSQL from vacuuming what was deleted since.
const exportLimit = time.Hour

var errExportLimit = &crm.Error{
	Code: crm.CodeUnavailable, Message: "The export took longer than an hour and was ended. Narrow it by filters.",
}

// Export is one state of the database that is exported. It is valid until the function that
// it was passed to returns, and for use by one goroutine.
type Export struct {
	// Expected is about how many records the list has that is read.
	Expected int64

	by    crm.Actor
	now   crm.Instant
	reads Reads
	names map[Reference]namer
}

// Export runs fn over one state of the database, whatever others write meanwhile. It must end
// within an hour.
func (s *Service) Export(ctx context.Context, by crm.Actor, fn func(context.Context, *Export) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, exportLimit, errExportLimit)
	defer cancel()
	now := s.clock()
	return s.store.Snapshot(ctx, by, func(r Reads) error {
		return fn(ctx, &Export{by: by, now: now, reads: r, names: newNamers(r)})
	})
}

// Companies calls each with the companies that pass a filter, by id, in batches of at most
// MaxLimit, which are valid until each returns.
func (e *Export) Companies(ctx context.Context, f crm.CompanyFilter, each func([]ExportRow[crm.Company]) error) error {
	return export(ctx, e, f, crm.IDOrder, e.reads.Companies(), companies.referring, each)
}

// Contacts is Companies for contacts.
func (e *Export) Contacts(ctx context.Context, f crm.ContactFilter, each func([]ExportRow[crm.Contact]) error) error {
	return export(ctx, e, f, crm.IDOrder, e.reads.Contacts(), contacts.referring, each)
}

// Deals is Companies for deals.
func (e *Export) Deals(ctx context.Context, f crm.DealFilter, each func([]ExportRow[crm.Deal]) error) error {
	return export(ctx, e, f, crm.IDOrder, e.reads.Deals(), deals.referring, each)
}

// Activities is Companies for activities.
func (e *Export) Activities(ctx context.Context, f crm.ActivityFilter, each func([]ExportRow[crm.Activity]) error) error {
	return export(ctx, e, f, crm.IDOrder, e.reads.Activities(), activities.referring, each)
}

// Tasks is Companies for tasks, by the time of their creation. Their status is the one that is
// stored, so that an overdue task is either pending or in progress; the filter sees overdue ones.
func (e *Export) Tasks(ctx context.Context, f crm.TaskFilter, each func([]ExportRow[crm.Task]) error) error {
	f.Now = e.now
	return export(ctx, e, f, crm.Sort{Field: "created_at"}, e.reads.Tasks(), tasks.referring, each)
}

// Stages is Companies for deal stages, by their position.
func (e *Export) Stages(ctx context.Context, f crm.StageFilter, each func([]ExportRow[crm.Stage]) error) error {
	return export(ctx, e, f, crm.Stages.Sorts.Default, e.reads.Stages(), stages.referring, each)
}

// Owners is Companies for people, by the time of their creation.
func (e *Export) Owners(ctx context.Context, f crm.OwnerFilter, each func([]ExportRow[crm.Owner]) error) error {
	return export(ctx, e, f, crm.Sort{Field: "created_at"}, e.reads.Owners(), owners.referring, each)
}

// Audit is Companies for the audit trail, by time.
func (e *Export) Audit(ctx context.Context, f accounts.AuditFilter, each func([]ExportRow[accounts.AuditEntry]) error) error {
	if err := accounts.RequireAdmin(e.by, "read the audit trail"); err != nil {
		return err
	}
	return export(ctx, e, f, crm.Sort{Field: "at"}, e.reads.Audit(), referencesOf(accounts.AuditTrail), each)
}

// RecordExport enters in the audit trail that an export of kinds of records was begun.
func (s *Service) RecordExport(ctx context.Context, by crm.Actor, kinds []string, details map[string]string) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		for _, kind := range kinds {
			err := accounts.Audit(ctx, tx, by, now, accounts.AuditEvent{Action: accounts.ActionExported, Target: kind, Details: details})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// export reads records. Those that may be many are read in the order in which they are stored,
// which is the quickest to read, and to write again: copied in another order, each would be
// written to another page.
func export[T, P, F any](
	ctx context.Context, e *Export, filter F, order crm.Sort, records crm.View[T, F], refs []reference[T, P], each func([]ExportRow[T]) error,
) error {
	rows := make([]ExportRow[T], 0, crm.MaxLimit)
	ids := make([]*crm.ID, 0, crm.MaxLimit)
	q := crm.List[F]{Filter: filter, Sort: order, Limit: crm.MaxLimit, Count: crm.CountEstimated}
	for {
		page, err := records.Page(ctx, e.by.Org, q)
		if err != nil {
			return err
		}
		if page.Total != nil {
			e.Expected, q.Count = *page.Total, crm.CountNone
		}
		rows = rows[:0]
		for i := range page.Rows {
			rows = append(rows, ExportRow[T]{Record: page.Rows[i]})
		}
		for _, ref := range refs {
			ids = ids[:0]
			for i := range page.Rows {
				ids = append(ids, ref.id(&page.Rows[i]))
			}
			namer := e.names[ref.kind]
			if err := namer.find(ctx, e.by.Org, ids); err != nil {
				return err
			}
			for i, id := range ids {
				*rows[i].Of(ref.from) = namer.of(id)
			}
		}
		if len(rows) > 0 {
			if err := each(rows); err != nil {
				return err
			}
		}
		if !page.HasMore {
			return nil
		}
		q.From = page.Last
	}
}

// namer returns the names of the records of one type, and remembers some.
type namer interface {
	find(ctx context.Context, org crm.ID, ids []*crm.ID) error
	of(id *crm.ID) string
}

func newNamers(r Reads) map[Reference]namer {
	return map[Reference]namer{
		RefCompany: &names[crm.Company, crm.CompanyFilter]{view: r.Companies(), name: func(c *crm.Company) (crm.ID, string) { return c.ID, c.Name }},
		RefOwner:   &names[crm.Owner, crm.OwnerFilter]{view: r.Owners(), name: func(o *crm.Owner) (crm.ID, string) { return o.ID, textOr(o.Email, o.FullName) }},
		RefStage:   &names[crm.Stage, crm.StageFilter]{view: r.Stages(), name: func(s *crm.Stage) (crm.ID, string) { return s.ID, s.Name }},
		RefContact: &names[crm.Contact, crm.ContactFilter]{view: r.Contacts(), name: func(c *crm.Contact) (crm.ID, string) { return c.ID, textOr(c.Email, c.FullName) }},
		RefDeal:    &names[crm.Deal, crm.DealFilter]{view: r.Deals(), name: func(d *crm.Deal) (crm.ID, string) { return d.ID, textOr(d.ExternalID, d.Name) }},
	}
}

func textOr(first *string, second string) string {
	if first != nil {
		return *first
	}
	return second
}

// names implements namer.
type names[T, F any] struct {
	view  crm.View[T, F]
	name  func(*T) (crm.ID, string)
	known map[crm.ID]string
}

func (n *names[T, F]) find(ctx context.Context, org crm.ID, refs []*crm.ID) error {
	if n.known == nil || len(n.known) > maxKnown {
		n.known = map[crm.ID]string{} // the names of this batch are all read again
	}
	var ids []crm.ID
	for _, id := range refs {
		if id == nil {
			continue
		}
		if _, ok := n.known[*id]; !ok {
			n.known[*id] = ""
			ids = append(ids, *id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	records, err := n.view.ByID(ctx, org, ids) // no more than rows of a batch
	for i := range records {
		id, name := n.name(&records[i])
		n.known[id] = name
	}
	return err
}

func (n *names[T, F]) of(id *crm.ID) string {
	if id == nil {
		return ""
	}
	return n.known[*id]
}
