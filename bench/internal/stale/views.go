package stale

import "math/rand/v2"

// A view is a request, and what is known of its response beyond the marks.
type view struct {
	path  string
	one   *Thing // the requested record, which may have been removed
	scope *Scope // of a list
	sums  func(body []byte) ([]Sum, error)
}

// whole makes a list long enough for all records.
const whole = "limit=1000"

// views returns one view of each sort, of random records.
func (c *Checker) views(r *rand.Rand) []view {
	company, contact, deal := c.anyOf(Company, r), c.anyOf(Contact, r), c.anyOf(Deal, r)
	owner, stage := pick(r, c.owners), pick(r, c.stages)
	deals := func(query string, fits func(State) bool) view {
		return view{path: "/api/deals?" + whole + query, scope: &Scope{Deal, fits}}
	}
	all := func(State) bool { return true }
	owned := func(s State) bool { return s.Owner == owner }
	ofCompany := func(s State) bool { return s.Company == company.id }
	return []view{
		{path: "/api/deals/" + deal.id, one: &deal.thing},
		{path: "/api/deals/" + deal.id + "?includeRelationships=true", one: &deal.thing},
		{path: "/api/contacts/" + contact.id, one: &contact.thing},
		{path: "/api/contacts/" + contact.id + "?includeCompany=true", one: &contact.thing},
		{path: "/api/companies/" + company.id, one: &company.thing},

		deals("", all),
		deals("&sort=name&includeRelationships=true", all),
		deals("&status=active", all),
		deals("&ownerId="+owner, owned),
		deals("&includeRelationships=true&ownerId="+owner, owned),
		deals("&stageId="+stage, func(s State) bool { return s.Stage == stage }),
		deals("&companyId="+company.id, ofCompany),
		deals("&contactId="+contact.id, func(s State) bool { return s.Contact == contact.id }),
		deals("&search=deal", all),
		{path: "/api/deals?limit=5"},
		{path: "/api/deals?limit=5&sort=-value&includeRelationships=true"},
		{path: "/api/companies/" + company.id + "/deals?" + whole, scope: &Scope{Deal, ofCompany}},
		{path: "/api/contacts?" + whole + "&includeCompany=true", scope: &Scope{Contact, all}},
		{path: "/api/contacts?" + whole + "&ownerId=" + owner, scope: &Scope{Contact, owned}},
		{path: "/api/contacts?" + whole + "&companyId=" + company.id, scope: &Scope{Contact, ofCompany}},
		{path: "/api/companies?" + whole + "&sort=name&ownerId=" + owner, scope: &Scope{Company, owned}},
		{path: "/api/search?" + whole + "&q=deal&kind=deal", scope: &Scope{Deal, all}},
		{path: "/api/search?" + whole + "&q=contact&kind=contact", scope: &Scope{Contact, all}},

		{path: "/api/companies?" + whole + "&includeStats=true", scope: &Scope{Company, all}, sums: companyRows},
		{path: "/api/companies/" + company.id + "/stats", sums: companyTotals(company.id)},
		{path: "/api/contacts/" + contact.id + "/stats", sums: contactTotals(contact.id)},
		{path: "/api/owners?" + whole, sums: ownerRows},
		{path: "/api/dashboard", sums: dashboard(all)},
		{path: "/api/dashboard?ownerId=" + owner, sums: dashboard(owned)},
	}
}
