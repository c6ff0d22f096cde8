package httpapi

import (
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func (a *API) companies() *resource[crm.Company, crm.CompanyFilter, crm.CompanyPatch] {
	stats := expansion[crm.Company]{
		parameter: "includeStats", doc: "Adds contactCount, dealsCount and dealsValue.", load: a.loadCompanyStats,
	}
	return &resource[crm.Company, crm.CompanyFilter, crm.CompanyPatch]{
		one: "company", many: "companies", name: "Company", names: "Companies", tag: "Companies",
		paths: []string{"/api/companies"},
		tier:  cache.Frequent, of: []string{crm.EntityCompany, crm.EntityContact, crm.EntityDeal, crm.EntityOrganisation},
		pager:    newPager(a, "companies", crm.Companies.Sorts, append(restorable(crm.Companies), expanded(stats, func(a *listArgs[crm.CompanyFilter]) *bool { return &a.expanded })...), a.Service.Companies),
		body:     newRecordReader(crm.Companies, reflect.TypeFor[companyView]()),
		limit:    limitsOf(crm.Companies),
		required: []string{"name"},
		defaults: "Without an owner_id, the caller owns the company.",
		example:  exampleCompany(),
		key:      func(c *crm.Company) (crm.ID, int64) { return c.ID, c.Version },
		read:     a.Service.Company,
		create:   a.Service.CreateCompany,
		update:   a.Service.UpdateCompany,
		remove:   a.Service.DeleteCompany,
		restore:  a.Service.RestoreCompany,
		write:    appendCompany,
		expand:   stats,
		view:     reflect.TypeFor[companyView](),
	}
}

// companyView is a company in a response, with what can be joined to it.
type companyView struct {
	crm.Company
	*companyNumbers
}

// companyNumbers is what includeStats adds.
type companyNumbers struct {
	ContactCount         int64                `json:"contactCount" doc:"With includeStats=true."`
	DealsCount           int64                `json:"dealsCount" doc:"With includeStats=true."`
	DealsValue           crm.Money            `json:"dealsValue" doc:"With includeStats=true: the sum in the organisation's default currency."`
	DealsValueByCurrency map[string]crm.Money `json:"dealsValueByCurrency,omitempty" doc:"With includeStats=true, where other currencies occur: the sums in all of them."`
}

func (a *API) loadCompanyStats(c *call, rows []crm.Company) (appender[crm.Company], error) {
	org, err := a.Service.Organisation(c.Context, c.Actor)
	if err != nil {
		return nil, err
	}
	stats, err := a.Service.CompanyStats(c.Context, c.Actor, idsOf(rows, func(r *crm.Company) *crm.ID { return &r.ID }))
	if err != nil {
		return nil, err
	}
	return func(b []byte, row *crm.Company) []byte {
		s := stats[row.ID]
		b = reopen(appendCompany(b, row))
		b = appendInt(append(b, `,"contactCount":`...), s.Contacts)
		b = appendInt(append(b, `,"dealsCount":`...), s.Deals)
		return append(appendSums(b, "dealsValue", s.Value, org.DefaultCurrency), '}')
	}, nil
}

// appendSums appends the sum in the default currency as the member name, and where
// other currencies occur the sums in all of them as nameByCurrency. The sums are sorted
// by currency.
func appendSums(b []byte, name string, sums []crm.Sum, defaultCurrency string) []byte {
	var standard crm.Money
	others := false
	for _, s := range sums {
		if s.Currency == defaultCurrency {
			standard = s.Amount
		} else {
			others = true
		}
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	b = appendMoney(b, standard)
	if !others {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `ByCurrency":{`...)
	for i, s := range sums {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMoney(append(appendString(b, s.Currency), ':'), s.Amount)
	}
	return append(b, '}')
}
