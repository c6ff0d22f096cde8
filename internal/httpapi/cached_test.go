package httpapi

import (
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/cache"
)

// Whoever adds an operation says how its answers are kept, and what they are made from.
func TestEveryReadDeclaresItsCaching(t *testing.T) {
	t.Parallel()
	for _, op := range newAPI(t).operations() {
		c := op.caching
		switch {
		case op.method != http.MethodGet || op.open:
			if c.tier != "" || c.why != "" {
				t.Errorf("%s is not one that is kept", op.id)
			}
		case c.tier == "" && c.why == "":
			t.Errorf("%s does not say how its answers are kept", op.id)
		case c.tier != "" && (len(c.of) == 0 || !slices.Contains(cache.Tiers(), c.tier)):
			t.Errorf("%s does not say what its answers are made from, or for how long they are kept", op.id)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	k := known{"a", "b", "search"}
	for raw, want := range map[string]string{
		"":                     "",
		"a=1":                  "a=1",
		"a=1&b=2":              "a=1&b=2",
		"b=2&a=1":              "a=1&b=2",
		"b=2&a=1&a=1":          "a=1&b=2",
		"a=1&a=2":              "a=1&a=2", // an error, which the operation tells
		"a=&b=2":               "b=2",
		"b=2&other=3":          "b=2",
		"other=3":              "",
		"search=J%C3%B6rg+M":   "search=J%C3%B6rg+M",
		"search=J%c3%b6rg%20M": "search=J%C3%B6rg+M",
		"search=%61":           "search=a",
		"%61=1":                "a=1",
		"a=%zz":                "a=%zz",
		"a=1;b=2":              "a=1;b=2",
		"search=a%26b%3D1&a=1": "a=1&search=a%26b%3D1",
		"search=%00&a=1":       "a=1&search=%00",
		"&&a=1&":               "a=1",
	} {
		if got := k.canonical(raw); got != want {
			t.Errorf("%q becomes %q, want %q", raw, got, want)
		}
	}
}

// What is canonical is so already, and means what it meant.
func TestCanonicalIsStable(t *testing.T) {
	t.Parallel()
	k := known{"a", "b", "ab"}
	q := query[[]string]{}
	for _, name := range k {
		q = append(q, parameter[[]string]{name: name, read: func(dst *[]string, value string) error {
			*dst = append(*dst, name+"="+value)
			return nil
		}})
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringOf(rapid.SampledFrom([]rune("ab=&%+;26cé1"))).Draw(t, "raw")
		once := k.canonical(raw)
		if twice := k.canonical(once); twice != once {
			t.Fatalf("%q becomes %q, and then %q", raw, once, twice)
		}
		var before, after []string
		flaws, bad := q.read(raw, &before)
		againFlaws, again := q.read(once, &after)
		if bad != again || len(flaws) != len(againFlaws) || !slices.Equal(before, after) {
			t.Fatalf("%q reads as %q %v, %q as %q %v", raw, before, flaws, once, after, againFlaws)
		}
	})
}
