package crm

// Owner is a person (or a service user) of an organisation: the public profile.
type Owner struct {
	OrgID      ID      `json:"-"`
	ID         ID      `json:"id"`
	FirstName  *string `json:"first_name"`
	LastName   *string `json:"last_name"`
	FullName   string  `json:"full_name" doc:"Derived from first_name and last_name."`
	Email      *string `json:"email" doc:"In lower case; a person without one owns records but cannot sign in."`
	Stage      *string `json:"stage" doc:"Job title."`
	AvatarURL  *string `json:"avatar_url"`
	Role       Role    `json:"role" enum:"viewer,rep,manager,admin"`
	ExternalID *string `json:"external_id" doc:"The person's id in another system, unique within the organisation."`
	CreatedAt  Instant `json:"created_at"`
	UpdatedAt  Instant `json:"updated_at"`

	Service       bool     `json:"-"` // made for a key; not a person
	DeactivatedAt *Instant `json:"-"` // may not act any more; records stay
	Version       int64    `json:"-"`
}

// OwnerPatch holds what can be said of a person when they are made or imported.
type OwnerPatch struct {
	FirstName  Field[string] `json:"first_name"`
	LastName   Field[string] `json:"last_name"`
	Email      Field[string] `json:"email"`
	Stage      Field[string] `json:"stage"`
	AvatarURL  Field[string] `json:"avatar_url"`
	Role       Field[string] `json:"role"`
	ExternalID Field[string] `json:"external_id"`

	DecodeErrors DecodeErrors `json:"-"`
}

// OwnerFilter narrows owners; nil members do not.
type OwnerFilter struct{}

// Owners declares people and service users.
var Owners = Declare(Entity[Owner, OwnerPatch, OwnerFilter]{
	Name:         EntityOwner,
	DecodeErrors: func(p *OwnerPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Owner, OwnerPatch]{
		{Name: "org_id", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.OrgID, nil }},
		{Name: "id", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.ID, nil }},
		{Name: "first_name", Rule: nameRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.FirstName, &p.FirstName }},
		{Name: "last_name", Rule: nameRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.LastName, &p.LastName }},
		{Name: "full_name", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.FullName, nil }},
		{Name: "email", Rule: emailRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.Email, &p.Email }},
		{Name: "stage", Rule: shortRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.Stage, &p.Stage }},
		{Name: "avatar_url", Rule: urlRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.AvatarURL, &p.AvatarURL }},
		{Name: "role", At: func(o *Owner, p *OwnerPatch) (any, any) { return (*string)(&o.Role), &p.Role }},
		{Name: "external_id", Rule: shortRule, At: func(o *Owner, p *OwnerPatch) (any, any) { return &o.ExternalID, &p.ExternalID }},
		{Name: "created_at", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.CreatedAt, nil }},
		{Name: "updated_at", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.UpdatedAt, nil }},
		{Name: "service", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.Service, nil }},
		{Name: "deactivated_at", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.DeactivatedAt, nil }},
		{Name: "version", At: func(o *Owner, _ *OwnerPatch) (any, any) { return &o.Version, nil }},
	},
	Sorts: Sorts{[]string{"updated_at", "created_at", "name"}, Sort{"updated_at", true}},
})

// Apply applies the patch by the rules of each member, and across members.
func (p OwnerPatch) Apply(o *Owner, r *Rules) {
	Owners.Apply(&p, o, r)
	if name := r.fullName(o.FirstName, o.LastName, o.Email); p.FirstName.Set || p.LastName.Set {
		o.FullName = name
	}
}
