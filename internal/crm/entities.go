package crm

// The JSON names are the wire's and the import's; `doc` feeds the API document,
// `json:"-"` members are the store's own.

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
