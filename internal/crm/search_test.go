package crm_test

import (
	"fmt"
	"slices"
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
		{"O'Neill O\u02bcNeill O\u2019Neill O\u00b4Neill O`Neill", "oneill"},
		{"re\u00adport", "report"},
		{"東京 Москва", "東京 москва"},
		{"drop table;-- 100%", "drop table 100"},
		{"a OR b AND NOT c*", "a or b and not c"},
		{"a b c d e f g h i", "a b c d e f g h"},
		{"1 2 3", "1 2 3"},
		{"1 2 3 4 5 6 7 8 9", "1-2-3-4-5-6-7-8"},
		{"Coca-Cola coca\u2010cola -acme- a--b", "coca-cola acme a-b"},
		{"ab 123 ab 456 ab", "ab 123-456"},
		{"+44 (0)20 7946-0958 x", "44-20-7946-0958 x"},
		{"東京株式会社qa 第3回 コーヒー", "東京株式会社 qa 第 3 回 コーヒー"},
		{"https://www.acme.example/path?x=1 WWW.Other.example:8080/", "acme example other"},
		{"see http://user:pw@xn--bcher-kva.example#top www.", "see bucher example www"},
		{"http:// https://[::1 www", "http https 1 www"},
		{"\u200b\u200b", ""},
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
		typed := wordsOf(q)
		if len(typed) > 16 {
			t.Fatalf("%d words", len(typed))
		}
		for _, w := range typed {
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

// wordsOf returns the words of a query, and those that they are joined to.
func wordsOf(q crm.Query) (words []string) {
	for _, t := range q.Terms() {
		words = append(words, t.Parts...)
		if t.Joined != "" {
			words = append(words, t.Joined)
		}
	}
	return words
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
		{"acme", "Acme, Acme Ltd, Acmeville, The Acme Trust, An Acmeville, Other/acme.example, Other/acmeville.example, Macme, Other/macme.example | Acm, Ac me"},
		{"ac", "Ac, Acme, The Ac | Mac, Bacon"},
		{"cocacola", "Cocacola, The Coca-Cola, Acocacolab | Coca Cola, Coca"},
		{"coca-cola", "Coca-Cola, The Coca-Cola, Cola/coca.example | Coca, Cola"},
		{"coca-cola", "Cocacola | Cocacol"},
		{"wi-fi", "WiFi, The Wi-Fi | Wife"},
		{"obrien", "O'Brien, Zoe OBrien, McO'Brien | Brien"},
		{"o'brien", "O\u2019Brien, Zoe Obrien | Brien"},
		{"株式会社", "株式会社, 東京株式会社 | 東京会社, 株式"},
		{"京株", "東京株式会社 | 京, 株"}, {"京", "京都 | 東京"},
		{"서우", "서울, 한서울 | 한서"}, {"울", "울산 | 서울"}, {"ㅜ", " | 서울"},
		{"7946 0958", "7946 0958, Other/+44 20 7946 0958 | 7946, 0958"},
		{"https://www.acme.example/x", "Other/acme.example | Acme"},
		{"acme l", "Acme L, Acme Ltd, Ltd of Acme, Acme/ltd.example | Acme, Ltd"},
		{"jorg mul", "Jörg Mül, JÖRG MÜLLER, Müller Jörg, Jörg/muller@x.example | Jörg, Müller"},
	} {
		fitting, others, _ := strings.Cut(c.things, " | ")
		q := crm.ParseQuery(c.query)
		last := int64(-1)
		for i, text := range strings.Split(fitting, ", ") {
			rank, ok := q.Ranker().Rank(searched(text))
			if text == "" {
				continue
			}
			if !ok || rank <= 0 || i > 0 && rank >= last {
				t.Errorf("%q: %q fits: %v, with rank %d after %d", c.query, text, ok, rank, last)
			}
			last = rank
		}
		for _, text := range strings.Split(others, ", ") {
			if rank, ok := q.Ranker().Rank(searched(text)); others != "" && ok {
				t.Errorf("%q fits %q, with rank %d", c.query, text, rank)
			}
		}
	}
	if _, ok := crm.ParseQuery("%").Ranker().Rank(searched("Acme")); ok {
		t.Error("a query without a word fits")
	}
}

// searched returns a company from "name", "name/domain" or "name/phone".
func searched(text string) *crm.Searched {
	name, other, there := strings.Cut(text, "/")
	c := crm.Company{Name: name}
	switch {
	case there && other[0] == '+':
		c.Phone = &other
	case there:
		c.Domain = &other
	}
	s := c.Searched()
	return &s
}

func TestSearchedTexts(t *testing.T) {
	t.Parallel()
	s := func(v string) *string { return &v }
	company := crm.Company{Name: "Acme", Domain: s("acme.example"), Industry: s("Toys"), Description: s("hidden")}
	contact := crm.Contact{FullName: "Ada King", Email: s("ada@acme.example"), Title: s("CTO"), Phone: s("+44 (0)20 7946 0959 (office)"), LinkedInURL: s("hidden")}
	nameless := crm.Contact{Email: s("ada@acme.example")}
	deal := crm.Deal{Name: "Licences", Company: s("Acme"), ContactName: s("Ada"), ContactEmail: s("a@b.example"), ContactPhone: s("1/2"), ContactIdentifier: s("+1 555 0100"), ExternalID: s("D-1"), Description: s("hidden")}
	linked := deal.Searched()
	linked.Links = []string{"Acme", "Grace O'Hopper"}
	for _, c := range []struct {
		thing                  crm.Searched
		title, subtitle, words string
	}{
		{company.Searched(), "Acme", "acme.example", "acme example toys"},
		{contact.Searched(), "Ada King", "CTO", "442079460959 acme ada cto example king"},
		{nameless.Searched(), "ada@acme.example", "ada@acme.example", "acme ada example"},
		{deal.Searched(), "Licences", "Acme", "0100 1 12 15550100 555 a acme ada b d d1 example licences"},
		{linked, "Licences", "Acme", "0100 1 12 15550100 555 a acme ada b d d1 example grace licences ohopper"},
	} {
		words, _ := c.thing.Words()
		if got := strings.Join(words, " "); c.thing.Title != c.title || *c.thing.Subtitle != c.subtitle || got != c.words {
			t.Errorf("%s: %q, %q, %q", c.thing.Kind, c.thing.Title, *c.thing.Subtitle, got)
		}
	}
}

// The ends of words are those that can be searched for, each once.
func TestSearchedEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ac": "", "Acm": "", "Acme": "cme", "Acmes/acmes.example": "ample cmes mes mple ple xample",
		"東京都": "京都", "東京": "", "Johnson Son": "hnson nson ohnson", "Coca-Cola": "acola cacola ocacola ola",
		"서울시청": "", "X/+12 34 567": "234567 34567 4567 567", strings.Repeat("a", 300): "",
	} {
		_, ends := searched(text).Words()
		switch {
		case text == "서울시청":
			if len(ends) != 2 {
				t.Errorf("%q has the ends %q", text, ends)
			}
		case len(text) == 300:
			if len(ends) != 0 {
				t.Errorf("of one letter: %q", ends)
			}
		case strings.Join(ends, " ") != want:
			t.Errorf("%q has the ends %q, want %q", text, ends, want)
		}
	}
	// Of a very long text they are bounded.
	long := crm.Deal{Name: "x"}
	s := long.Searched()
	for i := range 10_000 {
		s.Beside, s.Links = append(s.Beside, fmt.Sprintf("%064d", i)), append(s.Links, fmt.Sprintf("%064d", -i))
	}
	if words, ends := s.Words(); len(words) > 130 || len(ends) > 130*62 {
		t.Errorf("%d words with %d ends", len(words), len(ends))
	}
}

// A term is in the index exactly if a record has it.
func TestWordsAndRankAgree(t *testing.T) {
	t.Parallel()
	alphabet := rapid.StringOf(rapid.RuneFrom([]rune("ab-c '01 \u4e2d\u56fd\u30fc\uc11c\uc6b8.")))
	rapid.Check(t, func(t *rapid.T) {
		deal := crm.Deal{Name: alphabet.Draw(t, "name")}
		s := deal.Searched()
		s.Beside, s.Phones, s.Links = []string{alphabet.Draw(t, "beside")}, []string{alphabet.Draw(t, "phone")}, []string{alphabet.Draw(t, "link")}
		words, ends := s.Words()
		has := func(word string) bool {
			begins := func(w string) bool { return strings.HasPrefix(w, word) }
			return slices.ContainsFunc(words, begins) || crm.FindsInside(word) && slices.ContainsFunc(ends, begins)
		}
		q := crm.ParseQuery(alphabet.Draw(t, "typed"))
		want := len(q.Terms()) > 0
		for _, term := range q.Terms() {
			want = want && (!slices.ContainsFunc(term.Parts, func(p string) bool { return !has(p) }) || term.Joined != "" && has(term.Joined))
		}
		if _, ok := q.Ranker().Rank(&s); ok != want {
			t.Fatalf("%q in %+v: ranked %t, in the index %t", q, s, ok, want)
		}
	})
}
