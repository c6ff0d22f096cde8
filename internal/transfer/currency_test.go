package transfer

import (
	"testing"

	"sixty/internal/crm"
)

// TestCurrencyOfRow: a row has one currency, which its column, a sign, a code or the options
// say.
func TestCurrencyOfRow(t *testing.T) {
	t.Parallel()
	type named = namedCurrency
	for _, c := range []struct {
		name       string
		currencies currencies
		column     string
		named      []named
		want       string // of the row; "" is not set
		assumed    string
		err        string
	}{
		{name: "NothingSaysOne", currencies: currencies{standard: "GBP"}},
		{name: "Column", column: "EUR", want: "EUR"},
		{name: "Sign", named: []named{{"value", "EUR", ""}}, want: "EUR"},
		{name: "SignAndColumn", column: "EUR", named: []named{{"value", "EUR", ""}}, want: "EUR"},
		{name: "SignContradictsColumn", column: "EUR", named: []named{{"value", "GBP", ""}}, want: "EUR", err: "of value is GBP, and that of the row is EUR"},
		{name: "DollarContradictsColumn", column: "EUR", named: []named{{"value", "", "$"}}, want: "EUR", assumed: "$", err: "of value is USD, and that of the row is EUR"},
		{name: "TwoSigns", named: []named{{"value", "EUR", ""}, {"monthly_mrr", "GBP", ""}}, err: "of monthly_mrr is GBP, and that of the row is EUR"},
		{name: "Dollar", currencies: currencies{standard: "GBP"}, named: []named{{"value", "", "$"}}, want: "USD", assumed: "$"},
		{name: "DollarOfColumn", column: "CAD", named: []named{{"value", "", "$"}}, want: "CAD"},
		{name: "DollarOfOptions", currencies: currencies{stated: "AUD", standard: "USD"}, named: []named{{"value", "", "$"}}, want: "AUD"},
		{name: "DollarOfOrganisation", currencies: currencies{standard: "NZD"}, named: []named{{"value", "", "$"}}, want: "NZD"},
		{name: "Krone", currencies: currencies{standard: "GBP"}, named: []named{{"value", "", "kr"}}, err: "of kr is unknown: it may be SEK, NOK, DKK, ISK; name it in a column or with --currency"},
		{name: "KroneOfOrganisation", currencies: currencies{standard: "DKK"}, named: []named{{"value", "", "kr"}}, want: "DKK"},
		{name: "Options", currencies: currencies{stated: "CHF", standard: "GBP"}, want: "CHF"},
		{name: "SignBeforeOptions", currencies: currencies{stated: "CHF", standard: "GBP"}, named: []named{{"value", "EUR", ""}}, want: "EUR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := rowAmounts{currencies: c.currencies, named: c.named, any: true}
			var member crm.Field[string]
			if c.column != "" {
				member = crm.Of(c.column)
			}
			err := a.settle(&member)
			if text := errorText(err); text != c.err {
				t.Fatalf("error %q, want %q", text, c.err)
			}
			if err == nil && (member.Value != c.want || a.assumed != c.assumed) {
				t.Errorf("currency %q, assumed by %q; want %q, %q", member.Value, a.assumed, c.want, c.assumed)
			}
		})
	}
}

// TestCurrencyOfRecordsWithoutOne: their amounts are in the organisation's currency.
func TestCurrencyOfRecordsWithoutOne(t *testing.T) {
	t.Parallel()
	for sign, want := range map[string]string{
		"GBP": "", "EUR": "of amount is EUR: amounts of these records are in GBP",
	} {
		a := rowAmounts{currencies: currencies{standard: "GBP"}, named: []namedCurrency{{"amount", sign, ""}}, any: true}
		if got := errorText(a.settle(nil)); got != want {
			t.Errorf("%s: error %q, want %q", sign, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
