package crm

// Contact is a person at a company.
type Contact struct {
	OrgID       ID      `json:"-"`
	ID          ID      `json:"id"`
	FirstName   *string `json:"first_name"`
	LastName    *string `json:"last_name"`
	FullName    string  `json:"full_name" doc:"Derived from first_name and last_name."`
	Email       *string `json:"email" doc:"In lower case, unique within the organisation."`
	Phone       *string `json:"phone"`
	Title       *string `json:"title"`
	LinkedInURL *string `json:"linkedin_url"`
	IsPrimary   bool    `json:"is_primary" doc:"At most one contact of a company is; without a company it is stored as false. Making one so ends it for the other, which the caller must be allowed to write. A rep who sees only their own records may make one so only instead of one of their own."`
	CompanyID   *ID     `json:"company_id"`
	OwnerID     *ID     `json:"owner_id"`
	ExternalID  *string `json:"external_id" doc:"The record's id in another system, unique within the organisation."`
	CreatedAt   Instant `json:"created_at"`
	UpdatedAt   Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

// ContactPatch holds the members of a contact that a client may write.
type ContactPatch struct {
	FirstName   Field[string] `json:"first_name"`
	LastName    Field[string] `json:"last_name"`
	Email       Field[string] `json:"email"`
	Phone       Field[string] `json:"phone"`
	Title       Field[string] `json:"title"`
	LinkedInURL Field[string] `json:"linkedin_url"`
	IsPrimary   Field[bool]   `json:"is_primary"`
	CompanyID   Field[ID]     `json:"company_id"`
	OwnerID     Field[ID]     `json:"owner_id"`
	ExternalID  Field[string] `json:"external_id"`

	DecodeErrors DecodeErrors `json:"-"`
}

// ContactFilter narrows contacts; nil members do not.
type ContactFilter struct {
	OwnerID   OneOf[ID]
	CompanyID OneOf[ID]
	Email     *string
}

// Contacts declares contacts.
var Contacts = Declare(Entity[Contact, ContactPatch, ContactFilter]{
	Name:         EntityContact,
	DecodeErrors: func(p *ContactPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Contact, ContactPatch]{
		{Name: "org_id", At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.OrgID, nil }},
		{Name: "id", At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.ID, nil }},
		{Name: "first_name", Rule: nameRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.FirstName, &p.FirstName }},
		{Name: "last_name", Rule: nameRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.LastName, &p.LastName }},
		{Name: "full_name", Searched: true, At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.FullName, nil }},
		{Name: "email", Searched: true, Rule: emailRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.Email, &p.Email }},
		{Name: "phone", Searched: true, Phone: true, Rule: phoneRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.Phone, &p.Phone }},
		{Name: "title", Searched: true, Rule: shortRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.Title, &p.Title }},
		{Name: "linkedin_url", Rule: urlRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.LinkedInURL, &p.LinkedInURL }},
		{Name: "is_primary", At: func(c *Contact, p *ContactPatch) (any, any) { return &c.IsPrimary, &p.IsPrimary }},
		{Name: "company_id", At: func(c *Contact, p *ContactPatch) (any, any) { return &c.CompanyID, &p.CompanyID }},
		{Name: "owner_id", At: func(c *Contact, p *ContactPatch) (any, any) { return &c.OwnerID, &p.OwnerID }},
		{Name: "external_id", Rule: shortRule, At: func(c *Contact, p *ContactPatch) (any, any) { return &c.ExternalID, &p.ExternalID }},
		{Name: "created_at", At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.CreatedAt, nil }},
		{Name: "updated_at", At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.UpdatedAt, nil }},
		{Name: "version", At: func(c *Contact, _ *ContactPatch) (any, any) { return &c.Version, nil }},
	},
	Filters: []Filter[Contact, ContactFilter]{
		{Name: "ownerId", Property: "owner_id", Doc: "Only contacts of this owner.", At: func(f *ContactFilter) any { return &f.OwnerID }},
		{Name: "companyId", Property: "company_id", Doc: "Only contacts at this company.", At: func(f *ContactFilter) any { return &f.CompanyID }},
		{Name: "email", Property: "email", Doc: "Only the contact with this address, in any letter case.", At: func(f *ContactFilter) any { return &f.Email }},
	},
	Sorts: Sorts{[]string{"updated_at", "created_at", "name"}, Sort{"updated_at", true}},
})

// Apply applies the patch by the rules of each member, and across members.
func (p ContactPatch) Apply(c *Contact, r *Rules) {
	Contacts.Apply(&p, c, r)
	if name := r.fullName(c.FirstName, c.LastName, c.Email); p.FirstName.Set || p.LastName.Set {
		c.FullName = name
	}
	c.IsPrimary = c.IsPrimary && c.CompanyID != nil
}
