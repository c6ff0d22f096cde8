package httpapi

import (
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/cache"
	"sixty/internal/server"
)

// Whoever adds an operation says how its answers are kept, and what they are made from.
func TestEveryReadDeclaresItsCaching(t *testing.T) {
	t.Parallel()
	for _, op := range newAPI(t).operations() {
		c := op.caching
		switch {
		case op.method != http.MethodGet || op.public:
			if c.Tier != "" || c.Reason != "" {
				t.Errorf("%s is not one that is kept", op.id)
			}
		case c.Tier == "" && c.Reason == "":
			t.Errorf("%s does not say how its answers are kept", op.id)
		case c.Tier != "" && (len(c.Entities) == 0 || !slices.Contains(cache.Tiers(), c.Tier)):
			t.Errorf("%s does not say what its answers are made from, or for how long they are kept", op.id)
		}
	}
}

// What is canonical is so already, and means what it meant.
func TestCanonicalIsStable(t *testing.T) {
	t.Parallel()
	k := []string{"a", "b", "ab"}
	q := query[[]string]{}
	for _, name := range k {
		q = append(q, parameter[[]string]{name: name, read: func(dst *[]string, value string) error {
			*dst = append(*dst, name+"="+value)
			return nil
		}})
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringOf(rapid.SampledFrom([]rune("ab=&%+;26cé1"))).Draw(t, "raw")
		once := server.CanonicalQuery(k, raw)
		if twice := server.CanonicalQuery(k, once); twice != once {
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
