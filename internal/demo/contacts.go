package demo

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

var titles = []string{
	"Chief Executive Officer", "Chief Financial Officer", "Chief Technology Officer", "Operations Director", "Head of Procurement",
	"Procurement Manager", "IT Manager", "Finance Manager", "Marketing Director", "Product Manager", "Office Manager",
	"Head of Data", "Sales Director", "Project Manager", "Managing Partner",
}

// Contacts are distributed over companies such that both the company of a contact and the
// contacts of a company can be computed: the first three quarters (at least one per company)
// are distributed round-robin over all companies, the rest over one tenth of them.

// distribution returns the number of contacts that are distributed over all companies, and
// the number of companies that the others are distributed over.
func (g *generator) distribution() (even, favoured int) {
	return max(g.plan.Contacts*3/4, min(g.plan.Companies, g.plan.Contacts)), max(g.plan.Companies/10, 1)
}

// companyOf returns the company of contact j, and the contact's index within the company; ok
// is false if there are no companies.
func (g *generator) companyOf(j int) (company, index int, ok bool) {
	if g.plan.Companies == 0 {
		return 0, 0, false
	}
	even, favoured := g.distribution()
	if j < even {
		return j % g.plan.Companies, j / g.plan.Companies, true
	}
	company, index = (j-even)%favoured, (j-even)/favoured
	return company, g.evenly(company) + index, true
}

// evenly returns how many of the evenly distributed contacts a company has.
func (g *generator) evenly(company int) int {
	even, _ := g.distribution()
	if company >= even {
		return 0
	}
	return (even-1-company)/g.plan.Companies + 1
}

// contactsOf returns the number of contacts of a company; contactAt returns one by index.
func (g *generator) contactsOf(company int) int {
	even, favoured := g.distribution()
	n := g.evenly(company)
	if rest := g.plan.Contacts - even; company < favoured && company < rest {
		n += (rest-1-company)/favoured + 1
	}
	return n
}

func (g *generator) contactAt(company, index int) int {
	if n := g.evenly(company); index >= n {
		even, favoured := g.distribution()
		return even + company + (index-n)*favoured
	}
	return company + index*g.plan.Companies
}

// contactHead holds the fields of a contact that other rows refer to.
type contactHead struct {
	id          crm.ID
	first, last string
	email       string // unique; the row may omit it
	created     time.Time
	company     *companyHead
	primary     bool
}

// contactHead generates the head of the plan's contact j, and returns the random numbers for
// the rest of it.
func (g *generator) contactHead(j int) (contactHead, *rand.Rand) {
	number := g.hadContacts + j
	r := g.random(kindContact, number)
	var h contactHead
	from, to := g.start(), g.plan.Now
	if company, index, ok := g.companyOf(j); ok {
		c, _ := g.companyHead(company)
		h.company, h.primary = &c, index == 0
		// Each company has its own permutation of the names, so that no two people of a
		// company share an address.
		h.first, h.last = g.names.person(int(mix(uint64(g.hadCompanies+company))>>32) + index)
		h.email = slug(h.first) + "." + slug(h.last) + "@" + c.domain
		from = c.created
		if latest := from.Add(time.Duration(1+60*index) * day); latest.Before(to) {
			to = latest
		}
	} else {
		h.first, h.last = g.names.person(number)
		h.email = slug(h.first) + "." + slug(h.last) + "." + strconv.FormatInt(int64(number), 36) + "@mail.example"
	}
	h.created = within(r, from, to)
	h.id = g.id(kindContact, number, 0, h.created)
	return h, r
}

// contact generates the plan's contact j.
func (g *generator) contact(j int) crm.Contact {
	h, r := g.contactHead(j)
	c := crm.Contact{
		OrgID: g.org, ID: h.id,
		FirstName: &h.first, LastName: &h.last, FullName: h.first + " " + h.last,
		Email:       maybe(r, 0.95, h.email),
		Phone:       maybe(r, 0.65, phone(r)),
		Title:       maybe(r, 0.9, pick(r, titles)),
		LinkedInURL: maybe(r, 0.35, "https://www.linkedin.com/in/"+slug(h.first)+"-"+slug(h.last)),
		Version:     1,
	}
	if h.company != nil {
		c.CompanyID, c.IsPrimary, c.OwnerID = &h.company.id, h.primary, h.company.owner
	} else {
		c.OwnerID = g.pickOwner(r)
	}
	c.CreatedAt = crm.InstantOf(h.created)
	c.UpdatedAt = crm.InstantOf(within(r, h.created, g.plan.Now))
	return c
}

func (g *generator) writeContacts(ctx context.Context, tx bulk.Tx, from, to int) error {
	return insert(ctx, tx.Contacts(), crm.KeyEmail, rows(from, to, g.contact), func(c *crm.Contact) **string { return &c.Email })
}
