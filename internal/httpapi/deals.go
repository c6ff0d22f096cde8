package httpapi

import (
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func (a *API) deals() *resource[crm.Deal, crm.DealFilter, crm.DealPatch] {
	relations := expansion[crm.Deal]{
		parameter: "includeRelationships", doc: "Adds the deal's company, primary contact, stage and further contacts.", load: a.loadDealRelations,
	}
	return &resource[crm.Deal, crm.DealFilter, crm.DealPatch]{
		one: "deal", many: "deals", name: "Deal", names: "Deals", tag: "Deals",
		paths: []string{"/api/deals"},
		tier:  cache.Frequent, of: []string{crm.EntityDeal, crm.EntityContact, crm.EntityCompany, crm.EntityStage},
		pager:    newPager(a, "deals", crm.Deals.Sorts, append(restorable(crm.Deals), expanded(relations, func(a *listArgs[crm.DealFilter]) *bool { return &a.expanded })...), a.Service.Deals),
		body:     newRecordReader(crm.Deals, reflect.TypeFor[dealView]()),
		limit:    limitsOf(crm.Deals),
		required: []string{"name"},
		defaults: "Defaults: the owner is the caller, the stage the first one, the probability the stage's, the company label the deal's name, the currency the organisation's.",
		example:  exampleDeal(),
		key:      func(d *crm.Deal) (crm.ID, int64) { return d.ID, d.Version },
		read:     a.Service.Deal,
		create:   a.Service.CreateDeal,
		update:   a.Service.UpdateDeal,
		remove:   a.Service.DeleteDeal,
		restore:  a.Service.RestoreDeal,
		write:    appendDeal,
		expand:   relations,
		view:     reflect.TypeFor[dealView](),
	}
}

// dealView is a deal in a response, with what can be joined to it.
type dealView struct {
	crm.Deal
	*dealRelations
}

// dealRelations is what includeRelationships adds: flat for the front end's tables,
// and the same as objects.
type dealRelations struct {
	CompanyName        *string             `json:"company_name" doc:"With includeRelationships=true."`
	CompanyDomain      *string             `json:"company_domain" doc:"With includeRelationships=true."`
	CompanySize        *string             `json:"company_size" schema:"CompanySize" doc:"With includeRelationships=true."`
	CompanyIndustry    *string             `json:"company_industry" doc:"With includeRelationships=true."`
	ContactTitle       *string             `json:"contact_title" doc:"With includeRelationships=true."`
	StageName          *string             `json:"stage_name" doc:"With includeRelationships=true, and of a contact's deals."`
	StageColor         *string             `json:"stage_color" doc:"With includeRelationships=true, and of a contact's deals."`
	StageProbability   *int                `json:"stage_probability" doc:"With includeRelationships=true: the stage's default_probability."`
	DefaultProbability *int                `json:"default_probability" doc:"With includeRelationships=true, and of a contact's deals: the stage's."`
	DaysInStage        *int                `json:"daysInStage" doc:"With includeRelationships=true: the days, UTC, since stage_changed_at."`
	Companies          *dealCompany        `json:"companies" doc:"With includeRelationships=true."`
	Contacts           *dealPrimaryContact `json:"contacts" doc:"With includeRelationships=true: the primary contact."`
	DealStages         *dealStageSummary   `json:"deal_stages" doc:"With includeRelationships=true."`
	DealContacts       []dealContact       `json:"deal_contacts" doc:"With includeRelationships=true: the further contacts."`
}

// dealCompany is a company as part of a deal.
type dealCompany struct {
	companySummary
	LinkedInURL *string `json:"linkedin_url"`
}

// dealPrimaryContact is a primary contact as part of a deal.
type dealPrimaryContact struct {
	ID          crm.ID  `json:"id"`
	FirstName   *string `json:"first_name"`
	LastName    *string `json:"last_name"`
	FullName    string  `json:"full_name"`
	Email       *string `json:"email"`
	Phone       *string `json:"phone"`
	Title       *string `json:"title"`
	LinkedInURL *string `json:"linkedin_url"`
	IsPrimary   bool    `json:"is_primary"`
}

// dealStageSummary is a stage as part of a deal.
type dealStageSummary struct {
	ID                 crm.ID  `json:"id"`
	Name               string  `json:"name"`
	Color              *string `json:"color"`
	DefaultProbability int     `json:"default_probability"`
}

// dealContact is a contact that takes part in a deal.
type dealContact struct {
	ContactID crm.ID       `json:"contact_id"`
	Role      string       `json:"role" enum:"decision_maker,influencer,stakeholder,champion,blocker"`
	Contact   contactBrief `json:"contact"`
}

// contactBrief is the shortest summary of a contact.
type contactBrief struct {
	ID       crm.ID  `json:"id"`
	FullName string  `json:"full_name"`
	Email    *string `json:"email"`
	Title    *string `json:"title"`
}

// relations is what the deals of a page refer to.
type relations struct {
	companies map[crm.ID]*crm.Company
	contacts  map[crm.ID]*crm.Contact
	stages    map[crm.ID]*crm.Stage
	further   map[crm.ID][]crm.DealContact // by deal
	days      func(*crm.Deal) int          // in its stage
}

func (a *API) loadDealRelations(c *call, rows []crm.Deal) (appender[crm.Deal], error) {
	rel := relations{days: a.Service.DaysInStage(c.Context)}
	var err error
	if rel.companies, err = a.companiesByID(c, idsOf(rows, func(d *crm.Deal) *crm.ID { return d.CompanyID })); err != nil {
		return nil, err
	}
	if rel.stages, err = a.stagesByID(c, idsOf(rows, func(d *crm.Deal) *crm.ID { return &d.StageID })); err != nil {
		return nil, err
	}
	further, err := a.Service.DealContacts(c.Context, c.Actor, idsOf(rows, func(d *crm.Deal) *crm.ID { return &d.ID }))
	if err != nil {
		return nil, err
	}
	rel.further = make(map[crm.ID][]crm.DealContact, len(rows))
	for _, f := range further {
		rel.further[f.DealID] = append(rel.further[f.DealID], f)
	}
	// Primary and further contacts are often the same people: one look-up for both.
	all := make([]*crm.ID, 0, len(rows)+len(further))
	for i := range rows {
		all = append(all, rows[i].PrimaryContactID)
	}
	for i := range further {
		all = append(all, &further[i].ContactID)
	}
	if rel.contacts, err = a.contactsByID(c, idsOf(all, func(id **crm.ID) *crm.ID { return *id })); err != nil {
		return nil, err
	}
	return rel.append, nil
}

func (rel *relations) append(b []byte, d *crm.Deal) []byte {
	b = reopen(appendDeal(b, d))
	company, contact := at(rel.companies, d.CompanyID), at(rel.contacts, d.PrimaryContactID)
	b = appendDealCompany(b, company)
	b = appendDealStage(b, rel.stages[d.StageID])
	b = appendInt(append(b, `,"daysInStage":`...), rel.days(d))
	b = appendDealContact(b, contact)
	b = append(b, `,"deal_contacts":[`...)
	first := true
	for _, f := range rel.further[d.ID] {
		person := rel.contacts[f.ContactID]
		if person == nil {
			continue // deleted since the deal's contacts were read
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendFurther(b, f.Role, person)
	}
	return append(b, "]}"...)
}

func appendDealCompany(b []byte, c *crm.Company) []byte {
	if c == nil {
		return append(b, `,"company_name":null,"company_domain":null,"company_size":null,"company_industry":null,"companies":null`...)
	}
	b = appendCompanyMembers(b, c)
	b = appendCompanyCore(append(b, `,"companies":`...), c)
	return append(appendText(append(b, `,"linkedin_url":`...), c.LinkedInURL), '}')
}

// loadDealStages joins a deal's stage to it.
func (a *API) loadDealStages(c *call, rows []crm.Deal) (appender[crm.Deal], error) {
	stages, err := a.stagesByID(c, idsOf(rows, func(d *crm.Deal) *crm.ID { return &d.StageID }))
	if err != nil {
		return nil, err
	}
	return func(b []byte, d *crm.Deal) []byte {
		return append(appendStageMembers(reopen(appendDeal(b, d)), stages[d.StageID]), '}')
	}, nil
}

func appendStageMembers(b []byte, s *crm.Stage) []byte {
	if s == nil {
		return append(b, `,"stage_name":null,"stage_color":null,"default_probability":null`...)
	}
	b = appendString(append(b, `,"stage_name":`...), s.Name)
	b = appendText(append(b, `,"stage_color":`...), s.Color)
	return appendInt(append(b, `,"default_probability":`...), s.DefaultProbability)
}

func appendDealStage(b []byte, s *crm.Stage) []byte {
	b = appendStageMembers(b, s)
	if s == nil {
		return append(b, `,"stage_probability":null,"deal_stages":null`...)
	}
	b = appendInt(append(b, `,"stage_probability":`...), s.DefaultProbability)
	b = appendID(append(b, `,"deal_stages":{"id":`...), s.ID)
	b = appendString(append(b, `,"name":`...), s.Name)
	b = appendText(append(b, `,"color":`...), s.Color)
	return append(appendInt(append(b, `,"default_probability":`...), s.DefaultProbability), '}')
}

// appendDealContact appends the primary contact; contact_name and contact_email are
// members of the deal itself.
func appendDealContact(b []byte, c *crm.Contact) []byte {
	if c == nil {
		return append(b, `,"contact_title":null,"contacts":null`...)
	}
	b = appendText(append(b, `,"contact_title":`...), c.Title)
	b = appendID(append(b, `,"contacts":{"id":`...), c.ID)
	b = appendText(append(b, `,"first_name":`...), c.FirstName)
	b = appendText(append(b, `,"last_name":`...), c.LastName)
	b = appendString(append(b, `,"full_name":`...), c.FullName)
	b = appendText(append(b, `,"email":`...), c.Email)
	b = appendText(append(b, `,"phone":`...), c.Phone)
	b = appendText(append(b, `,"title":`...), c.Title)
	b = appendText(append(b, `,"linkedin_url":`...), c.LinkedInURL)
	return append(appendBool(append(b, `,"is_primary":`...), c.IsPrimary), '}')
}

func appendFurther(b []byte, role string, c *crm.Contact) []byte {
	b = appendID(append(b, `{"contact_id":`...), c.ID)
	b = appendString(append(b, `,"role":`...), role)
	b = appendID(append(b, `,"contact":{"id":`...), c.ID)
	b = appendString(append(b, `,"full_name":`...), c.FullName)
	b = appendText(append(b, `,"email":`...), c.Email)
	return append(appendText(append(b, `,"title":`...), c.Title), "}}"...)
}
