package transfer

import (
	"testing"

	"pgregory.net/rapid"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "",
		"Acme":           "Acme",
		"=1+1":           "'=1+1",
		"+44 20 7946":    "'+44 20 7946",
		"-12.50":         "'-12.50",
		"@SUM(A1)":       "'@SUM(A1)",
		"  =1+1":         "'  =1+1",
		"\u00a0=1+1":     "'\u00a0=1+1",
		"\t=1":           "'\t=1",
		"\rx":            "'\rx",
		"\nx":            "'\nx",
		"＝1":             "'＝1",
		"'=1":            "''=1",
		"''=1":           "'''=1",
		"' =1":           "'' =1",
		"'tis":           "'tis",
		"'":              "'",
		"a=1":            "a=1",
		"1-2":            "1-2",
		`"=1"`:           `"=1"`,
		"\x01=":          "\x01=",
		"ünder =1":       "ünder =1",
		"2026-01-31 = x": "2026-01-31 = x",
	} {
		got := guard(text)
		if got != want {
			t.Errorf("guard(%q) is %q, want %q", text, got, want)
		}
		if back := unguard(got); back != text {
			t.Errorf("%q came back as %q", text, back)
		}
	}
}

// TestGuardComesBack: every text comes back, and what guard would not write is left
// as it is.
func TestGuardComesBack(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("=+-@'\t\r\n a1\"＝"))))
	rapid.Check(t, func(t *rapid.T) {
		s := texts.Draw(t, "text")
		if back := unguard(guard(s)); back != s {
			t.Fatalf("%q came back as %q", s, back)
		}
		if guard(s) == s && unguard(s) != s {
			t.Fatalf("%q is harmless, and was changed to %q", s, unguard(s))
		}
		if isFormula(guard(s)) && guard(s)[0] != '\'' {
			t.Fatalf("%q is written as it is", s)
		}
	})
}
