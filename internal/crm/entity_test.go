package crm

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEnumeratedConstants: the values that rules speak of are among the declared ones.
func TestEnumeratedConstants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ declared, constants []string }{
		{Deals.Enum("status"), []string{StatusActive, StatusWon, StatusLost}},
		{Stages.Enum("outcome"), texts(OutcomeOpen, OutcomeWon, OutcomeLost)},
		{Organisations.Enum("reps_see"), texts(RepsSeeAll, RepsSeeOwn)},
		{Owners.Enum("role"), texts(roles...)},
		{Activities.Enum("type"), tagged[ActivityNumbers]("Type")},
		{Activities.Enum("priority"), Deals.Enum("priority")},
		{Tasks.Enum("priority"), tagged[FollowUp]("Priority")},
		{HitKindFilter.Enum, tagged[Hit]("Kind")},
		{Tasks.Enum("status"), []string{TaskPending, TaskInProgress, TaskCompleted, "cancelled", TaskOverdue}},
	} {
		if !slices.Equal(c.declared, c.constants) {
			t.Errorf("declared are %v, the constants are %v", c.declared, c.constants)
		}
	}
	if !slices.Contains(Activities.Enum("status"), ActivityCompleted) {
		t.Errorf("%s is not declared", ActivityCompleted)
	}
}

// tagged returns the values that a struct's field is documented with.
func tagged[T any](field string) []string {
	f, _ := reflect.TypeFor[T]().FieldByName(field)
	return strings.Split(f.Tag.Get("enum"), ",")
}

func texts[S ~string](values ...S) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
