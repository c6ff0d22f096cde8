package crm

// The JSON names are the wire's and the import's; `doc` feeds the API document,
// `json:"-"` members are the store's own.

// Organisation is a tenant: everything else belongs to one.
type Organisation struct {
	ID              ID            `json:"id"`
	Name            string        `json:"name"`
	DefaultCurrency string        `json:"default_currency" doc:"ISO 4217."`
	RepsSee         RepVisibility `json:"reps_see" enum:"everything,own" doc:"What reps see of what people own: everything, or only what they own themselves."`
	CreatedAt       Instant       `json:"-"`
}

// Owner is a person (or a service user) of an organisation: the public profile.
type Owner struct {
	OrgID     ID      `json:"-"`
	ID        ID      `json:"id"`
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	FullName  string  `json:"full_name" doc:"Derived from first_name and last_name."`
	Email     *string `json:"email" doc:"In lower case; a person without one owns records but cannot sign in."`
	Stage     *string `json:"stage" doc:"Job title."`
	AvatarURL *string `json:"avatar_url"`
	Role      Role    `json:"role" enum:"viewer,rep,manager,admin"`
	CreatedAt Instant `json:"created_at"`
	UpdatedAt Instant `json:"updated_at"`

	Service       bool     `json:"-"` // made for a key; not a person
	DeactivatedAt *Instant `json:"-"` // may not act any more; records stay
	Version       int64    `json:"-"`
}

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
	ExternalID  *string `json:"external_id" doc:"The thing's id in another system, unique within the organisation."`
	CreatedAt   Instant `json:"created_at"`
	UpdatedAt   Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

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
	IsPrimary   bool    `json:"is_primary" doc:"At most one contact of a company is; making one so ends it for the other."`
	CompanyID   *ID     `json:"company_id"`
	OwnerID     *ID     `json:"owner_id"`
	ExternalID  *string `json:"external_id" doc:"The thing's id in another system, unique within the organisation."`
	CreatedAt   Instant `json:"created_at"`
	UpdatedAt   Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

// Outcome says what it means for a deal to stand in a stage.
type Outcome string

// The outcomes of a stage.
const (
	OutcomeOpen Outcome = "open"
	OutcomeWon  Outcome = "won"
	OutcomeLost Outcome = "lost"
)

// Stage is a step of the pipeline.
type Stage struct {
	OrgID              ID      `json:"-"`
	ID                 ID      `json:"id"`
	Name               string  `json:"name"`
	Description        *string `json:"description"`
	Color              *string `json:"color" doc:"#RRGGBB."`
	OrderPosition      int     `json:"order_position"`
	DefaultProbability int     `json:"default_probability" doc:"Percent, 0 to 100."`
	Outcome            Outcome `json:"outcome" enum:"open,won,lost"`
	CreatedAt          Instant `json:"created_at"`
	UpdatedAt          Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

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
	ExternalID            *string  `json:"external_id" doc:"The thing's id in another system, unique within the organisation."`
	CreatedAt             Instant  `json:"created_at"`
	UpdatedAt             Instant  `json:"updated_at"`

	Version int64 `json:"-"`
}

// DealContact is a further contact of a deal, with the part they play in it.
type DealContact struct {
	DealID    ID
	ContactID ID
	Role      string // decision_maker, influencer, stakeholder, champion or blocker
}

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

// APIKey is a credential: who holds the secret acts as User with Role, or with the role
// that the user has if that may do less.
type APIKey struct {
	OrgID     ID       `json:"-"`
	ID        ID       `json:"id"`
	UserID    ID       `json:"user_id" doc:"Whom it acts for; without one, a service user is made for it."`
	Name      string   `json:"name" doc:"What it is for."`
	Role      Role     `json:"role" enum:"viewer,rep,manager,admin" doc:"What it may do at most: never more than whom it acts for."`
	Prefix    string   `json:"prefix" doc:"How the secret begins, for recognition."`
	Hash      []byte   `json:"-"` // SHA-256 of the whole secret
	CreatedAt Instant  `json:"created_at"`
	ExpiresAt *Instant `json:"expires_at" doc:"null: never."`
	RevokedAt *Instant `json:"revoked_at" doc:"null: it is live, unless it has expired."`
	UsedAt    *Instant `json:"used_at" doc:"Last, to the minute or so."`
}

// Sum is an amount in one currency.
type Sum struct {
	Currency string
	Amount   Money
}

// CompanyStats are a company's numbers over its deals and contacts.
type CompanyStats struct {
	Contacts int64
	Deals    int64
	Value    []Sum // by currency, ascending
}

// OwnerStats are an owner's numbers over their deals.
type OwnerStats struct {
	Deals int64
	Value []Sum // by currency, ascending
}

// ActivityCompleted is the status of an activity that took place.
const ActivityCompleted = "completed"

// Activity is something that was done, or is to be done, with a customer.
type Activity struct {
	OrgID       ID      `json:"-"`
	ID          ID      `json:"id"`
	Type        string  `json:"type" enum:"outbound,meeting,proposal,sale,call,email,note"`
	Status      string  `json:"status" enum:"pending,completed,cancelled,no_show"`
	Priority    *string `json:"priority" enum:"low,medium,high"`
	Description *string `json:"description"`
	Amount      *Money  `json:"amount" doc:"In the organisation's default currency."`
	Quantity    *int    `json:"quantity" doc:"How many things were sold, sent or made."`
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

// The statuses of a task that rules speak of.
const (
	TaskPending    = "pending"
	TaskInProgress = "in_progress"
	TaskCompleted  = "completed"
	TaskOverdue    = "overdue" // shown, not kept: an open task whose due date has passed
)

// Task is something that somebody is to do.
type Task struct {
	OrgID       ID       `json:"-"`
	ID          ID       `json:"id"`
	Title       string   `json:"title"`
	Description *string  `json:"description"`
	Notes       *string  `json:"notes"`
	DueDate     *Instant `json:"due_date" doc:"A date without a time is read as its midnight in UTC."`
	Completed   bool     `json:"completed" doc:"The status is completed: each sets the other."`
	CompletedAt *Instant `json:"completed_at"`
	Priority    string   `json:"priority" enum:"low,medium,high,urgent"`
	Status      string   `json:"status" enum:"pending,in_progress,completed,cancelled,overdue" doc:"overdue is what an open task is shown as once its due_date has passed; sent, it leaves the task as open as it was."`
	TaskType    string   `json:"task_type" enum:"call,email,meeting,follow_up,proposal,demo,general"`
	AssignedTo  *ID      `json:"assigned_to"`
	CreatedBy   *ID      `json:"created_by"`
	DealID      *ID      `json:"deal_id"`
	CompanyID   *ID      `json:"company_id"`
	ContactID   *ID      `json:"contact_id"`
	CreatedAt   Instant  `json:"created_at"`
	UpdatedAt   Instant  `json:"updated_at"`

	ExternalID *string `json:"-"` // of imports
	Version    int64   `json:"-"`
}
