package httpapi

import (
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/cache"
	"sixty/internal/server"
)

// Every operation that reads declares how its responses are cached, and what they are made from.
func TestEveryReadDeclaresItsCaching(t *testing.T) {
	t.Parallel()
	for _, op := range newAPI(t).operations() {
		c := op.caching
		switch {
		case op.method != http.MethodGet || op.public:
			if c.Tier != "" || c.Reason != "" {
				t.Errorf("%s declares caching, and is not cached", op.id)
			}
		case c.Tier == "" && c.Reason == "":
			t.Errorf("%s does not declare its caching", op.id)
		case c.Tier != "" && (len(c.Entities) == 0 || !slices.Contains(cache.Tiers(), c.Tier)):
			t.Errorf("%s does not declare the entities or the tier of its responses", op.id)
		}
	}
}

// The canonical form is its own canonical form, and is parsed to the same values.
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
		errs, bad := q.read(raw, &before)
		againFlaws, again := q.read(once, &after)
		if bad != again || len(errs) != len(againFlaws) || !slices.Equal(before, after) {
			t.Fatalf("%q reads as %q %v, %q as %q %v", raw, before, errs, once, after, againFlaws)
		}
	})
}
