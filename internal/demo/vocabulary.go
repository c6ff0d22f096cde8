package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/brianvoe/gofakeit/v7/data"
)

// vocabulary contains the words of names, and maps numbers to distinct combinations of them.
type vocabulary struct {
	first, last, cities []string
	companies           cycle // over last × lines
	people              cycle // over first × last
}

// line is a line of business: a word for company names, and the industry.
type line struct{ word, industry string }

// The words of lines are not prefixes of each other, so that company names stay unique when
// they are written as one word.
var lines = []line{
	{"Logistics", "Transport"}, {"Freight", "Transport"}, {"Couriers", "Transport"},
	{"Software", "Software"}, {"Systems", "Software"}, {"Analytics", "Software"}, {"Cloudworks", "Software"}, {"Robotics", "Manufacturing"},
	{"Manufacturing", "Manufacturing"}, {"Engineering", "Manufacturing"}, {"Precision", "Manufacturing"}, {"Instruments", "Manufacturing"},
	{"Foods", "Food and drink"}, {"Bakeries", "Food and drink"}, {"Brewing", "Food and drink"}, {"Farms", "Agriculture"},
	{"Retail", "Retail"}, {"Outfitters", "Retail"}, {"Furniture", "Retail"}, {"Books", "Media"}, {"Studios", "Media"}, {"Publishing", "Media"},
	{"Capital", "Finance"}, {"Insurance", "Finance"}, {"Accounting", "Professional services"}, {"Consulting", "Professional services"},
	{"Legal", "Professional services"}, {"Design", "Professional services"}, {"Health", "Healthcare"}, {"Pharma", "Healthcare"}, {"Clinics", "Healthcare"},
	{"Energy", "Energy"}, {"Solar", "Energy"}, {"Utilities", "Energy"}, {"Construction", "Construction"}, {"Homes", "Construction"},
	{"Hotels", "Hospitality"}, {"Travel", "Hospitality"}, {"Academy", "Education"}, {"Telecom", "Telecommunications"},
}

func newVocabulary(seed uint64) *vocabulary {
	v := &vocabulary{
		first:  distinct(data.Person["first"]),
		last:   distinct(data.Person["last"]),
		cities: distinct(data.Address["city"]),
	}
	v.companies = newCycle(seed, len(v.last)*len(lines))
	v.people = newCycle(seed, len(v.first)*len(v.last))
	return v
}

// distinct omits words that have the same slug as an earlier one.
func distinct(words []string) []string {
	seen := make(map[string]bool, len(words))
	out := make([]string, 0, len(words))
	for _, w := range words {
		if s := slug(w); s != "" && !seen[s] {
			seen[s] = true
			out = append(out, w)
		}
	}
	return out
}

// slug converts a name for use in an address: letters, digits and hyphens.
func slug(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			b.WriteRune(c)
		case c == ' ' || c == '-':
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// company returns the name and the line of business of company i. When all pairs of words
// are used, a city is added, and then also a number.
func (v *vocabulary) company(i int) (string, line) {
	n := v.companies.at(i)
	l := lines[n/len(v.last)]
	name := v.last[n%len(v.last)] + " " + l.word
	round := i / v.companies.size
	if round == 0 {
		return name, l
	}
	name += " " + v.cities[(round-1)%len(v.cities)]
	if again := (round - 1) / len(v.cities); again > 0 {
		name += fmt.Sprintf(" %d", again+1)
	}
	return name, l
}

// person returns the name of person i.
func (v *vocabulary) person(i int) (first, last string) {
	n := v.people.at(i)
	return v.first[n%len(v.first)], v.last[n/len(v.first)]
}

// cycle is a permutation of the numbers below size.
type cycle struct{ size, step, from int }

func newCycle(seed uint64, size int) cycle {
	r := rand.New(rand.NewPCG(mix(seed), mix(uint64(size))))
	step := 1 + r.IntN(size)
	for gcd(step, size) != 1 {
		step = step%size + 1
	}
	return cycle{size, step, r.IntN(size)}
}

// at returns the number at index i modulo size.
func (c cycle) at(i int) int { return (c.from + i%c.size*c.step) % c.size }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
