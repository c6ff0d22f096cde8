package transfer

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"1250": "1250.00", "1250.5": "1250.50", "1250.00": "1250.00", "0.5": "0.50", ".5": "0.50", "0": "0.00",
		"1,250.00": "1250.00", "1,250": "1250.00", "£1,250": "1250.00", "1,250,000": "1250000.00", "€ 1.250,00": "1250.00",
		"1.250.000": "1250000.00", "1.250.000,5 €": "1250000.50", "1250,5": "1250.50", "12,50": "12.50", "0,250": "0.25",
		"1\u00a0250,00": "1250.00", "1\u202f250\u202f000": "1250000.00", "1 250": "1250.00", "1'250.00": "1250.00", "1’250": "1250.00",
		"-5": "-5.00", "−5": "-5.00", "-£5": "-5.00", "$-5": "-5.00", "1e3": "1000.00", "1.25E+03": "1250.00", "0.250": "0.25", "1250.500": "1250.50",
	} {
		if got, err := parseMoney(cell); err != nil || got.String() != want {
			t.Errorf("%q is %s, %v; want %s", cell, got, err, want)
		}
	}
	for cell, want := range map[string]string{
		"1.250": "unambiguous", "12.345": "unambiguous", "abc": "a number", "£": "a number", "1,25,000": "a number", "1,2": "",
		"12 50": "a number", "1,250 000": "a number", "1.2.3": "a number", "5.": "a number", "1,250.": "a number", "1,,250": "a number",
		"(5)": "a number", "5 GBP": "a number", "12.345,6.7": "a number", "1.999,999": "two decimal places", "99999999999999": "between",
		"--5": "a number", "1e999": "must be between", "1-5": "a number", ",": "a number", "1 250,00 00": "a number",
	} {
		got, err := parseMoney(cell)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", cell, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %s, %v; want an error with %q", cell, got, err, want)
		}
	}
}

// TestMoneyNotations: an amount is read back from every notation with two decimals.
func TestMoneyNotations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := crm.Money(rapid.Int64Range(-int64(crm.MaxMoney), int64(crm.MaxMoney)).Draw(t, "amount"))
		style := rapid.SampledFrom([]struct{ group, decimal string }{
			{"", "."}, {"", ","}, {",", "."}, {".", ","}, {" ", ","}, {"\u00a0", ","}, {"'", "."}, {"’", "."},
		}).Draw(t, "style")
		sign := rapid.SampledFrom([]string{"", "£", "€ ", "$"}).Draw(t, "sign")
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
		cell := minus + sign + strings.Join(append([]string{whole}, groups...), style.group) + style.decimal + decimals
		if got, err := parseMoney(cell); err != nil || got != m {
			t.Fatalf("%q is %s, %v; want %s", cell, got, err, m)
		}
	})
}

func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]int{"50": 50, "50%": 50, "50 %": 50, "50.0": 50, "-1": -1} {
		if got, err := parseWhole(cell); err != nil || got != want {
			t.Errorf("%q is %d, %v", cell, got, err)
		}
	}
	for _, cell := range []string{"0.5", "fifty", "5.", "%", "1e2", "99999999999999999999"} {
		if got, err := parseWhole(cell); err == nil {
			t.Errorf("%q is %d", cell, got)
		}
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]bool{"true": true, "YES": true, "1": true, "False": false, "no": false, "0": false} {
		if got, err := parseBool(cell); err != nil || got != want {
			t.Errorf("%q is %t, %v", cell, got, err)
		}
	}
	for _, cell := range []string{"2", "maybe", "on"} {
		if _, err := parseBool(cell); err == nil {
			t.Errorf("%q was read", cell)
		}
	}
}
