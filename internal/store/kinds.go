package store

import "sixty/internal/crm"

// What is stored of each kind of thing. The order of the columns is that of the
// wire; it matters to nobody else.

func companyTable() table[crm.Company, crm.CompanyFilter] {
	return table[crm.Company, crm.CompanyFilter]{
		name: "companies", entity: crm.EntityCompany, owned: "t.owner_id = @",
		columns: []column[crm.Company]{
			{name: "org_id", member: func(c *crm.Company) any { return &c.OrgID }},
			{name: "id", member: func(c *crm.Company) any { return &c.ID }},
			{name: "name", member: func(c *crm.Company) any { return &c.Name }},
			{name: "domain", member: func(c *crm.Company) any { return &c.Domain }},
			{name: "industry", member: func(c *crm.Company) any { return &c.Industry }},
			{name: "size", member: func(c *crm.Company) any { return &c.Size }},
			{name: "website", member: func(c *crm.Company) any { return &c.Website }},
			{name: "address", member: func(c *crm.Company) any { return &c.Address }},
			{name: "phone", member: func(c *crm.Company) any { return &c.Phone }},
			{name: "description", member: func(c *crm.Company) any { return &c.Description }},
			{name: "linkedin_url", member: func(c *crm.Company) any { return &c.LinkedInURL }},
			{name: "owner_id", member: func(c *crm.Company) any { return &c.OwnerID }},
			{name: "external_id", member: func(c *crm.Company) any { return &c.ExternalID }},
			{name: "created_at", member: func(c *crm.Company) any { return &c.CreatedAt }},
			{name: "updated_at", member: func(c *crm.Company) any { return &c.UpdatedAt }},
			{name: "version", member: func(c *crm.Company) any { return &c.Version }},
		},
		nameOf: func(c *crm.Company) string { return c.Name },
		sorts:  commonSorts,
		filter: func(f crm.CompanyFilter, n *narrowing) {
			narrow(n, 'o', "t.owner_id =", f.OwnerID)
			narrow(n, 'i', "t.industry =", f.Industry)
			narrow(n, 's', "t.size =", f.Size)
		},
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyDomain: "domain", crm.KeyName: "name_key"},
		id:     func(c *crm.Company) crm.ID { return c.ID },
		org:    func(c *crm.Company) crm.ID { return c.OrgID },
		refs:   func(c *crm.Company) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID)} },
		search: &searching[crm.Company]{crm.KindCompany, "c", []string{"name", "domain", "industry"}, (*crm.Company).Searched},
	}
}

func contactTable() table[crm.Contact, crm.ContactFilter] {
	return table[crm.Contact, crm.ContactFilter]{
		name: "contacts", entity: crm.EntityContact, owned: "t.owner_id = @",
		columns: []column[crm.Contact]{
			{name: "org_id", member: func(c *crm.Contact) any { return &c.OrgID }},
			{name: "id", member: func(c *crm.Contact) any { return &c.ID }},
			{name: "first_name", member: func(c *crm.Contact) any { return &c.FirstName }},
			{name: "last_name", member: func(c *crm.Contact) any { return &c.LastName }},
			{name: "full_name", member: func(c *crm.Contact) any { return &c.FullName }},
			{name: "email", member: func(c *crm.Contact) any { return &c.Email }},
			{name: "phone", member: func(c *crm.Contact) any { return &c.Phone }},
			{name: "title", member: func(c *crm.Contact) any { return &c.Title }},
			{name: "linkedin_url", member: func(c *crm.Contact) any { return &c.LinkedInURL }},
			{name: "is_primary", member: func(c *crm.Contact) any { return &c.IsPrimary }},
			{name: "company_id", member: func(c *crm.Contact) any { return &c.CompanyID }},
			{name: "owner_id", member: func(c *crm.Contact) any { return &c.OwnerID }},
			{name: "external_id", member: func(c *crm.Contact) any { return &c.ExternalID }},
			{name: "created_at", member: func(c *crm.Contact) any { return &c.CreatedAt }},
			{name: "updated_at", member: func(c *crm.Contact) any { return &c.UpdatedAt }},
			{name: "version", member: func(c *crm.Contact) any { return &c.Version }},
		},
		nameOf: func(c *crm.Contact) string { return personName(c.FullName, c.Email) },
		sorts:  commonSorts,
		filter: func(f crm.ContactFilter, n *narrowing) {
			narrow(n, 'o', "t.owner_id =", f.OwnerID)
			narrow(n, 'c', "t.company_id =", f.CompanyID)
		},
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyEmail: "email", crm.KeyName: "name_key"},
		id:     func(c *crm.Contact) crm.ID { return c.ID },
		org:    func(c *crm.Contact) crm.ID { return c.OrgID },
		refs:   func(c *crm.Contact) crm.Refs { return crm.Refs{Owner: idsOf(c.OwnerID), Company: idsOf(c.CompanyID)} },
		search: &searching[crm.Contact]{crm.KindContact, "p", []string{"full_name", "email", "title"}, (*crm.Contact).Searched},
	}
}

func stageTable() table[crm.Stage, crm.StageFilter] {
	return table[crm.Stage, crm.StageFilter]{
		name: "deal_stages", entity: crm.EntityStage,
		columns: []column[crm.Stage]{
			{name: "org_id", member: func(s *crm.Stage) any { return &s.OrgID }},
			{name: "id", member: func(s *crm.Stage) any { return &s.ID }},
			{name: "name", member: func(s *crm.Stage) any { return &s.Name }},
			{name: "description", member: func(s *crm.Stage) any { return &s.Description }},
			{name: "color", member: func(s *crm.Stage) any { return &s.Color }},
			{name: "order_position", member: func(s *crm.Stage) any { return &s.OrderPosition }},
			{name: "default_probability", member: func(s *crm.Stage) any { return &s.DefaultProbability }},
			{name: "outcome", member: func(s *crm.Stage) any { return (*string)(&s.Outcome) }},
			{name: "created_at", member: func(s *crm.Stage) any { return &s.CreatedAt }},
			{name: "updated_at", member: func(s *crm.Stage) any { return &s.UpdatedAt }},
			{name: "version", member: func(s *crm.Stage) any { return &s.Version }},
		},
		nameOf: func(s *crm.Stage) string { return s.Name },
		sorts: map[string]sortKey{
			"updated_at":     commonSorts["updated_at"],
			"created_at":     commonSorts["created_at"],
			"name":           commonSorts["name"],
			"order_position": {column: "order_position", kind: keyNumber},
		},
		filter: func(crm.StageFilter, *narrowing) {},
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
			{name: "org_id", member: func(o *crm.Owner) any { return &o.OrgID }},
			{name: "id", member: func(o *crm.Owner) any { return &o.ID }},
			{name: "first_name", member: func(o *crm.Owner) any { return &o.FirstName }},
			{name: "last_name", member: func(o *crm.Owner) any { return &o.LastName }},
			{name: "full_name", member: func(o *crm.Owner) any { return &o.FullName }},
			{name: "email", member: func(o *crm.Owner) any { return &o.Email }},
			{name: "stage", member: func(o *crm.Owner) any { return &o.Stage }},
			{name: "avatar_url", member: func(o *crm.Owner) any { return &o.AvatarURL }},
			{name: "role", member: func(o *crm.Owner) any { return (*string)(&o.Role) }},
			{name: "service", member: func(o *crm.Owner) any { return &o.Service }},
			{name: "deactivated_at", member: func(o *crm.Owner) any { return &o.DeactivatedAt }},
			{name: "created_at", member: func(o *crm.Owner) any { return &o.CreatedAt }},
			{name: "updated_at", member: func(o *crm.Owner) any { return &o.UpdatedAt }},
			{name: "version", member: func(o *crm.Owner) any { return &o.Version }},
		},
		nameOf: func(o *crm.Owner) string { return personName(o.FullName, o.Email) },
		where:  " AND NOT t.service", // the list is of people; a service user is found by its id
		sorts:  commonSorts,
		filter: func(crm.OwnerFilter, *narrowing) {},
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
