package demo

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"sixty/internal/crm"
)

var titles = []string{
	"Chief Executive Officer", "Chief Financial Officer", "Chief Technology Officer", "Operations Director", "Head of Procurement",
	"Procurement Manager", "IT Manager", "Finance Manager", "Marketing Director", "Product Manager", "Office Manager",
	"Head of Data", "Sales Director", "Project Manager", "Managing Partner",
}

// Contacts are dealt out to companies so that it can be told without keeping them
// both whose a contact is and which contacts a company has: the first three quarters
// (every company's first one at least) go round all companies, the rest round one
// tenth of them.

// spread gives the number of contacts that go round all companies, and how many
// companies the others go round.
func (g *generator) spread() (even, favoured int) {
	return max(g.plan.Contacts*3/4, min(g.plan.Companies, g.plan.Contacts)), max(g.plan.Companies/10, 1)
}

// companyOf gives the company that contact j belongs to, and which of its contacts
// it is; false when there are no companies.
func (g *generator) companyOf(j int) (company, place int, ok bool) {
	if g.plan.Companies == 0 {
		return 0, 0, false
	}
	even, favoured := g.spread()
	if j < even {
		return j % g.plan.Companies, j / g.plan.Companies, true
	}
	company, place = (j-even)%favoured, (j-even)/favoured
	return company, g.evenly(company) + place, true
}

// evenly tells how many of the contacts that go round all companies fell to one.
func (g *generator) evenly(company int) int {
	even, _ := g.spread()
	if company >= even {
		return 0
	}
	return (even-1-company)/g.plan.Companies + 1
}

// contactsOf tells how many contacts a company has, and contactAt which they are.
func (g *generator) contactsOf(company int) int {
	even, favoured := g.spread()
	n := g.evenly(company)
	if rest := g.plan.Contacts - even; company < favoured && company < rest {
		n += (rest-1-company)/favoured + 1
	}
	return n
}

func (g *generator) contactAt(company, place int) int {
	if n := g.evenly(company); place >= n {
		even, favoured := g.spread()
		return even + company + (place-n)*favoured
	}
	return company + place*g.plan.Companies
}

// contactHead is what others refer to of a contact.
type contactHead struct {
	id          crm.ID
	first, last string
	email       string // its own; the row may lack it
	created     time.Time
	company     *companyHead
	primary     bool
}

// contactHead makes the head of the plan's contact j, and gives the random numbers
// that are left for the rest of it.
func (g *generator) contactHead(j int) (contactHead, *rand.Rand) {
	number := g.hadContacts + j
	r := g.random(kindContact, number)
	var h contactHead
	from, to := g.start(), g.plan.Now
	if company, place, ok := g.companyOf(j); ok {
		c, _ := g.companyHead(company)
		h.company, h.primary = &c, place == 0
		// Each company goes its own way through the names, none of which it meets
		// twice, so that nobody at one company shares an address.
		h.first, h.last = g.names.person(int(mix(uint64(g.hadCompanies+company))>>32) + place)
		h.email = slug(h.first) + "." + slug(h.last) + "@" + c.domain
		from = c.created
		to = earlier(to, from.Add(time.Duration(1+60*place)*day))
	} else {
		h.first, h.last = g.names.person(number)
		h.email = slug(h.first) + "." + slug(h.last) + "." + strconv.FormatInt(int64(number), 36) + "@mail.example"
	}
	h.created = within(r, from, to)
	h.id = g.id(kindContact, number, 0, h.created)
	return h, r
}

// contact makes the plan's contact j.
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

func (g *generator) writeContacts(ctx context.Context, tx crm.Tx, from, to int) error {
	contacts := rows(from, to, g.contact)
	if err := freeKeys(ctx, tx.Contacts(), crm.KeyEmail, contacts, func(c *crm.Contact) **string { return &c.Email }); err != nil {
		return err
	}
	return tx.Contacts().Insert(ctx, contacts)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
