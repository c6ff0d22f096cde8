package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// What is made before anyone asks is what would be made when they ask, for all users alike; what
// depends on who asks is not made.
func TestWarm(t *testing.T) {
	t.Parallel()
	var made []string
	fails := false
	s := newCachingServer(t, func(c *Call) error {
		made = append(made, c.Request.URL.String()+" "+c.Request.PathValue("id"))
		if fails {
			return errors.New("no")
		}
		c.Out = append(c.Out, `{"data":[]}`...)
		return nil
	})
	org := crm.ID{15: 1}
	for _, test := range []struct {
		key  string
		made bool
	}{
		{"/api/deals?limit=5", true}, {"/api/deals?limit=5", false}, {aDeal, true},
		{"/api/deals?limit=6 own " + org.String(), false}, {"/api/owners", false}, {"/api/none", false}, {"/livez", false},
		{"/api/deals?minValue=1&limit=5", false}, // not as the cache has it
		{"/api/deals?limit=5" + strings.Repeat("0", maxCacheKey), false},
	} {
		before := len(made)
		got, err := s.Warm(t.Context(), org, test.key)
		if err != nil || got != test.made || len(made)-before != map[bool]int{true: 1}[test.made] {
			t.Errorf("%s: made %t, %v; %v", test.key, got, err, made)
		}
	}
	for _, path := range []string{"/api/deals?limit=5", aDeal} {
		res := responseTo(t, s, http.MethodGet, path, "Authorization", "Bearer token")
		if status := res.Header().Get("Cache-Status"); res.Code != http.StatusOK || !strings.HasPrefix(status, "sixty; hit") {
			t.Errorf("%s: %d, %s", path, res.Code, status)
		}
	}
	fails = true
	if got, err := s.Warm(t.Context(), org, "/api/deals?limit=7"); err == nil {
		t.Errorf("made %t, although it fails", got)
	}
}
