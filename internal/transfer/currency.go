package transfer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sixty/internal/cells"
	"sixty/internal/crm"
)

// currencies are what amounts without a currency of their own are in.
type currencies struct {
	stated   string // by the import's options; "" if they state none
	standard string // of the organisation
}

// usual returns the currency of an amount that names none.
func (c currencies) usual() string {
	if c.stated != "" {
		return c.stated
	}
	return c.standard
}

// dollar is the sign that is read as US dollars where nothing else decides, which is told.
// Other signs of several currencies are rejected then.
const dollar = "$"

// resolve returns the currency of a sign that several share. assumed says that nothing but
// the sign decided.
func (c currencies) resolve(sign, column string) (code string, assumed bool, err error) {
	shared := cells.CurrenciesOf(sign)
	for _, known := range []string{column, c.stated, c.standard} {
		if slices.Contains(shared, known) {
			return known, false, nil
		}
	}
	if sign == dollar {
		return shared[0], true, nil
	}
	return "", false, fmt.Errorf("of %s is unknown: it may be %s; name it in a column or with --currency", sign, strings.Join(shared, ", "))
}

// rowAmounts are the amounts of a row, which are all in one currency.
type rowAmounts struct {
	currencies
	named   []namedCurrency // by the cells of amounts
	any     bool            // whether there is an amount
	assumed string          // the sign whose currency was assumed; "" if none was
	code    string          // the currency of the row's amounts
}

type namedCurrency struct{ field, code, sign string }

func (a *rowAmounts) reset() { *a = rowAmounts{currencies: a.currencies, named: a.named[:0]} }

// readAmount returns a function that reads an amount, and notes its currency.
func (f *fields[P]) readAmount(name string, member *crm.Field[crm.Money]) func(*cells.Reader, string) error {
	return func(r *cells.Reader, cell string) error {
		amount, err := r.Money(cell)
		if usable(err) {
			*member = crm.Of(amount.Value)
			f.amounts.any = true
			if amount.Currency != "" || amount.Sign != "" {
				f.amounts.named = append(f.amounts.named, namedCurrency{name, amount.Currency, amount.Sign})
			}
		}
		return err
	}
}

// readCurrency reads a currency's code or sign.
func (f *fields[P]) readCurrency(_ *cells.Reader, cell string) error {
	code, sign := cells.CurrencyOf(cell)
	if sign != "" {
		resolved, assumed, err := f.amounts.resolve(sign, "")
		if err != nil {
			return err
		}
		if assumed {
			f.amounts.assumed = sign
		}
		code = resolved
	} else if code == "" {
		code = cell // which the rule of currencies rejects
	}
	*f.currency = crm.Of(code)
	return nil
}

// settle sets the currency of a row to the one of its amounts. member is nil for rows whose
// amounts are in the organisation's currency. The currencies of a row must not differ.
func (a *rowAmounts) settle(member *crm.Field[string]) error {
	column := ""
	if member != nil && member.Set {
		column = member.Value
	}
	code := column
	if code == "" && (member == nil || a.stated != "") {
		code = a.usual()
	}
	decided := column != "" || member == nil
	for _, n := range a.named {
		of := n.code
		if n.sign != "" {
			resolved, assumed, err := a.resolve(n.sign, column)
			if err != nil {
				return err
			}
			if of = resolved; assumed {
				a.assumed = n.sign
			}
		}
		switch {
		case !decided:
			code, decided = of, true
		case of != code && member == nil:
			return fmt.Errorf("of %s is %s: amounts of these records are in %s", n.field, of, code)
		case of != code:
			return fmt.Errorf("of %s is %s, and that of the row is %s", n.field, of, code)
		}
	}
	if member != nil && !member.Set && code != "" && a.any {
		*member = crm.Of(code)
	}
	if a.any {
		if a.code = code; code == "" {
			a.code = a.standard
		}
	}
	return nil
}

// currencyCounts are the rows with amounts, by their currency.
type currencyCounts map[string]int64

func (c currencyCounts) String() string {
	texts := make([]string, 0, len(c))
	for _, code := range slices.Sorted(maps.Keys(c)) {
		texts = append(texts, fmt.Sprintf("%d %s", c[code], code))
	}
	return strings.Join(texts, ", ")
}
