package crm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActivityRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", MaxTextLength+1)
	for name, c := range map[string]struct {
		patch ActivityPatch
		bad   string
	}{
		"OK":              {ActivityPatch{Type: Of("call")}, ""},
		"TypeMissing":     {ActivityPatch{}, "type"},
		"TypeUnknown":     {ActivityPatch{Type: Of("visit")}, "type"},
		"StatusNull":      {ActivityPatch{Type: Of("call"), Status: Null[string]()}, "status"},
		"QuantityMost":    {ActivityPatch{Type: Of("call"), Quantity: Of(maxQuantity)}, ""},
		"QuantityTooMany": {ActivityPatch{Type: Of("call"), Quantity: Of(maxQuantity + 1)}, "quantity"},
		"QuantityCleared": {ActivityPatch{Type: Of("call"), Quantity: Null[int]()}, ""},
		"EverythingAtOnce": {ActivityPatch{Type: Null[string](), Status: Of("won"), Priority: Of("urgent"), Description: Of(long),
			Amount: Of(Money(-1)), Quantity: Of(-1), Date: Null[Moment]()}, "type status priority description amount quantity date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := NewActivity(Actor{}, NewID(), 5)
			var r Rules
			c.patch.Apply(&a, &r)
			if got := fieldsOf(r.Err()); got != c.bad {
				t.Errorf("complaints about %q, want %q", got, c.bad)
			}
		})
	}
}

func TestTaskRules(t *testing.T) {
	t.Parallel()
	var r Rules
	var task Task
	p := TaskPatch{Priority: Of("top"), TaskType: Of("visit"), Notes: Of("a\x00b")}
	p.Apply(&task, &r)
	if got := fieldsOf(r.Err()); got != "title notes priority task_type" {
		t.Errorf("complaints about %q", got)
	}
	r = Rules{}
	due, _ := ParseMoment("2026-01-31")
	TaskPatch{Title: Of(" Call  back "), DueDate: Of(due), Priority: Of("urgent"), TaskType: Of("call")}.Apply(&task, &r)
	if r.Err() != nil || task.Title != "Call back" || task.DueDate.String() != "2026-01-31T00:00:00.000000Z" {
		t.Errorf("%v, %+v", r.Err(), task)
	}
}

// TestSettleTask is the table of what status, completed and completed_at do to each
// other.
func TestSettleTask(t *testing.T) {
	t.Parallel()
	const now, earlier, given = Instant(1000), Instant(500), Instant(700)
	for name, c := range map[string]struct {
		status string // before, completed ones since earlier; "": a new task
		patch  TaskPatch
		want   string
		done   Instant // 0: not
		bad    string
	}{
		"Nothing":                 {TaskInProgress, TaskPatch{}, TaskInProgress, 0, ""},
		"NothingOfCompleted":      {TaskCompleted, TaskPatch{}, TaskCompleted, earlier, ""},
		"Completed":               {TaskPending, TaskPatch{Completed: Of(true)}, TaskCompleted, now, ""},
		"CompletedWithTime":       {TaskPending, TaskPatch{Completed: Of(true), CompletedAt: Of(Moment(given))}, TaskCompleted, given, ""},
		"StatusCompleted":         {TaskInProgress, TaskPatch{Status: Of(TaskCompleted)}, TaskCompleted, now, ""},
		"CompletedAgain":          {TaskCompleted, TaskPatch{Completed: Of(true)}, TaskCompleted, earlier, ""},
		"TimeOfCompleted":         {TaskCompleted, TaskPatch{CompletedAt: Of(Moment(given))}, TaskCompleted, given, ""},
		"NullTimeOfCompleted":     {TaskCompleted, TaskPatch{CompletedAt: Null[Moment]()}, TaskCompleted, earlier, ""},
		"TimeOfOpen":              {TaskPending, TaskPatch{CompletedAt: Of(Moment(given))}, "", 0, "completed_at"},
		"TimeOfReopened":          {TaskCompleted, TaskPatch{Completed: Of(false), CompletedAt: Of(Moment(given))}, "", 0, "completed_at"},
		"SentBackTimeOfReopened":  {TaskCompleted, TaskPatch{Completed: Of(false), CompletedAt: Of(Moment(earlier))}, TaskPending, 0, ""},
		"NotCompleted":            {TaskCompleted, TaskPatch{Completed: Of(false)}, TaskPending, 0, ""},
		"CompletedNull":           {TaskCompleted, TaskPatch{Completed: Null[bool]()}, TaskPending, 0, ""},
		"Reopened":                {TaskCompleted, TaskPatch{Status: Of(TaskInProgress)}, TaskInProgress, 0, ""},
		"NotCompletedOfCancelled": {"cancelled", TaskPatch{Completed: Of(false)}, "cancelled", 0, ""},
		"Overdue":                 {TaskPending, TaskPatch{Status: Of(TaskOverdue)}, TaskPending, 0, ""},
		"OverdueInProgress":       {TaskInProgress, TaskPatch{Status: Of(TaskOverdue)}, TaskInProgress, 0, ""},
		"OverdueOfCompleted":      {TaskCompleted, TaskPatch{Status: Of(TaskOverdue)}, TaskPending, 0, ""},
		"SentBackCompleted":       {TaskInProgress, TaskPatch{Status: Of(TaskOverdue), Completed: Of(true)}, TaskCompleted, now, ""},
		"SentBackReopened":        {TaskCompleted, TaskPatch{Status: Of(TaskCompleted), Completed: Of(false)}, TaskPending, 0, ""},
		"SentBackByStatus":        {TaskPending, TaskPatch{Status: Of(TaskCompleted), Completed: Of(false)}, TaskCompleted, now, ""},
		"Contradiction":           {TaskPending, TaskPatch{Status: Of("cancelled"), Completed: Of(true)}, "", 0, "completed"},
		"ContradictionOfNew":      {"", TaskPatch{Status: Of(TaskCompleted), Completed: Of(false)}, "", 0, "completed"},
		"NewCompleted":            {"", TaskPatch{Completed: Of(true)}, TaskCompleted, now, ""},
		"NewOverdue":              {"", TaskPatch{Status: Of(TaskOverdue)}, TaskPending, 0, ""},
		"StatusUnknown":           {TaskPending, TaskPatch{Status: Of("done")}, "", 0, "status"},
		"StatusNull":              {TaskPending, TaskPatch{Status: Null[string]()}, "", 0, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := Task{Status: c.status}
			switch c.status {
			case "":
				task.Status = TaskPending
			case TaskCompleted:
				task.Completed, task.CompletedAt = true, new(earlier)
			}
			var r Rules
			c.patch.Settle(&task, c.status == "", now, &r)
			if got := fieldsOf(r.Err()); got != c.bad {
				t.Fatalf("complaints about %q, want %q", got, c.bad)
			}
			if c.bad != "" {
				return
			}
			var done Instant
			if task.CompletedAt != nil {
				done = *task.CompletedAt
			}
			if task.Status != c.want || done != c.done || task.Completed != (done != 0) {
				t.Errorf("%s, completed %t at %d; want %s, %d", task.Status, task.Completed, done, c.want, c.done)
			}
		})
	}
}

func TestStatusAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status string
		due    *Instant
		want   string
	}{
		"Before":     {TaskPending, new(Instant(101)), TaskPending},
		"Now":        {TaskPending, new(Instant(100)), TaskPending},
		"After":      {TaskPending, new(Instant(99)), TaskOverdue},
		"InProgress": {TaskInProgress, new(Instant(99)), TaskOverdue},
		"NeverDue":   {TaskPending, nil, TaskPending},
		"Completed":  {TaskCompleted, new(Instant(99)), TaskCompleted},
		"Cancelled":  {"cancelled", new(Instant(99)), "cancelled"},
	} {
		task := Task{Status: c.status, DueDate: c.due}
		if got := task.StatusAt(100); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A task that is due on a day is late when the day has ended, in years before 1970 too.
func TestStatusOfDueDays(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"2026-01-31", "1969-12-31", "1970-01-01", "1582-10-04"} {
		midnight, err := ParseMoment(day)
		if err != nil {
			t.Fatal(err)
		}
		due := Instant(midnight)
		task := Task{Status: TaskPending, DueDate: &due}
		for at, want := range map[Instant]string{
			due - 1: TaskPending, due: TaskPending, due + 1: TaskPending, due + oneDay - 1: TaskPending, due + oneDay: TaskOverdue,
		} {
			if got := task.StatusAt(at); got != want {
				t.Errorf("due %s, at %s: %s, want %s", day, at, got, want)
			}
		}
		for at, want := range map[Instant]Instant{due - 1: due, due: due + oneDay, due + oneDay - 1: due + oneDay} {
			if got := at.NextMidnight(); got != want {
				t.Errorf("the midnight after %s is %s", at, got)
			}
		}
	}
}

func TestRolesOfTasks(t *testing.T) {
	t.Parallel()
	me, other := NewID(), NewID()
	mine, made, others := Task{AssignedTo: &me, CreatedBy: &other}, Task{AssignedTo: &other, CreatedBy: &me}, Task{AssignedTo: &other, CreatedBy: &other}
	for role, want := range map[Role]string{
		RoleViewer: "", RoleRep: "mine made handover", RoleManager: "mine made others handover author unowned", RoleAdmin: "mine made others handover author unowned",
	} {
		a := Actor{Org: NewID(), User: me, Role: role}
		var may []string
		for _, try := range []struct {
			what          string
			before, after Task
		}{
			{"mine", mine, mine}, {"made", made, made}, {"others", others, others},
			{"handover", Task{AssignedTo: &me, CreatedBy: &me}, made}, {"author", mine, Task{AssignedTo: &me, CreatedBy: &me}},
			{"unowned", Task{}, Task{}},
		} {
			if err := a.checkWriteTask(try.before, try.after); err == nil {
				may = append(may, try.what)
			} else if CodeOf(err) != CodeForbidden {
				t.Errorf("%s: %v", role, err)
			}
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("a %s may write %q, want %q", role, got, want)
		}
	}
}

func TestEngagement(t *testing.T) {
	t.Parallel()
	for want, totals := range map[int64]ContactTotals{
		0: {}, 15: {Meetings: 1}, 5: {Emails: 1}, 10: {Calls: 1}, 30: {Meetings: 1, Emails: 1, Calls: 1}, 100: {Meetings: 7},
	} {
		if got := totals.Engagement(); got != want {
			t.Errorf("%+v: %d, want %d", totals, got, want)
		}
	}
}

func TestTallyKeepsCurrenciesApart(t *testing.T) {
	t.Parallel()
	var tally Tally
	for _, s := range []Sum{{"EUR", 1}, {"EUR", 2}, {"GBP", 3}} {
		tally.Add(2, s)
	}
	if diff := cmp.Diff(Tally{Deals: 6, Value: []Sum{{"EUR", 3}, {"GBP", 3}}}, tally); diff != "" {
		t.Error(diff)
	}
}
