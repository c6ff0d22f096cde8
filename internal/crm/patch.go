package crm

import (
	"bytes"
	"encoding/json"
)

// Field is a member of a body that changes a thing: absent, an explicit null, or a
// value (RFC 7396, merge patch).
type Field[T any] struct {
	Set   bool // the member was sent
	Null  bool // it was sent as null
	Value T
}

// Of makes a member that was sent with a value.
func Of[T any](v T) Field[T] { return Field[T]{Set: true, Value: v} }

// Null makes a member that was sent as null.
func Null[T any]() Field[T] { return Field[T]{Set: true, Null: true} }

// UnmarshalJSON notes that the member was there, and reads it.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	f.Set = true
	if bytes.Equal(b, []byte("null")) {
		f.Null = true
		return nil
	}
	return json.Unmarshal(b, &f.Value)
}

// DecodeErrors is what is wrong with members that were sent but could not be read (text
// where a number belongs, a name that nothing has). The edge that reads a patch fills it;
// the use case refuses the patch with these and whatever else it finds, all at once.
type DecodeErrors []FieldError

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

// OrganisationPatch holds the settings of an organisation that an admin may write.
type OrganisationPatch struct {
	Name    Field[string] `json:"name"`
	RepsSee Field[string] `json:"reps_see"`

	DecodeErrors DecodeErrors `json:"-"`
}

// StagePatch holds the members of a stage that a client may write.
type StagePatch struct {
	Name               Field[string] `json:"name"`
	Description        Field[string] `json:"description"`
	Color              Field[string] `json:"color"`
	OrderPosition      Field[int]    `json:"order_position"`
	DefaultProbability Field[int]    `json:"default_probability"`
	Outcome            Field[string] `json:"outcome"`

	DecodeErrors DecodeErrors `json:"-"`
}

// DealPatch holds the members of a deal that a client may write.
type DealPatch struct {
	Name                  Field[string]  `json:"name"`
	Company               Field[string]  `json:"company"`
	CompanyID             Field[ID]      `json:"company_id"`
	PrimaryContactID      Field[ID]      `json:"primary_contact_id"`
	ContactName           Field[string]  `json:"contact_name"`
	ContactEmail          Field[string]  `json:"contact_email"`
	ContactPhone          Field[string]  `json:"contact_phone"`
	ContactIdentifier     Field[string]  `json:"contact_identifier"`
	ContactIdentifierType Field[string]  `json:"contact_identifier_type"`
	Value                 Field[Money]   `json:"value"`
	Currency              Field[string]  `json:"currency"`
	OneOffRevenue         Field[Money]   `json:"one_off_revenue"`
	MonthlyMRR            Field[Money]   `json:"monthly_mrr"`
	Description           Field[string]  `json:"description"`
	StageID               Field[ID]      `json:"stage_id"`
	Probability           Field[int]     `json:"probability"`
	Status                Field[string]  `json:"status"`
	Priority              Field[string]  `json:"priority"`
	AnnualValue           Field[Money]   `json:"annual_value"`
	DealSize              Field[string]  `json:"deal_size"`
	LeadSourceType        Field[string]  `json:"lead_source_type"`
	LeadSourceChannel     Field[string]  `json:"lead_source_channel"`
	NextSteps             Field[string]  `json:"next_steps"`
	ExpectedCloseDate     Field[Date]    `json:"expected_close_date"`
	FirstBillingDate      Field[Date]    `json:"first_billing_date"`
	ClosedAt              Field[Instant] `json:"closed_at"`
	OwnerID               Field[ID]      `json:"owner_id"`
	ExternalID            Field[string]  `json:"external_id"`

	DecodeErrors DecodeErrors `json:"-"`
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

	ExternalID   Field[string] `json:"-" import:"external_id"`
	DecodeErrors DecodeErrors  `json:"-"`
}

// TaskPatch holds the members of a task that a client may write.
type TaskPatch struct {
	Title       Field[string]  `json:"title"`
	Description Field[string]  `json:"description"`
	Notes       Field[string]  `json:"notes"`
	DueDate     Field[Moment]  `json:"due_date"`
	Completed   Field[bool]    `json:"completed"`
	CompletedAt Field[Instant] `json:"completed_at"`
	Priority    Field[string]  `json:"priority"`
	Status      Field[string]  `json:"status"`
	TaskType    Field[string]  `json:"task_type"`
	AssignedTo  Field[ID]      `json:"assigned_to"`
	CreatedBy   Field[ID]      `json:"created_by"`
	DealID      Field[ID]      `json:"deal_id"`
	CompanyID   Field[ID]      `json:"company_id"`
	ContactID   Field[ID]      `json:"contact_id"`

	DecodeErrors DecodeErrors `json:"-"`
}

// OwnerPatch holds what can be said of a person when they are made or imported.
type OwnerPatch struct {
	FirstName Field[string] `json:"first_name"`
	LastName  Field[string] `json:"last_name"`
	Email     Field[string] `json:"email"`
	Stage     Field[string] `json:"stage"`
	AvatarURL Field[string] `json:"avatar_url"`
	Role      Field[string] `json:"role"`

	DecodeErrors DecodeErrors `json:"-"`
}

// APIKeyPatch holds what can be said of an API key when it is made.
type APIKeyPatch struct {
	Name      Field[string]  `json:"name"`
	Role      Field[string]  `json:"role"`
	UserID    Field[ID]      `json:"user_id"`
	ExpiresAt Field[Instant] `json:"expires_at"`

	DecodeErrors DecodeErrors `json:"-"`
}
