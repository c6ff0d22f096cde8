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
		order:   crm.Activities.Sorts.Default.Field,
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"date":       {column: "date", kind: keyInstant},
			"id":         commonSorts["id"],
		},
		filters: filtersOf(crm.Activities, map[string]condition[crm.ActivityFilter]{
			"ownerId":   {column: "t.owner_id"},
			"contactId": {column: "t.contact_id"},
			"companyId": {column: "t.company_id"},
			"dealId":    {column: "t.deal_id"},
			"type":      {column: "t.type"},
			"status":    {column: "t.status"},
			"startDate": {add: func(b *whereBuilder, f *crm.ActivityFilter) {
				b.timeRange.column, b.timeRange.from = "t.date", &f.StartDate.First
			}},
			"endDate": {add: func(b *whereBuilder, f *crm.ActivityFilter) {
				b.timeRange.column, b.timeRange.before = "t.date", new(f.EndDate.Last+1)
			}},
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
		order:   crm.Tasks.Sorts.Default.Field,
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"title":      commonSorts["name"],
			"due_date":   {"due_asc", keyInstant, 253402300800000000, -62135596801000000}, // after the year 9999, before the year 1,
		},
		filters: filtersOf(crm.Tasks, map[string]condition[crm.TaskFilter]{
			"assignedTo": {column: "t.assigned_to"},
			"contactId":  {column: "t.contact_id"},
			"companyId":  {column: "t.company_id"},
			"dealId":     {column: "t.deal_id"},
			"priority":   {column: "t.priority"},
			"status":     {choice: taskStatuses},
			"dueBefore":  {add: func(b *whereBuilder, f *crm.TaskFilter) { b.add("t.due_date <", f.DueBefore.First) }},
			"dueAfter":   {add: func(b *whereBuilder, f *crm.TaskFilter) { b.add("t.due_date >", f.DueAfter.Last) }},
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

// taskStatuses returns the alternatives of statuses that tasks are shown with.
func taskStatuses(b *whereBuilder, f *crm.TaskFilter, statuses crm.Choice) alternatives {
	var a alternatives
	var conditions []string
	for _, status := range statuses.Values {
		a.arms = append(a.arms, arm{condition: taskStatus(b, f, status)})
		conditions = append(conditions, a.arms[len(a.arms)-1].condition)
	}
	a.any = anyOf(conditions)
	return a
}

// taskStatus returns the condition that tasks are shown with a status.
func taskStatus(b *whereBuilder, f *crm.TaskFilter, status any) string {
	// In the words of the partial index, so that the engines recognise it.
	const open = "t.status NOT IN ('completed', 'cancelled') AND t.overdue_from <= "
	if status == crm.TaskOverdue {
		return open + b.placeholder(f.Now)
	}
	condition := "t.status = " + b.placeholder(status)
	if status == crm.TaskPending || status == crm.TaskInProgress {
		condition += " AND t.overdue_from > " + b.placeholder(f.Now)
	}
	return condition
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
