package store

import "sixty/internal/crm"

// What is stored of each kind of thing. The order of the columns is that of the
// wire; it matters to nobody else.

func companyTable() table[crm.Company, crm.CompanyFilter] {
	return table[crm.Company, crm.CompanyFilter]{
		name: "companies", entity: crm.EntityCompany, owned: "t.owner_id = @",
		columns: []column[crm.Company]{
			{name: "org_id", field: func(c *crm.Company) any { return &c.OrgID }},
			{name: "id", field: func(c *crm.Company) any { return &c.ID }},
			{name: "name", field: func(c *crm.Company) any { return &c.Name }},
			{name: "domain", field: func(c *crm.Company) any { return &c.Domain }},
			{name: "industry", field: func(c *crm.Company) any { return &c.Industry }},
			{name: "size", field: func(c *crm.Company) any { return &c.Size }},
			{name: "website", field: func(c *crm.Company) any { return &c.Website }},
			{name: "address", field: func(c *crm.Company) any { return &c.Address }},
			{name: "phone", field: func(c *crm.Company) any { return &c.Phone }},
			{name: "description", field: func(c *crm.Company) any { return &c.Description }},
			{name: "linkedin_url", field: func(c *crm.Company) any { return &c.LinkedInURL }},
			{name: "owner_id", field: func(c *crm.Company) any { return &c.OwnerID }},
			{name: "external_id", field: func(c *crm.Company) any { return &c.ExternalID }},
			{name: "created_at", field: func(c *crm.Company) any { return &c.CreatedAt }},
			{name: "updated_at", field: func(c *crm.Company) any { return &c.UpdatedAt }},
			{name: "version", field: func(c *crm.Company) any { return &c.Version }},
		},
		nameOf: func(c *crm.Company) string { return c.Name },
		sorts:  commonSorts,
		filter: func(f crm.CompanyFilter, b *whereBuilder) {
			addIf(b, "t.owner_id =", f.OwnerID)
			addIf(b, "t.industry =", f.Industry)
			addIf(b, "t.size =", f.Size)
		},
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyDomain: "domain", crm.KeyName: "name_key"},
		id:     func(c *crm.Company) crm.ID { return c.ID },
		org:    func(c *crm.Company) crm.ID { return c.OrgID },
		refs:   func(c *crm.Company) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID)} },
		search: &searchSpec[crm.Company]{crm.KindCompany, "c", []string{"name", "domain", "industry"}, (*crm.Company).Searched},
	}
}

func contactTable() table[crm.Contact, crm.ContactFilter] {
	return table[crm.Contact, crm.ContactFilter]{
		name: "contacts", entity: crm.EntityContact, owned: "t.owner_id = @",
		columns: []column[crm.Contact]{
			{name: "org_id", field: func(c *crm.Contact) any { return &c.OrgID }},
			{name: "id", field: func(c *crm.Contact) any { return &c.ID }},
			{name: "first_name", field: func(c *crm.Contact) any { return &c.FirstName }},
			{name: "last_name", field: func(c *crm.Contact) any { return &c.LastName }},
			{name: "full_name", field: func(c *crm.Contact) any { return &c.FullName }},
			{name: "email", field: func(c *crm.Contact) any { return &c.Email }},
			{name: "phone", field: func(c *crm.Contact) any { return &c.Phone }},
			{name: "title", field: func(c *crm.Contact) any { return &c.Title }},
			{name: "linkedin_url", field: func(c *crm.Contact) any { return &c.LinkedInURL }},
			{name: "is_primary", field: func(c *crm.Contact) any { return &c.IsPrimary }},
			{name: "company_id", field: func(c *crm.Contact) any { return &c.CompanyID }},
			{name: "owner_id", field: func(c *crm.Contact) any { return &c.OwnerID }},
			{name: "external_id", field: func(c *crm.Contact) any { return &c.ExternalID }},
			{name: "created_at", field: func(c *crm.Contact) any { return &c.CreatedAt }},
			{name: "updated_at", field: func(c *crm.Contact) any { return &c.UpdatedAt }},
			{name: "version", field: func(c *crm.Contact) any { return &c.Version }},
		},
		nameOf: func(c *crm.Contact) string { return personName(c.FullName, c.Email) },
		sorts:  commonSorts,
		filter: func(f crm.ContactFilter, b *whereBuilder) {
			addIf(b, "t.owner_id =", f.OwnerID)
			addIf(b, "t.company_id =", f.CompanyID)
		},
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyEmail: "email", crm.KeyName: "name_key"},
		id:     func(c *crm.Contact) crm.ID { return c.ID },
		org:    func(c *crm.Contact) crm.ID { return c.OrgID },
		refs:   func(c *crm.Contact) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID), Company: idsOf(c.CompanyID)} },
		search: &searchSpec[crm.Contact]{crm.KindContact, "p", []string{"full_name", "email", "title"}, (*crm.Contact).Searched},
	}
}

func stageTable() table[crm.Stage, crm.StageFilter] {
	return table[crm.Stage, crm.StageFilter]{
		name: "deal_stages", entity: crm.EntityStage,
		columns: []column[crm.Stage]{
			{name: "org_id", field: func(s *crm.Stage) any { return &s.OrgID }},
			{name: "id", field: func(s *crm.Stage) any { return &s.ID }},
			{name: "name", field: func(s *crm.Stage) any { return &s.Name }},
			{name: "description", field: func(s *crm.Stage) any { return &s.Description }},
			{name: "color", field: func(s *crm.Stage) any { return &s.Color }},
			{name: "order_position", field: func(s *crm.Stage) any { return &s.OrderPosition }},
			{name: "default_probability", field: func(s *crm.Stage) any { return &s.DefaultProbability }},
			{name: "outcome", field: func(s *crm.Stage) any { return (*string)(&s.Outcome) }},
			{name: "created_at", field: func(s *crm.Stage) any { return &s.CreatedAt }},
			{name: "updated_at", field: func(s *crm.Stage) any { return &s.UpdatedAt }},
			{name: "version", field: func(s *crm.Stage) any { return &s.Version }},
		},
		nameOf: func(s *crm.Stage) string { return s.Name },
		sorts: map[string]sortKey{
			"updated_at":     commonSorts["updated_at"],
			"created_at":     commonSorts["created_at"],
			"name":           commonSorts["name"],
			"order_position": {column: "order_position", kind: keyNumber},
		},
		filter: func(crm.StageFilter, *whereBuilder) {},
		keys:   map[crm.Key]string{crm.KeyName: "name_key"},
		id:     func(s *crm.Stage) crm.ID { return s.ID },
		org:    func(s *crm.Stage) crm.ID { return s.OrgID },
		refs:   func(s *crm.Stage) crm.Refs { return crm.Refs{Stage: []crm.ID{s.ID}} },
	}
}

func ownerTable() table[crm.Owner, crm.OwnerFilter] {
	return table[crm.Owner, crm.OwnerFilter]{
		name: "users", entity: crm.EntityOwner,
		columns: []column[crm.Owner]{
			{name: "org_id", field: func(o *crm.Owner) any { return &o.OrgID }},
			{name: "id", field: func(o *crm.Owner) any { return &o.ID }},
			{name: "first_name", field: func(o *crm.Owner) any { return &o.FirstName }},
			{name: "last_name", field: func(o *crm.Owner) any { return &o.LastName }},
			{name: "full_name", field: func(o *crm.Owner) any { return &o.FullName }},
			{name: "email", field: func(o *crm.Owner) any { return &o.Email }},
			{name: "stage", field: func(o *crm.Owner) any { return &o.Stage }},
			{name: "avatar_url", field: func(o *crm.Owner) any { return &o.AvatarURL }},
			{name: "role", field: func(o *crm.Owner) any { return (*string)(&o.Role) }},
			{name: "service", field: func(o *crm.Owner) any { return &o.Service }},
			{name: "deactivated_at", field: func(o *crm.Owner) any { return &o.DeactivatedAt }},
			{name: "created_at", field: func(o *crm.Owner) any { return &o.CreatedAt }},
			{name: "updated_at", field: func(o *crm.Owner) any { return &o.UpdatedAt }},
			{name: "version", field: func(o *crm.Owner) any { return &o.Version }},
		},
		nameOf: func(o *crm.Owner) string { return personName(o.FullName, o.Email) },
		where:  " AND NOT t.service", // the list is of people; a service user is found by its id
		sorts:  commonSorts,
		filter: func(crm.OwnerFilter, *whereBuilder) {},
		keys:   map[crm.Key]string{crm.KeyEmail: "email", crm.KeyName: "name_key"},
		id:     func(o *crm.Owner) crm.ID { return o.ID },
		org:    func(o *crm.Owner) crm.ID { return o.OrgID },
		refs:   func(o *crm.Owner) crm.Refs { return crm.Refs{Owner: []crm.ID{o.ID}} },
	}
}

// personName is what somebody is sorted and found by: without a name, the address.
func personName(full string, email *string) string {
	if full == "" && email != nil {
		return *email
	}
	return full
}
