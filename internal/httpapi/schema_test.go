package httpapi

import (
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// A name of the API document stands for one schema.
func TestSchemaNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	type one struct{ crm.Stage }
	for name, collide := range map[string]func(schemas){
		"two types":         func(s schemas) { s.record("Stage", reflect.TypeFor[one]()) },
		"two names":         func(s schemas) { s.record("Phase", reflect.TypeFor[crm.Stage]()) },
		"a type and a page": func(s schemas) { s.define("Stage", textSchema()) },
		"two enumerations":  func(s schemas) { s.enum("StageOutcome", []string{"open"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSchemas(map[string]*huma.Schema{})
			s.record("Stage", reflect.TypeFor[crm.Stage]())
			s.record("Stage", reflect.TypeFor[crm.Stage]())
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			collide(s)
		})
	}
}

// Every operation has a tag that is declared, and an id of its own.
func TestOperationsHaveDeclaredTags(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tags, ids := map[string]bool{}, map[string]bool{}
	for _, tag := range a.openAPI.Tags {
		tags[tag.Name] = true
	}
	for _, op := range a.operations() {
		if !tags[op.tag] {
			t.Errorf("%s has the tag %q, which is not declared", op.id, op.tag)
		}
		if ids[op.id] {
			t.Errorf("there are two operations %s", op.id)
		}
		ids[op.id] = true
		if op.summary == "" {
			t.Errorf("%s has no summary", op.id)
		}
	}
}
