package crm

import (
	"slices"
	"strings"
)

// The statuses of a task that rules speak of.
const (
	TaskPending    = "pending"
	TaskInProgress = "in_progress"
	TaskCompleted  = "completed"
	TaskOverdue    = "overdue" // shown, not stored: an open task that is late
)

// Task is an action that a person is to take.
type Task struct {
	OrgID       ID       `json:"-"`
	ID          ID       `json:"id"`
	Title       string   `json:"title"`
	Description *string  `json:"description"`
	Notes       *string  `json:"notes"`
	DueDate     *Instant `json:"due_date" doc:"A date without a time is read as its midnight in UTC; exactly midnight means that day."`
	Completed   bool     `json:"completed" doc:"The status is completed: each sets the other."`
	CompletedAt *Instant `json:"completed_at"`
	Priority    string   `json:"priority" enum:"low,medium,high,urgent"`
	Status      string   `json:"status" enum:"pending,in_progress,completed,cancelled,overdue" doc:"overdue is what an open task is shown as once its due day has ended, or its due instant has passed; sent, it leaves the task as open as it was."`
	TaskType    string   `json:"task_type" enum:"call,email,meeting,follow_up,proposal,demo,general"`
	AssignedTo  *ID      `json:"assigned_to"`
	CreatedBy   *ID      `json:"created_by"`
	DealID      *ID      `json:"deal_id"`
	CompanyID   *ID      `json:"company_id"`
	ContactID   *ID      `json:"contact_id"`
	CreatedAt   Instant  `json:"created_at"`
	UpdatedAt   Instant  `json:"updated_at"`

	ExternalID *string `json:"-"` // of imports
	Version    int64   `json:"-"`
}

// TaskPatch holds the members of a task that a client may write.
type TaskPatch struct {
	Title       Field[string] `json:"title"`
	Description Field[string] `json:"description"`
	Notes       Field[string] `json:"notes"`
	DueDate     Field[Moment] `json:"due_date"`
	Completed   Field[bool]   `json:"completed"`
	CompletedAt Field[Moment] `json:"completed_at"`
	Priority    Field[string] `json:"priority"`
	Status      Field[string] `json:"status"`
	TaskType    Field[string] `json:"task_type"`
	AssignedTo  Field[ID]     `json:"assigned_to"`
	CreatedBy   Field[ID]     `json:"created_by"`
	DealID      Field[ID]     `json:"deal_id"`
	CompanyID   Field[ID]     `json:"company_id"`
	ContactID   Field[ID]     `json:"contact_id"`

	ExternalID   Field[string] `json:"-"`
	DecodeErrors DecodeErrors  `json:"-"`
}

// TaskFilter narrows tasks; nil members do not.
type TaskFilter struct {
	AssignedTo OneOf[ID]
	ContactID  OneOf[ID]
	CompanyID  OneOf[ID]
	DealID     OneOf[ID]
	Priority   OneOf[string]
	DueBefore  *Span         // due strictly before
	DueAfter   *Span         // due strictly after
	Status     OneOf[string] // as shown at Now
	Now        Instant       // what is overdue is judged by
}

// Tasks declares tasks.
var Tasks = Declare(Entity[Task, TaskPatch, TaskFilter]{
	Name:         EntityTask,
	DecodeErrors: func(p *TaskPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Task, TaskPatch]{
		{Name: "org_id", At: func(t *Task, _ *TaskPatch) (any, any) { return &t.OrgID, nil }},
		{Name: "id", At: func(t *Task, _ *TaskPatch) (any, any) { return &t.ID, nil }},
		{Name: "title", Rule: nameRule, At: func(t *Task, p *TaskPatch) (any, any) { return &t.Title, &p.Title }},
		{Name: "description", Rule: longRule, At: func(t *Task, p *TaskPatch) (any, any) { return &t.Description, &p.Description }},
		{Name: "notes", Rule: longRule, At: func(t *Task, p *TaskPatch) (any, any) { return &t.Notes, &p.Notes }},
		{Name: "due_date", At: func(t *Task, p *TaskPatch) (any, any) { return &t.DueDate, &p.DueDate }},
		{Name: "completed", Settled: true, At: func(t *Task, p *TaskPatch) (any, any) { return &t.Completed, &p.Completed }},
		{Name: "completed_at", Settled: true, At: func(t *Task, p *TaskPatch) (any, any) { return &t.CompletedAt, &p.CompletedAt }},
		{Name: "priority", At: func(t *Task, p *TaskPatch) (any, any) { return &t.Priority, &p.Priority }},
		{Name: "status", Settled: true, At: func(t *Task, p *TaskPatch) (any, any) { return &t.Status, &p.Status }},
		{Name: "task_type", At: func(t *Task, p *TaskPatch) (any, any) { return &t.TaskType, &p.TaskType }},
		{Name: "assigned_to", At: func(t *Task, p *TaskPatch) (any, any) { return &t.AssignedTo, &p.AssignedTo }},
		{Name: "created_by", At: func(t *Task, p *TaskPatch) (any, any) { return &t.CreatedBy, &p.CreatedBy }},
		{Name: "deal_id", At: func(t *Task, p *TaskPatch) (any, any) { return &t.DealID, &p.DealID }},
		{Name: "company_id", At: func(t *Task, p *TaskPatch) (any, any) { return &t.CompanyID, &p.CompanyID }},
		{Name: "contact_id", At: func(t *Task, p *TaskPatch) (any, any) { return &t.ContactID, &p.ContactID }},
		{Name: "created_at", At: func(t *Task, _ *TaskPatch) (any, any) { return &t.CreatedAt, nil }},
		{Name: "updated_at", At: func(t *Task, _ *TaskPatch) (any, any) { return &t.UpdatedAt, nil }},
		{Name: "external_id", Rule: shortRule, At: func(t *Task, p *TaskPatch) (any, any) { return &t.ExternalID, &p.ExternalID }},
		{Name: "version", At: func(t *Task, _ *TaskPatch) (any, any) { return &t.Version, nil }},
	},
	Filters: []Filter[Task, TaskFilter]{
		{Name: "assignedTo", Property: "assigned_to", Doc: "Only tasks that are assigned to this person.", At: func(f *TaskFilter) any { return &f.AssignedTo }},
		{Name: "status", Property: "status", Doc: "Only tasks that are shown with this status.", At: func(f *TaskFilter) any { return &f.Status },
			Match: func(t *Task, f *TaskFilter) bool { return f.Status.Has(new(t.StatusAt(f.Now))) }},
		{Name: "priority", Property: "priority", Doc: "Only tasks of this priority.", At: func(f *TaskFilter) any { return &f.Priority }},
		{Name: "contactId", Property: "contact_id", Doc: "Only tasks about this contact.", At: func(f *TaskFilter) any { return &f.ContactID }},
		{Name: "companyId", Property: "company_id", Doc: "Only tasks about this company.", At: func(f *TaskFilter) any { return &f.CompanyID }},
		{Name: "dealId", Property: "deal_id", Doc: "Only tasks about this deal.", At: func(f *TaskFilter) any { return &f.DealID }},
		{Name: "dueBefore", Property: "due_date", NotBelow: "dueAfter", Doc: "Only tasks that are due before this UTC day, or instant.", At: func(f *TaskFilter) any { return &f.DueBefore },
			Match: func(t *Task, f *TaskFilter) bool { return t.DueDate != nil && *t.DueDate < f.DueBefore.First }},
		{Name: "dueAfter", Property: "due_date", Doc: "Only tasks that are due after this UTC day, or instant.", At: func(f *TaskFilter) any { return &f.DueAfter },
			Match: func(t *Task, f *TaskFilter) bool { return t.DueDate != nil && *t.DueDate > f.DueAfter.Last }},
	},
	Sorts: Sorts{[]string{"updated_at", "created_at", "title", "due_date"}, Sort{"updated_at", true}},
})

// Apply applies the patch by the rules of each member.
func (p TaskPatch) Apply(t *Task, r *Rules) { Tasks.Apply(&p, t, r) }

// Settle makes status, completed and completed_at agree: a task is completed exactly
// while its status says so, from completed_at if that is given and else from now.
// Clients send tasks back as they were shown: overdue then means open as before, and
// of status and completed the one that differs from what is stored decides. If both
// do, they must agree. A task that is not completed has no completed_at, though it may be
// sent back as it was.
func (p TaskPatch) Settle(t *Task, isNew bool, now Instant, r *Rules) {
	status := t.Status
	if p.Status.Set {
		switch {
		case p.Status.Null || !slices.Contains(Tasks.Enum("status"), p.Status.Value):
			r.Add("status", "must be one of %s", strings.Join(Tasks.Enum("status"), ", "))
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
			r.Add("completed", "must be %t with the status %s", !completed, p.Status.Value)
			return
		case completedDecides && completed:
			status = TaskCompleted
		case completedDecides:
			status = TaskPending
		}
	}
	was, at := t.Completed, t.CompletedAt
	t.Status, t.Completed = status, status == TaskCompleted
	switch {
	case !t.Completed:
		t.CompletedAt = nil
		r.without("completed_at", p.CompletedAt, at, "a task that is not completed has none")
	case p.CompletedAt.Set && !p.CompletedAt.Null:
		at := Instant(p.CompletedAt.Value)
		t.CompletedAt = &at
	case !was || t.CompletedAt == nil:
		t.CompletedAt = &now
	}
}
