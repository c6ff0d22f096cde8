package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// lookups counts how often an instance has asked the database for a session.
func (c *client) lookups() string {
	c.t.Helper()
	_, _, text := c.raw("GET", "/metrics", "", nil)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "sixty_db_statement_duration_seconds_count") && strings.Contains(line, `"session.holder"`) && strings.Contains(line, `"ok"`) {
			return line
		}
	}
	return ""
}

// With Redis, instances find each other's sessions there. Without it, or if it is slow, they
// read the database. A sign-out takes effect everywhere within a second in either case.
func TestSessionsByRedis(t *testing.T) {
	t.Parallel()
	proxy, redis := redisProxy(t)
	database := servertest.PostgresURL(t)
	boots := func() *client {
		return boot(t, "sqlite", redis, func(cfg *config.Config) { cfg.DatabaseURL, cfg.MaxConns = config.Secret(database), 4 })
	}
	first, second := boots(), boots()
	org := first.organisation("Sessions by Redis").ID
	ada := first.member(org, "ada@acme.example", crm.RoleManager)
	signIn := func() (here, there *browser) {
		t.Helper()
		here = &browser{client: first}
		here.logIn("ada@acme.example", goodPassword)
		here.ask(http.StatusOK, "GET", "/api/user", nil)
		return here, &browser{second, here.cookie}
	}
	if signIn(); first.lookups() == "" {
		t.Fatal("the figures do not tell of lookups")
	}
	found := func(when string) {
		t.Helper()
		eventually(t, "a session is found in Redis "+when, func() bool {
			_, there := signIn()
			before := second.lookups()
			there.ask(http.StatusOK, "GET", "/api/user", nil)
			return second.lookups() == before
		})
	}
	refused := func(when string, there *browser) {
		t.Helper()
		endsSoon(t, when, there.whoAmI)
	}
	signOut := func(when string) {
		t.Helper()
		here, there := signIn()
		there.ask(http.StatusOK, "GET", "/api/user", nil)
		here.ask(http.StatusOK, "POST", "/api/auth/logout", nil)
		refused(when, there)

		_, there = signIn()
		there.ask(http.StatusOK, "GET", "/api/user", nil)
		role := crm.RoleViewer
		if when == "with Redis" {
			role = crm.RoleRep
		}
		if _, err := first.app.Core().Accounts.UpdateMember(t.Context(), crm.Operator(org), ada.ID, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of(string(role))}); err != nil {
			t.Fatal(err)
		}
		refused(when+", another role", there)
	}
	found("at first")
	signOut("with Redis")

	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"type":"latency","attributes":{"latency":2000}}`)); err != nil {
		t.Fatal(err)
	}
	signOut("while Redis is slow")
	if err := proxy.Toxics.RemoveToxic(t.Context(), "latency_downstream"); err != nil {
		t.Fatal(err)
	}
	proxy.Stop()
	if _, err := first.app.Core().Accounts.UpdateMember(t.Context(), crm.Operator(org), ada.ID, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of("manager")}); err != nil {
		t.Fatal(err)
	}
	signOut("without Redis")
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	found("when it is back")
}

// redisProxy returns a proxy to the tests' Redis that can be cut, and the settings for it.
func redisProxy(t *testing.T) (*toxiproxy.Proxy, func(*config.Config)) {
	t.Helper()
	proxy := servertest.Proxy(t, servertest.RedisAddress(t))
	u := url.URL{Scheme: "redis", Host: proxy.Listen}
	return proxy, func(cfg *config.Config) { cfg.RedisURL = config.Secret(u.String()) }
}
