package crm

// activityAdoption is the adoption of activities.
type activityAdoption struct {
	alone[Activity, ActivityPatch]
	quietKind[Activity]
	*importTx
}

func (k *activityAdoption) nouns() (string, string)       { return "activity", "activities" }
func (k *activityAdoption) table() Table[Activity]        { return k.tx.Activities() }
func (k *activityAdoption) id(a *Activity) ID             { return a.ID }
func (k *activityAdoption) created(a *Activity) *Instant  { return &a.CreatedAt }
func (k *activityAdoption) updated(a *Activity) *Instant  { return &a.UpdatedAt }
func (k *activityAdoption) unique() []Key                 { return nil }
func (k *activityAdoption) key(a *Activity, _ Key) string { return text(a.ExternalID) }

func (k *activityAdoption) members(p *ActivityPatch, a *Activity, r *Rules) { p.Apply(a, r) }

func (k *activityAdoption) blank(id ID) Activity {
	a := newActivity(k.by, k.now)
	a.ID = id
	return a
}

func (k *activityAdoption) references(p *ActivityPatch) []adoptReference {
	return []adoptReference{
		{"contact_id", RefContact, &p.ContactID}, {"company_id", RefCompany, &p.CompanyID},
		{"deal_id", refDeal, &p.DealID}, {"owner_id", RefOwner, &p.OwnerID},
	}
}

func (k *activityAdoption) take(row *AdoptRow[ActivityPatch], a *Activity, isNew bool, r *Rules) []FieldError {
	p := row.Patch
	p.Type, p.Status, p.Date = orElse(p.Type, "note"), orElse(p.Status, ActivityCompleted), unlessNull(p.Date)
	if isNew && !p.Type.Set {
		p.Type = Of("note")
	}
	if isNew && row.CreatedAt.Set && !row.CreatedAt.Null {
		a.Date = row.CreatedAt.Value
	}
	p.Apply(a, r)
	return nil
}

// taskAdoption is the adoption of tasks.
type taskAdoption struct {
	alone[Task, TaskPatch]
	quietKind[Task]
	*importTx
}

func (k *taskAdoption) nouns() (string, string)   { return "task", "tasks" }
func (k *taskAdoption) table() Table[Task]        { return k.tx.Tasks() }
func (k *taskAdoption) id(t *Task) ID             { return t.ID }
func (k *taskAdoption) created(t *Task) *Instant  { return &t.CreatedAt }
func (k *taskAdoption) updated(t *Task) *Instant  { return &t.UpdatedAt }
func (k *taskAdoption) unique() []Key             { return nil }
func (k *taskAdoption) key(t *Task, _ Key) string { return text(t.ExternalID) }

func (k *taskAdoption) members(p *TaskPatch, t *Task, r *Rules) { p.Apply(t, r) }

func (k *taskAdoption) blank(id ID) Task {
	return Task{
		OrgID: k.by.Org, ID: id, Priority: "medium", Status: TaskPending, TaskType: "general",
		CreatedAt: k.now, UpdatedAt: k.now, Version: 1,
	}
}

func (k *taskAdoption) references(p *TaskPatch) []adoptReference {
	return []adoptReference{
		{"assigned_to", RefOwner, &p.AssignedTo}, {"created_by", RefOwner, &p.CreatedBy},
		{"deal_id", refDeal, &p.DealID}, {"company_id", RefCompany, &p.CompanyID}, {"contact_id", RefContact, &p.ContactID},
	}
}

func (k *taskAdoption) take(row *AdoptRow[TaskPatch], t *Task, isNew bool, r *Rules) (left []FieldError) {
	p := row.Patch
	p.Priority, p.TaskType = orElse(p.Priority, "medium"), orElse(p.TaskType, "general")
	p.Status, p.Completed = orElse(p.Status, TaskPending), unlessNull(p.Completed)
	// Clients of that database set one of the two and left the other as it was.
	if p.Completed.Value && p.Status.Set && p.Status.Value != TaskCompleted {
		if s := p.Status.Value; s != TaskPending && s != TaskInProgress && s != TaskOverdue {
			left = append(left, FieldError{"status", s + " contradicts completed"})
		}
		p.Status = Of(TaskCompleted)
	} else if p.Completed.Set && p.Status.Set {
		p.Completed = Of(p.Status.Value == TaskCompleted)
	}
	at := k.now
	for _, known := range []Field[Instant]{row.UpdatedAt, row.CreatedAt} {
		if known.Set && !known.Null {
			at = known.Value
			break
		}
	}
	p.Apply(t, r)
	p.settle(t, isNew, at, r)
	if !t.Completed && p.CompletedAt.Set && !p.CompletedAt.Null {
		left = append(left, FieldError{"completed_at", "contradicts the status " + t.Status})
	}
	return left
}
