// Package crmtest holds checks that the declarations of all entities pass.
package crmtest

import (
	"reflect"
	"testing"

	"sixty/internal/crm"
)

// Declared returns a test of an entity: every member of its struct, its patch and its filter is
// declared under its JSON name, and what is declared fits together.
func Declared[T, P, F any](e *crm.Entity[T, P, F]) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		record, patch, filter := new(T), new(P), new(F)
		properties, members := map[uintptr]string{}, map[uintptr]string{}
		for _, p := range e.Properties {
			stored, sent := p.At(record, patch)
			properties[reflect.ValueOf(stored).Pointer()] = p.Name
			if sent != nil {
				members[reflect.ValueOf(sent).Pointer()] = p.Name
				if kind := reflect.TypeOf(sent); kind == reflect.TypeFor[*crm.Field[string]]() && p.Rule.Max == 0 && !p.Settled {
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
