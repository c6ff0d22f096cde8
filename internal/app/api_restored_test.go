package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// After a backup was restored, the log has a new epoch: a request with an older token
// bypasses the cache.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inFolder := func(cfg *config.Config) { cfg.DataDir = folder }
	before := boot(t, "sqlite", inFolder)
	u := newUser(before, "Restored", crm.RoleManager)
	_, header, _ := u.do("POST", "/api/companies", u.key, object{"name": "Before"})
	token := header.Get("Sixty-Consistency")
	if token == "" {
		t.Fatal("a write is answered without a token")
	}
	status := func(c *client) string {
		t.Helper()
		code, header, _ := c.raw("GET", "/api/companies", u.key, nil, "Sixty-Consistency", token)
		if code != http.StatusOK {
			t.Fatalf("the list is a %d", code)
		}
		return header.Get("Cache-Status")
	}
	if got := status(before); !strings.Contains(got, "fwd=miss") {
		t.Errorf("before: %s", got)
	}
	if err := before.app.Core().Store.BeginEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := status(boot(t, "sqlite", inFolder)); !strings.Contains(got, "fwd=bypass") {
		t.Errorf("afterwards: %s", got)
	}
}
