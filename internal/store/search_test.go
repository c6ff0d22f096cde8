package store_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

const (
	searchedRows = 5_000
	typedQueries = 500
)

// Both engines are given the same rows and the same queries. What they find, its
// order, its ranks and the walks by cursors are the model's, and so each other's.
func TestSearchAgrees(t *testing.T) {
	t.Parallel()
	m := newSearchModel()
	queries := m.queries()
	enginetest.Each(t, func(t *testing.T, engine string) {
		s := enginetest.Open(t, engine)
		m.store(t, s)
		found := 0
		for i, q := range queries {
			want := m.hits(q)
			found += len(want)
			checkSearch(t, s, m.org.ID, q, want, i%10 == 0)
			checkLists(t, s, m, q, i)
			if t.Failed() {
				t.Fatalf("typed: %.200q", q)
			}
		}
		if found < 10*typedQueries {
			t.Errorf("all queries together find %d", found)
		}
	})
}

// checkSearch compares a search of everything with what it is to find, as one list
// and, when walked, page by page in both directions.
func checkSearch(t *testing.T, s *store.Store, org crm.ID, q string, want []crm.Hit, walked bool) {
	t.Helper()
	query := crm.ParseQuery(q)
	list := crm.List[crm.HitFilter]{Search: &query, Sort: crm.ByRank, Limit: crm.MaxLimit}
	if got := walk(t, s, org, list); !slices.EqualFunc(got, want, sameHit) {
		t.Error(cmp.Diff(want, got))
	}
	if !walked {
		return
	}
	list.Limit = len(want)/3 + 1
	if got := walk(t, s, org, list); !slices.EqualFunc(got, want, sameHit) {
		t.Errorf("in pages of %d: %s", list.Limit, cmp.Diff(want, got))
	}
	list.Backward = true
	if got := walk(t, s, org, list); !slices.EqualFunc(got, want, sameHit) {
		t.Errorf("backward in pages of %d: %s", list.Limit, cmp.Diff(want, got))
	}
}

func sameHit(a, b crm.Hit) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Title == b.Title && a.Rank == b.Rank && a.UpdatedAt == b.UpdatedAt && cmp.Equal(a.Subtitle, b.Subtitle)
}

func walk(t *testing.T, s *store.Store, org crm.ID, list crm.List[crm.HitFilter]) []crm.Hit {
	t.Helper()
	all := []crm.Hit{}
	for {
		p, err := s.Reads(crm.Actor{}).Search(t.Context(), org, list)
		if err != nil {
			t.Fatal(err)
		}
		if list.Backward {
			all = append(p.Rows, all...)
		} else {
			all = append(all, p.Rows...)
		}
		if list.From = p.Last; list.Backward {
			list.From = p.First
		}
		if more := p.HasMore && !list.Backward || p.HasPrevious && list.Backward; !more {
			return all
		}
	}
}

// checkLists compares the lists of each kind, now in one order, now in another, now
// narrowed, now not.
func checkLists(t *testing.T, s *store.Store, m *searchModel, q string, i int) {
	t.Helper()
	query := crm.ParseQuery(q)
	orders := []crm.Sort{crm.ByRank, {Field: "updated_at", Desc: true}, {Field: "name"}, {Field: "created_at"}}
	sort := orders[i%len(orders)]
	var owner *crm.ID
	if i%3 == 0 {
		owner = &m.owners[i%len(m.owners)].ID
	}
	var owners crm.OneOf[crm.ID]
	if owner != nil {
		owners = crm.Only(*owner)
	}
	r := s.Reads(crm.Actor{})
	var got []crm.ID
	var truncated bool
	var total *int64
	var err error
	kind := []string{crm.KindCompany, crm.KindContact, crm.KindDeal}[i%7%3]
	switch kind {
	case crm.KindCompany:
		var p crm.Page[crm.Company]
		p, err = r.Companies().Page(t.Context(), m.org.ID, crm.List[crm.CompanyFilter]{Search: &query, Sort: sort, Limit: crm.MaxLimit, Filter: crm.CompanyFilter{OwnerID: owners}, Count: crm.CountExact})
		truncated, total = p.Truncated, p.Total
		got = idsOf(p.Rows, func(c *crm.Company) crm.ID { return c.ID })
	case crm.KindContact:
		var p crm.Page[crm.Contact]
		p, err = r.Contacts().Page(t.Context(), m.org.ID, crm.List[crm.ContactFilter]{Search: &query, Sort: sort, Limit: crm.MaxLimit, Filter: crm.ContactFilter{OwnerID: owners}, Count: crm.CountExact})
		truncated, total = p.Truncated, p.Total
		got = idsOf(p.Rows, func(c *crm.Contact) crm.ID { return c.ID })
	case crm.KindDeal:
		var p crm.Page[crm.Deal]
		p, err = r.Deals().Page(t.Context(), m.org.ID, crm.List[crm.DealFilter]{Search: &query, Sort: sort, Limit: crm.MaxLimit, Filter: crm.DealFilter{OwnerID: owners}, Count: crm.CountExact})
		truncated, total = p.Truncated, p.Total
		got = idsOf(p.Rows, func(d *crm.Deal) crm.ID { return d.ID })
	}
	if err != nil {
		t.Fatal(err)
	}
	want, cut := m.list(q, kind, owner, sort)
	if truncated != cut || !cut && int64(len(want)) <= crm.MaxLimit && (total == nil || *total != int64(len(want))) || cut && total != nil {
		t.Errorf("%s by %s, owner %v: truncated %t, want %t; counted %v", kind, sort, owner, truncated, cut, total)
	}
	if len(want) > crm.MaxLimit {
		want = want[:crm.MaxLimit]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s by %s, owner %v: got %d %v, want %d %v", kind, sort, owner, len(got), got, len(want), want)
	}
}

func idsOf[T any](rows []T, id func(*T) crm.ID) []crm.ID {
	all := make([]crm.ID, len(rows))
	for i := range rows {
		all[i] = id(&rows[i])
	}
	return all
}

// A piece of a name, and the words that it is to count as: those that hyphens join also as one.
type piece struct{ text, words string }

var pieces = []piece{
	{"Müller", "muller"}, {"Mu\u0308ller", "muller"}, {"Muller", "muller"}, {"Mullerson", "mullerson"}, {"Jörg", "jorg"},
	{"Acme", "acme"}, {"ACME", "acme"}, {"Acmeville", "acmeville"}, {"Ac", "ac"}, {"O'Neill", "oneill"}, {"O\u2019Neill", "oneill"}, {"Straße", "strasse"},
	{"Łódź", "lodz"}, {"Søren", "soren"}, {"Ænima", "aenima"}, {"Zoë", "zoe"}, {"naïve", "naive"}, {"R&D", "r d"}, {"100%", "100"},
	{"10th", "10th"}, {"Ltd.", "ltd"}, {"a-b_c", "a-b c"}, {"東京", "東京"}, {"東京都", "東京都"}, {"東京株式会社x1", "東京株式会社 x1"}, {"株式", "株式"}, {"コーヒー", "コーヒー"},
	{"Москва", "москва"}, {"Йод", "иод"}, {"Coca-Cola", "coca-cola"}, {"Cocacola", "cocacola"}, {"Coca Cola", "coca cola"}, {"Wi\u2010Fi", "wi-fi"}, {"wifi", "wifi"},
	{"ΟΔΟΣ", "οδοσ"}, {"\U0001F980", ""}, {"«»", ""}, {"ﬁne", "fine"}, {"İstanbul", "istanbul"}, {"'--", ""}, {"\"q\"", "q"}, {"x\\y", "x y"},
	{"and", "and"}, {"OR", "or"}, {"NOT", "not"}, {"near", "near"}, {"ada@acme.example", "ada acme example"}, {"acmeaccount", "acmeaccount"},
}

// Further things that are typed: of all these no word comes, or few.
var oddities = []string{
	"", `"`, "'", "%", "_%_", `\`, "*", "\U0001F469\u200D\U0001F4BB", "\x00", " \t\r\n", "\u200b", "-", "--", "(0)",
	"' OR 1=1 --", `"acme" AND (`, "acme:*", "!acme", "acme & muller | x", "NEAR(acme muller, 2)", "^acme", "{terms}: acme", "acme'::tsquery", "$1 ?2 :x",
	strings.Repeat("acme ", 2_000), strings.Repeat("acme-", 2_000), strings.Repeat("x", 10_000), strings.Repeat("\U0001F980", 10_000), strings.Repeat("%'\"", 3_334),
	strings.Repeat("a ", 1_000), "a b c d e f g h i", "me", "cme", "ville", "neill", "京都", "京", "式会社x1", "ola", "ocac", "fi",
	"7946 0001", "02079460001", "+44 (0)20 7946-0001", "0044 20 7946 0001", "442079460001", "20 7946", "https://www.d10.example/path?x#y", "www.d10.example", "HTTP://d10.example:80",
}

// randomPieces returns some pieces of text, and the words in them.
func randomPieces(r *rand.Rand, n int) (text string, words []string) {
	var texts []string
	for range n {
		p := pieces[r.IntN(len(pieces))]
		texts = append(texts, p.text)
		words = append(words, strings.Fields(p.words)...)
	}
	return strings.Join(texts, " "), words
}

// spell returns words, taken apart at hyphens, and those that hyphens join as one besides.
func spell(words []string) (all []string) {
	for _, w := range words {
		parts := strings.Split(w, "-")
		all = append(all, parts...)
		if len(parts) > 1 {
			all = append(all, strings.Join(parts, ""))
		}
	}
	return all
}

// queries returns searches: whole pieces, in any case, and beginnings and middles of words.
func (m *searchModel) queries() []string {
	all := slices.Clone(oddities)
	for len(all) < typedQueries {
		text, words := randomPieces(m.random, 1+m.random.IntN(3))
		switch m.random.IntN(5) {
		case 0: // as a user types
			if len(words) == 0 {
				continue
			}
			last := []rune(words[len(words)-1])
			words[len(words)-1] = string(last[:1+m.random.IntN(len(last))])
			text = strings.Join(words, " ")
		case 1:
			text = strings.ToUpper(text)
		case 2: // the words of a thing, in another order
			words = slices.Clone(m.things[m.random.IntN(len(m.things))].all())
			m.random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			text = strings.Join(words[:min(len(words), 1+m.random.IntN(3))], `"%,`)
		case 3: // parts of them
			words = slices.Clone(m.things[m.random.IntN(len(m.things))].all())
			for i, w := range words {
				runes := []rune(w)
				from := m.random.IntN(len(runes))
				words[i] = string(runes[from : from+1+m.random.IntN(len(runes)-from)])
			}
			m.random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			text = strings.Join(words[:min(len(words), 1+m.random.IntN(2))], " ")
		}
		all = append(all, text)
	}
	return all
}
