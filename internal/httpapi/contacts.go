package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

type contactResource = resource[crm.Contact, crm.ContactFilter, crm.ContactPatch]

func (a *API) contacts() *contactResource {
	parts := []string{"stats", "deals", "activities", "owner", "tasks"}
	company := expansion[crm.Contact]{
		parameter: "includeCompany", doc: "Adds the contact's company, as companies and as company.", load: a.loadContactCompany,
	}
	return &contactResource{
		one: "contact", many: "contacts", name: "Contact", names: "Contacts", tag: "Contacts",
		paths: []string{"/api/contacts"},
		tier:  cache.Frequent, of: []string{crm.EntityContact, crm.EntityCompany},
		subresourceEntities: []string{crm.EntityDeal, crm.EntityActivity, crm.EntityOwner, crm.EntityTask, crm.EntityStage, crm.EntityOrganisation},
		target:              targetQuery(parts, func(n *target) *target { return n }),
		pager:               newPager(a, "contacts", crm.Contacts.Sorts, append(append(filtersOf(crm.Contacts), expanded(company, func(a *listArgs[crm.ContactFilter]) *bool { return &a.expanded })...), targetQuery(parts, func(a *listArgs[crm.ContactFilter]) *target { return &a.target })...), a.Service.Contacts),
		body:                newBodyReader(crm.Contacts.DecodeErrors, reflect.TypeFor[contactView]()),
		limit:               limitsOf(crm.Contacts),
		listNote: "With id, an older form, it returns one contact, as GET /api/contacts/{id} does; and with one of stats, deals, activities, owner and tasks beside it (stats=true), " +
			"what GET /api/contacts/{id}/stats and so on return.",
		defaults: "Without an owner_id, the caller owns the contact.",
		example:  exampleContact(),
		key:      func(c *crm.Contact) (crm.ID, int64) { return c.ID, c.Version },
		read:     a.Service.Contact,
		create:   a.Service.CreateContact,
		update:   a.Service.UpdateContact,
		remove:   a.Service.DeleteContact,
		write:    appendContact,
		expand:   company,
		view:     reflect.TypeFor[contactView](),
	}
}

// contactsByQuery returns the writing operations on a contact whose id is in the query.
// The list operation reads such a contact.
func (a *API) contactsByQuery(contacts *contactResource) []operation {
	named := query[crm.ID]{plain(idParameter, "The contact's id.", idKind(), func(id *crm.ID) *crm.ID { return id })}
	named[0].required = true
	target := func(c *call) (crm.ID, error) {
		var id crm.ID
		if errs, malformed := named.read(c.Request.URL.RawQuery, &id); len(errs) > 0 {
			return id, server.InvalidQuery(errs, malformed)
		}
		return id, nil
	}
	change := contacts.change(a, http.MethodPatch, "/api/contacts", target)
	drop := contacts.drop(a, "/api/contacts", target)
	drop.problems = append(drop.problems, http.StatusBadRequest)
	ops := []operation{change, drop}
	for i := range ops {
		ops[i].id += "ByQuery"
		ops[i].summary += ", by the id in the query"
		ops[i].description = "An older form of the path of one contact."
		ops[i].deprecated = true
		ops[i].query = named.document()
	}
	return ops
}

// contactOwner returns the operation that reads a contact's owner.
func (a *API) contactOwner() operation {
	return subresourceOf("contact", operation{
		method: http.MethodGet, path: "/api/contacts/{id}/owner", id: "getContactOwner", tag: "Contacts",
		caching:     server.Cached(cache.Frequent, crm.EntityContact, crm.EntityOwner),
		summary:     "Read a contact's owner",
		description: "data is null if the contact has no owner.",
		answer:      a.schemas.envelopeOrNull("Owner"),
		forID: func(c *call, id crm.ID) error {
			contact, err := a.Service.Contact(c.Context, c.Actor, id)
			if err != nil {
				return err
			}
			if contact.OwnerID == nil {
				c.Out = append(c.Out, `{"data":null,"error":null}`...)
				return nil
			}
			owner, err := a.Service.Owner(c.Context, c.Actor, *contact.OwnerID)
			return answerOne(c, &owner, err, appendOwner)
		},
	})
}

// contactView is a contact in a response, with what can be joined to it.
type contactView struct {
	crm.Contact
	*contactCompany
}

// contactCompany is what includeCompany adds: the company twice, under the name that
// the front end's lists read and the one that its pages read.
type contactCompany struct {
	Companies *companySummary `json:"companies" doc:"With includeCompany=true."`
	Company   *companySummary `json:"company" doc:"The same as companies."`
}

// companySummary is a company as part of a contact.
type companySummary struct {
	ID       crm.ID  `json:"id"`
	Name     string  `json:"name"`
	Domain   *string `json:"domain"`
	Size     *string `json:"size" schema:"CompanySize"`
	Industry *string `json:"industry"`
	Website  *string `json:"website"`
}

func (a *API) loadContactCompany(c *call, rows []crm.Contact) (appender[crm.Contact], error) {
	companies, err := a.companiesByID(c, idsOf(rows, func(r *crm.Contact) *crm.ID { return r.CompanyID }))
	if err != nil {
		return nil, err
	}
	return func(b []byte, row *crm.Contact) []byte {
		company := at(companies, row.CompanyID)
		b = reopen(appendContact(b, row))
		b = appendCompanySummary(append(b, `,"companies":`...), company)
		b = appendCompanySummary(append(b, `,"company":`...), company)
		return append(b, '}')
	}, nil
}

func appendCompanySummary(b []byte, c *crm.Company) []byte {
	if c == nil {
		return append(b, "null"...)
	}
	return append(appendCompanyCore(b, c), '}')
}

// appendCompanyCore appends the members that every summary of a company has, without the
// closing brace.
func appendCompanyCore(b []byte, c *crm.Company) []byte {
	b = appendID(append(b, `{"id":`...), c.ID)
	b = appendString(append(b, `,"name":`...), c.Name)
	b = appendText(append(b, `,"domain":`...), c.Domain)
	b = appendText(append(b, `,"size":`...), c.Size)
	b = appendText(append(b, `,"industry":`...), c.Industry)
	return appendText(append(b, `,"website":`...), c.Website)
}
