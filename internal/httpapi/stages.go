package httpapi

import (
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func (a *API) stages() *resource[crm.Stage, crm.StageFilter, crm.StagePatch] {
	return &resource[crm.Stage, crm.StageFilter, crm.StagePatch]{
		one: "deal stage", many: "deal stages", name: "DealStage", names: "DealStages", tag: "Deal stages",
		paths: []string{"/api/deal-stages", "/api/stages"},
		tier:  cache.Static, of: []string{crm.EntityStage},
		pager:    newPager(a, "deal-stages", crm.Stages.Sorts, nil, a.Service.Stages),
		body:     newRecordReader(crm.Stages, reflect.TypeFor[crm.Stage]()),
		limit:    limitsOf(crm.Stages),
		required: []string{"name"},
		defaults: "Defaults: the stage is the last one, and open.",
		example:  exampleStage(),
		key:      func(s *crm.Stage) (crm.ID, int64) { return s.ID, s.Version },
		read:     a.Service.Stage,
		create:   a.Service.CreateStage,
		update:   a.Service.UpdateStage,
		remove:   a.Service.DeleteStage,
		write:    appendStage,
		view:     reflect.TypeFor[crm.Stage](),
	}
}
