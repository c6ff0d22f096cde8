package crm

import "bytes"

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

// A Ranker ranks records by a query. It is for one goroutine at a time.
type Ranker struct {
	query Query
	typed string // the query, written as one
	words []rankedWord
	split splitter
}

// A rankedWord is a word of the query, and what it is worth in the record that is ranked.
type rankedWord struct {
	text   string
	inside bool  // it is found within words too
	own    int64 // in the record's own texts
	all    int64 // in its links too
}

// Ranker returns what ranks records by the query.
func (q Query) Ranker() *Ranker {
	r := &Ranker{query: q, typed: q.asOne()}
	for _, t := range q.terms {
		for _, part := range t.Parts {
			r.words = append(r.words, rankedWord{text: part, inside: findsInside(part)})
		}
		if t.Joined != "" {
			r.words = append(r.words, rankedWord{text: t.Joined, inside: findsInside(t.Joined)})
		}
	}
	return r
}

// Rank returns how well a record matches, more being better, and whether it does at all.
func (r *Ranker) Rank(s *Searched) (rank int64, ok bool) {
	if len(r.query.terms) == 0 {
		return 0, false
	}
	for i := range r.words {
		r.words[i].own = 0
	}
	s.own(&r.split, func(word []byte, title bool) {
		whole, part, inside := int64(rankBesideWord), int64(rankBesidePart), int64(rankBesideInside)
		if title {
			whole, part, inside = rankTitleWord, rankTitlePart, rankTitleInside
		}
		for i := range r.words {
			w := &r.words[i]
			w.own = w.fit(word, w.own, whole, part, inside)
		}
	})
	for i := range r.words {
		r.words[i].all = r.words[i].own
	}
	if rank, ok = r.sum(); !ok && len(s.Links) > 0 {
		s.linked(&r.split, func(word []byte) {
			for i := range r.words {
				w := &r.words[i]
				w.all = w.fit(word, w.all, rankLinkWord, rankLinkPart, rankLinkInside)
			}
		})
		rank, ok = r.sum()
	}
	if !ok {
		return 0, false
	}
	return rank + r.title(s.Title), true
}

// fit returns what the word of the query is worth, given a word of the record: whole, if it is the word,
// part, if the word begins with it, inside, if it is found within the word, but never less than before.
func (w *rankedWord) fit(word []byte, before, whole, part, inside int64) int64 {
	n := len(w.text)
	switch {
	case len(word) < n || before >= whole:
	case string(word[:n]) == w.text:
		if len(word) == n {
			return whole
		}
		return max(before, part)
	case before < inside && w.inside && contains(word[1:], w.text):
		return inside
	}
	return before
}

// contains reports whether a word is found within another one.
func contains(word []byte, other string) bool {
	for ; len(word) >= len(other); word = word[1:] {
		at := bytes.IndexByte(word[:len(word)-len(other)+1], other[0])
		if at < 0 {
			return false
		}
		if word = word[at:]; string(word[:len(other)]) == other {
			return true
		}
	}
	return false
}

// sum returns what the terms are worth together, and whether each of them is found. A term that is found
// in the record's own texts is worth nothing more by its links.
func (r *Ranker) sum() (rank int64, ok bool) {
	words := r.words
	for _, t := range r.query.terms {
		n := len(t.Parts)
		if t.Joined != "" {
			n++
		}
		own, all := t.worth(words[:n])
		if own == 0 {
			own = all
		}
		if own == 0 {
			return 0, false
		}
		rank, words = rank+own, words[n:]
	}
	return rank, true
}

// worth returns what a term is worth by the record's own texts, and by its links too.
func (t *QueryTerm) worth(words []rankedWord) (own, all int64) {
	owned, linked := true, true
	for i := range t.Parts {
		owned, linked = owned && words[i].own > 0, linked && words[i].all > 0
		own, all = own+words[i].own, all+words[i].all
	}
	if !owned {
		own = 0
	}
	if !linked {
		all = 0
	}
	if t.Joined != "" {
		one := &words[len(t.Parts)]
		own, all = max(own, int64(len(t.Parts))*one.own), max(all, int64(len(t.Parts))*one.all)
	}
	return own, all
}

// title returns what the query is worth when the title is it, or begins with it, both written as one.
func (r *Ranker) title(title string) int64 {
	rest := r.typed
	for _, t := range r.split.split(title, allText) {
		if rest == "" {
			return rankTitleStart
		}
		n := min(len(t.text), len(rest))
		if string(t.text[:n]) != rest[:n] {
			return 0
		}
		if rest = rest[n:]; n < len(t.text) {
			return rankTitleStart
		}
	}
	if rest != "" {
		return 0
	}
	return rankTitle
}
