package crm

// Company is an account.
type Company struct {
	OrgID       ID      `json:"-"`
	ID          ID      `json:"id"`
	Name        string  `json:"name"`
	Domain      *string `json:"domain" doc:"Host name in lower case, unique within the organisation."`
	Industry    *string `json:"industry"`
	Size        *string `json:"size" enum:"startup,small,medium,large,enterprise"`
	Website     *string `json:"website"`
	Address     *string `json:"address"`
	Phone       *string `json:"phone"`
	Description *string `json:"description"`
	LinkedInURL *string `json:"linkedin_url"`
	OwnerID     *ID     `json:"owner_id"`
	ExternalID  *string `json:"external_id" doc:"The record's id in another system, unique within the organisation."`
	CreatedAt   Instant `json:"created_at"`
	UpdatedAt   Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

// CompanyPatch holds the members of a company that a client may write.
type CompanyPatch struct {
	Name        Field[string] `json:"name"`
	Domain      Field[string] `json:"domain"`
	Industry    Field[string] `json:"industry"`
	Size        Field[string] `json:"size"`
	Website     Field[string] `json:"website"`
	Address     Field[string] `json:"address"`
	Phone       Field[string] `json:"phone"`
	Description Field[string] `json:"description"`
	LinkedInURL Field[string] `json:"linkedin_url"`
	OwnerID     Field[ID]     `json:"owner_id"`
	ExternalID  Field[string] `json:"external_id"`

	DecodeErrors DecodeErrors `json:"-"`
}

// CompanyFilter narrows companies; nil members do not.
type CompanyFilter struct {
	OwnerID  OneOf[ID]
	Industry *string
	Size     OneOf[string]
	Domain   *string
}

// Companies declares companies.
var Companies = Declare(Entity[Company, CompanyPatch, CompanyFilter]{
	Name:         EntityCompany,
	DecodeErrors: func(p *CompanyPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Company, CompanyPatch]{
		{Name: "org_id", At: func(c *Company, _ *CompanyPatch) (any, any) { return &c.OrgID, nil }},
		{Name: "id", At: func(c *Company, _ *CompanyPatch) (any, any) { return &c.ID, nil }},
		{Name: "name", Searched: true, Rule: nameRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Name, &p.Name }},
		{Name: "domain", Searched: true, Rule: domainRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Domain, &p.Domain }},
		{Name: "industry", Searched: true, Rule: shortRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Industry, &p.Industry }},
		{Name: "size", At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Size, &p.Size }},
		{Name: "website", Rule: urlRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Website, &p.Website }},
		{Name: "address", Rule: longRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Address, &p.Address }},
		{Name: "phone", Searched: true, Phone: true, Rule: phoneRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Phone, &p.Phone }},
		{Name: "description", Rule: longRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.Description, &p.Description }},
		{Name: "linkedin_url", Rule: urlRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.LinkedInURL, &p.LinkedInURL }},
		{Name: "owner_id", At: func(c *Company, p *CompanyPatch) (any, any) { return &c.OwnerID, &p.OwnerID }},
		{Name: "external_id", Rule: shortRule, At: func(c *Company, p *CompanyPatch) (any, any) { return &c.ExternalID, &p.ExternalID }},
		{Name: "created_at", At: func(c *Company, _ *CompanyPatch) (any, any) { return &c.CreatedAt, nil }},
		{Name: "updated_at", At: func(c *Company, _ *CompanyPatch) (any, any) { return &c.UpdatedAt, nil }},
		{Name: "version", At: func(c *Company, _ *CompanyPatch) (any, any) { return &c.Version, nil }},
	},
	Filters: []Filter[Company, CompanyFilter]{
		{Name: "ownerId", Property: "owner_id", Doc: "Only companies of this owner.", At: func(f *CompanyFilter) any { return &f.OwnerID }},
		{Name: "industry", Property: "industry", Doc: "Only companies of exactly this industry.", At: func(f *CompanyFilter) any { return &f.Industry }},
		{Name: "size", Property: "size", Doc: "Only companies of this size.", At: func(f *CompanyFilter) any { return &f.Size }},
		{Name: "domain", Property: "domain", Doc: "Only the company with this domain, in any letter case.", At: func(f *CompanyFilter) any { return &f.Domain }},
	},
	Sorts: Sorts{[]string{"updated_at", "created_at", "name"}, Sort{"updated_at", true}},
})

// Apply applies the patch by the rules of each member.
func (p CompanyPatch) Apply(c *Company, r *Rules) { Companies.Apply(&p, c, r) }
