package crm

import (
	"slices"
	"strings"
)

// The rules of what a team does and is to do: activities and tasks.

// The values of their enumerated members.
var (
	activityTypes    = []string{"outbound", "meeting", "proposal", "sale", "call", "email", "note"}
	activityStatuses = []string{"pending", ActivityCompleted, "cancelled", "no_show"}
	taskPriorities   = []string{"low", "medium", "high", "urgent"}
	taskStatuses     = []string{TaskPending, TaskInProgress, TaskCompleted, "cancelled", TaskOverdue}
	taskTypes        = []string{"call", "email", "meeting", "follow_up", "proposal", "demo", "general"}
)

// maxQuantity is the most things that one activity counts.
const maxQuantity = 1_000_000

func (p ActivityPatch) apply(a *Activity, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.need("type", p.Type, &a.Type, oneOf(activityTypes))
	r.need("status", p.Status, &a.Status, oneOf(activityStatuses))
	r.text("priority", p.Priority, &a.Priority, oneOf(priorities))
	r.text("description", p.Description, &a.Description, longRule)
	r.amount("amount", p.Amount, &a.Amount)
	r.count("quantity", p.Quantity, &a.Quantity, maxQuantity)
	r.text("external_id", p.ExternalID, &a.ExternalID, shortRule)
	if p.Date.Set && p.Date.Null {
		r.add("date", "must not be null")
	} else if p.Date.Set {
		a.Date = Instant(p.Date.Value)
	}
	value(p.ContactID, &a.ContactID)
	value(p.CompanyID, &a.CompanyID)
	value(p.DealID, &a.DealID)
	value(p.OwnerID, &a.OwnerID)
}

// count applies a number of things, which may be cleared.
func (r *rules) count(field string, f Field[int], dst **int, most int) {
	if f.Set && !f.Null && (f.Value < 0 || f.Value > most) {
		r.add(field, "must be between 0 and %d", most)
		return
	}
	value(f, dst)
}

// apply applies everything of a task that has no rule across members; what status,
// completed and completed_at do to each other is settle's.
func (p TaskPatch) apply(t *Task, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	p.Title.Value = cleanSpace(p.Title.Value)
	r.need("title", p.Title, &t.Title, nameRule)
	r.text("description", p.Description, &t.Description, longRule)
	r.text("notes", p.Notes, &t.Notes, longRule)
	r.need("priority", p.Priority, &t.Priority, oneOf(taskPriorities))
	r.need("task_type", p.TaskType, &t.TaskType, oneOf(taskTypes))
	if p.DueDate.Set {
		t.DueDate = nil
		if !p.DueDate.Null {
			due := Instant(p.DueDate.Value)
			t.DueDate = &due
		}
	}
	value(p.AssignedTo, &t.AssignedTo)
	value(p.CreatedBy, &t.CreatedBy)
	value(p.DealID, &t.DealID)
	value(p.CompanyID, &t.CompanyID)
	value(p.ContactID, &t.ContactID)
}

// settle makes status, completed and completed_at agree: a task is completed exactly
// while its status says so, from completed_at if that is given and else from now.
// Clients send tasks back as they were shown: overdue then means open as before, and
// of status and completed the one that differs from what is stored decides. If both
// do, they must agree.
func (p TaskPatch) settle(t *Task, isNew bool, now Instant, r *rules) {
	status := t.Status
	if p.Status.Set {
		switch {
		case p.Status.Null || !slices.Contains(taskStatuses, p.Status.Value):
			r.add("status", "must be one of %s", strings.Join(taskStatuses, ", "))
			return
		case p.Status.Value != TaskOverdue:
			status = p.Status.Value
		case status != TaskInProgress:
			status = TaskPending
		}
	}
	completed := p.Completed.Value && !p.Completed.Null
	if p.Completed.Set && completed != (status == TaskCompleted) {
		statusDecides := p.Status.Set && (isNew || status != t.Status)
		completedDecides := isNew || completed != t.Completed
		switch {
		case statusDecides && completedDecides:
			r.add("completed", "must be %t with the status %s", !completed, p.Status.Value)
			return
		case completedDecides && completed:
			status = TaskCompleted
		case completedDecides:
			status = TaskPending
		}
	}
	was := t.Completed
	t.Status, t.Completed = status, status == TaskCompleted
	switch {
	case !t.Completed:
		t.CompletedAt = nil
	case p.CompletedAt.Set && !p.CompletedAt.Null:
		at := p.CompletedAt.Value
		t.CompletedAt = &at
	case !was || t.CompletedAt == nil:
		t.CompletedAt = &now
	}
}
