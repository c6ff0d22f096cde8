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
		parameter: "includeCompany", doc: "Adds the contact's company: its members, and the company itself as companies and as company.", load: a.loadContactCompany,
	}
	return &contactResource{
		one: "contact", many: "contacts", name: "Contact", names: "Contacts", tag: "Contacts",
		paths: []string{"/api/contacts"},
		tier:  cache.Frequent, of: []string{crm.EntityContact, crm.EntityCompany},
		subresourceEntities: []string{crm.EntityDeal, crm.EntityActivity, crm.EntityOwner, crm.EntityTask, crm.EntityStage, crm.EntityOrganisation},
		target:              targetQuery(parts, func(n *target) *target { return n }),
		pager:               newPager(a, "contacts", crm.Contacts.Sorts, append(append(restorable(crm.Contacts), expanded(company, func(a *listArgs[crm.ContactFilter]) *bool { return &a.expanded })...), targetQuery(parts, func(a *listArgs[crm.ContactFilter]) *target { return &a.target })...), a.Service.Contacts),
		body:                newRecordReader(crm.Contacts, reflect.TypeFor[contactView]()),
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
		restore:  a.Service.RestoreContact,
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
	a.schemas.record("ContactOwner", reflect.TypeFor[contactOwner]())
	return subresourceOf("contact", operation{
		method: http.MethodGet, path: "/api/contacts/{id}/owner", id: "getContactOwner", tag: "Contacts",
		caching:     server.Cached(cache.Frequent, crm.EntityContact, crm.EntityOwner),
		summary:     "Read a contact's owner",
		description: "data is null if the contact has no owner.",
		answer:      a.schemas.envelopeOrNull("ContactOwner"),
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
			return answerOne(c, &owner, err, func(b []byte, o *crm.Owner) []byte { return appendContactOwner(b, o, contact.CreatedAt) })
		},
	})
}

// contactOwner is the owner of a contact in a response, with the members under the names that
// the front end's contact pages read.
type contactOwner struct {
	crm.Owner
	Name         string      `json:"name" doc:"The same as full_name."`
	Title        *string     `json:"title" doc:"The same as stage."`
	AssignedDate crm.Instant `json:"assigned_date" doc:"When the contact was created."`
}

func appendContactOwner(b []byte, o *crm.Owner, assigned crm.Instant) []byte {
	b = reopen(appendOwner(b, o))
	b = appendString(append(b, `,"name":`...), o.FullName)
	b = appendText(append(b, `,"title":`...), o.Stage)
	return append(appendInstant(append(b, `,"assigned_date":`...), assigned), '}')
}

// contactView is a contact in a response, with what can be joined to it.
type contactView struct {
	crm.Contact
	*contactCompany
}

// contactCompany is what includeCompany adds: flat for the front end's tables, and as an
// object under the name that its lists read and the one that its pages read.
type contactCompany struct {
	CompanyName     *string         `json:"company_name" doc:"With includeCompany=true."`
	CompanyDomain   *string         `json:"company_domain" doc:"With includeCompany=true."`
	CompanySize     *string         `json:"company_size" schema:"CompanySize" doc:"With includeCompany=true."`
	CompanyIndustry *string         `json:"company_industry" doc:"With includeCompany=true."`
	CompanyWebsite  *string         `json:"company_website" doc:"With includeCompany=true."`
	Companies       *companySummary `json:"companies" doc:"With includeCompany=true."`
	Company         *companySummary `json:"company" doc:"The same as companies."`
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
		b = appendFlatCompany(b, company)
		b = appendCompanySummary(append(b, `,"companies":`...), company)
		b = appendCompanySummary(append(b, `,"company":`...), company)
		return append(b, '}')
	}, nil
}

// appendFlatCompany appends the members of a contact's company as the contact's own.
func appendFlatCompany(b []byte, c *crm.Company) []byte {
	if c == nil {
		return append(b, `,"company_name":null,"company_domain":null,"company_size":null,"company_industry":null,"company_website":null`...)
	}
	return appendText(append(appendCompanyMembers(b, c), `,"company_website":`...), c.Website)
}

// appendCompanyMembers appends the members that every record with a company joined to it has.
func appendCompanyMembers(b []byte, c *crm.Company) []byte {
	b = appendString(append(b, `,"company_name":`...), c.Name)
	b = appendText(append(b, `,"company_domain":`...), c.Domain)
	b = appendText(append(b, `,"company_size":`...), c.Size)
	return appendText(append(b, `,"company_industry":`...), c.Industry)
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
