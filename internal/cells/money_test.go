package cells

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

// amount is a reader that tells the currency behind the amount.
func amount(r *Reader) func(string) (string, error) {
	return func(cell string) (string, error) {
		a, err := r.Money(cell)
		return strings.TrimSpace(a.Value.String() + " " + a.Currency + a.Sign), err
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	reads(t, amount(NewReader(Money, Options{})), map[string]string{
		"1250": "1250.00", "1250.5": "1250.50", "1250.00": "1250.00", "0.5": "0.50", ".5": "0.50", ",5": "0.50", "0": "0.00", "-0": "0.00", "007": "7.00",
		"1,250.00": "1250.00", "1.250,00": "1250.00", "1,250,000": "1250000.00", "1.250.000": "1250000.00", "1.250.000,5": "1250000.50",
		"1250,5": "1250.50", "12,50": "12.50", "1250.500": "1250.50", "1250,500": "1250.50", "1,12": "1.12", "5.": "5.00", "1,250.": "1250.00",
		"1\u00a0250,00": "1250.00", "1\u202f250\u202f000": "1250000.00", "1 250": "1250.00", "1\u2009250": "1250.00", "1 234 567,89": "1234567.89",
		"1'250.00": "1250.00", "1’250": "1250.00", "1_250_000": "1250000.00", "12,34,567.00": "1234567.00", "1,00,000": "100000.00", "1,23,45,678": "12345678.00",
		"-5": "-5.00", "−5": "-5.00", "–5": "-5.00", "+1000": "1000.00", "5-": "-5.00", "5 -": "-5.00", "(500)": "-500.00", "(1,234.50)": "-1234.50", "( 5 )": "-5.00",
		"1e3": "1000.00", "1.25E4": "12500.00", "1.25E+03": "1250.00", "1,5E+05": "150000.00", "1E-1": "0.10", "1.250E3": "1250.00", "100.000000": "100.00",
		"1000.-": "1000.00", "1000,--": "1000.00", "1.000,-": "1000.00", "1,000,-": "", "1,000.--": "1000.00", "1'000.–": "1000.00", "999999999999.99": "999999999999.99", "0e999999999999999999999": "0.00",
		" 12 ": "12.00", "\u200b12\ufeff": "12.00",

		"£1,250.00": "1250.00 GBP", "1250 £": "1250.00 GBP", "€ 1.250,00": "1250.00 EUR", "1.355,90€": "1355.90 EUR", "-£5": "-5.00 GBP", "£-5": "-5.00 GBP", "£ 5-": "-5.00 GBP",
		"EUR 12,50": "12.50 EUR", "12.50 EUR": "12.50 EUR", "12.50eur": "12.50 EUR", "USD 1,000.00": "1000.00 USD", "CHF 1'234.50": "1234.50 CHF", "Fr. 5": "5.00 CHF",
		"R$ 1.234,56": "1234.56 BRL", "R$12,00": "12.00 BRL", "A$5": "5.00 AUD", "US$5": "5.00 USD", "5 zł": "5.00 PLN", "1 234,50 Kč": "1234.50 CZK", "5 KČ": "5.00 CZK",
		"12,50 ₹": "12.50 INR", "₺5": "5.00 TRY", "5 руб.": "5.00 RUB", "5 Ft": "5.00 HUF", "R 1 000": "1000.00 ZAR", "(€500)": "-500.00 EUR", "€(500)": "-500.00 EUR", "EUR 1000,-": "1000.00 EUR", "1000,- €": "1000.00 EUR", "€ .5": "0.50 EUR", ".5 €": "0.50 EUR",

		"$5": "5.00 $", "$ -1,000.00": "-1000.00 $", "-$5": "-5.00 $", "$500": "500.00 $", "kr 1 234,50": "1234.50 kr", "1 234,50 kr.": "1234.50 kr", "kr.500": "500.00 kr", "¥500": "500.00 ¥", "Rs. 500": "500.00 rs", "Rs.1,00,000": "100000.00 rs",
		"$5 USD": "5.00 USD", "USD $5": "5.00 USD", "CAD $5.00": "5.00 CAD", "5 kr SEK": "5.00 SEK", "SEK 5 kr": "5.00 SEK", "€5 EUR": "5.00 EUR",

		"0.30000000000000004": "~0.30", "0.005": "~0.01", "-0.005": "~-0.01", "0.0049": "~0.00", "9999.995": "~10000.00", "1,234.5678": "~1234.57", "0,125": "~0.13", "5e-3": "~0.01", "4e-3": "~0.00", "5e-9": "~0.00",

		"999999999999.995": "", "1e13": "", "1e99": "", "1e999999999999999999999": "", "": "", "a lot": "", "NaN": "", "Infinity": "", "1/2": "", "0x10": "", "1.2.3": "", "--1": "", "-": "", "+": "", "()": "", "(5": "", "5)": "", "-(5)": "", "(5)-": "", "-5-": "",
		strings.Repeat("9", 50): "", strings.Repeat("9", 500): "", "#N/A": "", "$1.2K": "", "5 million": "", "5¢": "", "€": "", "EUR": "", "5%": "", "$5 EUR": "", "€5 USD": "", "5 EUR EUR EUR": "", "$5$": "", "5 XYZ": "", "12 50": "", "1,250 000": "", "1,,250": "", "1,250,": "", "1,25,000.00,": "", "1 250,00 00": "", "1-5": "", ",": "", ".": "", "1,2345,678": "", "123,45,678": "", "1.23.456": "", "1 23 456": "", "0,125,000": "", "1e2.5": "", "1,250E3,": "", "1 e5": "", "٣": "", "１２": "",
	})
	fails(t, NewReader(Money, Options{}).Money, map[string]string{
		"1,250": `must be unambiguous: may be 1250 or 1.250, and no other cell shows what its decimal sign is (see --decimal) (it is "1,250")`,
		"1.250": "may be 1.250 or 1250", "£1,250": "may be 1250 or 1.250", "-12.500": "may be -12.500 or -12500",
		"1e999": "must be between -999999999999.99 and 999999999999.99", "$5 EUR": "must name one currency, not $ and EUR", "x": "must be a number",
	})
}

// TestMoneyOfColumn: what a cell leaves open is decided by the other cells, or by the caller.
func TestMoneyOfColumn(t *testing.T) {
	t.Parallel()
	comma := surveyed(Money, Options{}, "1.250", "", "12,50", "7", "1,250")
	tells(t, comma, "decimal comma")
	reads(t, amount(comma.Reader()), map[string]string{"1.250": "1250.00", "12,50": "12.50", "1,250": "1.25", "7": "7.00", "1.250,00 €": "1250.00 EUR", "1,250.00": "", "12.50": ""})
	fails(t, comma.Reader().Money, map[string]string{"12.50": "a number with a decimal comma", "x": "must be a number ("})

	point := surveyed(Money, Options{}, "$1,000", "1,000,000", "950")
	tells(t, point, "decimal point")
	reads(t, amount(point.Reader()), map[string]string{"$1,000": "1000.00 $", "1.250": "1.25", "£99.995": "~100.00 GBP", "1.250,00": ""})
	tells(t, surveyed(Money, Options{}, "1000", "12.50"), "")

	groups := surveyed(Money, Options{}, "$1,000", "25,500", "950")
	tells(t, groups, "decimal point", "2 [0 1] numbers with a comma before three digits, read as thousands")
	reads(t, amount(groups.Reader()), map[string]string{"$1,000": "1000.00 $", "25,500": "25500.00", "950": "950.00"})

	mixed := surveyed(Money, Options{}, "1.234,56", "$1,000", "12.50", "12.500", "1000")
	tells(t, mixed, "", "1 [2] numbers with a decimal point", "1 [0] numbers with a decimal comma", "2 [1 3] numbers that can be read in two ways")
	reads(t, amount(mixed.Reader()), map[string]string{"1.234,56": "1234.56", "$1,000": "", "12.50": "12.50", "12.500": ""})

	tells(t, surveyed(Money, Options{}, "1.250", "2.500", "3.500", "4.500", "5.500", "6.500"), "", "6 [0 1 2 3 4] numbers that can be read in two ways")
	named := surveyed(Money, Options{Decimal: ','}, "12.50", "1.250")
	tells(t, named, "decimal comma")
	reads(t, amount(named.Reader()), map[string]string{"12.50": "", "1.250": "1250.00", "1,5": "1.50"})
	reads(t, amount(NewReader(Money, Options{Decimal: '.'})), map[string]string{"1,250": "1250.00", "1.250": "1.25", "1,5": ""})
}

func TestCurrency(t *testing.T) {
	t.Parallel()
	r := NewReader(Text, Options{})
	reads(t, r.Currency, map[string]string{"GBP": "GBP", "eur": "EUR", "\u00a0€": "EUR", "zł": "PLN", "US$": "USD", "$": "", "EURO": "", "XYZ": "", "": "", "5": ""})
	fails(t, r.Currency, map[string]string{"kr": "may be SEK, NOK, DKK, ISK", "euro": "ISO 4217"})
}

func TestAmountFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a        Amount
		currency string
		want     bool
	}{
		{Amount{}, "EUR", true}, {Amount{Currency: "EUR"}, "EUR", true}, {Amount{Currency: "EUR"}, "USD", false},
		{Amount{Sign: "$"}, "AUD", true}, {Amount{Sign: "$"}, "EUR", false}, {Amount{Sign: "kr"}, "SEK", true}, {Amount{Sign: "kr"}, "GBP", false},
	} {
		if got := c.a.Fits(c.currency); got != c.want {
			t.Errorf("%+v and %s: %t", c.a, c.currency, got)
		}
	}
	for sign, codes := range currencySigns {
		for _, code := range codes {
			if normal, ok := crm.ValidCurrency(code); !ok || normal != code {
				t.Errorf("%s stands for %s, which is no currency", sign, code)
			}
		}
		if len(sign) > maxCurrency || sign != strings.ToLower(sign) {
			t.Errorf("%q is too long, or not in lower case", sign)
		}
	}
}

// TestMoneyNotations: an amount is read back from every notation with two decimals.
func TestMoneyNotations(t *testing.T) {
	t.Parallel()
	r := NewReader(Money, Options{})
	rapid.Check(t, func(t *rapid.T) {
		m := crm.Money(rapid.Int64Range(-int64(crm.MaxMoney), int64(crm.MaxMoney)).Draw(t, "amount"))
		style := rapid.SampledFrom([]struct{ group, decimal string }{
			{"", "."}, {"", ","}, {",", "."}, {".", ","}, {" ", ","}, {"\u00a0", ","}, {"\u202f", ","}, {"'", "."}, {"’", "."}, {"_", "."},
		}).Draw(t, "style")
		sign := rapid.SampledFrom([]string{"", "£", "€ ", "$", "kr ", "R$ ", "EUR "}).Draw(t, "sign")
		minus, text := "", m.String()
		if rest, ok := strings.CutPrefix(text, "-"); ok {
			minus, text = "-", rest
		}
		whole, decimals, _ := strings.Cut(text, ".")
		var groups []string
		for len(whole) > 3 {
			groups = append([]string{whole[len(whole)-3:]}, groups...)
			whole = whole[:len(whole)-3]
		}
		number := strings.Join(append([]string{whole}, groups...), style.group) + style.decimal + decimals
		cell := rapid.SampledFrom([]string{minus + sign + number, sign + minus + number, sign + number + minus, minus + number + " " + sign}).Draw(t, "cell")
		if got, err := r.Money(cell); err != nil || got.Value != m {
			t.Fatalf("%q is %s, %v; want %s", cell, got.Value, err, m)
		}
	})
}

// TestPlainMoney: what is read fast is read as it is otherwise.
func TestPlainMoney(t *testing.T) {
	t.Parallel()
	fast := 0
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`-?[0-9]{1,13}([.,][0-9]{0,3})?`).Draw(t, "cell")
		for _, decimal := range []byte{0, '.', ','} {
			r := NewReader(Money, Options{Decimal: decimal})
			minor, ok := plainMoney(cell, decimal)
			if !ok {
				continue
			}
			fast++
			if a, err := r.money(cell); err != nil || a != (Amount{Value: crm.Money(minor)}) {
				t.Fatalf("%q with %q is %d, and otherwise %+v, %v", cell, decimal, minor, a, err)
			}
			n, _ := cut(cell)
			if point, comma, which := n.readings(); which == either && point != comma {
				t.Fatalf("%q can be read in two ways", cell)
			}
		}
	})
	if fast == 0 {
		t.Error("nothing was read fast")
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	reads(t, NewReader(Whole, Options{}).Whole, map[string]string{
		"50": "50", "50.0": "50", "-1": "-1", "+7": "7", "1e2": "100", "1,250,000": "1250000", "12,0": "12", "2147483647": "2147483647",
		"0.5": "~1", "1.5": "~2", "-1.5": "~-2", "2.4": "~2",
		"50%": "", "€5": "", "fifty": "", "%": "", "": "", "1,250": "", "1.000": "", "2147483648": "", "99999999999999999999": "", "1e99": "",
	})
	reads(t, surveyed(Whole, Options{}, "1.000", "2.500.000").Reader().Whole, map[string]string{"1.000": "1000", "1,5": "~2"})
}

func TestPercent(t *testing.T) {
	t.Parallel()
	unknown := NewReader(Percent, Options{})
	reads(t, unknown.Percent, map[string]string{
		"5": "5", "5%": "5", "50 %": "50", "50\u00a0%": "50", "%50": "50", "5.0": "5", "50,0": "50", "1": "1", "1%": "1", "1.0": "1", "0": "0", "100.00": "100", "12.000": "12", "-5": "-5", "250": "250",
		"0.5%": "~1", "2.5": "~3", "33,3 %": "~33",
		"0.5": "", ".5": "", "0,25": "", "x": "", "": "", "99999999999": "", "5 EUR": "", "1,000,000": "", "5%%": "", "%": "",
	})
	fails(t, unknown.Percent, map[string]string{"0.5": "not all cells of the column are fractions", "x": "must be a percentage"})

	fractions := surveyed(Percent, Options{}, "1.0", "", "0.4")
	tells(t, fractions, "0 to 1")
	reads(t, fractions.Reader().Percent, map[string]string{"1.0": "100", "0.4": "40", "1": "100", "0": "0", "0,25": "25", "50%": "50", "0.333": "~33", "50": "", "-0.5": ""})
	tells(t, surveyed(Percent, Options{}, "0.0", "1.0"), "0 to 1")
	tells(t, surveyed(Percent, Options{}, "0,5", "1"), "0 to 1")

	mixed := surveyed(Percent, Options{}, "50%", "1", "1.0", "0.5", "75.5")
	tells(t, mixed, "", "1 [3] fractions in a column of percentages")
	reads(t, mixed.Reader().Percent, map[string]string{"50%": "50", "1": "1", "1.0": "1", "0.5": "", "75.5": "~76"})
	tells(t, surveyed(Percent, Options{}, "100.0", "10.0", "1.0", "0.0"), "")
	tells(t, surveyed(Percent, Options{}, "0", "1", "1"), "", "3 [0 1 2] percentages of 0 or 1")
	tells(t, surveyed(Percent, Options{}), "")
	tells(t, surveyed(Percent, Options{Null: []string{"n/a"}}, "N/A", " ", "0.5"), "0 to 1")

	preset := surveyed(Percent, Options{Fraction: true}, "1", "0", "50", "20%")
	tells(t, preset, "0 to 1", "1 [3] percentages with their sign", "1 [2] percentages above 1")
	reads(t, preset.Reader().Percent, map[string]string{"1": "100", "50": "", "20%": "20"})
	fails(t, preset.Reader().Percent, map[string]string{"50": "must be from 0 to 1"})
}
