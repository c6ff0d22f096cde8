package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

func (a *API) tasks() *resource[crm.Task, crm.TaskFilter, crm.TaskPatch] {
	return &resource[crm.Task, crm.TaskFilter, crm.TaskPatch]{
		one: "task", many: "tasks", name: "Task", names: "Tasks", tag: "Tasks",
		paths: []string{"/api/tasks"},
		tier:  cache.Frequent, of: []string{crm.EntityTask},
		pager:    newPager(a, "tasks", crm.Tasks.Sorts, restorable(crm.Tasks), a.Service.Tasks),
		body:     newRecordReader(crm.Tasks, reflect.TypeFor[crm.Task]()),
		limit:    limitsOf(crm.Tasks),
		required: []string{"title"},
		defaults: "Defaults: the priority is medium, the status pending, the type general; the task is created by and assigned to the caller.",
		example:  exampleTask(),
		key:      func(t *crm.Task) (crm.ID, int64) { return t.ID, t.Version },
		read:     a.Service.Task,
		create:   a.Service.CreateTask,
		update:   a.Service.UpdateTask,
		remove:   a.Service.DeleteTask,
		restore:  a.Service.RestoreTask,
		write:    appendTask,
		view:     reflect.TypeFor[crm.Task](),
	}
}

func appendTask(b []byte, t *crm.Task) []byte {
	b = appendID(append(b, `{"id":`...), t.ID)
	b = appendString(append(b, `,"title":`...), t.Title)
	b = appendText(append(b, `,"description":`...), t.Description)
	b = appendText(append(b, `,"notes":`...), t.Notes)
	b = appendOptional(append(b, `,"due_date":`...), t.DueDate, appendInstant)
	b = appendBool(append(b, `,"completed":`...), t.Completed)
	b = appendOptional(append(b, `,"completed_at":`...), t.CompletedAt, appendInstant)
	b = appendString(append(b, `,"priority":`...), t.Priority)
	b = appendString(append(b, `,"status":`...), t.Status)
	b = appendString(append(b, `,"task_type":`...), t.TaskType)
	b = appendOptional(append(b, `,"assigned_to":`...), t.AssignedTo, appendID)
	b = appendOptional(append(b, `,"created_by":`...), t.CreatedBy, appendID)
	b = appendOptional(append(b, `,"deal_id":`...), t.DealID, appendID)
	b = appendOptional(append(b, `,"company_id":`...), t.CompanyID, appendID)
	b = appendOptional(append(b, `,"contact_id":`...), t.ContactID, appendID)
	return appendTimes(b, t.CreatedAt, t.UpdatedAt)
}

// contactTasks returns the operation that lists a contact's tasks.
func (a *API) contactTasks() operation {
	a.schemas.record("FollowUp", reflect.TypeFor[crm.FollowUp]())
	return subresourceOf("contact", operation{
		method: http.MethodGet, path: "/api/contacts/{id}/tasks", id: "listContactTasks", tag: "Contacts",
		caching: server.Cached(cache.Frequent, crm.EntityContact, crm.EntityTask, crm.EntityActivity, crm.EntityDeal),
		summary: "List a contact's tasks and follow-ups",
		description: "Its tasks, a follow-up 3 days after each activity of its last 30 days, and one 7 days after each of its deals " +
			"that is not lost was last changed; by due date, newest first, at most 10.",
		answer: a.schemas.list("FollowUp"),
		forID: func(c *call, id crm.ID) error {
			rows, err := a.Service.ContactTasks(c.Context, c.Actor, id)
			return answerAll(c, rows, err, appendFollowUp)
		},
	})
}

func appendFollowUp(b []byte, f *crm.FollowUp) []byte {
	b = appendString(append(b, `{"source":`...), f.Source)
	b = appendID(append(b, `,"id":`...), f.ID)
	b = appendString(append(b, `,"title":`...), f.Title)
	b = appendText(append(b, `,"description":`...), f.Description)
	b = appendString(append(b, `,"priority":`...), f.Priority)
	b = appendOptional(append(b, `,"due_date":`...), f.DueDate, appendInstant)
	return append(appendBool(append(b, `,"completed":`...), f.Completed), '}')
}
