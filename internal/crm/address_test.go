package crm

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada@acme.example":                    "ada@acme.example",
		"\u0020Ada.King+x@ACME.Example\u0009": "ada.king+x@acme.example",
		"\ufeffada@acme.example\u200b":        "ada@acme.example",
		"jo\u0308@x.example":                  "jö@x.example",
		"JÖ@x.example":                        "jÖ@x.example", // Ö is not ASCII
		"a@bücher.example":                    "a@bücher.example",
		"a@BU\u0308CHER.example":              "a@bücher.example",
		"a@XN--bcher-kva.example":             "a@bücher.example",
		"a@ｅｘａｍｐｌｅ．com":                       "a@example.com",
		"a@faß.example":                       "a@faß.example", // UTS 46, not transitional
		"a@localhost":                         "a@localhost",
		"admin@acme.example":                  "admin@acme.example",
		"adm\u0130n@acme.example":             "adm\u0130n@acme.example",
		"adm\u0131n@acme.example":             "adm\u0131n@acme.example",
		"\u212Aay@acme.example":               "kay@acme.example", // the Kelvin sign is K in NFC
		"o'neil/{x}~`^|!#$%&*=?_@a-b.com":     "o'neil/{x}~`^|!#$%&*=?_@a-b.com",
	} {
		got, violation := NormalEmail(in)
		if got != want || violation != "" {
			t.Errorf("%q: %q, %q; want %q", in, got, violation, want)
		}
	}
	for in, want := range map[string]string{
		"":                                      notEmail,
		"ada":                                   notEmail,
		"@x.example":                            notEmail,
		"a@":                                    notEmail,
		"a@b@x.example":                         notEmail,
		".a@x.example":                          notEmail,
		"a.@x.example":                          notEmail,
		"a..b@x.example":                        notEmail,
		`"a b"@x.example`:                       notEmail,
		`"a"@x.example`:                         notEmail,
		"Ada <ada@x.example>":                   notEmail,
		"<ada@x.example>":                       notEmail,
		"a@[192.0.2.1]":                         notEmail,
		"a@x_y.example":                         notEmail,
		"a@-x.example":                          notEmail,
		"a@x..example":                          notEmail,
		"a@x.example.":                          notEmail,
		"a@xn--a.example":                       notEmail,
		"a@xn--acme-.example":                   notEmail,
		"a\u200bb@x.example":                    "must not contain the invisible character U+200B",
		"a@ex\u00adample.com":                   "must not contain the invisible character U+00AD",
		"a@نامه\u200cای.example":                "must not contain the invisible character U+200C",
		"a@xn--mgba3gch31f060k.example":         notEmail, // the same as an A-label
		"a\u3164@x.example":                     "must not contain the invisible character U+3164",
		"a\u00a0b@x.example":                    "must not contain the invisible character U+00A0",
		"a\u0085b@x.example":                    "must not contain the invisible character U+0085",
		"a\xff@x.example":                       notEmail,
		"a@x\xff.example":                       notEmail,
		strings.Repeat("a", 245) + "@x.example": "must be at most 254 characters long",
	} {
		if got, violation := NormalEmail(in); violation != want {
			t.Errorf("%q: %q, %q; want %q", in, got, violation, want)
		}
	}
}

func TestNormalDomain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"\u0020ACME.Example\u0020":  "acme.example",
		"उदाहरण.भारत":               "उदाहरण.भारत",
		"உதாரணம்.இந்தியா":           "உதாரணம்.இந்தியா",
		"ตัวอย่าง.ไทย":              "ตัวอย่าง.ไทย",
		"paral·lel.example":         "paral·lel.example",
		"ko\u0308ln.example":        "köln.example",
		"xn--kln-sna.example":       "köln.example",
		"r3---sn-a.example":         "r3---sn-a.example",
		"192.0.2.1":                 "192.0.2.1",
		"\u200eacme.example\u2060":  "acme.example",
		"acme\u3002example":         "acme.example",
		"\u05d0\u05d1.\u05d2\u05d3": "\u05d0\u05d1.\u05d2\u05d3",
	} {
		if got, violation := NormalDomain(in); got != want || violation != "" {
			t.Errorf("%q: %q, %q; want %q", in, got, violation, want)
		}
	}
	for _, in := range []string{
		"", "localhost", "acme.example.", ".example", "a_b.example", "https://acme.example", "acme.example:80", "a b.example", "ac\u200bme.example",
		"xn--zzzzzzz-zz99.example", strings.Repeat("a", 64) + ".example", strings.Repeat("abcd.", 51) + "com", strings.Repeat("ö", 60) + ".example",
		"\u05d0a.example", "a\u2024b.example", "\u0301a.example",
	} {
		if got, violation := NormalDomain(in); violation == "" {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}

// An address of plain ASCII costs no memory.
func TestNormalEmailAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		_, _ = NormalEmail("ada.king@acme.example")
		_, _ = NormalDomain("acme.example")
		_ = Text("Ada King")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNormalEmail(b *testing.B) {
	for b.Loop() {
		_, _ = NormalEmail("ada.king@acme.example")
	}
}

// reference is how an address is compared, by the libraries alone.
func reference(t *testing.T, s string) (local, domain string) {
	t.Helper()
	local, domain, _ = strings.Cut(norm.NFC.String(strings.TrimFunc(s, blank)), "@")
	ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.CheckHyphens(false)).ToASCII(domain)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	folded := []byte(local)
	for i, c := range folded {
		folded[i] = bytes.ToLower([]byte{c})[0]
		if c >= 0x80 {
			folded[i] = c
		}
	}
	return string(folded), ascii
}

func FuzzEmail(f *testing.F) {
	for _, pair := range [][2]string{
		{"ada@acme.example", "Ada@ACME.example"},
		{"jö@bücher.example", "jo\u0308@xn--bcher-kva.example"},
		{"adm\u0130n@acme.example", "admin@acme.example"},
		{"a@faß.example", "a@fass.example"},
		{"\u212A@x.example", "k@x.example"},
		{"a\u200b@x.example", "a@x\u00ad.example"},
		{"a@ｅｘａｍｐｌｅ．com", "a@xn--mgba3gch31f060k.example"},
		{"a@\u05d0\u05d1.example", "a" + strings.Repeat("\u0301", 40) + "@x.example"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		normal, violation := NormalEmail(a)
		if violation != "" {
			return
		}
		if again, violation := NormalEmail(normal); again != normal || violation != "" {
			t.Errorf("%q becomes %q, and that %q, %s", a, normal, again, violation)
		}
		if hidden(normal) != "" || Text(normal) != normal || strings.Count(normal, "@") != 1 {
			t.Errorf("%q becomes %q", a, normal)
		}
		local, domain := reference(t, a)
		capital := local
		if isUpperASCII(rune(local[0]) - 'a' + 'A') {
			capital = strings.ToUpper(local[:1]) + local[1:]
		}
		for _, twin := range []string{
			capital + "@" + domain, norm.NFD.String(local) + "@" + strings.ToUpper(domain),
			"\ufeff " + a + "\u200b\u00a0", normal,
		} {
			if got, violation := NormalEmail(twin); got != normal && violation == "" {
				t.Errorf("%q becomes %q, its twin %q becomes %q", a, normal, twin, got)
			}
		}
		other, violation := NormalEmail(b)
		if violation != "" {
			return
		}
		otherLocal, otherDomain := reference(t, b)
		if same := local == otherLocal && domain == otherDomain; same != (normal == other) {
			t.Errorf("%q becomes %q, and %q becomes %q", a, normal, b, other)
		}
	})
}
