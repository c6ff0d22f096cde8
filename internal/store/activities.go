package store

import (
	"slices"

	"sixty/internal/crm"
)

func activityTable() table[crm.Activity, crm.ActivityFilter] {
	return table[crm.Activity, crm.ActivityFilter]{
		name: "activities", entity: crm.EntityActivity, owned: "t.owner_id = @",
		columns: []column[crm.Activity]{
			{name: "org_id", field: func(a *crm.Activity) any { return &a.OrgID }},
			{name: "id", field: func(a *crm.Activity) any { return &a.ID }},
			{name: "type", field: func(a *crm.Activity) any { return &a.Type }},
			{name: "status", field: func(a *crm.Activity) any { return &a.Status }},
			{name: "priority", field: func(a *crm.Activity) any { return &a.Priority }},
			{name: "description", field: func(a *crm.Activity) any { return &a.Description }},
			{name: "amount", field: func(a *crm.Activity) any { return &a.Amount }},
			{name: "quantity", field: func(a *crm.Activity) any { return &a.Quantity }},
			{name: "date", field: func(a *crm.Activity) any { return &a.Date }},
			{name: "contact_id", field: func(a *crm.Activity) any { return &a.ContactID }},
			{name: "company_id", field: func(a *crm.Activity) any { return &a.CompanyID }},
			{name: "deal_id", field: func(a *crm.Activity) any { return &a.DealID }},
			{name: "owner_id", field: func(a *crm.Activity) any { return &a.OwnerID }},
			{name: "external_id", field: func(a *crm.Activity) any { return &a.ExternalID }},
			{name: "created_at", field: func(a *crm.Activity) any { return &a.CreatedAt }},
			{name: "updated_at", field: func(a *crm.Activity) any { return &a.UpdatedAt }},
			{name: "version", field: func(a *crm.Activity) any { return &a.Version }},
		},
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"date":       {column: "date", kind: keyInstant},
			"id":         commonSorts["id"],
		},
		filter: func(f crm.ActivityFilter, b *whereBuilder) {
			addIf(b, "t.owner_id =", f.OwnerID)
			addIf(b, "t.contact_id =", f.ContactID)
			addIf(b, "t.company_id =", f.CompanyID)
			addIf(b, "t.deal_id =", f.DealID)
			addIf(b, "t.type =", f.Type)
			addIf(b, "t.status =", f.Status)
		},
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
		columns: []column[crm.Task]{
			{name: "org_id", field: func(t *crm.Task) any { return &t.OrgID }},
			{name: "id", field: func(t *crm.Task) any { return &t.ID }},
			{name: "title", field: func(t *crm.Task) any { return &t.Title }},
			{name: "description", field: func(t *crm.Task) any { return &t.Description }},
			{name: "notes", field: func(t *crm.Task) any { return &t.Notes }},
			{name: "due_date", field: func(t *crm.Task) any { return &t.DueDate }},
			{name: "completed", field: func(t *crm.Task) any { return &t.Completed }},
			{name: "completed_at", field: func(t *crm.Task) any { return &t.CompletedAt }},
			{name: "priority", field: func(t *crm.Task) any { return &t.Priority }},
			{name: "status", field: func(t *crm.Task) any { return &t.Status }},
			{name: "task_type", field: func(t *crm.Task) any { return &t.TaskType }},
			{name: "assigned_to", field: func(t *crm.Task) any { return &t.AssignedTo }},
			{name: "created_by", field: func(t *crm.Task) any { return &t.CreatedBy }},
			{name: "deal_id", field: func(t *crm.Task) any { return &t.DealID }},
			{name: "company_id", field: func(t *crm.Task) any { return &t.CompanyID }},
			{name: "contact_id", field: func(t *crm.Task) any { return &t.ContactID }},
			{name: "external_id", field: func(t *crm.Task) any { return &t.ExternalID }},
			{name: "created_at", field: func(t *crm.Task) any { return &t.CreatedAt }},
			{name: "updated_at", field: func(t *crm.Task) any { return &t.UpdatedAt }},
			{name: "version", field: func(t *crm.Task) any { return &t.Version }},
		},
		nameOf: func(t *crm.Task) string { return t.Title },
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"title":      commonSorts["name"],
			"due_date":   {"due_asc", keyInstant, 253402300800000000, -62135596801000000}, // after the year 9999, before the year 1,
		},
		filter: taskFilter,
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id"},
		id:     func(t *crm.Task) crm.ID { return t.ID },
		org:    func(t *crm.Task) crm.ID { return t.OrgID },
		refs: func(t *crm.Task) crm.Refs {
			return crm.Refs{Owner: ownersOf(t), Company: idsOf(t.CompanyID), Contact: idsOf(t.ContactID), Deal: idsOf(t.DealID)}
		},
	}
}

// ownersOf gives those whose task it is.
func ownersOf(t *crm.Task) []crm.ID {
	owners := idsOf(t.AssignedTo)
	if t.CreatedBy != nil && !slices.Contains(owners, *t.CreatedBy) {
		owners = append(owners, *t.CreatedBy)
	}
	return owners
}

func taskFilter(f crm.TaskFilter, b *whereBuilder) {
	addIf(b, "t.assigned_to =", f.AssignedTo)
	addIf(b, "t.contact_id =", f.ContactID)
	addIf(b, "t.company_id =", f.CompanyID)
	addIf(b, "t.deal_id =", f.DealID)
	if f.Status == nil {
		return
	}
	switch *f.Status {
	case crm.TaskOverdue:
		// In the words of the partial index, for the engines to see that it is the one.
		b.add("t.status NOT IN ('completed', 'cancelled') AND t.due_or_never <", f.Now)
	case crm.TaskPending, crm.TaskInProgress:
		b.add("t.status =", f.Status)
		b.add("t.due_or_never >=", f.Now)
	default:
		b.add("t.status =", f.Status)
	}
}
