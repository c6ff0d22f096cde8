package store

import (
	"context"
	"slices"

	"sixty/internal/crm"
)

func activityTable() table[crm.Activity, crm.ActivityFilter] {
	return table[crm.Activity, crm.ActivityFilter]{
		name: "activities", entity: crm.EntityActivity, owned: "t.owner_id = @",
		columns: columnsOf(crm.Activities, nil),
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"date":       {column: "date", kind: keyInstant},
			"id":         commonSorts["id"],
		},
		filters: filtersOf(crm.Activities, map[string]condition[crm.ActivityFilter]{
			"ownerId":   {sql: "t.owner_id ="},
			"contactId": {sql: "t.contact_id ="},
			"companyId": {sql: "t.company_id ="},
			"dealId":    {sql: "t.deal_id ="},
			"type":      {sql: "t.type ="},
			"status":    {sql: "t.status ="},
		}),
		keys: map[crm.Key]string{crm.KeyExternalID: "external_id"},
		id:   func(a *crm.Activity) crm.ID { return a.ID },
		org:  func(a *crm.Activity) crm.ID { return a.OrgID },
		refs: func(a *crm.Activity) crm.Refs {
			return crm.Refs{Owner: idsOf(a.OwnerID), Company: idsOf(a.CompanyID), Contact: idsOf(a.ContactID), Deal: idsOf(a.DealID)}
		},
	}
}

func taskTable() table[crm.Task, crm.TaskFilter] {
	return table[crm.Task, crm.TaskFilter]{
		name: "tasks", entity: crm.EntityTask, owned: "(t.assigned_to = @ OR t.created_by = @)",
		columns: columnsOf(crm.Tasks, nil),
		nameOf:  func(t *crm.Task) string { return t.Title },
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"title":      commonSorts["name"],
			"due_date":   {"due_asc", keyInstant, 253402300800000000, -62135596801000000}, // after the year 9999, before the year 1,
		},
		filters: filtersOf(crm.Tasks, map[string]condition[crm.TaskFilter]{
			"assignedTo": {sql: "t.assigned_to ="},
			"contactId":  {sql: "t.contact_id ="},
			"companyId":  {sql: "t.company_id ="},
			"dealId":     {sql: "t.deal_id ="},
			"status":     {add: addTaskStatus},
		}),
		keys: map[crm.Key]string{crm.KeyExternalID: "external_id"},
		id:   func(t *crm.Task) crm.ID { return t.ID },
		org:  func(t *crm.Task) crm.ID { return t.OrgID },
		refs: func(t *crm.Task) crm.Refs {
			return crm.Refs{Owner: ownersOf(t), Company: idsOf(t.CompanyID), Contact: idsOf(t.ContactID), Deal: idsOf(t.DealID)}
		},
	}
}

// ownersOf returns the people who own a task: its assignee and its creator.
func ownersOf(t *crm.Task) []crm.ID {
	owners := idsOf(t.AssignedTo)
	if t.CreatedBy != nil && !slices.Contains(owners, *t.CreatedBy) {
		owners = append(owners, *t.CreatedBy)
	}
	return owners
}

// addTaskStatus adds the condition that tasks are shown with a status.
func addTaskStatus(b *whereBuilder, f *crm.TaskFilter) {
	switch *f.Status {
	case crm.TaskOverdue:
		// In the words of the partial index, so that the engines recognise it.
		b.add("t.status NOT IN ('completed', 'cancelled') AND t.overdue_from <=", f.Now)
	case crm.TaskPending, crm.TaskInProgress:
		b.add("t.status =", f.Status)
		b.add("t.overdue_from >", f.Now)
	default:
		b.add("t.status =", f.Status)
	}
}

// NextDue implements crm.Reads.
func (r *reader) NextDue(ctx context.Context, org crm.ID, from crm.Instant) (due crm.Instant, ok bool, err error) {
	found, err := collect(ctx, r.store, r.of(org), nextDue, func(i *crm.Instant) []any { return []any{i} }, org, from)
	if len(found) == 0 {
		return 0, false, err
	}
	return found[0], true, err
}

var nextDue = &Statement{"task.next_due", `SELECT t.due_asc FROM tasks t
WHERE t.org_id = $1 AND t.due_asc >= $2 AND t.due_date IS NOT NULL AND t.deleted_at IS NULL ORDER BY t.due_asc LIMIT 1`}
