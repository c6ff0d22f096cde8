package crm

import (
	"slices"
	"strings"
)

// The statuses of a deal.
const (
	StatusActive = "active"
	StatusWon    = "won"
	StatusLost   = "lost"
)

// Deal is an opportunity.
type Deal struct {
	OrgID                 ID       `json:"-"`
	ID                    ID       `json:"id"`
	Name                  string   `json:"name"`
	Company               *string  `json:"company" doc:"Free text label."`
	CompanyID             *ID      `json:"company_id"`
	PrimaryContactID      *ID      `json:"primary_contact_id"`
	ContactName           *string  `json:"contact_name" doc:"The primary contact's when there is one, else the deal's own text."`
	ContactEmail          *string  `json:"contact_email" doc:"The primary contact's when there is one, else the deal's own text."`
	ContactPhone          *string  `json:"contact_phone"`
	ContactIdentifier     *string  `json:"contact_identifier"`
	ContactIdentifierType *string  `json:"contact_identifier_type" enum:"email,phone,linkedin,unknown"`
	Value                 *Money   `json:"value"`
	Currency              string   `json:"currency" doc:"ISO 4217."`
	OneOffRevenue         *Money   `json:"one_off_revenue"`
	MonthlyMRR            *Money   `json:"monthly_mrr"`
	Description           *string  `json:"description"`
	StageID               ID       `json:"stage_id"`
	StageChangedAt        Instant  `json:"stage_changed_at"`
	Probability           int      `json:"probability" doc:"Percent, 0 to 100."`
	Status                string   `json:"status" enum:"active,won,lost"`
	Priority              *string  `json:"priority" enum:"low,medium,high"`
	AnnualValue           *Money   `json:"annual_value"`
	DealSize              *string  `json:"deal_size"`
	LeadSourceType        *string  `json:"lead_source_type"`
	LeadSourceChannel     *string  `json:"lead_source_channel"`
	NextSteps             *string  `json:"next_steps"`
	ExpectedCloseDate     *Date    `json:"expected_close_date"`
	FirstBillingDate      *Date    `json:"first_billing_date"`
	ClosedAt              *Instant `json:"closed_at"`
	OwnerID               *ID      `json:"owner_id"`
	ExternalID            *string  `json:"external_id" doc:"The record's id in another system, unique within the organisation."`
	CreatedAt             Instant  `json:"created_at"`
	UpdatedAt             Instant  `json:"updated_at"`

	Version int64 `json:"-"`
}

// DealContact is a further contact of a deal, with the part they play in it.
type DealContact struct {
	DealID    ID
	ContactID ID
	Role      string // one of DealContactRoles
}

// DealContactRoles are the parts that a contact can play in a deal.
var DealContactRoles = []string{"decision_maker", "influencer", "stakeholder", "champion", "blocker"}

var contactRoleRule = oneOf(DealContactRoles)

// StageHistoryEntry is a stay of a deal in a stage; ExitedAt is nil while it lasts.
type StageHistoryEntry struct {
	OrgID     ID
	ID        ID
	DealID    ID
	StageID   ID
	EnteredAt Instant
	ExitedAt  *Instant
	UserID    *ID
}

// DealPatch holds the members of a deal that a client may write.
type DealPatch struct {
	Name                  Field[string] `json:"name"`
	Company               Field[string] `json:"company"`
	CompanyID             Field[ID]     `json:"company_id"`
	PrimaryContactID      Field[ID]     `json:"primary_contact_id"`
	ContactName           Field[string] `json:"contact_name"`
	ContactEmail          Field[string] `json:"contact_email"`
	ContactPhone          Field[string] `json:"contact_phone"`
	ContactIdentifier     Field[string] `json:"contact_identifier"`
	ContactIdentifierType Field[string] `json:"contact_identifier_type"`
	Value                 Field[Money]  `json:"value"`
	Currency              Field[string] `json:"currency"`
	OneOffRevenue         Field[Money]  `json:"one_off_revenue"`
	MonthlyMRR            Field[Money]  `json:"monthly_mrr"`
	Description           Field[string] `json:"description"`
	StageID               Field[ID]     `json:"stage_id"`
	Probability           Field[int]    `json:"probability"`
	Status                Field[string] `json:"status"`
	Priority              Field[string] `json:"priority"`
	AnnualValue           Field[Money]  `json:"annual_value"`
	DealSize              Field[string] `json:"deal_size"`
	LeadSourceType        Field[string] `json:"lead_source_type"`
	LeadSourceChannel     Field[string] `json:"lead_source_channel"`
	NextSteps             Field[string] `json:"next_steps"`
	ExpectedCloseDate     Field[Date]   `json:"expected_close_date"`
	FirstBillingDate      Field[Date]   `json:"first_billing_date"`
	ClosedAt              Field[Moment] `json:"closed_at"`
	OwnerID               Field[ID]     `json:"owner_id"`
	ExternalID            Field[string] `json:"external_id"`

	DecodeErrors DecodeErrors `json:"-"`
}

// DealFilter narrows deals; nil members do not.
type DealFilter struct {
	OwnerID     OneOf[ID]
	StageID     OneOf[ID]
	CompanyID   OneOf[ID]
	ContactID   OneOf[ID] // primary contact or deal contact; null: neither
	Status      OneOf[string]
	Priority    OneOf[string]
	MinValue    *Money // at least
	MaxValue    *Money // at most
	CloseBefore *Date  // expected strictly before
	CloseAfter  *Date  // expected strictly after
	CloseFrom   *Date  // expected then or after
	CloseTo     *Date  // expected then or before
	ClosedFrom  *Span
	ClosedTo    *Span
}

// Deals declares deals.
var Deals = Declare(Entity[Deal, DealPatch, DealFilter]{
	Name:         EntityDeal,
	DecodeErrors: func(p *DealPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Deal, DealPatch]{
		{Name: "org_id", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.OrgID, nil }},
		{Name: "id", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.ID, nil }},
		{Name: "name", Searched: true, Rule: nameRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Name, &p.Name }},
		{Name: "company", Searched: true, Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Company, &p.Company }},
		{Name: "company_id", At: func(d *Deal, p *DealPatch) (any, any) { return &d.CompanyID, &p.CompanyID }},
		{Name: "primary_contact_id", At: func(d *Deal, p *DealPatch) (any, any) { return &d.PrimaryContactID, &p.PrimaryContactID }},
		{Name: "contact_name", Searched: true, Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ContactName, &p.ContactName }},
		{Name: "contact_email", Searched: true, Rule: emailTextRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ContactEmail, &p.ContactEmail }},
		{Name: "contact_phone", Searched: true, Phone: true, Rule: phoneRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ContactPhone, &p.ContactPhone }},
		{Name: "contact_identifier", Searched: true, Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ContactIdentifier, &p.ContactIdentifier }},
		{Name: "contact_identifier_type", At: func(d *Deal, p *DealPatch) (any, any) { return &d.ContactIdentifierType, &p.ContactIdentifierType }},
		{Name: "value", At: func(d *Deal, p *DealPatch) (any, any) { return &d.Value, &p.Value }},
		{Name: "currency", Rule: currencyRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Currency, &p.Currency }},
		{Name: "one_off_revenue", At: func(d *Deal, p *DealPatch) (any, any) { return &d.OneOffRevenue, &p.OneOffRevenue }},
		{Name: "monthly_mrr", At: func(d *Deal, p *DealPatch) (any, any) { return &d.MonthlyMRR, &p.MonthlyMRR }},
		{Name: "description", Rule: longRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Description, &p.Description }},
		{Name: "stage_id", Settled: true, At: func(d *Deal, p *DealPatch) (any, any) { return &d.StageID, &p.StageID }},
		{Name: "stage_changed_at", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.StageChangedAt, nil }},
		{Name: "probability", Min: 0, Max: 100, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Probability, &p.Probability }},
		{Name: "status", Settled: true, At: func(d *Deal, p *DealPatch) (any, any) { return &d.Status, &p.Status }},
		{Name: "priority", At: func(d *Deal, p *DealPatch) (any, any) { return &d.Priority, &p.Priority }},
		{Name: "annual_value", At: func(d *Deal, p *DealPatch) (any, any) { return &d.AnnualValue, &p.AnnualValue }},
		{Name: "deal_size", Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.DealSize, &p.DealSize }},
		{Name: "lead_source_type", Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.LeadSourceType, &p.LeadSourceType }},
		{Name: "lead_source_channel", Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.LeadSourceChannel, &p.LeadSourceChannel }},
		{Name: "next_steps", Rule: longRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.NextSteps, &p.NextSteps }},
		{Name: "expected_close_date", At: func(d *Deal, p *DealPatch) (any, any) { return &d.ExpectedCloseDate, &p.ExpectedCloseDate }},
		{Name: "first_billing_date", At: func(d *Deal, p *DealPatch) (any, any) { return &d.FirstBillingDate, &p.FirstBillingDate }},
		{Name: "closed_at", Settled: true, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ClosedAt, &p.ClosedAt }},
		{Name: "owner_id", At: func(d *Deal, p *DealPatch) (any, any) { return &d.OwnerID, &p.OwnerID }},
		{Name: "external_id", Searched: true, Rule: shortRule, At: func(d *Deal, p *DealPatch) (any, any) { return &d.ExternalID, &p.ExternalID }},
		{Name: "created_at", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.CreatedAt, nil }},
		{Name: "updated_at", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.UpdatedAt, nil }},
		{Name: "version", At: func(d *Deal, _ *DealPatch) (any, any) { return &d.Version, nil }},
	},
	Filters: []Filter[Deal, DealFilter]{
		{Name: "ownerId", Property: "owner_id", Doc: "Only deals of this owner.", At: func(f *DealFilter) any { return &f.OwnerID }},
		{Name: "stageId", Property: "stage_id", Doc: "Only deals in this stage.", At: func(f *DealFilter) any { return &f.StageID }},
		{Name: "companyId", Property: "company_id", Doc: "Only deals with this company.", At: func(f *DealFilter) any { return &f.CompanyID }},
		{Name: "contactId", Property: "primary_contact_id", Doc: "Only deals that this contact is on, as primary or further contact.", At: func(f *DealFilter) any { return &f.ContactID }},
		{Name: "status", Property: "status", Doc: "Only deals of this status.", At: func(f *DealFilter) any { return &f.Status }},
		{Name: "priority", Property: "priority", Doc: "Only deals of this priority.", At: func(f *DealFilter) any { return &f.Priority }},
		{Name: "minValue", Property: "value", Doc: "Only deals of at least this value.", At: func(f *DealFilter) any { return &f.MinValue },
			Match: func(d *Deal, f *DealFilter) bool { return d.Value != nil && *d.Value >= *f.MinValue }},
		{Name: "maxValue", Property: "value", NotBelow: "minValue", Doc: "Only deals of at most this value.", At: func(f *DealFilter) any { return &f.MaxValue },
			Match: func(d *Deal, f *DealFilter) bool { return d.Value != nil && *d.Value <= *f.MaxValue }},
		{Name: "closeBefore", Property: "expected_close_date", NotBelow: "closeAfter", Doc: "Only deals expected to close before this day.", At: func(f *DealFilter) any { return &f.CloseBefore },
			Match: func(d *Deal, f *DealFilter) bool {
				return d.ExpectedCloseDate != nil && *d.ExpectedCloseDate < *f.CloseBefore
			}},
		{Name: "closeAfter", Property: "expected_close_date", Doc: "Only deals expected to close after this day.", At: func(f *DealFilter) any { return &f.CloseAfter },
			Match: func(d *Deal, f *DealFilter) bool {
				return d.ExpectedCloseDate != nil && *d.ExpectedCloseDate > *f.CloseAfter
			}},
		{Name: "closeFrom", Property: "expected_close_date", Doc: "Only deals expected to close on this day or later.", At: func(f *DealFilter) any { return &f.CloseFrom },
			Match: func(d *Deal, f *DealFilter) bool {
				return d.ExpectedCloseDate != nil && *d.ExpectedCloseDate >= *f.CloseFrom
			}},
		{Name: "closeTo", Property: "expected_close_date", NotBelow: "closeFrom", Doc: "Only deals expected to close on this day or earlier.", At: func(f *DealFilter) any { return &f.CloseTo },
			Match: func(d *Deal, f *DealFilter) bool {
				return d.ExpectedCloseDate != nil && *d.ExpectedCloseDate <= *f.CloseTo
			}},
		{Name: "closedFrom", Property: "closed_at", Doc: "Only deals that were closed on this UTC day, or at this instant, or later.", At: func(f *DealFilter) any { return &f.ClosedFrom },
			Match: func(d *Deal, f *DealFilter) bool { return d.ClosedAt != nil && *d.ClosedAt >= f.ClosedFrom.First }},
		{Name: "closedTo", Property: "closed_at", NotBelow: "closedFrom", Doc: "Only deals that were closed on this UTC day, or at this instant, or earlier.", At: func(f *DealFilter) any { return &f.ClosedTo },
			Match: func(d *Deal, f *DealFilter) bool { return d.ClosedAt != nil && *d.ClosedAt <= f.ClosedTo.Last }},
	},
	Sorts: Sorts{[]string{"updated_at", "created_at", "name", "value", "expected_close_date"}, Sort{"updated_at", true}},
})

// Apply applies the members that have no rule across members; settle applies the stage, the
// status and the closing time, which depend on each other.
func (p DealPatch) Apply(d *Deal, r *Rules) {
	Deals.Apply(&p, d, r)
	if (p.ContactIdentifier.Set || p.ContactIdentifierType.Set) && d.ContactIdentifier != nil && d.ContactIdentifierType != nil && *d.ContactIdentifierType == "email" {
		r.text("contact_identifier", Of(*d.ContactIdentifier), &d.ContactIdentifier, &identifierEmailRule)
	}
	if p.Status.Set && (p.Status.Null || !slices.Contains(Deals.Enum("status"), p.Status.Value)) {
		r.Add("status", "must be one of %s", strings.Join(Deals.Enum("status"), ", "))
	}
	if p.StageID.Set && p.StageID.Null {
		r.Add("stage_id", "must not be null")
	}
}

// Settle makes stage, status and closing time agree: a status that is sent is the deal's, in
// any stage; else entering a won or lost stage sets it, and going back to an open one makes the
// deal active. A deal is closed exactly while it is won or lost, from closed_at if that is given
// and else from now. An active deal has no closed_at, though it may be sent back as it was.
func (p DealPatch) Settle(d *Deal, stage *Stage, moved bool, now Instant, r *Rules) {
	was := d.ClosedAt
	status := d.Status
	if moved {
		d.StageID, d.StageChangedAt = stage.ID, now
		status = stage.Status()
	}
	if p.Status.Set && !p.Status.Null {
		status = p.Status.Value
	}
	changed := d.Status != status
	d.Status = status
	switch {
	case status == StatusActive:
		d.ClosedAt = nil
		r.without("closed_at", p.ClosedAt, was, "an active deal has none")
	case p.ClosedAt.Set && !p.ClosedAt.Null:
		at := Instant(p.ClosedAt.Value)
		d.ClosedAt = &at
	case changed || d.ClosedAt == nil:
		d.ClosedAt = &now
	}
}
