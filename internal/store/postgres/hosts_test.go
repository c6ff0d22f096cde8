package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// Of several hosts, the one that accepts writes is used, unless the URL says otherwise.
func TestHosts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := servertest.PostgresURL(t)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	_, owner := migrated(t, postgres.Options{URL: server})
	connects := func(hosts, parameter string) error {
		t.Helper()
		e, err := postgres.Open(ctx, postgres.Options{URL: strings.Replace(server, u.Host, hosts, 1) + parameter})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		return store.New(e, store.Options{}).Readable(ctx)
	}
	several := "localhost:1," + u.Host
	if err := connects(several, ""); err != nil {
		t.Errorf("the first host is down: %v", err)
	}
	if _, err := owner.Exec(ctx, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$"); err != nil {
		t.Fatal(err)
	}
	if err := connects(several, ""); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("no host accepts writes: %v", err)
	}
	for hosts, parameter := range map[string]string{u.Host: "", several: "&target_session_attrs=any"} {
		if err := connects(hosts, parameter); err != nil {
			t.Errorf("%s%s: %v", hosts, parameter, err)
		}
	}
}

// The password of new connections can be replaced, and nothing else of the URL.
func TestReplacePasswords(t *testing.T) {
	t.Parallel()
	e, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://u:old@a:1,b:2/d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for url, want := range map[string]bool{
		"postgres://u:new@a:1,b:2/d": true, "postgres://u:new@a:1,b:3/d": false, "postgres://v:new@a:1,b:2/d": false,
		"postgres://u:new@a:1,b:2/e": false, "postgres://u:new@a:1/d": false, "": false, "postgres://u:new@a:1,b:2/d?sslmode=verify-full": false,
	} {
		if got := e.ReplacePasswords(url, ""); got != want {
			t.Errorf("%s: %t", url, got)
		}
	}
	if e.ReplacePasswords("postgres://u:new@a:1,b:2/d", "postgres://u:new@c:1/d") {
		t.Error("the password of another direct connection is taken over")
	}
}
