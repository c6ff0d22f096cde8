package crm

// The JSON names are the wire's and the import's; `doc` feeds the API document,
// `json:"-"` members are the store's own.

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

// APIKeyFilter narrows API keys: by nothing so far.
type APIKeyFilter struct{}

// APIKeys declares them. They never change but in their use.
var APIKeys = Declare(Entity[APIKey, struct{}, APIKeyFilter]{
	Name: EntityAPIKey,
	Properties: []Property[APIKey, struct{}]{
		{Name: "org_id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.OrgID, nil }},
		{Name: "id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.ID, nil }},
		{Name: "user_id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.UserID, nil }},
		{Name: "name", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Name, nil }},
		{Name: "role", At: func(k *APIKey, _ *struct{}) (any, any) { return (*string)(&k.Role), nil }},
		{Name: "prefix", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Prefix, nil }},
		{Name: "hash", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Hash, nil }},
		{Name: "created_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.CreatedAt, nil }},
		{Name: "expires_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.ExpiresAt, nil }},
		{Name: "revoked_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.RevokedAt, nil }},
		{Name: "used_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.UsedAt, nil }},
	},
	Sorts: Sorts{[]string{"created_at"}, Sort{"created_at", true}},
})

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
