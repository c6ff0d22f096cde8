package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/identity/identitytest"
)

// The audit trail has the id that the response carries, of a request that creates its user as of any
// other. A client's own is used only if it is fit for headers and logs.
func TestRequestIDOfTheAuditTrail(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p, func(cfg *config.Config) { cfg.SignInCreate = true }))
			org := c.organisation("Request ids").ID
			for name, x := range map[string]struct {
				sent string
				kept bool
			}{
				"none": {}, "fit": {"client-1.a_B", true}, "latin1": {"caf\xe9", false}, "blank": {"a b", false}, "long": {strings.Repeat("a", 129), false},
			} {
				token := p.Sign(p.User("subject-"+name, name+"@acme.example"))
				headers := []string{}
				if x.sent != "" {
					headers = []string{"X-Request-Id", x.sent}
				}
				status, header, body := c.raw("GET", "/api/user", token, nil, headers...)
				if status != http.StatusOK {
					t.Errorf("%s: %d %s", name, status, body)
					continue
				}
				id := header.Get("X-Request-Id")
				entry := c.audit(org, "user.created")[0].(object)
				if entry["request_id"] != id || id == "" || (id == x.sent) != x.kept {
					t.Errorf("%s: the response has %q, the audit trail %v", name, id, entry["request_id"])
				}
			}
		})
	}
}
