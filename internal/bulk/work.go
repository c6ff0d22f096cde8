package bulk

import "sixty/internal/crm"

// unlessNull returns a member that cannot be cleared: null is read as absent.
func unlessNull[V any](f crm.Field[V]) crm.Field[V] {
	if f.Null {
		return crm.Field[V]{}
	}
	return f
}

// orElse returns a member that cannot be cleared: null is read as the default.
func orElse[V any](f crm.Field[V], usual V) crm.Field[V] {
	if f.Null {
		return crm.Of(usual)
	}
	return f
}

// activityKind is the kind of activities.
type activityKind struct {
	plainKind[crm.Activity, crm.ActivityPatch]
}

func newActivities(b *batchTx) kind[crm.Activity, crm.ActivityPatch] {
	return activityKind{plainKind[crm.Activity, crm.ActivityPatch]{b, activities}}
}

func (k activityKind) row(row *ImportRow[crm.ActivityPatch], a *crm.Activity, isNew bool, r *crm.Rules) {
	p := row.Patch
	k.refer(row, &p, r)
	if isNew && !p.Date.Set && row.CreatedAt.Set {
		a.Date = row.CreatedAt.Value // the best guess of when it was
	}
	p.Apply(a, r)
}

func (k activityKind) take(row *AdoptRow[crm.ActivityPatch], a *crm.Activity, isNew bool, r *crm.Rules) []crm.FieldError {
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

// taskKind is the kind of tasks.
type taskKind struct {
	plainKind[crm.Task, crm.TaskPatch]
}

func newTasks(b *batchTx) kind[crm.Task, crm.TaskPatch] {
	return taskKind{plainKind[crm.Task, crm.TaskPatch]{b, tasks}}
}

func (k taskKind) row(row *ImportRow[crm.TaskPatch], t *crm.Task, isNew bool, r *crm.Rules) {
	p, at := row.Patch, k.now
	k.refer(row, &p, r)
	if isNew {
		t.AssignedTo, t.CreatedBy = k.by.UserID(), k.by.UserID()
		at = lastChange(row.UpdatedAt, row.CreatedAt, at)
	}
	if p.Apply(t, r); len(r.Bad) == 0 {
		p.Settle(t, isNew, at, r)
	}
}

// lastChange returns the best guess of when a record was changed last.
func lastChange(updated, created crm.Field[crm.Instant], now crm.Instant) crm.Instant {
	for _, known := range []crm.Field[crm.Instant]{updated, created} {
		if known.Set && !known.Null {
			return known.Value
		}
	}
	return now
}

func (k taskKind) take(row *AdoptRow[crm.TaskPatch], t *crm.Task, isNew bool, r *crm.Rules) (left []crm.FieldError) {
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
	at := lastChange(row.UpdatedAt, row.CreatedAt, k.now)
	p.Apply(t, r)
	completed := p.CompletedAt
	p.CompletedAt = crm.Field[crm.Moment]{}
	before := *t
	if p.Settle(t, isNew, at, r); !t.Completed {
		if completed.Set && !completed.Null {
			left = append(left, crm.FieldError{Field: "completed_at", Message: "contradicts the status " + t.Status})
		}
		return left
	}
	*t, p.CompletedAt = before, completed
	p.Settle(t, isNew, at, r)
	return left
}
