package crm

import "context"

// StatusAt is the status that a task is shown with at a time: overdue while it is
// open and its due date has passed, else the one that is kept.
func (t *Task) StatusAt(now Instant) string {
	open := t.Status == TaskPending || t.Status == TaskInProgress
	if open && t.DueDate != nil && *t.DueDate < now {
		return TaskOverdue
	}
	return t.Status
}

// Tasks lists tasks, each with the status that it is shown with. The filter's Now is
// the clock's.
func (s *Service) Tasks(ctx context.Context, by Actor, q List[TaskFilter]) (Page[Task], error) {
	now := s.clock()
	q.Filter.Now = now
	page, err := s.store.Reads(by).Tasks().Page(ctx, by.Org, q)
	for i := range page.Rows {
		page.Rows[i].Status = page.Rows[i].StatusAt(now)
	}
	return page, err
}

// Task reads one task, with the status that it is shown with.
func (s *Service) Task(ctx context.Context, by Actor, id ID) (Task, error) {
	t, err := GetOne(ctx, s.store.Reads(by).Tasks(), by.Org, id, "task")
	t.Status = t.StatusAt(s.clock())
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

var taskWrites = writes[Task, TaskPatch]{
	what: "task", table: Tx.Tasks, apply: TaskPatch.Apply,
	settle: TaskPatch.Settle, check: (*checks).task,
	permit: Actor.checkWriteTask,
	stamps: func(t *Task) (*Instant, *int64) { return &t.UpdatedAt, &t.Version },
}

func (c *checks) task(before, after Task) {
	exists(c, "assigned_to", changed(before.AssignedTo, after.AssignedTo), c.tx.Owners(), "an owner")
	exists(c, "created_by", changed(before.CreatedBy, after.CreatedBy), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	exists(c, "contact_id", changed(before.ContactID, after.ContactID), c.tx.Contacts(), "a contact")
	exists(c, "deal_id", changed(before.DealID, after.DealID), c.tx.Deals(), "a deal")
}
