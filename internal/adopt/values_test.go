package adopt

import (
	"errors"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// reads holds a parser against texts: what it gives, whether it complains of a loss,
// and "" for what it refuses.
func reads[V any](t *testing.T, parse func(string) (V, error), text func(V) string, cases map[string]string) {
	t.Helper()
	for s, want := range cases {
		v, err := parse(s)
		got := ""
		var near *inexact
		switch {
		case err == nil:
			got = text(v)
		case errors.As(err, &near):
			got = "~" + text(v)
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", s, got, err, want)
		}
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	reads(t, parseMoney, crm.Money.String, map[string]string{
		"1250": "1250.00", "1,250.00": "1250.00", "1.250,5": "1250.50", "12,50": "12.50", "£ 1'000": "1000.00", "GBP 5": "5.00",
		"1250.0000": "1250.00", "0.30000000000000004": "~0.30", "0.005": "~0.01", "-0.005": "~-0.01", "0.0049": "~0.00", "99.995": "~100.00",
		"1e3": "1000.00", "1.5E+2": "150.00", "-5": "-5.00", "−5": "-5.00", "999999999999.99": "999999999999.99", ".5": "0.50",
		"999999999999.995": "", "1e99": "", "1e999": "", "": "", "a lot": "", "NaN": "", "Infinity": "", "1/2": "", "0x10": "", "1.2.3": "", "--1": "",
		strings.Repeat("9", 50): "",
	})
}

func TestPercent(t *testing.T) {
	t.Parallel()
	reads(t, parsePercent, func(n int) string { return strings.Repeat("|", min(n, 300)) }, map[string]string{
		"5": "|||||", "5%": "|||||", "0.05": "|||||", "5.0": "|||||", "1": "|", "1%": "|", "0.5%": "~|", "2.5": "~|||", "0": "", "x": "", "99999999999": "",
		"1.00": strings.Repeat("|", 100), "250": strings.Repeat("|", 250),
	})
}

func TestInstant(t *testing.T) {
	t.Parallel()
	reads(t, parseInstant, crm.Instant.String, map[string]string{
		"2024-02-29 10:00:00+00": "2024-02-29T10:00:00.000000Z", "2024-02-29 10:00:00.123456+05:30": "2024-02-29T04:30:00.123456Z",
		"2024-02-29 10:00:00": "2024-02-29T10:00:00.000000Z", "2024-02-29T10:00:00-0800": "2024-02-29T18:00:00.000000Z",
		"2024-02-29T10:00:00.5Z": "2024-02-29T10:00:00.500000Z", "2024-02-29": "2024-02-29T00:00:00.000000Z", "2024-02-29 10:00": "2024-02-29T10:00:00.000000Z",
		"2023-02-29": "", "infinity": "", "0044-03-15 00:00:00+00 BC": "", "10000-01-01": "", "0000-12-31": "", "yesterday": "",
	})
	reads(t, parseDate, crm.Date.String, map[string]string{"2024-02-29": "2024-02-29", "2024-02-29 23:30:00-02": "2024-03-01", "29.2.2024": ""})
}

func TestEnumeratedAndBool(t *testing.T) {
	t.Parallel()
	same := func(s string) string { return s }
	reads(t, parseEnumerated, same, map[string]string{
		"Enterprise ": "enterprise", "No Show": "no_show", "follow-up": "follow_up", "DECISION__MAKER": "decision_maker", " ": "",
	})
	yes := func(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
	reads(t, parseBool, yes, map[string]string{"t": "yes", "TRUE": "yes", "1": "yes", "Yes": "yes", "off": "no", "0": "no", "f": "no", "2": "", "maybe": ""})
}
