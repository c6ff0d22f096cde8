package bulk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// TestTasks: tasks are found by id, external id or title, with the assignee and the creator.
func TestTasks(t *testing.T) {
	eachEngine(t, func(w *world) {
		load(w, w.bulk.ImportOwners, bulk.ImportOptions{Keys: []crm.Key{crm.KeyEmail}}, rowsOf(
			crm.OwnerPatch{FirstName: crm.Of("Ann"), Email: crm.Of("ann@x.example")}, crm.OwnerPatch{FirstName: crm.Of("Ben"), Email: crm.Of("ben@x.example")}))
		load(w, w.bulk.ImportDeals, bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}, rowsOf(crm.DealPatch{Name: crm.Of("Ship")}))
		due, id := crm.Moment(1_700_000_000_000_000), crm.NewID()
		row := func(p crm.TaskPatch, r bulk.References) bulk.ImportRow[crm.TaskPatch] {
			return bulk.ImportRow[crm.TaskPatch]{Patch: p, References: r}
		}
		rows := []bulk.ImportRow[crm.TaskPatch]{
			row(crm.TaskPatch{Title: crm.Of("Call"), DueDate: crm.Of(due)}, bulk.References{Owner: "Ann", Creator: "ben@x.example", Deal: "Ship"}),
			row(crm.TaskPatch{Title: crm.Of("Call")}, bulk.References{}),
			row(crm.TaskPatch{Title: crm.Of("Call"), DueDate: crm.Of(due)}, bulk.References{}),
			row(crm.TaskPatch{Title: crm.Of("Mail"), ExternalID: crm.Of("T1"), Status: crm.Of("completed")}, bulk.References{}),
			row(crm.TaskPatch{Title: crm.Of("Meet"), Status: crm.Of("overdue"), Completed: crm.Of(false)}, bulk.References{}),
			row(crm.TaskPatch{DueDate: crm.Of(due)}, bulk.References{}),
			row(crm.TaskPatch{Title: crm.Of("Bad"), Status: crm.Of("pending"), CompletedAt: crm.Of(due)}, bulk.References{Creator: "Unknown"}),
		}
		rows[3].CreatedAt = crm.Of(crm.Instant(due))
		rows[4].ID = crm.Of(id)
		opt := bulk.ImportOptions{Keys: bulk.TaskRows.Keys}
		want := []string{"created", "created", "created", "created", "created", "has no id, external_id or title to recognise it by", `no owner called "Unknown"`}
		for range 2 {
			_, results := load(w, w.bulk.ImportTasks, opt, rows)
			if diff := cmp.Diff(want, verdicts(results)); diff != "" {
				w.Errorf("verdicts (-want +got):\n%s", diff)
			}
			for i := range 5 {
				want[i] = "unchanged"
			}
		}
		names := map[crm.ID]string{}
		for _, o := range all(w, w.service.Owners) {
			names[o.ID] = o.FullName
		}
		var told []string
		for _, task := range sorted(w, "title", w.service.Tasks) {
			line := fmt.Sprint(task.Title, " ", task.Status)
			if task.DealID != nil {
				line += fmt.Sprint(" of the deal, by ", names[*task.CreatedBy], " for ", names[*task.AssignedTo])
			}
			if task.CompletedAt != nil {
				line += fmt.Sprint(" at ", *task.CompletedAt == crm.Instant(due))
			}
			if task.ID == id {
				line += " with its id"
			}
			told = append(told, line)
		}
		slices.Sort(told)
		if diff := cmp.Diff([]string{
			"Call overdue", "Call overdue of the deal, by Ben for Ann", "Call pending", "Mail completed at true", "Meet pending with its id",
		}, told); diff != "" {
			w.Errorf("tasks (-want +got):\n%s", diff)
		}
		// A renamed task is not created anew.
		task := sorted(w, "title", w.service.Tasks)[0]
		if _, err := w.service.UpdateTask(w.Context(), w.by, task.ID, crm.VersionCondition{}, crm.TaskPatch{Title: crm.Of("Call them")}); err != nil {
			w.Fatal(err)
		}
		_, results := load(w, w.bulk.ImportTasks, opt, rows[:3])
		if got := verdicts(results); strings.Count(strings.Join(got, " "), "updated") != 1 || slices.Contains(got, "created") {
			w.Errorf("after a task was renamed: %v", got)
		}
		if key, value := bulk.TaskKey(opt.Keys, &rows[0]); key != bulk.KeyTitle || value == "" {
			t.Errorf("the key of a title: %s %q", key, value)
		}
	})
}

// TestStages: stages are found by name and come in the order of their rows.
func TestStages(t *testing.T) {
	eachEngine(t, func(w *world) {
		rows := rowsOf(
			crm.StagePatch{Name: crm.Of("Zeta")}, crm.StagePatch{Name: crm.Of("Closed Won (EMEA)")}, crm.StagePatch{Name: crm.Of("lead"), Description: crm.Of("The first")},
			crm.StagePatch{Name: crm.Of("Alpha"), Outcome: crm.Of("lost")}, crm.StagePatch{Name: crm.Of("Last"), OrderPosition: crm.Of(100)}, crm.StagePatch{Name: crm.Of("After")},
			crm.StagePatch{Name: crm.Of("Odd"), Outcome: crm.Of("none")},
		)
		want := []string{"created", "created", "updated", "created", "created", "created", "outcome must be one of open, won, lost"}
		opt := bulk.ImportOptions{Keys: []crm.Key{crm.KeyName}}
		for range 2 {
			_, results := load(w, w.bulk.ImportStages, opt, rows)
			if diff := cmp.Diff(want, verdicts(results)); diff != "" {
				w.Errorf("verdicts (-want +got):\n%s", diff)
			}
			for i := range 6 {
				want[i] = "unchanged"
			}
		}
		var told []string
		for _, s := range sorted(w, "order_position", w.service.Stages)[5:] {
			told = append(told, fmt.Sprint(s.Name, " ", s.OrderPosition, " ", s.Outcome, " ", s.DefaultProbability))
		}
		if diff := cmp.Diff([]string{"Lost 6 lost 0", "Zeta 7 open 0", "Closed Won (EMEA) 8 won 100", "Alpha 9 lost 0", "Last 100 open 0", "After 101 open 0"}, told); diff != "" {
			w.Errorf("stages (-want +got):\n%s", diff)
		}
		rep := w.by
		rep.Role = crm.RoleRep
		if _, err := w.bulk.ImportStages(w.Context(), rep, opt, func(bulk.Load[crm.StagePatch]) error { return nil }); crm.CodeOf(err) != crm.CodeForbidden {
			w.Errorf("by a rep: %v", err)
		}
	})
}
