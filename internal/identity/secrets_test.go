package identity_test

import (
	"testing"

	"sixty/internal/identity"
)

// Secrets are replaced by secrets: having none is another way to verify.
func TestReplaceSecrets(t *testing.T) {
	t.Parallel()
	p := identity.New(identity.Options{Issuer: "https://id.example", Audiences: []string{"sixty"}, Secret: "old"})
	t.Cleanup(p.Close)
	for _, c := range []struct {
		tokens, client string
		want           bool
	}{{"new", "", true}, {"", "", false}, {"new", "client", false}} {
		if got := p.ReplaceSecrets(c.tokens, c.client); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
