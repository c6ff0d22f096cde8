package store

import (
	"slices"

	"sixty/internal/crm"
)

func activityTable() table[crm.Activity, crm.ActivityFilter] {
	return table[crm.Activity, crm.ActivityFilter]{
		name: "activities", entity: crm.EntityActivity, owned: "t.owner_id = @",
		columns: []column[crm.Activity]{
			{name: "org_id", member: func(a *crm.Activity) any { return &a.OrgID }},
			{name: "id", member: func(a *crm.Activity) any { return &a.ID }},
			{name: "type", member: func(a *crm.Activity) any { return &a.Type }},
			{name: "status", member: func(a *crm.Activity) any { return &a.Status }},
			{name: "priority", member: func(a *crm.Activity) any { return &a.Priority }},
			{name: "description", member: func(a *crm.Activity) any { return &a.Description }},
			{name: "amount", member: func(a *crm.Activity) any { return &a.Amount }},
			{name: "quantity", member: func(a *crm.Activity) any { return &a.Quantity }},
			{name: "date", member: func(a *crm.Activity) any { return &a.Date }},
			{name: "contact_id", member: func(a *crm.Activity) any { return &a.ContactID }},
			{name: "company_id", member: func(a *crm.Activity) any { return &a.CompanyID }},
			{name: "deal_id", member: func(a *crm.Activity) any { return &a.DealID }},
			{name: "owner_id", member: func(a *crm.Activity) any { return &a.OwnerID }},
			{name: "external_id", member: func(a *crm.Activity) any { return &a.ExternalID }},
			{name: "created_at", member: func(a *crm.Activity) any { return &a.CreatedAt }},
			{name: "updated_at", member: func(a *crm.Activity) any { return &a.UpdatedAt }},
			{name: "version", member: func(a *crm.Activity) any { return &a.Version }},
		},
		sorts: map[string]sortKey{
			"updated_at": commonSorts["updated_at"],
			"created_at": commonSorts["created_at"],
			"date":       {column: "date", kind: keyInstant},
			"id":         commonSorts["id"],
		},
		filter: func(f crm.ActivityFilter, n *narrowing) {
			narrow(n, 'o', "t.owner_id =", f.OwnerID)
			narrow(n, 'p', "t.contact_id =", f.ContactID)
			narrow(n, 'c', "t.company_id =", f.CompanyID)
			narrow(n, 'd', "t.deal_id =", f.DealID)
			narrow(n, 't', "t.type =", f.Type)
			narrow(n, 'u', "t.status =", f.Status)
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
			{name: "org_id", member: func(t *crm.Task) any { return &t.OrgID }},
			{name: "id", member: func(t *crm.Task) any { return &t.ID }},
			{name: "title", member: func(t *crm.Task) any { return &t.Title }},
			{name: "description", member: func(t *crm.Task) any { return &t.Description }},
			{name: "notes", member: func(t *crm.Task) any { return &t.Notes }},
			{name: "due_date", member: func(t *crm.Task) any { return &t.DueDate }},
			{name: "completed", member: func(t *crm.Task) any { return &t.Completed }},
			{name: "completed_at", member: func(t *crm.Task) any { return &t.CompletedAt }},
			{name: "priority", member: func(t *crm.Task) any { return &t.Priority }},
			{name: "status", member: func(t *crm.Task) any { return &t.Status }},
			{name: "task_type", member: func(t *crm.Task) any { return &t.TaskType }},
			{name: "assigned_to", member: func(t *crm.Task) any { return &t.AssignedTo }},
			{name: "created_by", member: func(t *crm.Task) any { return &t.CreatedBy }},
			{name: "deal_id", member: func(t *crm.Task) any { return &t.DealID }},
			{name: "company_id", member: func(t *crm.Task) any { return &t.CompanyID }},
			{name: "contact_id", member: func(t *crm.Task) any { return &t.ContactID }},
			{name: "external_id", member: func(t *crm.Task) any { return &t.ExternalID }},
			{name: "created_at", member: func(t *crm.Task) any { return &t.CreatedAt }},
			{name: "updated_at", member: func(t *crm.Task) any { return &t.UpdatedAt }},
			{name: "version", member: func(t *crm.Task) any { return &t.Version }},
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

func taskFilter(f crm.TaskFilter, n *narrowing) {
	narrow(n, 'a', "t.assigned_to =", f.AssignedTo)
	narrow(n, 'p', "t.contact_id =", f.ContactID)
	narrow(n, 'c', "t.company_id =", f.CompanyID)
	narrow(n, 'd', "t.deal_id =", f.DealID)
	if f.Status == nil {
		return
	}
	switch *f.Status {
	case crm.TaskOverdue:
		// In the words of the partial index, for the engines to see that it is the one.
		n.add('x', "t.status NOT IN ('completed', 'cancelled') AND t.due_or_never <", f.Now)
	case crm.TaskPending, crm.TaskInProgress:
		n.add('u', "t.status =", f.Status)
		n.add('y', "t.due_or_never >=", f.Now)
	default:
		n.add('u', "t.status =", f.Status)
	}
}
