package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// allHear bounds the time until every instance knows a change: one that could not confirm
// the log for a second reads from the database.
const allHear = 2 * time.Second

// instances starts two programs on one database, with Redis or without.
func instances(t *testing.T, engine string, redis bool) (a, b *client) {
	t.Helper()
	folder, database := t.TempDir(), ""
	if engine == "postgres" {
		database = servertest.PostgresURL(t)
	}
	change := func(cfg *config.Config) {
		cfg.DataDir, cfg.DatabaseURL = folder, config.Secret(database)
		if redis {
			cfg.RedisURL = config.Secret("redis://" + servertest.RedisAddress(t))
		}
	}
	return boot(t, "sqlite", change), boot(t, "sqlite", change)
}

// eachPair runs a test on two instances, on every engine, with Redis and without.
func eachPair(t *testing.T, test func(t *testing.T, a, b *client)) {
	t.Helper()
	for _, engine := range engines {
		for _, redis := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/redis=%t", engine, redis), func(t *testing.T) {
				t.Parallel()
				a, b := instances(t, engine, redis)
				test(t, a, b)
			})
		}
	}
}

// A request with the token of a write reads it on every instance.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	const rounds = 200
	eachPair(t, func(t *testing.T, a, b *client) {
		here := newUser(a, "Tokens", crm.RoleManager)
		there := user{b, here.org, here.key}
		deal := "/api/deals/" + id(here.make("/api/deals", object{"name": "A"}))
		reads := []string{deal, "/api/deals", "/api/dashboard", "/api/deals?search=a"}
		hits := 0
		for i := range rounds {
			writer, reader := here, there
			if i%3 == 0 {
				writer, reader = there, here
			}
			status, header, body := writer.raw("PATCH", deal, writer.key, object{"value": 10_000 + i})
			token := header.Get("Sixty-Consistency")
			if status != http.StatusOK || token == "" {
				t.Fatalf("PATCH: %d, token %q: %s", status, token, body)
			}
			shown := []string{"Sixty-Consistency", token}
			if i%2 == 0 {
				shown = []string{"Cookie", "other=1; sixty_consistency=" + token}
			}
			for range 2 {
				k := reader.cached("GET", reads[i%len(reads)], shown...)
				if want := fmt.Sprintf("%d.00", 10_000+i); k.status != http.StatusOK || !strings.Contains(k.body, want) {
					t.Fatalf("round %d: %s is a %d without %s: %s\n%s", i, reads[i%len(reads)], k.status, want, k.said, k.body)
				}
				if k.hit {
					hits++
				}
			}
		}
		if hits < rounds/4 {
			t.Errorf("of %d answers %d were hits: the tokens keep everybody from the cache", 2*rounds, hits)
		}
	})
}

// A request without a token reads the writes of others within a short time.
func TestOthersWritesAreReadSoon(t *testing.T) {
	t.Parallel()
	const rounds = 10
	eachPair(t, func(t *testing.T, a, b *client) {
		here := newUser(a, "Soon", crm.RoleManager)
		there := user{b, here.org, here.key}
		deal := "/api/deals/" + id(here.make("/api/deals", object{"name": "A"}))
		for i := range rounds {
			there.fill(deal)
			here.change(deal, object{"value": 10_000 + i})
			there.readsSoon(deal, fmt.Sprintf("%d.00", 10_000+i))
		}
	})
}

// endsSoon repeats a request until it is a 401: see soon.
func endsSoon(tb testing.TB, what string, ask func() int) {
	tb.Helper()
	soon(tb, what, http.StatusUnauthorized, ask)
}

// soon repeats a request until it has the wanted status. One that is sent after allHear must
// have it, however long the response takes.
func soon(tb testing.TB, what string, want int, ask func() int) {
	tb.Helper()
	for began := time.Now(); ; {
		late := time.Since(began) > time.Second
		status := ask()
		if status == want {
			return
		}
		if late {
			tb.Fatalf("%s: asked after more than a second: %d, want %d", what, status, want)
		}
	}
}

// readsSoon reads until the response has the text, which has just been written. One that is
// sent after allHear must have it.
func (u user) readsSoon(path, text string) {
	u.t.Helper()
	written := time.Now()
	eventually(u.t, path+" tells what others have written", func() bool {
		late := time.Since(written) > allHear
		k := u.cached("GET", path)
		if strings.Contains(k.body, text) {
			return true
		}
		if late {
			u.t.Fatalf("asked after more than %s, %s does not tell %s: %d, %s", allHear, path, text, k.status, k.said)
		}
		return false
	})
}

// What another process writes, such as the command line, a server returns soon.
func TestWritesOfAnotherProcess(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var base config.Base
			c := boot(t, engine, func(cfg *config.Config) { base = cfg.Base })
			u := newUser(c, "Command line", crm.RoleManager)
			other, err := app.Open(t.Context(), base, app.Options{Stderr: t.Output()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := other.Close(); err != nil {
					t.Error(err)
				}
			}()
			for i := range 5 {
				u.fill("/api/companies")
				name := fmt.Sprintf("Company %d", i)
				if _, err := other.Service.CreateCompany(t.Context(), crm.Operator(u.org), crm.CompanyPatch{Name: crm.Of(name)}); err != nil {
					t.Fatal(err)
				}
				u.readsSoon("/api/companies", name)
			}
		})
	}
}

// A malformed token, or one of another log, bypasses the cache; one of another organisation
// is ignored.
func TestOtherTokens(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u, foreign := newUser(c, "Odd", crm.RoleManager), newUser(c, "Foreign", crm.RoleManager)
		_, header, _ := u.raw("POST", "/api/deals", u.key, object{"name": "Well kept"})
		own := header.Get("Sixty-Consistency")
		_, header, _ = foreign.raw("POST", "/api/deals", foreign.key, object{"name": "Foreign"})
		others := header.Get("Sixty-Consistency")
		epoch, rest, _ := strings.Cut(own, ".")
		org, seq, found := strings.Cut(rest, ".")
		if !found || org != u.org.String() || others == own {
			t.Fatalf("the tokens are %q and %q", own, others)
		}
		u.fill("/api/deals")
		for name, test := range map[string]struct {
			token string
			kept  bool
		}{
			"Own":               {own, true},
			"Old":               {epoch + "." + org + ".1", true},
			"NoPosition":        {epoch + "." + org + ".0", false},
			"Foreign":           {others, true},
			"ForeignFromFuture": {epoch + "." + foreign.org.String() + ".999999999", true},
			"FromFuture":        {epoch + "." + org + ".999999999", false},
			"OtherEpoch":        {"x" + own, false},
			"Long":              {own + "0000000000000000000000000000", false},
			"NoNumber":          {epoch + "." + org + ".x", false},
			"NoSeq":             {epoch + "." + org, false},
			"NoOrganisation":    {epoch + ".." + seq, false},
			"Junk":              {strings.Repeat("junk.", 200), false},
			"Empty":             {"", false},
		} {
			for _, how := range [][]string{{"Sixty-Consistency", test.token}, {"Cookie", "sixty_consistency=" + test.token}} {
				k := u.cached("GET", "/api/deals", how...)
				if test.kept {
					k = u.hits("/api/deals", how...)
				} else if k.fwd != "bypass" {
					t.Errorf("%s as %s: %s", name, how[0], k.said)
				}
				if k.status != http.StatusOK || !strings.Contains(k.body, "Well kept") || strings.Contains(k.body, "Foreign") {
					t.Errorf("%s as %s: %d, %s", name, how[0], k.status, k.body)
				}
			}
		}
	})
}

// Browsers get the token as a cookie, which scripts cannot read; other clients do not.
func TestConsistencyCookie(t *testing.T) {
	t.Parallel()
	for _, env := range []string{config.Development, config.Production} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			u := newUser(boot(t, "sqlite", func(cfg *config.Config) { cfg.Env = env }), "Cookie", crm.RoleManager)
			for _, test := range []struct {
				name    string
				headers []string
				want    bool
			}{
				{"Script", nil, false},
				{"FrontEnd", []string{"Origin", "http://localhost:5173"}, true},
				{"Browser", []string{"Sec-Fetch-Site", "same-origin"}, true},
			} {
				status, header, _ := u.raw("POST", "/api/deals", u.key, object{"name": "A"}, test.headers...)
				cookies := (&http.Response{Header: header}).Cookies()
				if status != http.StatusCreated || header.Get("Sixty-Consistency") == "" || (len(cookies) == 1) != test.want {
					t.Fatalf("%s: %d, %v", test.name, status, header)
				}
				if !test.want {
					continue
				}
				c := cookies[0]
				if c.Name != "sixty_consistency" || c.Value != header.Get("Sixty-Consistency") || c.MaxAge != 60 || c.Path != "/" || !c.HttpOnly ||
					c.SameSite != http.SameSiteLaxMode || c.Secure != (env == config.Production) {
					t.Errorf("%s: %s", test.name, header.Get("Set-Cookie"))
				}
			}
			_, header, _ := u.raw("POST", "/api/deals", u.key, object{"name": ""}, "Origin", "http://localhost:5173")
			if header.Get("Sixty-Consistency") != "" || header.Get("Set-Cookie") != "" {
				t.Errorf("what was refused has a token: %v", header)
			}
		})
	}
}

// After a key is revoked or a user deactivated, they read nothing any more, cached or not:
// at once on the same instance, and soon on others.
func TestRevokedKeysReadNothing(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, a, b *client) {
		here := newUser(a, "Revoked", crm.RoleAdmin)
		service, keys, by := a.app.Core().Accounts, a.app.Core().Keys, crm.Operator(here.org)
		for name, revoke := range map[string]func(owner crm.ID) error{
			"Key": func(owner crm.ID) error {
				all, err := keys.List(t.Context(), by)
				for _, k := range all {
					if k.UserID == owner {
						return errors.Join(err, keys.Revoke(t.Context(), by, k.ID))
					}
				}
				return errors.Join(err, errors.New("the key is not listed"))
			},
			"Person": func(owner crm.ID) error { _, err := service.DeactivateOwner(t.Context(), by, owner); return err },
		} {
			person := a.person(here.org, name, strings.ToLower(name)+"@example.com", crm.RoleRep)
			u := user{a, here.org, a.keyOf(here.org, person.ID, crm.RoleRep)}
			there := user{b, u.org, u.key}
			u.fill("/api/deals", "/api/user")
			there.fill("/api/deals", "/api/user")
			streams := []*events{u.follow(""), there.follow("")}
			if err := revoke(person.ID); err != nil {
				t.Fatal(err)
			}
			revoked := time.Now()
			for _, path := range []string{"/api/deals", "/api/user", "/api/changes", "/api/events"} {
				if status, _, body := u.raw("GET", path, u.key, nil, "Cache-Control", "stale-if-error=60"); status != http.StatusUnauthorized {
					t.Errorf("%s: %s is a %d: %s", name, path, status, body)
				}
			}
			eventually(t, "the other instance refuses it", func() bool {
				late := time.Since(revoked) > allHear
				status, _, _ := there.raw("GET", "/api/deals", there.key, nil)
				if late && status != http.StatusUnauthorized {
					t.Fatalf("%s: asked after more than %s, the other instance gives a %d", name, allHear, status)
				}
				return status == http.StatusUnauthorized
			})
			for _, s := range streams {
				// A change that was sent before the revocation was known is allowed.
				e := s.next()
				for e.name == "ready" || e.name == "change" {
					e = s.next()
				}
				if e.name != "end" || !strings.Contains(fmt.Sprint(e.data["reason"]), "no longer valid") {
					t.Errorf("%s: the stream ends with %+v", name, e)
				}
			}
		}
	})
}
