package bulk

import "sixty/internal/crm"

// activityAdoption is the adoption of activities.
type activityAdoption struct {
	plainAdoption[crm.Activity, crm.ActivityPatch]
	*activityImport
}

func (k *activityAdoption) unique() []crm.Key { return nil }

func (k *activityAdoption) references(p *crm.ActivityPatch) []adoptReference {
	return []adoptReference{
		{"contact_id", RefContact, &p.ContactID}, {"company_id", RefCompany, &p.CompanyID},
		{"deal_id", RefDeal, &p.DealID}, {"owner_id", RefOwner, &p.OwnerID},
	}
}

func (k *activityAdoption) take(row *AdoptRow[crm.ActivityPatch], a *crm.Activity, isNew bool, r *crm.Rules) []crm.FieldError {
	p := row.Patch
	p.Type, p.Status, p.Date = orElse(p.Type, "note"), orElse(p.Status, crm.ActivityCompleted), unlessNull(p.Date)
	if isNew && !p.Type.Set {
		p.Type = crm.Of("note")
	}
	if isNew && row.CreatedAt.Set && !row.CreatedAt.Null {
		a.Date = row.CreatedAt.Value
	}
	p.Apply(a, r)
	return nil
}

// taskAdoption is the adoption of tasks.
type taskAdoption struct {
	plainAdoption[crm.Task, crm.TaskPatch]
	plainKind[crm.Task]
	*batchTx
}

func (k *taskAdoption) nouns() (string, string)           { return "task", "tasks" }
func (k *taskAdoption) table() crm.Table[crm.Task]        { return k.tx.Tasks() }
func (k *taskAdoption) id(t *crm.Task) crm.ID             { return t.ID }
func (k *taskAdoption) created(t *crm.Task) *crm.Instant  { return &t.CreatedAt }
func (k *taskAdoption) updated(t *crm.Task) *crm.Instant  { return &t.UpdatedAt }
func (k *taskAdoption) unique() []crm.Key                 { return nil }
func (k *taskAdoption) key(t *crm.Task, _ crm.Key) string { return text(t.ExternalID) }

func (k *taskAdoption) members(p *crm.TaskPatch, t *crm.Task, r *crm.Rules) { p.Apply(t, r) }

func (k *taskAdoption) newRecord(id crm.ID) crm.Task {
	return crm.NewTask(k.by, id, k.now)
}

func (k *taskAdoption) references(p *crm.TaskPatch) []adoptReference {
	return []adoptReference{
		{"assigned_to", RefOwner, &p.AssignedTo}, {"created_by", RefOwner, &p.CreatedBy},
		{"deal_id", RefDeal, &p.DealID}, {"company_id", RefCompany, &p.CompanyID}, {"contact_id", RefContact, &p.ContactID},
	}
}

func (k *taskAdoption) take(row *AdoptRow[crm.TaskPatch], t *crm.Task, isNew bool, r *crm.Rules) (left []crm.FieldError) {
	p := row.Patch
	p.Priority, p.TaskType = orElse(p.Priority, "medium"), orElse(p.TaskType, "general")
	p.Status, p.Completed = orElse(p.Status, crm.TaskPending), unlessNull(p.Completed)
	// Clients of that database set one of the two and left the other as it was.
	if p.Completed.Value && p.Status.Set && p.Status.Value != crm.TaskCompleted {
		if s := p.Status.Value; s != crm.TaskPending && s != crm.TaskInProgress && s != crm.TaskOverdue {
			left = append(left, crm.FieldError{Field: "status", Message: s + " contradicts completed"})
		}
		p.Status = crm.Of(crm.TaskCompleted)
	} else if p.Completed.Set && p.Status.Set {
		p.Completed = crm.Of(p.Status.Value == crm.TaskCompleted)
	}
	at := k.now
	for _, known := range []crm.Field[crm.Instant]{row.UpdatedAt, row.CreatedAt} {
		if known.Set && !known.Null {
			at = known.Value
			break
		}
	}
	p.Apply(t, r)
	p.Settle(t, isNew, at, r)
	if !t.Completed && p.CompletedAt.Set && !p.CompletedAt.Null {
		left = append(left, crm.FieldError{Field: "completed_at", Message: "contradicts the status " + t.Status})
	}
	return left
}
