package app_test

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/config"
	"sixty/internal/crm"
)

// replayedHeaders returns the headers that a replayed response has too.
func replayedHeaders(h http.Header) map[string]string {
	all := map[string]string{}
	for _, name := range []string{"Content-Type", "Location", "Etag"} {
		all[name] = h.Get(name)
	}
	return all
}

// Every write of the API document that is repeated with its key is replayed, and not done
// again.
func TestIdempotentOperations(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		doc := c.document()
		operations := slices.DeleteFunc(doc.operations(), func(op apiOperation) bool {
			entry, _ := at(doc.root, "paths", op.path, strings.ToLower(op.method)).(object)
			return op.method == http.MethodGet || op.open || !takesIdempotencyKey(entry)
		})
		if len(operations) < 20 {
			t.Fatalf("only %d operations take a key", len(operations))
		}
		for _, op := range operations {
			t.Run(op.String(), func(t *testing.T) {
				u := newUser(c, op.String(), crm.RoleAdmin).in(t)
				iso := isolation{doc: doc, by: u, own: u.ours()}
				path := iso.fill(op.path, pathIDs(t, op.path), 0)
				if len(op.query) > 0 {
					path += "?id=" + iso.own[kinds[op.path[strings.LastIndexByte(op.path, '/')+1:]]]
				}
				body := iso.body(op)
				if op.path == "/api/contacts" && op.method == http.MethodPost {
					body = with(body.(object), object{"first_name": "Ada"})
				}
				if op.String() == "POST /api/jobs" || op.String() == "POST /api/schedules" {
					body = with(body.(object), aReport)
				}
				switch op.path {
				case "/api/imports":
					path = op.path + "?" + importing.Encode()
				case "/api/jobs/{id}/cancel", "/api/jobs/{id}/retry":
					path = u.jobToChange(op.path, iso.own["owner"])
				case "/api/companies/{id}/restore", "/api/contacts/{id}/restore", "/api/deals/{id}/restore", "/api/activities/{id}/restore", "/api/tasks/{id}/restore":
					u.ask(http.StatusOK, "DELETE", strings.TrimSuffix(path, "/restore"), nil)
				case "/api/users/{id}/hand-over":
					body = object{"to": iso.own["owner"]}
				case "/api/users/{id}/identity":
					c.bindTo(u.org, accounts.BindingChange{Issuer: new(anIssuer)})
					link := object{"issuer": anIssuer, "subject": t.Name()}
					if op.method == http.MethodPut {
						body = link
					} else {
						u.record(http.StatusOK, "PUT", path, link)
					}
				case "/api/auth/tokens/{user_id}":
					u.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": iso.own["user"]})
					path = "/api/auth/tokens/" + iso.own["user"]
				case "/api/auth/sessions/{id}":
					me, err := crm.ParseID(iso.own["owner"])
					if err != nil {
						t.Fatal(err)
					}
					path = "/api/auth/sessions/" + u.sessionOf(crm.Owner{OrgID: u.org, ID: me}).ID.String()
				}
				status, header, answer := u.raw(op.method, path, u.key, body, "Idempotency-Key", t.Name())
				if status >= 300 {
					t.Fatalf("%d %s", status, answer)
				}
				if header.Get("Cache-Status") != "sixty; fwd=method" {
					t.Errorf("Cache-Status: %s", header.Get("Cache-Status"))
				}
				if status < 300 && header.Get("Sixty-Consistency") == "" || header.Get("Idempotency-Replayed") != "" {
					t.Errorf("the first answer's headers are %v", header)
				}
				before := u.everything()
				again, headerAgain, answerAgain := u.raw(op.method, path, u.key, body, "Idempotency-Key", t.Name())
				if again != status || !bytes.Equal(answerAgain, answer) && status < 300 {
					t.Errorf("again: %d %s, want %d %s", again, answerAgain, status, answer)
				}
				if diff := cmp.Diff(replayedHeaders(header), replayedHeaders(headerAgain)); diff != "" {
					t.Errorf("headers (-first +again):\n%s", diff)
				}
				if status < 300 && (headerAgain.Get("Idempotency-Replayed") != "true" || headerAgain.Get("Sixty-Consistency") == "") {
					t.Errorf("the second answer's headers are %v", headerAgain)
				}
				if diff := cmp.Diff(before, u.everything()); diff != "" {
					t.Errorf("it was done again:\n%s", diff)
				}
			})
		}
	})
}

func takesIdempotencyKey(entry object) bool {
	parameters, _ := entry["parameters"].([]any)
	return slices.ContainsFunc(parameters, func(p any) bool { return p.(object)["$ref"] == "#/components/parameters/IdempotencyKey" })
}

// The same POST, sent fifty times at once to two instances, creates one deal.
func TestConcurrentIdempotentRequests(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var shared config.Config
			first := boot(t, engine, func(cfg *config.Config) { shared = *cfg })
			instances := []*client{first}
			if engine == "postgres" {
				instances = append(instances, boot(t, "sqlite", func(cfg *config.Config) { cfg.DatabaseURL = shared.DatabaseURL }))
			}
			u := newUser(first, "Once", crm.RoleRep)
			const times = 50
			answers := make(chan string, times)
			tokens := make(chan string, times)
			var sending sync.WaitGroup
			for i := range times {
				to := instances[i%len(instances)]
				sending.Go(func() {
					status, header, answer := to.raw("POST", "/api/deals", u.key, object{"name": "Once"}, "Idempotency-Key", "one-key")
					if status != http.StatusCreated {
						t.Errorf("%d %s", status, answer)
					}
					answers <- header.Get("Location") + " " + header.Get("Etag") + " " + string(answer)
					tokens <- header.Get("Sixty-Consistency")
				})
			}
			sending.Wait()
			close(answers)
			close(tokens)
			different := map[string]bool{}
			for a := range answers {
				different[a] = true
			}
			if len(different) != 1 {
				t.Errorf("%d different answers: %s", len(different), slices.Collect(maps.Keys(different)))
			}
			if n := u.total("/api/deals"); n != 1 {
				t.Errorf("%d deals", n)
			}
			for token := range tokens {
				// Every response has a token, with which the deal is read on either instance.
				for _, c := range instances {
					status, _, answer := c.raw("GET", "/api/deals", u.key, nil, "Sixty-Consistency", token)
					if status != http.StatusOK || !strings.Contains(string(answer), `"name":"Once"`) {
						t.Fatalf("with %s: %d %s", token, status, answer)
					}
				}
			}
		})
	}
}

// The scope of a key.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Keys", crm.RoleAdmin)
		send := func(u user, path, name string, keys ...string) (int, string, string) {
			req := u.request("POST", path, u.key, object{"name": name})
			req.Header["Idempotency-Key"] = keys
			res, err := u.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			var text strings.Builder
			if err := res.Write(&text); err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, res.Header.Get("Location"), text.String()
		}
		for _, bad := range [][]string{{""}, {`""`}, {strings.Repeat("k", 256)}, {"a\tb"}, {"schlüssel"}, {`a"b`}, {"one", "two"}} {
			if status, _, text := send(u, "/api/companies", "Bad", bad...); status != http.StatusBadRequest || !strings.Contains(text, "Idempotency-Key") {
				t.Errorf("the key %q: %d %s", bad, status, text)
			}
		}
		longest := strings.Repeat("k", 255)
		status, location, _ := send(u, "/api/companies", "Longest", longest)
		if again, where, _ := send(u, "/api/companies", "Longest", `"`+longest+`"`); status != http.StatusCreated || again != status || where != location {
			t.Errorf("%d at %s, and quoted %d at %s", status, location, again, where)
		}
		if status, _, text := send(u, "/api/companies", "Another", longest); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Idempotency-Key") {
			t.Errorf("with another body: %d %s", status, text)
		}
		// On another path, or of another caller, the same key is another one.
		stranger, foreign := u.as(crm.RoleAdmin), newUser(c, "Foreign", crm.RoleAdmin)
		for _, who := range []user{stranger, foreign} {
			if status, where, _ := send(who, "/api/companies", "Longest", longest); status != http.StatusCreated || where == location {
				t.Errorf("of another principal: %d at %s", status, where)
			}
		}
		if status, where, _ := send(u, "/api/deal-stages", "Longest", longest); status != http.StatusCreated || !regexp.MustCompile(`^/api/deal-stages/`).MatchString(where) {
			t.Errorf("elsewhere: %d at %s", status, where)
		}
		// What failed may succeed.
		taken := u.make("/api/companies", object{"name": "Taken", "domain": "taken.example"})
		late := func(want int, replayed string) {
			t.Helper()
			status, header, answer := u.raw("POST", "/api/companies", u.key, object{"name": "Late", "domain": "taken.example"}, "Idempotency-Key", "late")
			if status != want || header.Get("Idempotency-Replayed") != replayed {
				t.Errorf("%d %s (replayed: %q), want %d", status, answer, header.Get("Idempotency-Replayed"), want)
			}
		}
		late(http.StatusConflict, "")
		late(http.StatusConflict, "")
		u.change("/api/companies/"+id(taken), object{"domain": "free.example"})
		late(http.StatusCreated, "")
		late(http.StatusCreated, "true")
	})
}

// A change of a user that asks about other organisations and about the session is repeated
// safely, too.
func TestIdempotentChangeOfUser(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Users").ID
		c.member(org, "ada@users.example", crm.RoleAdmin)
		rep := c.person(org, "Rita Rep", "rita@users.example", crm.RoleRep)
		b := &browser{client: c}
		b.logIn("ada@users.example", goodPassword)
		body := object{"email": "rita@elsewhere.example", "role": "manager"}
		for range 2 {
			answer := b.ask(http.StatusOK, "PATCH", "/api/users/"+rep.ID.String(), body, "Idempotency-Key", "change")
			expect(t, answer["data"].(object), body)
		}
	})
}
