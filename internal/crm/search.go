package crm

import (
	"context"
	"slices"
	"strings"
)

// The definition of search, for every engine:
//
//   - A text is its words: runs of letters and digits, folded (see foldWords), so that an
//     e-mail address or a host name counts by its parts. Words that hyphens join count as one
//     word besides, and a phone number counts as its digits. Nothing else in a text means
//     anything: there is no syntax.
//   - A record is found when every term of the query is in its searched texts: a word of them,
//     the beginning of one, or, if the term is long enough (see findsInside), part of one. A
//     query without a word finds nothing.
//   - A deal is also found by what it shows of its company and contacts (Links).
//   - Results are ranked by the query and the record alone (Query.Rank), and sorted by
//     rank, then the time of the last change, newest first.
//   - Of each type, and within the filters, at most MaxHits records are looked at, or MaxSorted
//     in a list with another order: those whose searched texts were written last. If there are
//     more, the page says so (Page.Truncated).

// MaxHits bounds the records of one type that a search looks at, and MaxSorted those of a list
// that is not sorted by rank.
const (
	MaxHits   = 1000
	MaxSorted = 10_000
)

// Of what is typed, so many words count, and so many characters of a word; of a
// longer word in a searched text, so many count too.
const (
	maxQueryWords = 8
	maxWordRunes  = 64
)

// Of a record, its own words count up to so many bytes in all, and those of its links.
const maxRecordBytes = 4096

// MaxLinks bounds the contacts that a deal is found by.
const MaxLinks = 20

// ByRank is the order of a search: the best first, among equals the newest.
var ByRank = Sort{Field: "rank", Desc: true}

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
	Kind OneOf[string]
}

// HitKindFilter is what a search of everything can be narrowed by.
var HitKindFilter = Filter[Hit, HitFilter]{
	Name: "kind", Doc: "Only records of this kind.", Enum: []string{KindCompany, KindContact, KindDeal},
	At:    func(f *HitFilter) any { return &f.Kind },
	Match: func(h *Hit, f *HitFilter) bool { return f.Kind.Has(&h.Kind) },
}

// Searched is what search uses of a record.
type Searched struct {
	Hit             // all but the rank
	Beside []string // the texts that it is found by beside its title
	Phones []string // the phone numbers that it is found by
	// Links are texts that it shows of other records. They count only for what is not in its
	// own, so that most matches are ranked without them.
	Links []string
}

// Searched returns what search uses of the company.
func (c *Company) Searched() Searched {
	s := Searched{Hit: Hit{KindCompany, c.ID, c.Name, firstOf(c.Domain, c.Industry), c.OwnerID, 0, c.UpdatedAt}}
	s.Beside, s.Phones = Companies.besideTitle(c)
	return s
}

// Searched returns what search uses of the contact.
func (c *Contact) Searched() Searched {
	name := c.FullName
	if name == "" && c.Email != nil {
		name = *c.Email
	}
	s := Searched{Hit: Hit{KindContact, c.ID, name, firstOf(c.Title, c.Email), c.OwnerID, 0, c.UpdatedAt}}
	s.Beside, s.Phones = Contacts.besideTitle(c)
	return s
}

// Searched returns what search uses of the deal, without its links.
func (d *Deal) Searched() Searched {
	s := Searched{Hit: Hit{KindDeal, d.ID, d.Name, d.Company, d.OwnerID, 0, d.UpdatedAt}}
	s.Beside, s.Phones = Deals.besideTitle(d)
	return s
}

func firstOf(a, b *string) *string {
	if a != nil {
		return a
	}
	return b
}

// SameTexts reports whether the records are found by the same texts of their own.
func (s *Searched) SameTexts(other *Searched) bool {
	return s.Title == other.Title && slices.Equal(s.Beside, other.Beside) && slices.Equal(s.Phones, other.Phones)
}

// searchedWords are the words that a record is found by.
type searchedWords struct {
	asOne                 string // the title's, written as one
	title, beside, linked []string
}

func (s *Searched) words() (w searchedWords) {
	parts, whole := wordsOf(s.Title)
	w.asOne = strings.Join(parts, "")
	rest := maxRecordBytes
	w.title = upTo(&rest, upTo(&rest, nil, parts), whole)
	for _, text := range s.Beside {
		parts, whole := wordsOf(text)
		w.beside = upTo(&rest, upTo(&rest, w.beside, parts), whole)
		if isPhone(text) { // an identifier may be one
			w.beside = upTo(&rest, w.beside, []string{digitsOf(text)})
		}
	}
	for _, phone := range s.Phones {
		if number := digitsOf(phone); number != "" {
			w.beside = upTo(&rest, w.beside, []string{number})
		}
	}
	rest = maxRecordBytes
	for _, text := range s.Links {
		parts, whole := wordsOf(text)
		w.linked = upTo(&rest, upTo(&rest, w.linked, parts), whole)
	}
	return w
}

// upTo appends words until the rest of the bytes is used up.
func upTo(rest *int, to, words []string) []string {
	for _, word := range words {
		if *rest -= len(word); *rest < 0 {
			break
		}
		to = append(to, word)
	}
	return to
}

// Words returns the words that the record is found by, each once, and their ends that are
// found within words. An end that another one, or a word, begins with is left out.
func (s *Searched) Words() (words, ends []string) {
	w := s.words()
	words = slices.Concat(w.title, w.beside, w.linked)
	slices.Sort(words)
	words = slices.Compact(words)
	for _, word := range words {
		insides(word, func(end string) { ends = append(ends, end) })
	}
	slices.Sort(ends)
	kept := ends[:0]
	for i, end := range ends {
		if i+1 < len(ends) && strings.HasPrefix(ends[i+1], end) {
			continue
		}
		if at, _ := slices.BinarySearch(words, end); at < len(words) && strings.HasPrefix(words[at], end) {
			continue
		}
		kept = append(kept, end)
	}
	return words, kept
}

// FindsInside reports whether the word is found within words too.
func FindsInside(word string) bool { return findsInside(word) }

// What a word of the query is worth by where it is found, and what the whole query is
// worth when the title is it, or begins with it: more than any number of words. What links are
// worth is less than anything else.
const (
	rankLinkInside = iota + 1
	rankLinkPart
	rankLinkWord
	rankBesideInside
	rankTitleInside
	rankBesidePart = 10
	rankBesideWord = 20
	rankTitlePart  = 30
	rankTitleWord  = 40
	rankTitleStart = 2 * maxQueryWords * rankTitleWord
	rankTitle      = 2 * rankTitleStart
)

// Rank returns how well a record matches, more being better, and whether it does at all.
func (q Query) Rank(s *Searched) (rank int64, ok bool) {
	if len(q.terms) == 0 {
		return 0, false
	}
	words := s.words()
	for _, t := range q.terms {
		parts := int64(0)
		for _, part := range t.Parts {
			worth := words.worth(part)
			if worth == 0 {
				parts = 0
				break
			}
			parts += worth
		}
		if t.Joined != "" {
			parts = max(parts, int64(len(t.Parts))*words.worth(t.Joined))
		}
		if parts == 0 {
			return 0, false
		}
		rank += parts
	}
	switch typed := q.asOne(); {
	case words.asOne == typed:
		rank += rankTitle
	case strings.HasPrefix(words.asOne, typed):
		rank += rankTitleStart
	}
	return rank, true
}

// worth returns what a word of the query is worth, 0 if it is not found.
func (w *searchedWords) worth(word string) int64 {
	worth := max(fit(word, w.title, rankTitleWord, rankTitlePart, rankTitleInside), fit(word, w.beside, rankBesideWord, rankBesidePart, rankBesideInside))
	if worth == 0 {
		worth = fit(word, w.linked, rankLinkWord, rankLinkPart, rankLinkInside)
	}
	return worth
}

// fit returns the score of a word among words: whole, if it is one of them, part, if one of
// them begins with it, inside, if it is found within one, else 0.
func fit(word string, among []string, whole, part, inside int64) (worth int64) {
	within := findsInside(word)
	for _, w := range among {
		switch {
		case w == word:
			return whole
		case strings.HasPrefix(w, word):
			worth = part
		case within && worth == 0 && strings.Contains(w, word):
			worth = inside
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
