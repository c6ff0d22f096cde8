package crm_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"sixty/internal/crm"
)

// What is typed, and the words that are looked for.
func TestParseQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, words string }{
		{"", ""},
		{" \t\n", ""},
		{`"'%_*()<>|&!:-\`, ""},
		{"🦀 👩\u200d💻", ""},
		{"acm", "acm"},
		{"Acme acme ACME", "acme"},
		{"Jörg Müller", "jorg muller"},
		{"jo\u0308rg", "jorg"},
		{"Straße Łódź Øre Ærø Œuvre Þór Iıİi", "strasse lodz ore aero oeuvre thor iiii"},
		{"ΟΔΟΣ οδος", "οδοσ"},
		{"ﬁne ｆｕｌｌ Ⅷ 5²", "fine full viii 52"},
		{"ada@acme.example", "ada acme example"},
		{"O'Neill O\u02bcNeill", "o neill oneill"},
		{"re\u00adport", "report"},
		{"東京 Москва", "東京 москва"},
		{"drop table;-- 100%", "drop table 100"},
		{"a OR b AND NOT c*", "a or b and not c"},
		{"1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8"},
		{strings.Repeat("é", 70), strings.Repeat("e", 64)},
		{strings.Repeat("長", 10_000), strings.Repeat("長", 64)},
		{"a\x00b \xff c", "a b c"},
	} {
		if got := crm.ParseQuery(c.typed).String(); got != c.words {
			t.Errorf("%.40q gives %q, want %q", c.typed, got, c.words)
		}
	}
}

// Whatever is typed, its words are letters and digits alone, few and short, and
// typing them gives them again.
func TestQueriesAreCanonical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := crm.ParseQuery(rapid.String().Draw(t, "typed"))
		if len(q.Words()) > 8 {
			t.Fatalf("%d words", len(q.Words()))
		}
		for _, w := range q.Words() {
			n := 0
			for _, r := range w {
				n++
				if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
					t.Fatalf("the word %q", w)
				}
			}
			if n == 0 || n > 64 {
				t.Fatalf("a word of %d characters", n)
			}
		}
		if again := crm.ParseQuery(q.String()); again.String() != q.String() {
			t.Fatalf("%q, typed again, is %q", q, again)
		}
	})
}

// Every character folds to something that folds to itself.
func TestFoldingTwice(t *testing.T) {
	t.Parallel()
	for r := range rune(unicode.MaxRune + 1) {
		once := crm.ParseQuery(string(r)).String()
		if twice := crm.ParseQuery(once).String(); twice != once {
			t.Errorf("%U gives %q, and that %q", r, once, twice)
		}
	}
}

// Better before worse, for each query; what is behind the bar does not fit.
func TestRank(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, things string }{
		{"acme", "Acme, Acme Ltd, Acmeville, The Acme Trust, An Acmeville, Other/acme.example, Other/acmeville.example | Acm, Macme"},
		{"acme l", "Acme L, Acme Ltd, Ltd of Acme, Acme/ltd.example | Acme, Ltd"},
		{"jorg mul", "Jörg Mül, JÖRG MÜLLER, Müller Jörg, Jörg/muller@x.example | Jörg, Müller"},
	} {
		fitting, others, _ := strings.Cut(c.things, " | ")
		q := crm.ParseQuery(c.query)
		last := int64(-1)
		for i, text := range strings.Split(fitting, ", ") {
			rank, ok := q.Rank(searched(text))
			if !ok || rank <= 0 || i > 0 && rank >= last {
				t.Errorf("%q: %q fits: %v, with rank %d after %d", c.query, text, ok, rank, last)
			}
			last = rank
		}
		for _, text := range strings.Split(others, ", ") {
			if rank, ok := q.Rank(searched(text)); others != "" && ok {
				t.Errorf("%q fits %q, with rank %d", c.query, text, rank)
			}
		}
	}
	if _, ok := crm.ParseQuery("%").Rank(searched("Acme")); ok {
		t.Error("a query without a word fits")
	}
}

// searched returns a company from "name" or "name/domain".
func searched(text string) *crm.Searched {
	name, domain, there := strings.Cut(text, "/")
	c := crm.Company{Name: name}
	if there {
		c.Domain = &domain
	}
	s := c.Searched()
	return &s
}

func TestSearchedTexts(t *testing.T) {
	t.Parallel()
	s := func(v string) *string { return &v }
	company := crm.Company{Name: "Acme", Domain: s("acme.example"), Industry: s("Toys"), Description: s("hidden")}
	contact := crm.Contact{FullName: "Ada King", Email: s("ada@acme.example"), Title: s("CTO"), Phone: s("hidden")}
	nameless := crm.Contact{Email: s("ada@acme.example")}
	deal := crm.Deal{Name: "Licences", Company: s("Acme"), ContactName: s("Ada"), ExternalID: s("D-1"), Description: s("hidden")}
	for _, c := range []struct {
		thing                  crm.Searched
		title, subtitle, words string
	}{
		{company.Searched(), "Acme", "acme.example", "acme example toys"},
		{contact.Searched(), "Ada King", "CTO", "acme ada cto example king"},
		{nameless.Searched(), "ada@acme.example", "ada@acme.example", "acme ada example"},
		{deal.Searched(), "Licences", "Acme", "1 acme ada d licences"},
	} {
		if got := strings.Join(c.thing.Words(), " "); c.thing.Title != c.title || *c.thing.Subtitle != c.subtitle || got != c.words {
			t.Errorf("%s: %q, %q, %q", c.thing.Kind, c.thing.Title, *c.thing.Subtitle, got)
		}
	}
}
