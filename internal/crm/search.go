package crm

import (
	"context"
	"slices"
	"strings"
)

// The definition of search, for every engine:
//
//   - A text is its words: runs of letters and digits, folded (see appendFolded), so that an
//     e-mail address or a host name counts by its parts. Words that hyphens join count as one
//     word besides, and a phone number counts as its digits. Nothing else in a text means
//     anything: there is no syntax.
//   - A record is found when every term of the query is in its searched texts: a word of them,
//     the beginning of one, or, if the term is long enough (see findsInside), part of one. A
//     query without a word finds nothing.
//   - A deal is also found by what it shows of its company and contacts (Links).
//   - Results are ranked by the query and the record alone (Ranker), and sorted by
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

// own calls visit with the words of the record's own texts, and whether they are the title's.
func (s *Searched) own(sp *splitter, visit func(word []byte, title bool)) {
	rest := maxRecordBytes
	inTitle := true
	count := func(word []byte) {
		if rest = max(rest-len(word), -1); rest >= 0 {
			visit(word, inTitle)
		}
	}
	sp.words(s.Title, count)
	inTitle = false
	for _, text := range s.Beside {
		sp.words(text, count)
		if isPhone(text) { // an identifier may be one
			count([]byte(digitsOf(text)))
		}
	}
	for _, phone := range s.Phones {
		if number := digitsOf(phone); number != "" {
			count([]byte(number))
		}
	}
}

// linked calls visit with the words of the record's links.
func (s *Searched) linked(sp *splitter, visit func(word []byte)) {
	rest := maxRecordBytes
	for _, text := range s.Links {
		sp.words(text, func(word []byte) {
			if rest = max(rest-len(word), -1); rest >= 0 {
				visit(word)
			}
		})
	}
}

// Words returns the words that the record is found by, each once, and their ends that are
// found within words. An end that another one, or a word, begins with is left out.
func (s *Searched) Words() (words, ends []string) {
	var sp splitter
	s.own(&sp, func(word []byte, _ bool) { words = append(words, string(word)) })
	s.linked(&sp, func(word []byte) { words = append(words, string(word)) })
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

// Search finds companies, contacts and deals together. It looks at MaxHits of each
// kind, so that the many of one do not crowd out the few of another.
func (s *Service) Search(ctx context.Context, by Actor, q List[HitFilter]) (Page[Hit], error) {
	q.Sort = ByRank
	if q.Search == nil {
		q.Search = &Query{}
	}
	return s.store.Reads(by).Search(ctx, by.Org, q)
}
