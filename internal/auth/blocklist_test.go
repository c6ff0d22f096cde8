package auth

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trustelem/zxcvbn/frequency"

	"sixty/internal/goldentest"
)

// The blocklist is the beginning of its source.
func TestCommonPasswordsAreCurrent(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var lines []string
	for _, password := range frequency.FrequencyLists["passwords"] {
		if p := fold(password); !seen[p] && len(lines) < commonPasswords {
			seen[p] = true
			lines = append(lines, p+"\n")
		}
	}
	slices.Sort(lines) // it compresses better
	want := strings.Join(lines, "")
	const path = "common.txt.gz"
	if goldentest.Update() {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = z.Write([]byte(want))
		_ = z.Close()
		if old, err := os.ReadFile(path); err != nil || decompressed(t, old) != want { // compressors differ
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	if diff := cmp.Diff(want, decompressed(t, commonText)); diff != "" {
		t.Errorf("%s is out of date; make generate rewrites it:\n%.1000s", path, diff)
	}
	if len(common()) != commonPasswords {
		t.Errorf("%d passwords", len(common()))
	}
}

// decompressed returns a text, "" for one that is not compressed.
func decompressed(t *testing.T, b []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestWeakness(t *testing.T) {
	t.Parallel()
	about := []string{"Ada Lovelace", "ada.lovelace@analytical.example", "Analytical Engines Ltd", "Zoë"}
	for password, want := range map[string]string{
		"correct horse battery":      "",
		"staple correct horse":       "",
		"Tr0ub4dor&3-extra":          "",
		"the cat sat on the mat":     "",
		"7H4KQZ2PXW5RTM9B3C6DVNFJYG": "",
		"dragon 8461 9273 5518":      "", // too many digits to be tried
		"пароль от сейфа":            "",
		"lovelace and babbage":       "",
		"analytical chemistry":       "",

		"aaaaaaaaaaaa":       "one character",
		"abcabcabcabcabc":    "one character",
		"xyzzy1xyzzy1xyzzy1": "one character",
		"ab12ab12ab12":       "one character",
		"ééééééééééééé":      "one character",
		"123456789012":       "a sequence",
		"abcdefghijklm":      "a sequence",
		"zyxwvutsrqpo":       "a sequence",
		"qwertyuiop[]":       "a sequence",
		"1qaz2wsx3edc4rfv":   "a sequence",
		"abcdef123456":       "a sequence",

		"password12345":      "one of the most common",
		"PASSWORD!2024!":     "one of the most common",
		"P@$$w0rd2024":       "one of the most common",
		"passwordpassword":   "one of the most common",
		"Password1Password1": "one of the most common",
		"!!!!football!!!!":   "one of the most common",
		"ｐａｓｓｗｏｒｄ12345":      "one of the most common",
		"letmeinletmein":     "one of the most common",
		"password123456789":  "one of the most common",
		"!!!!!!!!!!dragon":   "one of the most common",
		"P4ssword9876543210": "one of the most common",

		"Lovelace1815":                    "made of your name",
		"lovelace-lovelace":               "made of your name",
		"AdaLovelace2024":                 "made of your name",
		"ada.lovelace@analytical.example": "made of your name",
		"Analytical1843!":                 "made of your name",
		"analytical engines":              "made of your name",
		"LovelaceAnalytical":              "made of your name",
	} {
		got := weakness(password, about...)
		if got == "" != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%q: must not be %q, want %q", password, got, want)
		}
	}
}

// Nothing panics, and what is common stays so in capitals.
func FuzzWeakness(f *testing.F) {
	for _, s := range []string{"", "a", "password", "\xff\xfe", "ééé", "İstanbul", "a\u0301"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, password, about string) {
		_ = weakness(password, about)
		if has(password) && weakness(password) == "" {
			t.Errorf("%q is common", password)
		}
	})
}
