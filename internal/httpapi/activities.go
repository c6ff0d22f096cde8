package httpapi

import (
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

type activityResource = resource[crm.Activity, crm.ActivityFilter, crm.ActivityPatch]

func (a *API) activities() *activityResource {
	return &activityResource{
		one: "activity", many: "activities", name: "Activity", names: "Activities", tag: "Activities",
		paths: []string{"/api/activities"},
		tier:  cache.Frequent, of: []string{crm.EntityActivity},
		pager:    newPager(a, "activities", crm.Activities.Sorts, filtersOf(crm.Activities), a.Service.Activities),
		body:     newBodyReader(crm.Activities.DecodeErrors, reflect.TypeFor[crm.Activity]()),
		limit:    limitsOf(crm.Activities),
		required: []string{"type"},
		defaults: "Defaults: the status is completed, the date now, the owner the caller.",
		example:  exampleActivity(),
		key:      func(r *crm.Activity) (crm.ID, int64) { return r.ID, r.Version },
		read:     a.Service.Activity,
		create:   a.Service.CreateActivity,
		update:   a.Service.UpdateActivity,
		remove:   a.Service.DeleteActivity,
		write:    appendActivity,
		view:     reflect.TypeFor[crm.Activity](),
	}
}

func appendActivity(b []byte, a *crm.Activity) []byte {
	b = appendID(append(b, `{"id":`...), a.ID)
	b = appendString(append(b, `,"type":`...), a.Type)
	b = appendString(append(b, `,"status":`...), a.Status)
	b = appendText(append(b, `,"priority":`...), a.Priority)
	b = appendText(append(b, `,"description":`...), a.Description)
	b = appendOptional(append(b, `,"amount":`...), a.Amount, appendMoney)
	b = appendOptional(append(b, `,"quantity":`...), a.Quantity, appendInt[int])
	b = appendInstant(append(b, `,"date":`...), a.Date)
	b = appendOptional(append(b, `,"contact_id":`...), a.ContactID, appendID)
	b = appendOptional(append(b, `,"company_id":`...), a.CompanyID, appendID)
	b = appendOptional(append(b, `,"deal_id":`...), a.DealID, appendID)
	b = appendOptional(append(b, `,"owner_id":`...), a.OwnerID, appendID)
	return appendTimes(b, a.CreatedAt, a.UpdatedAt)
}
