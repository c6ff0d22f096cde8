package crm

import (
	"context"
	"slices"
	"strings"
)

// The definition of search, for every engine:
//
//   - A text is its words: runs of letters and digits, folded (see words), so that an
//     e-mail address or a host name counts by its parts. Nothing else in a text means
//     anything: there is no syntax.
//   - A record is found when every word of the query is a word of one of its searched
//     texts, or the beginning of one. A query without a word finds nothing.
//   - Results are ranked by the query and the record alone (Query.Rank), and sorted by
//     rank, then the time of the last change, newest first.
//   - Of each type, and within the filters, at most MaxHits records are looked at:
//     those whose searched texts were written last.

// MaxHits bounds the records of one type that a search looks at.
const MaxHits = 1000

// Of what is typed, so many words count, and so many characters of a word; of a
// longer word in a searched text, so many count too.
const (
	maxQueryWords = 8
	maxWordRunes  = 64
)

// ByRank is the order of a search: the best first, among equals the newest.
var ByRank = Sort{Field: "rank", Desc: true}

// Query is what is searched for. The zero value finds nothing.
type Query struct{ words []string }

// ParseQuery parses any input. Of a long one the first words count.
func ParseQuery(text string) Query {
	var q Query
	for _, w := range words(text, maxQueryWords) {
		if !slices.Contains(q.words, w) {
			q.words = append(q.words, w)
		}
	}
	return q
}

// Words returns the words that are searched for; none find nothing.
func (q Query) Words() []string { return q.words }

// String returns the query in its one canonical form.
func (q Query) String() string { return strings.Join(q.words, " ") }

// The types of records that are searched.
const (
	KindCompany = "company"
	KindContact = "contact"
	KindDeal    = "deal"
)

// Hit is a result of a search of all types.
type Hit struct {
	Kind      string  `json:"kind" enum:"company,contact,deal"`
	ID        ID      `json:"id"`
	Title     string  `json:"title" doc:"The name; a contact without one goes by its e-mail address."`
	Subtitle  *string `json:"subtitle" doc:"A company's domain or industry, a contact's title or e-mail address, a deal's company label."`
	OwnerID   *ID     `json:"owner_id"`
	Rank      int64   `json:"rank" doc:"How well it matches, from the query and the record alone; more is better."`
	UpdatedAt Instant `json:"updated_at"`
}

// HitFilter narrows a search of everything.
type HitFilter struct {
	Kind *string
}

// HitKindFilter is what a search of everything can be narrowed by.
var HitKindFilter = Filter[Hit, HitFilter]{
	Name: "kind", Doc: "Only records of this kind.", Enum: []string{KindCompany, KindContact, KindDeal},
	At:    func(f *HitFilter) any { return &f.Kind },
	Match: func(h *Hit, f *HitFilter) bool { return h.Kind == *f.Kind },
}

// Searched is what search uses of a record: its own members alone.
type Searched struct {
	Hit              // all but the rank
	Beside []*string // the texts that it is found by beside its title
}

// Searched returns what search uses of the company.
func (c *Company) Searched() Searched {
	return Searched{
		Hit{KindCompany, c.ID, c.Name, firstOf(c.Domain, c.Industry), c.OwnerID, 0, c.UpdatedAt},
		Companies.besideTitle(c),
	}
}

// Searched returns what search uses of the contact.
func (c *Contact) Searched() Searched {
	name := c.FullName
	if name == "" && c.Email != nil {
		name = *c.Email
	}
	return Searched{
		Hit{KindContact, c.ID, name, firstOf(c.Title, c.Email), c.OwnerID, 0, c.UpdatedAt},
		Contacts.besideTitle(c),
	}
}

// Searched returns what search uses of the deal.
func (d *Deal) Searched() Searched {
	return Searched{
		Hit{KindDeal, d.ID, d.Name, d.Company, d.OwnerID, 0, d.UpdatedAt},
		Deals.besideTitle(d),
	}
}

func firstOf(a, b *string) *string {
	if a != nil {
		return a
	}
	return b
}

// Words returns the words that the record is found by, each once.
func (s *Searched) Words() []string {
	all := words(s.Title, anyNumber)
	for _, text := range s.Beside {
		if text != nil {
			all = append(all, words(*text, anyNumber)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// What a word of the query is worth by where it is found, and what the whole query is
// worth when the title is it, or begins with it: more than any number of words.
const (
	rankBesidePart = 10
	rankBesideWord = 20
	rankTitlePart  = 30
	rankTitleWord  = 40
	rankTitleStart = 2 * maxQueryWords * rankTitleWord
	rankTitle      = 2 * rankTitleStart
)

// Rank returns how well a record matches, more being better, and whether it does at all.
func (q Query) Rank(s *Searched) (rank int64, ok bool) {
	if len(q.words) == 0 {
		return 0, false
	}
	title := words(s.Title, anyNumber)
	var beside []string
	for _, text := range s.Beside {
		if text != nil {
			beside = append(beside, words(*text, anyNumber)...)
		}
	}
	for _, word := range q.words {
		worth := max(fit(word, title, rankTitleWord, rankTitlePart), fit(word, beside, rankBesideWord, rankBesidePart))
		if worth == 0 {
			return 0, false
		}
		rank += worth
	}
	switch name := strings.Join(title, " "); {
	case name == q.String():
		rank += rankTitle
	case strings.HasPrefix(name, q.String()):
		rank += rankTitleStart
	}
	return rank, true
}

// fit returns the score of a word among words: whole, if it is one of them, part, if one of
// them begins with it, else 0.
func fit(word string, among []string, whole, part int64) (worth int64) {
	for _, w := range among {
		if w == word {
			return whole
		}
		if strings.HasPrefix(w, word) {
			worth = part
		}
	}
	return worth
}

// Search finds companies, contacts and deals together. It looks at MaxHits of each
// kind, so that the many of one do not crowd out the few of another.
func (s *Service) Search(ctx context.Context, by Actor, q List[HitFilter]) (Page[Hit], error) {
	q.Sort = ByRank
	if q.Search == nil {
		q.Search = &Query{}
	}
	return s.store.Reads(by).Search(ctx, by.Org, q)
}
