package app_test

import (
	"testing"
	"time"

	"sixty/internal/crm"
)

// untilTomorrow advances a clock to nine in the morning, UTC, of the day after its own.
func (c *clock) untilTomorrow() time.Time {
	now := c.now().UTC()
	nine := time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, time.UTC)
	c.advance(nine.Sub(now))
	return nine
}

// A task is overdue when its due day has ended, or its due instant has passed. What shows it is
// cached until then, and not longer.
func TestTasksBecomeOverdueByTheClock(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var clock clock
			u := newUser(run(t, newAppBy(t, clock.now, engine)), "Overdue", crm.RoleManager)
			nine := clock.untilTomorrow()
			on := object{"contact_id": id(u.make("/api/contacts", object{"first_name": "Ada"}))}
			day := u.make("/api/tasks", with(on, object{"title": "today", "due_date": nine.Format(time.DateOnly)}))
			soon := u.make("/api/tasks", with(on, object{"title": "soon", "due_date": nine.Add(time.Minute).Format(time.RFC3339)}))
			u.make("/api/tasks", object{"title": "late", "due_date": nine.AddDate(0, 0, -1).Format(time.DateOnly)})
			u.make("/api/tasks", object{"title": "noon", "due_date": nine.Add(3 * time.Hour).Format(time.RFC3339)})
			u.make("/api/tasks", object{"title": "done", "due_date": nine.Add(-time.Hour).Format(time.RFC3339), "completed": true})
			expect(t, day, object{"status": "pending"})
			expect(t, soon, object{"status": "pending"})
			const overdue, pending = "/api/tasks?status=overdue&sort=title", "/api/tasks?status=pending&sort=title"
			shows := func(path, want string) {
				t.Helper()
				rows, _ := u.list(path)
				if got := mapped(rows, "title"); got != want {
					t.Errorf("%s: %s, want %s", path, got, want)
				}
			}
			paths := []string{overdue, pending, "/api/tasks", "/api/tasks/" + id(soon)}
			for _, path := range paths {
				if k := u.misses(path); k.ttl > 60 || !k.stored {
					t.Errorf("%s is cached beyond the first due instant, or not at all: %s", path, k.said)
				}
				u.hits(path)
			}
			shows(overdue, "late")
			shows(pending, "noon soon today")

			clock.advance(time.Minute)
			for _, path := range paths {
				u.misses(path)
			}
			shows(overdue, "late soon")
			shows(pending, "noon today")
			expect(t, u.get("/api/tasks/"+id(soon)), object{"status": "overdue"})
			expect(t, u.get("/api/tasks/"+id(day)), object{"status": "pending"})

			clock.advance(nine.Truncate(24 * time.Hour).Add(24*time.Hour - time.Minute).Sub(clock.now()))
			for _, path := range []string{overdue, pending, "/api/tasks/" + id(day)} {
				if k := u.misses(path); k.ttl > 60 {
					t.Errorf("%s is cached beyond midnight: %s", path, k.said)
				}
			}
			expect(t, u.get("/api/tasks/"+id(day)), object{"status": "pending"})
			clock.advance(time.Minute)
			shows(overdue, "late noon soon today")
			shows(pending, "")
			expect(t, u.get("/api/tasks/"+id(day)), object{"status": "overdue"})
		})
	}
}

// Follow-ups on activities come and go by the clock.
func TestFollowUpsByTheClock(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var clock clock
			u := newUser(run(t, newAppBy(t, clock.now, engine)), "Follow-ups", crm.RoleManager)
			nine := clock.untilTomorrow()
			contact := id(u.make("/api/contacts", object{"first_name": "Ada"}))
			for kind, at := range map[string]time.Time{"meeting": nine.Add(time.Minute), "call": nine.Add(-time.Hour), "email": nine.AddDate(0, 0, -30).Add(2 * time.Minute)} {
				u.make("/api/activities", object{"type": kind, "contact_id": contact, "date": at.Format(time.RFC3339)})
			}
			path := "/api/contacts/" + contact + "/tasks"
			for i, want := range []string{"Follow up on call Follow up on email", "Follow up on meeting Follow up on call Follow up on email", "Follow up on meeting Follow up on call"} {
				first := u.misses(path)
				if i < 2 && first.ttl > 61 || !first.stored {
					t.Errorf("%s", first.said)
				}
				u.hits(path)
				if rows, _ := u.list(path); mapped(rows, "title") != want {
					t.Errorf("%s, want %s", mapped(rows, "title"), want)
				}
				clock.advance(time.Minute + time.Second)
			}
		})
	}
}
