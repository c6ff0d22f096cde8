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
		pager:    newPager(a, "activities", crm.Activities.Sorts, restorable(crm.Activities), a.Service.Activities),
		body:     newRecordReader(crm.Activities, reflect.TypeFor[activityView]()),
		limit:    limitsOf(crm.Activities),
		required: []string{"type"},
		defaults: "Defaults: the status is completed, the date now, the owner the caller.",
		example:  exampleActivity(),
		key:      func(r *crm.Activity) (crm.ID, int64) { return r.ID, r.Version },
		read:     a.Service.Activity,
		create:   a.Service.CreateActivity,
		update:   a.Service.UpdateActivity,
		remove:   a.Service.DeleteActivity,
		restore:  a.Service.RestoreActivity,
		write:    appendActivity,
		view:     reflect.TypeFor[activityView](),
	}
}

// activityView is an activity in a response, with what can be joined to it.
type activityView struct {
	crm.Activity
	*activityCompany
}

// activityCompany is what the lists of a record's activities add.
type activityCompany struct {
	CompanyName *string `json:"company_name" doc:"In the activities of a company, a contact or a deal."`
}

// loadActivityCompany joins the name of an activity's company to it.
func (a *API) loadActivityCompany(c *call, rows []crm.Activity) (appender[crm.Activity], error) {
	companies, err := a.companiesByID(c, idsOf(rows, func(r *crm.Activity) *crm.ID { return r.CompanyID }))
	if err != nil {
		return nil, err
	}
	return func(b []byte, row *crm.Activity) []byte {
		b = append(reopen(appendActivity(b, row)), `,"company_name":`...)
		if company := at(companies, row.CompanyID); company != nil {
			return append(appendString(b, company.Name), '}')
		}
		return append(b, "null}"...)
	}, nil
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
