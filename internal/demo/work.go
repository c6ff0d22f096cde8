package demo

import (
	"context"
	"math/rand/v2"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// activityKinds are the types of activities, their frequencies and titles.
var activityKinds = []struct {
	kind  string
	share float64
	texts []string
}{
	{"email", 0.34, []string{"Sent the requested details", "Answered questions about pricing", "Shared a reference customer", "Followed up on the last call"}},
	{"call", 0.27, []string{"Talked through open points", "Left a message", "Agreed the next steps", "Asked about the budget"}},
	{"meeting", 0.17, []string{"Demo for the team", "Scoping workshop", "Review with procurement", "Introduced the project lead"}},
	{"outbound", 0.1, []string{"First contact", "Invitation to the webinar"}},
	{"note", 0.07, []string{"Prefers to be called in the morning", "Decision after the quarter ends", "A competitor is in the race"}},
	{"proposal", 0.05, []string{"Sent the proposal", "Sent a revised proposal"}},
}

// taskKinds are the types of tasks.
var taskKinds = []struct{ kind, title string }{
	{"call", "Call back"}, {"call", "Call about the offer"}, {"email", "Send the details"}, {"email", "Answer the security questionnaire"},
	{"meeting", "Prepare the meeting"}, {"meeting", "Book a workshop"}, {"follow_up", "Follow up"}, {"follow_up", "Ask for a decision"},
	{"proposal", "Write the proposal"}, {"proposal", "Revise the offer"}, {"demo", "Give a demo"}, {"general", "Update the account plan"},
}

// subject returns what an activity or a task is about: one of the plan's deals, if any.
func (g *generator) subject(r *rand.Rand) (d crm.Deal, from time.Time) {
	if g.plan.Deals == 0 {
		d.OwnerID = g.pickOwner(r)
		return d, g.start()
	}
	d = g.story(r.IntN(g.plan.Deals)).deal
	return d, d.CreatedAt.Time()
}

// idOf returns the deal's id; nil for no deal.
func idOf(d *crm.Deal) *crm.ID {
	if d.ID == (crm.ID{}) {
		return nil
	}
	return &d.ID
}

// activity generates the plan's activity i.
func (g *generator) activity(i int) crm.Activity {
	number := g.hadActivities + i
	r := g.random(kindActivity, number)
	d, from := g.subject(r)
	to := g.plan.Now
	if d.ClosedAt != nil {
		to = d.ClosedAt.Time()
	}
	date := within(r, from, to)
	a := crm.Activity{
		OrgID: g.org, ID: g.id(kindActivity, number, 0, date), Status: crm.ActivityCompleted, Date: crm.InstantOf(date),
		ContactID: d.PrimaryContactID, CompanyID: d.CompanyID, DealID: idOf(&d), OwnerID: d.OwnerID, Version: 1,
	}
	a.CreatedAt, a.UpdatedAt = a.Date, a.Date
	if d.Status == crm.StatusWon && d.Currency == g.currency && chance(r, 0.15) {
		a.Type, a.Amount, a.Quantity = "sale", d.Value, maybe(r, 1, 1)
		a.Date = *d.ClosedAt
		return a
	}
	last := len(activityKinds) - 1
	for u, k := r.Float64(), 0; k <= last; k++ {
		if u -= activityKinds[k].share; u < 0 || k == last {
			a.Type, a.Description = activityKinds[k].kind, maybe(r, 0.8, pick(r, activityKinds[k].texts))
			break
		}
	}
	switch {
	case a.Type == "proposal" && d.Currency == g.currency:
		a.Amount = d.Value
	case a.Type == "meeting" && chance(r, 0.06):
		a.Status = pick(r, []string{"cancelled", "no_show"})
	}
	a.Priority = maybe(r, 0.3, pick(r, crm.Activities.Enum("priority")))
	return a
}

// task generates the plan's task i. Most of those that are due are completed; some are
// overdue.
func (g *generator) task(i int) crm.Task {
	number := g.hadTasks + i
	r := g.random(kindTask, number)
	d, from := g.subject(r)
	created := within(r, from, g.plan.Now)
	what := pick(r, taskKinds)
	t := crm.Task{
		OrgID: g.org, ID: g.id(kindTask, number, 0, created), Title: what.title, TaskType: what.kind, Status: crm.TaskPending,
		Priority:   pick(r, []string{"low", "medium", "medium", "high", "urgent"}),
		AssignedTo: d.OwnerID, CreatedBy: d.OwnerID, DealID: idOf(&d), CompanyID: d.CompanyID, ContactID: d.PrimaryContactID,
		CreatedAt: crm.InstantOf(created), UpdatedAt: crm.InstantOf(created), Version: 1,
	}
	if d.Name != "" && chance(r, 0.5) {
		t.Description = &d.Name
	}
	due := created.Add(time.Duration(1+r.IntN(21)) * day)
	t.DueDate = maybe(r, 0.92, crm.InstantOf(working(r, due)))
	switch {
	case due.Before(g.plan.Now) && chance(r, 0.9):
		done := crm.InstantOf(within(r, created, due))
		t.Status, t.Completed, t.CompletedAt, t.UpdatedAt = crm.TaskCompleted, true, &done, done
	case chance(r, 0.04):
		t.Status = "cancelled"
	case chance(r, 0.25):
		t.Status = crm.TaskInProgress
	}
	return t
}

func (g *generator) writeActivities(ctx context.Context, tx bulk.Tx, from, to int) error {
	return tx.Activities().Insert(ctx, rows(from, to, g.activity))
}

func (g *generator) writeTasks(ctx context.Context, tx bulk.Tx, from, to int) error {
	return tx.Tasks().Insert(ctx, rows(from, to, g.task))
}
