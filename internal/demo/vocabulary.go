package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/brianvoe/gofakeit/v7/data"
)

// vocabulary holds the words that names are made of, and picks combinations of them
// by number: equal numbers give equal names, different numbers different ones.
type vocabulary struct {
	first, last, cities []string
	companies           cycle // over last × lines
	people              cycle // over first × last
}

// line is a line of business: what a company of it is called and does.
type line struct{ word, industry string }

// lines of business. No word is the beginning of another with more behind it, so
// that the names of companies stay unique when they are written together.
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

// distinct leaves out words that would look alike in an address.
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

// slug writes a name as part of an address: letters, digits and hyphens.
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

// company gives the name and the line of business of company number i. When all
// pairs of words are used up, a city is added, and then a number as well.
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

// person gives the name of person number i.
func (v *vocabulary) person(i int) (first, last string) {
	n := v.people.at(i)
	return v.first[n%len(v.first)], v.last[n/len(v.first)]
}

// cycle walks over the numbers below size in an order of its own, meeting each once.
type cycle struct{ size, step, from int }

func newCycle(seed uint64, size int) cycle {
	r := rand.New(rand.NewPCG(mix(seed), mix(uint64(size))))
	step := 1 + r.IntN(size)
	for gcd(step, size) != 1 {
		step = step%size + 1
	}
	return cycle{size, step, r.IntN(size)}
}

// at gives the number at place i, which may lie beyond the first time round.
func (c cycle) at(i int) int { return (c.from + i%c.size*c.step) % c.size }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
