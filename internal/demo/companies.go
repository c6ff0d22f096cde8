package demo

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/brianvoe/gofakeit/v7"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// size is a size class of companies: its frequency and the typical value of its deals.
type size struct {
	name   string
	share  float64 // of all companies
	median float64 // of a deal's value, in whole units of the currency
}

var sizes = []size{
	{"startup", 0.18, 2_800},
	{"small", 0.32, 7_500},
	{"medium", 0.28, 19_000},
	{"large", 0.15, 52_000},
	{"enterprise", 0.07, 135_000},
}

// companyHead holds the fields of a company that other rows refer to.
type companyHead struct {
	id      crm.ID
	name    string
	domain  string // unique; the row may omit it
	line    line
	size    size
	owner   *crm.ID
	created time.Time
}

// companyHead generates the head of the plan's company i, and returns the random numbers for
// the rest of it.
func (g *generator) companyHead(i int) (companyHead, *rand.Rand) {
	number := g.hadCompanies + i
	r := g.random(kindCompany, number)
	h := companyHead{size: sizes[len(sizes)-1]}
	h.name, h.line = g.names.company(number)
	h.domain = slug(h.name) + ".example"
	for u, s := r.Float64(), 0; s < len(sizes); s++ {
		if u -= sizes[s].share; u < 0 {
			h.size = sizes[s]
			break
		}
	}
	// Early enough for deals to have progressed since.
	h.created = within(r, g.start(), g.plan.Now.Add(-year/5))
	h.id = g.id(kindCompany, number, 0, h.created)
	h.owner = g.pickOwner(r)
	return h, r
}

// company generates the plan's company i.
func (g *generator) company(i int) crm.Company {
	h, r := g.companyHead(i)
	fake := gofakeit.NewFaker(r, false)
	c := crm.Company{
		OrgID: g.org, ID: h.id, Name: h.name,
		Domain:   maybe(r, 0.94, h.domain),
		Industry: maybe(r, 0.95, h.line.industry),
		Size:     maybe(r, 0.96, h.size.name),
		OwnerID:  h.owner,
		Phone:    maybe(r, 0.7, phone(r)),
		Address:  maybe(r, 0.6, fake.Street()+", "+pick(r, g.names.cities)),
		Version:  1,
	}
	if c.Domain != nil {
		c.Website = maybe(r, 0.9, "https://www."+h.domain)
		c.LinkedInURL = maybe(r, 0.4, "https://www.linkedin.com/company/"+slug(h.name))
	}
	c.Description = maybe(r, 0.35, h.line.industry+" company. "+fake.Slogan())
	c.CreatedAt = crm.InstantOf(h.created)
	c.UpdatedAt = crm.InstantOf(within(r, h.created, g.plan.Now))
	return c
}

func (g *generator) writeCompanies(ctx context.Context, tx bulk.Tx, from, to int) error {
	return insert(ctx, tx.Companies(), crm.KeyDomain, rows(from, to, g.company), func(c *crm.Company) **string { return &c.Domain })
}

// phone returns a number of the block that is reserved for fiction in the United Kingdom.
func phone(r *rand.Rand) string {
	const digits = "0123456789"
	number := []byte("+44 20 7946 0")
	for range 3 {
		number = append(number, digits[r.IntN(len(digits))])
	}
	return string(number)
}
