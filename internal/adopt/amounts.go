package adopt

import (
	"fmt"

	"sixty/internal/cells"
	"sixty/internal/crm"
)

// foreign is an amount that stands beside a currency.
type foreign struct {
	column string
	amount cells.Amount
	member *crm.Field[crm.Money]
}

// addMoney adds a column of amounts.
func (t *table[P]) addMoney(name string, member *crm.Field[crm.Money]) {
	add(t, name, member, cells.Money, func(r *cells.Reader, s string) (crm.Money, error) {
		a, err := r.Money(s)
		if a.Currency != "" || a.Sign != "" {
			t.amounts = append(t.amounts, foreign{name, a, member})
		}
		return a.Value, err
	})
}

// settleCurrency takes a row's currency from its amounts if it has none of its own. An amount
// in another currency is left out.
func (t *table[P]) settleCurrency(currency *crm.Field[string]) {
	for _, f := range t.amounts {
		if currency.Value == "" && f.amount.Currency != "" {
			*currency = crm.Of(f.amount.Currency)
		}
	}
	for _, f := range t.amounts {
		switch {
		case currency.Value == "":
			t.left = append(t.left, fmt.Sprintf("%s has the sign %s of several currencies, and is taken in the organisation's default currency", f.column, f.amount.Sign))
		case !f.amount.Fits(currency.Value):
			*f.member = crm.Null[crm.Money]()
			t.left = append(t.left, fmt.Sprintf("%s is in %s%s, but the row in %s", f.column, f.amount.Currency, f.amount.Sign, currency.Value))
		}
	}
}

// reportCurrency reports the currencies of a row that keeps none.
func (t *table[P]) reportCurrency() {
	for _, f := range t.amounts {
		t.left = append(t.left, fmt.Sprintf("%s is in %s%s, and is taken in the organisation's default currency", f.column, f.amount.Currency, f.amount.Sign))
	}
}
