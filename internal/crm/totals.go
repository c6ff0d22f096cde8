package crm

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"
)

// Tally counts deals and sums their values.
type Tally struct {
	Deals int64
	Value []Sum // by currency, ascending
}

// Add adds deals whose values are all in one currency. Currencies must come in
// ascending order.
func (t *Tally) Add(deals int64, value Sum) {
	t.Deals += deals
	if n := len(t.Value); n > 0 && t.Value[n-1].Currency == value.Currency {
		t.Value[n-1].Amount += value.Amount
		return
	}
	t.Value = append(t.Value, value)
}

// DealTotals are the numbers over the deals of one company or contact.
type DealTotals struct{ All, Open, Won, Lost Tally }

// CompanyTotals are all numbers of one company.
type CompanyTotals struct {
	Contacts     int64
	Deals        DealTotals
	LastActivity *Instant // when the latest of its completed activities was
}

// ContactTotals are all numbers of one contact.
type ContactTotals struct {
	Meetings, Emails, Calls int64
	Deals                   DealTotals // that the contact is on, as primary or further one
}

// The points of an engagement score.
const (
	meetingPoints = 15
	emailPoints   = 5
	callPoints    = 10
	maxEngagement = 100
)

// Engagement scores how much there has been to do with the contact, from 0 to 100.
func (t ContactTotals) Engagement() int64 {
	return min(maxEngagement, meetingPoints*t.Meetings+emailPoints*t.Emails+callPoints*t.Calls)
}

// CompanyTotals returns all numbers of a company.
func (s *Service) CompanyTotals(ctx context.Context, by Actor, id ID) (CompanyTotals, error) {
	if _, err := s.Company(ctx, by, id); err != nil {
		return CompanyTotals{}, err
	}
	return s.store.Reads(by).CompanyTotals(ctx, by.Org, id)
}

// ContactTotals returns all numbers of a contact.
func (s *Service) ContactTotals(ctx context.Context, by Actor, id ID) (ContactTotals, error) {
	if _, err := s.Contact(ctx, by, id); err != nil {
		return ContactTotals{}, err
	}
	return s.store.Reads(by).ContactTotals(ctx, by.Org, id)
}

// FollowUp is an action due for a contact: a task, or what an activity or a deal requires.
type FollowUp struct {
	Source      string   `json:"source" enum:"task,activity,deal" doc:"What it is, or comes from."`
	ID          ID       `json:"id" doc:"The id of that task, activity or deal."`
	Title       string   `json:"title"`
	Description *string  `json:"description"`
	Priority    string   `json:"priority" enum:"low,medium,high,urgent" schema:"TaskPriority"`
	DueDate     *Instant `json:"due_date"`
	Completed   bool     `json:"completed"`
}

// The sources of follow-ups.
const (
	fromTask     = "task"
	fromActivity = "activity"
	fromDeal     = "deal"
)

// When and how urgently one follows up.
const (
	followActivity = 3 * oneDay  // after it was
	activitiesFor  = 30 * oneDay // they call for it
	followDeal     = 7 * oneDay  // after its last change

	highValue   Money = 10_000_00 // of a deal, above which it is of high priority
	mediumValue Money = 5_000_00

	maxFollowUps = 10
)

// ContactTasks returns the follow-ups of a contact, by due date, the newest first and those
// without one last; of equal ones tasks before activities before deals. There are at most 10:
// the contact's tasks, a follow-up on each activity of its last 30 days, and one on each of
// its deals that is not lost.
func (s *Service) ContactTasks(ctx context.Context, by Actor, contact ID) ([]FollowUp, error) {
	if _, err := s.Contact(ctx, by, contact); err != nil {
		return nil, err
	}
	now, reads := s.clock(), s.store.Reads(by)
	var all []FollowUp
	// Of each source the newest ten are enough.
	tasks, err := reads.Tasks().Page(ctx, by.Org, List[TaskFilter]{
		Filter: TaskFilter{ContactID: Only(contact)}, Sort: Sort{"due_date", true}, Limit: maxFollowUps,
	})
	if err != nil {
		return nil, err
	}
	for _, t := range tasks.Rows {
		all = append(all, FollowUp{fromTask, t.ID, t.Title, t.Description, t.Priority, t.DueDate, t.Completed})
	}
	activities, err := reads.Activities().Page(ctx, by.Org, List[ActivityFilter]{
		Filter: ActivityFilter{ContactID: Only(contact)}, Sort: Sort{"date", true}, Limit: maxFollowUps,
		From: &Position{Number: int64(now), ID: uuid.Max, Inclusive: true},
	})
	if err != nil {
		return nil, err
	}
	for _, a := range activities.Rows {
		if a.Date >= now-activitiesFor {
			all = append(all, a.followUp())
			ValidUntil(ctx, a.Date+activitiesFor+1)
		}
	}
	next, err := reads.Activities().Page(ctx, by.Org, List[ActivityFilter]{
		Filter: ActivityFilter{ContactID: Only(contact)}, Sort: Sort{"date", false}, Limit: 1, From: &Position{Number: int64(now), ID: uuid.Max},
	})
	if err != nil {
		return nil, err
	}
	if len(next.Rows) > 0 {
		ValidUntil(ctx, next.Rows[0].Date)
	}
	for _, status := range []string{StatusActive, StatusWon} {
		deals, err := reads.Deals().Page(ctx, by.Org, List[DealFilter]{
			Filter: DealFilter{ContactID: Only(contact), Status: Only(status)}, Sort: Deals.Sorts.Default, Limit: maxFollowUps,
		})
		if err != nil {
			return nil, err
		}
		for _, d := range deals.Rows {
			all = append(all, d.followUp())
		}
	}
	slices.SortStableFunc(all, newestDueFirst)
	return all[:min(len(all), maxFollowUps)], nil
}

func newestDueFirst(a, b FollowUp) int {
	switch {
	case a.DueDate == nil && b.DueDate == nil:
		return 0
	case a.DueDate == nil:
		return 1
	case b.DueDate == nil:
		return -1
	}
	return cmp.Compare(*b.DueDate, *a.DueDate)
}

func (a Activity) followUp() FollowUp {
	due, priority := a.Date+followActivity, "medium"
	if a.Priority != nil {
		priority = *a.Priority
	}
	return FollowUp{fromActivity, a.ID, "Follow up on " + a.Type, a.Description, priority, &due, false}
}

func (d Deal) followUp() FollowUp {
	due, priority := d.UpdatedAt+followDeal, "low"
	switch {
	case d.Value == nil:
	case *d.Value > highValue:
		priority = "high"
	case *d.Value > mediumValue:
		priority = "medium"
	}
	return FollowUp{fromDeal, d.ID, "Follow up on deal: " + d.Name, d.NextSteps, priority, &due, false}
}
