package crm

// ActivityCompleted is the status of an activity that took place.
const ActivityCompleted = "completed"

// maxQuantity is the most that one activity counts.
const maxQuantity = 1_000_000

// Activity is something that was done, or is to be done, with a customer.
type Activity struct {
	OrgID       ID      `json:"-"`
	ID          ID      `json:"id"`
	Type        string  `json:"type" enum:"outbound,meeting,proposal,sale,call,email,note"`
	Status      string  `json:"status" enum:"pending,completed,cancelled,no_show"`
	Priority    *string `json:"priority" enum:"low,medium,high"`
	Description *string `json:"description"`
	Amount      *Money  `json:"amount" doc:"In the organisation's default currency."`
	Quantity    *int    `json:"quantity" doc:"How many items were sold, sent or made."`
	Date        Instant `json:"date" doc:"When it was, or will be; a date without a time is read as its midnight in UTC."`
	ContactID   *ID     `json:"contact_id"`
	CompanyID   *ID     `json:"company_id"`
	DealID      *ID     `json:"deal_id"`
	OwnerID     *ID     `json:"owner_id"`
	CreatedAt   Instant `json:"created_at"`
	UpdatedAt   Instant `json:"updated_at"`

	ExternalID *string `json:"-"` // of imports, which recognise an activity by it
	Version    int64   `json:"-"`
}

// ActivityPatch holds the members of an activity that a client may write, and the
// external id that an import recognises it by.
type ActivityPatch struct {
	Type        Field[string] `json:"type"`
	Status      Field[string] `json:"status"`
	Priority    Field[string] `json:"priority"`
	Description Field[string] `json:"description"`
	Amount      Field[Money]  `json:"amount"`
	Quantity    Field[int]    `json:"quantity"`
	Date        Field[Moment] `json:"date"`
	ContactID   Field[ID]     `json:"contact_id"`
	CompanyID   Field[ID]     `json:"company_id"`
	DealID      Field[ID]     `json:"deal_id"`
	OwnerID     Field[ID]     `json:"owner_id"`

	ExternalID   Field[string] `json:"-"`
	DecodeErrors DecodeErrors  `json:"-"`
}

// ActivityFilter narrows activities; nil members do not.
type ActivityFilter struct {
	OwnerID   OneOf[ID]
	ContactID OneOf[ID]
	CompanyID OneOf[ID]
	DealID    OneOf[ID]
	Type      OneOf[string]
	Status    OneOf[string]
	StartDate *Span
	EndDate   *Span
}

// Activities declares activities.
var Activities = Declare(Entity[Activity, ActivityPatch, ActivityFilter]{
	Name:         EntityActivity,
	DecodeErrors: func(p *ActivityPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Activity, ActivityPatch]{
		{Name: "org_id", At: func(a *Activity, _ *ActivityPatch) (any, any) { return &a.OrgID, nil }},
		{Name: "id", At: func(a *Activity, _ *ActivityPatch) (any, any) { return &a.ID, nil }},
		{Name: "type", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Type, &p.Type }},
		{Name: "status", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Status, &p.Status }},
		{Name: "priority", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Priority, &p.Priority }},
		{Name: "description", Rule: longRule, At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Description, &p.Description }},
		{Name: "amount", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Amount, &p.Amount }},
		{Name: "quantity", Max: maxQuantity, At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Quantity, &p.Quantity }},
		{Name: "date", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.Date, &p.Date }},
		{Name: "contact_id", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.ContactID, &p.ContactID }},
		{Name: "company_id", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.CompanyID, &p.CompanyID }},
		{Name: "deal_id", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.DealID, &p.DealID }},
		{Name: "owner_id", At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.OwnerID, &p.OwnerID }},
		{Name: "created_at", At: func(a *Activity, _ *ActivityPatch) (any, any) { return &a.CreatedAt, nil }},
		{Name: "updated_at", At: func(a *Activity, _ *ActivityPatch) (any, any) { return &a.UpdatedAt, nil }},
		{Name: "external_id", Rule: shortRule, At: func(a *Activity, p *ActivityPatch) (any, any) { return &a.ExternalID, &p.ExternalID }},
		{Name: "version", At: func(a *Activity, _ *ActivityPatch) (any, any) { return &a.Version, nil }},
	},
	Filters: []Filter[Activity, ActivityFilter]{
		{Name: "ownerId", Property: "owner_id", Doc: "Only activities of this owner.", At: func(f *ActivityFilter) any { return &f.OwnerID }},
		{Name: "type", Property: "type", Doc: "Only activities of this type.", At: func(f *ActivityFilter) any { return &f.Type }},
		{Name: "status", Property: "status", Doc: "Only activities of this status.", At: func(f *ActivityFilter) any { return &f.Status }},
		{Name: "contactId", Property: "contact_id", Doc: "Only activities with this contact.", At: func(f *ActivityFilter) any { return &f.ContactID }},
		{Name: "companyId", Property: "company_id", Doc: "Only activities with this company.", At: func(f *ActivityFilter) any { return &f.CompanyID }},
		{Name: "dealId", Property: "deal_id", Doc: "Only activities for this deal.", At: func(f *ActivityFilter) any { return &f.DealID }},
		{Name: "startDate", Property: "date", Doc: "Only activities of this UTC day, or instant, or later.", At: func(f *ActivityFilter) any { return &f.StartDate },
			Match: func(a *Activity, f *ActivityFilter) bool { return a.Date >= f.StartDate.First }},
		{Name: "endDate", Property: "date", NotBelow: "startDate", Doc: "Only activities of this UTC day, or instant, or earlier.", At: func(f *ActivityFilter) any { return &f.EndDate },
			Match: func(a *Activity, f *ActivityFilter) bool { return a.Date <= f.EndDate.Last }},
	},
	Sorts: Sorts{[]string{"date", "updated_at", "created_at"}, Sort{"date", true}},
})

// Apply applies the patch by the rules of each member.
func (p ActivityPatch) Apply(a *Activity, r *Rules) { Activities.Apply(&p, a, r) }
