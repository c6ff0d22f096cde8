package store

import "sixty/internal/crm"

// The tables of companies, contacts, stages and people. Their columns are the declared
// properties.

func companyTable() table[crm.Company, crm.CompanyFilter] {
	return table[crm.Company, crm.CompanyFilter]{
		name: "companies", entity: crm.EntityCompany, owned: "t.owner_id = @",
		columns: columnsOf(crm.Companies, nil),
		nameOf:  func(c *crm.Company) string { return c.Name },
		sorts:   commonSorts, order: crm.Companies.Sorts.Default.Field,
		filters: filtersOf(crm.Companies, map[string]condition[crm.CompanyFilter]{
			"ownerId":  {column: "t.owner_id"},
			"industry": {sql: "t.industry ="},
			"size":     {column: "t.size"},
			"domain":   {sql: "t.domain ="},
		}),
		keys: map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyDomain: "domain", crm.KeyName: "name_key"},
		id:   func(c *crm.Company) crm.ID { return c.ID },
		org:  func(c *crm.Company) crm.ID { return c.OrgID },
		refs: func(c *crm.Company) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID)} },
		search: &searchSpec[crm.Company]{
			kind: crm.KindCompany, prefix: "c", endPrefix: "x", columns: searchedColumns(crm.Companies), searched: (*crm.Company).Searched,
			shown: func(c *crm.Company) [2]string { return [2]string{c.Name} }, ofDeals: dealsOfCompanies,
		},
	}
}

func contactTable() table[crm.Contact, crm.ContactFilter] {
	return table[crm.Contact, crm.ContactFilter]{
		name: "contacts", entity: crm.EntityContact, owned: "t.owner_id = @",
		columns: columnsOf(crm.Contacts, nil),
		nameOf:  func(c *crm.Contact) string { return personName(c.FullName, c.Email) },
		sorts:   commonSorts, order: crm.Contacts.Sorts.Default.Field,
		filters: filtersOf(crm.Contacts, map[string]condition[crm.ContactFilter]{
			"ownerId":   {column: "t.owner_id"},
			"companyId": {column: "t.company_id"},
			"email":     {sql: "t.email ="},
		}),
		keys: map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyEmail: "email", crm.KeyName: "name_key"},
		id:   func(c *crm.Contact) crm.ID { return c.ID },
		org:  func(c *crm.Contact) crm.ID { return c.OrgID },
		refs: func(c *crm.Contact) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID), Company: idsOf(c.CompanyID)} },
		search: &searchSpec[crm.Contact]{
			kind: crm.KindContact, prefix: "p", endPrefix: "y", columns: searchedColumns(crm.Contacts), searched: (*crm.Contact).Searched,
			shown: func(c *crm.Contact) [2]string { return [2]string{c.FullName, textOf(c.Email)} }, ofDeals: dealsOfContacts,
		},
	}
}

func stageTable() table[crm.Stage, crm.StageFilter] {
	return table[crm.Stage, crm.StageFilter]{
		name: "deal_stages", entity: crm.EntityStage,
		columns: columnsOf(crm.Stages, nil),
		nameOf:  func(s *crm.Stage) string { return s.Name },
		sorts: map[string]sortKey{
			"updated_at":     commonSorts["updated_at"],
			"created_at":     commonSorts["created_at"],
			"name":           commonSorts["name"],
			"order_position": {column: "order_position", kind: keyNumber},
		},
		keys: map[crm.Key]string{crm.KeyName: "name_key"},
		id:   func(s *crm.Stage) crm.ID { return s.ID },
		org:  func(s *crm.Stage) crm.ID { return s.OrgID },
		refs: func(s *crm.Stage) crm.Refs { return crm.Refs{Stage: []crm.ID{s.ID}} },
	}
}

func ownerTable() table[crm.Owner, crm.OwnerFilter] {
	return table[crm.Owner, crm.OwnerFilter]{
		name: "users", entity: crm.EntityOwner,
		columns: columnsOf(crm.Owners, nil),
		nameOf:  func(o *crm.Owner) string { return personName(o.FullName, o.Email) },
		where:   " AND NOT t.service", // a list is of people; service users are found by id
		sorts:   commonSorts,
		keys:    map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyEmail: "email", crm.KeyName: "name_key"},
		id:      func(o *crm.Owner) crm.ID { return o.ID },
		org:     func(o *crm.Owner) crm.ID { return o.OrgID },
		refs:    func(o *crm.Owner) crm.Refs { return crm.Refs{Owner: []crm.ID{o.ID}} },
	}
}

// personName is what a person is sorted and found by: without a name, the address.
func personName(full string, email *string) string {
	if full == "" && email != nil {
		return *email
	}
	return full
}

// textOf returns an optional text, "" for none.
func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
