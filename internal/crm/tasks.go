package crm

import (
	"context"
	"slices"
)

// overdueFrom returns the first instant at which an open task is overdue: when its due day has
// ended, or just after its due instant. A due date of exactly midnight UTC is a day.
func overdueFrom(due Instant) Instant {
	if due == due.Midnight() {
		return due + oneDay
	}
	return due + 1
}

// StatusAt returns the status that a task is shown with at a time: overdue, or the one that is
// stored.
func (t *Task) StatusAt(now Instant) string {
	if t.isOpen() && t.DueDate != nil && overdueFrom(*t.DueDate) <= now {
		return TaskOverdue
	}
	return t.Status
}

func (t *Task) isOpen() bool { return t.Status == TaskPending || t.Status == TaskInProgress }

// show sets the status that a task is shown with, until it becomes overdue.
func (t *Task) show(ctx context.Context, now Instant) {
	if t.isOpen() && t.DueDate != nil && now < overdueFrom(*t.DueDate) {
		ValidUntil(ctx, overdueFrom(*t.DueDate))
	}
	t.Status = t.StatusAt(now)
}

// Tasks lists tasks, each with the status that it is shown with. The filter's Now is
// the clock's.
func (s *Service) Tasks(ctx context.Context, by Actor, q List[TaskFilter]) (Page[Task], error) {
	now, reads := s.clock(), s.store.Reads(by)
	q.Filter.Now = now
	if q.Filter.dependsOnTime() {
		// A task that is not on the page may become overdue, and enter it.
		ValidUntil(ctx, now.NextMidnight())
		due, ok, err := reads.NextDue(ctx, by.Org, now)
		if err != nil {
			return Page[Task]{}, err
		}
		if ok {
			ValidUntil(ctx, due+1)
		}
	}
	page, err := reads.Tasks().Page(ctx, by.Org, q)
	for i := range page.Rows {
		page.Rows[i].show(ctx, now)
	}
	return page, err
}

// dependsOnTime reports whether tasks enter or leave the list by the clock.
func (f *TaskFilter) dependsOnTime() bool {
	return slices.ContainsFunc(f.Status.Values, func(status string) bool {
		return status == TaskOverdue || status == TaskPending || status == TaskInProgress
	})
}

// Task reads one task, with the status that it is shown with.
func (s *Service) Task(ctx context.Context, by Actor, id ID) (Task, error) {
	now := s.clock()
	t, err := GetOne(ctx, s.store.Reads(by).Tasks(), by.Org, id, "task")
	t.show(ctx, now)
	return t, err
}

// CreateTask creates a task: pending, of medium priority, made by the actor and
// assigned to them, unless the patch says otherwise.
func (s *Service) CreateTask(ctx context.Context, by Actor, p TaskPatch) (Task, error) {
	now := s.clock()
	initial := NewTask(by, NewID(), now)
	initial.AssignedTo, initial.CreatedBy = by.UserID(), by.UserID()
	out, err := taskWrites.create(ctx, s, by, now, initial, p)
	out.Status = out.StatusAt(now)
	return out, err
}

// NewTask returns a pending task with no other values yet.
func NewTask(by Actor, id ID, now Instant) Task {
	return Task{
		OrgID: by.Org, ID: id, Priority: "medium", Status: TaskPending, TaskType: "general",
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// UpdateTask changes the members that the patch holds.
func (s *Service) UpdateTask(ctx context.Context, by Actor, id ID, expected VersionCondition, p TaskPatch) (Task, error) {
	now := s.clock()
	out, err := taskWrites.update(ctx, s, by, now, id, expected, p)
	out.Status = out.StatusAt(now)
	return out, err
}

// DeleteTask hides a task.
func (s *Service) DeleteTask(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return taskWrites.delete(ctx, s, by, id, expected)
}

// RestoreTask shows a deleted task again.
func (s *Service) RestoreTask(ctx context.Context, by Actor, id ID) (Task, error) {
	out, err := taskWrites.restore(ctx, s, by, id)
	out.Status = out.StatusAt(s.clock())
	return out, err
}

var taskWrites = writes[Task, TaskPatch]{
	what: "task", table: Tx.Tasks, apply: TaskPatch.Apply,
	settle: TaskPatch.Settle, check: (*checks).task,
	permit: Actor.checkWriteTask,
	stamps: func(t *Task) (*Instant, *int64) { return &t.UpdatedAt, &t.Version },
	keys:   func(t *Task) []uniqueValue { return []uniqueValue{{KeyExternalID, t.ExternalID}} },
}

func (c *checks) task(before, after Task) {
	exists(c, "assigned_to", changed(before.AssignedTo, after.AssignedTo), c.tx.Owners(), "an owner")
	exists(c, "created_by", changed(before.CreatedBy, after.CreatedBy), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	exists(c, "contact_id", changed(before.ContactID, after.ContactID), c.tx.Contacts(), "a contact")
	exists(c, "deal_id", changed(before.DealID, after.DealID), c.tx.Deals(), "a deal")
}
