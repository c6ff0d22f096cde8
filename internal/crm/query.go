package crm

import (
	"net/url"
	"slices"
	"strings"
)

// Query is what is searched for. The zero value finds nothing.
type Query struct{ terms []QueryTerm }

// A QueryTerm is a word that was typed, or several that may also be written as one: joined by
// hyphens, or the groups of digits of a number.
type QueryTerm struct {
	Parts []string
	// Joined is found instead of the parts; "" if there is nothing else than the part.
	Joined string
}

const (
	// A number that is typed in groups has so many digits at least.
	minGroupedDigits = 4
	// A number of so many digits may be a phone number, of which zeros in front are dialled
	// within a country alone.
	minPhoneDigits = 6
)

// ParseQuery parses any input. Of a long one the first words count.
func ParseQuery(text string) Query {
	q := parseTerms(strings.ReplaceAll(hostsOf(text), trunkZero, " "))
	for range maxQueryWords { // what is left out may have separated groups of digits
		again := parseTerms(q.String())
		if again.String() == q.String() {
			break
		}
		q = again
	}
	return q
}

func parseTerms(text string) Query {
	var q Query
	var words splitter
	for rest := words.split(text, maxQueryWords); len(rest) > 0; {
		n := termLength(rest)
		t := QueryTerm{Parts: make([]string, n)}
		for i := range t.Parts {
			t.Parts[i] = string(rest[i].text)
		}
		rest = rest[n:]
		t.Joined = joinedWord(t.Parts)
		if len(t.Joined) >= minPhoneDigits && allDigits(t.Joined) {
			if number := strings.TrimLeft(t.Joined, "0"); number != "" {
				t.Joined = number
			}
		}
		if n == 1 && t.Joined == t.Parts[0] {
			t.Joined = ""
		}
		if !slices.ContainsFunc(q.terms, func(other QueryTerm) bool { return slices.Equal(other.Parts, t.Parts) }) {
			q.terms = append(q.terms, t)
		}
	}
	return q
}

// termLength returns how many tokens the first term has.
func termLength(rest []token) int {
	n, digits := 0, 0
	for n < len(rest) && allDigits(string(rest[n].text)) {
		digits += len(rest[n].text)
		n++
	}
	if n > 1 && digits >= minGroupedDigits {
		return n
	}
	n = 1
	for n < len(rest) && rest[n].joined {
		n++
	}
	return n
}

// hostsOf replaces each web address in a text by its host's name.
func hostsOf(text string) string {
	if !strings.Contains(text, "://") && !strings.Contains(strings.ToLower(text), "www.") {
		return text
	}
	fields := strings.Fields(text)
	for i, f := range fields {
		address := f
		if !strings.Contains(f, "://") {
			if len(f) < len("www.") || !strings.EqualFold(f[:len("www.")], "www.") {
				continue
			}
			address = "http://" + f
		}
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" {
			continue
		}
		host := u.Hostname()
		if len(host) > len("www.") && strings.EqualFold(host[:len("www.")], "www.") {
			host = host[len("www."):]
		}
		if normal, ok := normalHost(host); ok {
			host = normal
		}
		fields[i] = host
	}
	return strings.Join(fields, " ")
}

// Terms returns what is searched for; no terms find nothing.
func (q Query) Terms() []QueryTerm { return q.terms }

// String returns the query in its one canonical form.
func (q Query) String() string {
	texts := make([]string, len(q.terms))
	for i, t := range q.terms {
		texts[i] = strings.Join(t.Parts, "-")
	}
	return strings.Join(texts, " ")
}

// asOne returns the query as it is compared with a title: its words, written as one.
func (q Query) asOne() string {
	var b strings.Builder
	for _, t := range q.terms {
		for _, p := range t.Parts {
			b.WriteString(p)
		}
	}
	return b.String()
}
