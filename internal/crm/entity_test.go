package crm

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestDeclarations: every member of an entity's struct and patch is declared under its
// JSON name, and what is declared fits together.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	t.Run("Company", declared(Companies))
	t.Run("Contact", declared(Contacts))
	t.Run("Deal", declared(Deals))
	t.Run("Stage", declared(Stages))
	t.Run("Owner", declared(Owners))
	t.Run("Activity", declared(Activities))
	t.Run("Task", declared(Tasks))
	t.Run("Organisation", declared(Organisations))
	t.Run("APIKey", declared(APIKeys))
	t.Run("AuditEntry", declared(AuditTrail))
}

func declared[T, P, F any](e *Entity[T, P, F]) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		record, patch, filter := new(T), new(P), new(F)
		properties, members := map[uintptr]string{}, map[uintptr]string{}
		for _, p := range e.Properties {
			stored, sent := p.At(record, patch)
			properties[reflect.ValueOf(stored).Pointer()] = p.Name
			if sent != nil {
				members[reflect.ValueOf(sent).Pointer()] = p.Name
				if kind := reflect.TypeOf(sent); kind == reflect.TypeFor[*Field[string]]() && p.Rule.Max == 0 && !p.Settled {
					t.Errorf("the property %s needs a Rule", p.Name)
				}
			}
		}
		eachField(record, func(f reflect.StructField, address uintptr) {
			if name, tag := properties[address], f.Tag.Get("json"); name == "" || tag != "-" && tag != name {
				t.Errorf("%T.%s needs a property named %s; there is %q", *record, f.Name, tag, name)
			}
		})
		eachField(patch, func(f reflect.StructField, address uintptr) {
			if name, tag := members[address], f.Tag.Get("json"); f.Name != "DecodeErrors" && (name == "" || tag != "-" && tag != name) {
				t.Errorf("%T.%s is of no property: At of %s must return it", *patch, f.Name, tag)
			}
		})
		filters := map[uintptr]string{}
		for _, x := range e.Filters {
			at := reflect.ValueOf(x.At(filter)).Pointer()
			if other := filters[at]; other != "" {
				t.Errorf("the filters %s and %s have one value", other, x.Name)
			}
			filters[at] = x.Name
			if x.Match == nil || x.Doc == "" || e.Property(x.Property) == nil {
				t.Errorf("the filter %s needs a Doc, a Match and the name of a Property", x.Name)
			}
			if x.Value(filter) != nil {
				t.Errorf("the filter %s is set by itself", x.Name)
			}
		}
		eachField(filter, func(f reflect.StructField, address uintptr) {
			if f.Type.Kind() == reflect.Pointer && filters[address] == "" {
				t.Errorf("%T.%s is of no declared filter", *filter, f.Name)
			}
		})
	}
}

func eachField[T any](v *T, visit func(f reflect.StructField, address uintptr)) {
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		visit(s.Type().Field(i), s.Field(i).Addr().Pointer())
	}
}

// TestEnumeratedConstants: the values that rules speak of are among the declared ones.
func TestEnumeratedConstants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ declared, constants []string }{
		{Deals.Enum("status"), []string{StatusActive, StatusWon, StatusLost}},
		{Stages.Enum("outcome"), texts(OutcomeOpen, OutcomeWon, OutcomeLost)},
		{Organisations.Enum("reps_see"), texts(RepsSeeAll, RepsSeeOwn)},
		{Owners.Enum("role"), texts(roles...)},
		{APIKeys.Enum("role"), texts(roles...)},
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
