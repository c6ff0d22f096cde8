package crm

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Money{
		"0": 0, "-0": 0, "0.00": 0, "1": 100, "1.5": 150, "1.50": 150, "1.500": 150, "-12.05": -1205,
		"1e3": 100000, "1.25E1": 1250, "125e-2": 125, "0e99": 0, "0.010": 1,
		"999999999999.99": MaxMoney, "00012.50": 1250,
	} {
		got, err := ParseMoney(text)
		if err != nil || got != want {
			t.Errorf("ParseMoney(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "abc", "1,5", "1 000", "0x10", "NaN", "Inf", "1e", "1e1000", "1e-1000", "--1", "+1",
		"1.005", "1250e-4", "1000000000000.00", "-1000000000000", "1e13", "99999999999999999999999999999999999999",
	} {
		if got, err := ParseMoney(text); err == nil {
			t.Errorf("ParseMoney(%q) = %s, want an error", text, got)
		}
	}
}

// What is a number, but not an amount, is told what an amount is.
func TestMoneySaysWhy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1e400": "between", "-1e99999999999999999999": "between", strings.Repeat("9", 100): "between", "1e13": "between",
		"1e-400": "two decimal places", "0." + strings.Repeat("0", 100) + "1": "two decimal places", "x": "a number", "1e": "a number",
	} {
		if _, err := ParseMoney(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"0e400", "-0.0e-400", "0." + strings.Repeat("0", 100), "1" + strings.Repeat("0", 100) + "e-100"} {
		if m, err := ParseMoney(text); err != nil || m != 0 && m != 100 {
			t.Errorf("%.30s: %s, %v", text, m, err)
		}
	}
}

func TestMoneyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64Range(int64(-MaxMoney), int64(MaxMoney)).Draw(t, "minor units"))
		text := m.String()
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(int64(m), 100)) != 0 {
			t.Fatalf("%d hundredths are written as %s", int64(m), text)
		}
		var back Money
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != m {
			t.Fatalf("%s reads as %s, %v", text, back, err)
		}
	})
}

func TestMoneyIsNoString(t *testing.T) {
	t.Parallel()
	var m Money
	if err := json.Unmarshal([]byte(`"12.50"`), &m); err == nil {
		t.Errorf(`"12.50" was taken for %s`, m)
	}
}

func TestInstantRoundTrip(t *testing.T) {
	t.Parallel()
	first := time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(maxYear, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro()
	rapid.Check(t, func(t *rapid.T) {
		at := Instant(rapid.Int64Range(first, last).Draw(t, "microseconds"))
		b, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var back Instant
		if err := json.Unmarshal(b, &back); err != nil || back != at {
			t.Fatalf("%s reads as %s, %v", b, back, err)
		}
		if want := `"` + at.String() + `"`; string(b) != want || len(b) != len(`"2006-01-02T15:04:05.000000Z"`) {
			t.Fatalf("%s, want %s", b, want)
		}
	})
}

func TestInstantWithOffset(t *testing.T) {
	t.Parallel()
	at, err := ParseInstant("2026-01-31T10:30:00.1234567+01:00")
	if err != nil || at.String() != "2026-01-31T09:30:00.123456Z" {
		t.Errorf("got %s, %v", at, err)
	}
	for _, text := range []string{"", "2026-01-31", "2026-02-30T00:00:00Z", "0000-12-31T00:00:00Z", "2026-01-31T25:00:00Z"} {
		if at, err := ParseInstant(text); err == nil {
			t.Errorf("ParseInstant(%q) = %s, want an error", text, at)
		}
	}
}

func TestDateRoundTrip(t *testing.T) {
	t.Parallel()
	first, last := DateOf(time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC)), DateOf(time.Date(maxYear, 12, 31, 0, 0, 0, 0, time.UTC))
	rapid.Check(t, func(t *rapid.T) {
		d := Date(rapid.Int32Range(int32(first), int32(last)).Draw(t, "days"))
		back, err := ParseDate(d.String())
		if err != nil || back != d || DateOf(d.Instant().Time()) != d {
			t.Fatalf("%s reads as %s, %v", d, back, err)
		}
	})
	for _, text := range []string{"", "2026-2-1", "2026-02-30", "2026-13-01", "01/02/2026", "2026-01-01T00:00:00Z"} {
		if d, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %s, want an error", text, d)
		}
	}
}

func TestNameKey(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Acme Ltd":         "acme ltd",
		"  Acme \t Ltd  ":  "acme ltd",
		"a\u0308rger":      "ärger", // decomposed
		"ÄRGER":            "ärger",
		"":                 "",
		"acme":             "acme",
		"acme  two blanks": "acme two blanks",
	} {
		if got := NameKey(name); got != want {
			t.Errorf("NameKey(%q) = %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		key := NameKey(rapid.String().Draw(t, "name"))
		if again := NameKey(key); again != key {
			t.Fatalf("NameKey(%q) = %q: a key's key is another", key, again)
		}
	})
}

func TestSplitName(t *testing.T) {
	t.Parallel()
	for full, want := range map[string]string{
		"Mei-Mei  Johns":        "Mei-Mei|Johns",
		"Juan Carlos de la Paz": "Juan|Carlos de la Paz",
		"Cher":                  "Cher|",
	} {
		first, last := SplitName(full)
		if got := first.Value + "|" + last.Value; got != want {
			t.Errorf("SplitName(%q) = %q, want %q", full, got, want)
		}
	}
}

// Date-times are those of RFC 3339, no more and no less.
func TestParseInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-12-01T10:00:00Z":                "2026-12-01T10:00:00.000000Z",
		"2026-12-01t10:00:00z":                "2026-12-01T10:00:00.000000Z",
		"2026-12-01T10:00:00+02:00":           "2026-12-01T08:00:00.000000Z",
		"2026-12-01T10:00:00-00:00":           "2026-12-01T10:00:00.000000Z",
		"2026-12-01T10:00:00-23:59":           "2026-12-02T09:59:00.000000Z",
		"2026-12-01T10:00:00.5Z":              "2026-12-01T10:00:00.500000Z",
		"2026-12-01T10:00:00.12345678901234Z": "2026-12-01T10:00:00.123456Z",
		"1969-12-31T23:59:59.999999999Z":      "1969-12-31T23:59:59.999999Z",
		"2016-12-31T23:59:60Z":                "2017-01-01T00:00:00.000000Z",
		"2017-01-01T08:59:60.5+09:00":         "2017-01-01T00:00:00.500000Z",
		"0001-01-01T00:00:00Z":                "0001-01-01T00:00:00.000000Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999999Z",
		"2024-02-29T00:00:00Z":                "2024-02-29T00:00:00.000000Z",
		"2026-12-01T1:00:00Z":                 "",
		"2026-12-01T10:00:00,5Z":              "",
		"2026-12-01T10:00:00.Z":               "",
		"2026-12-01T10:00:00":                 "",
		"2026-12-01T10:00:00.5":               "",
		"2026-12-01T10:00:00+24:00":           "",
		"2026-12-01T10:00:00-24:00":           "",
		"2026-12-01T10:00:00+00:60":           "",
		"2026-12-01T10:00:00+0000":            "",
		"2026-12-01T10:00:00+00":              "",
		"2026-12-01T10:00:00ZZ":               "",
		"2026-12-01T10:00:00 Z":               "",
		"2026-12-01 10:00:00Z":                "",
		"2026-12-01T24:00:00Z":                "",
		"2026-12-01T10:60:00Z":                "",
		"2026-12-01T10:00:60Z":                "",
		"2016-12-30T23:59:60Z":                "",
		"2016-12-31T23:59:61Z":                "",
		"2026-00-01T10:00:00Z":                "",
		"2026-13-01T10:00:00Z":                "",
		"2026-04-31T10:00:00Z":                "",
		"2026-02-29T10:00:00Z":                "",
		"2026-12-00T10:00:00Z":                "",
		"0000-12-01T10:00:00Z":                "",
		"0001-01-01T00:00:00+00:01":           "",
		"9999-12-31T23:59:59-00:01":           "",
		"9999-12-31T23:59:60Z":                "",
		"+2026-12-01T10:00:00Z":               "",
		"２026-12-01T10:00:00Z":                "",
		"":                                    "",
		"0000-00-00T00:00:00Z":                "",
	} {
		got, err := ParseInstant(text)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%s: %s, %v; want %q", text, got, err, want)
		}
	}
}
