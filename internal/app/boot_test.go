package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/servertest"
)

// TestMain checks that no program has leaked a goroutine.
func TestMain(m *testing.M) {
	servertest.VerifyTestMain(m)
}

// engines are the databases that every test of the API runs on.
var engines = []string{"sqlite", "postgres"}

// eachEngine runs a test on every engine, each on a database of its own.
func eachEngine(t *testing.T, test func(t *testing.T, c *client)) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, boot(t, engine))
		})
	}
}

// client talks to a running program of its own.
type client struct {
	t    testing.TB
	app  *app.App
	http *http.Client
	base string       // http://127.0.0.1:PORT
	stop func()       // begins the shutdown; idempotent
	done <-chan error // receives Run's error, and then is closed
}

// newApp returns the whole program, on a free port and an empty database: SQLite in a
// temporary folder, or PostgreSQL in a database of its own.
func newApp(t *testing.T, engine string, change ...func(*config.Config)) *app.App {
	t.Helper()
	return newAppBy(t, time.Now, engine, change...)
}

// many is a limit that only tests of limits change.
const many = 10_000_000

// newAppBy is newApp with another clock. Its reports are those of work.
func newAppBy(t *testing.T, clock func() time.Time, engine string, change ...func(*config.Config)) *app.App {
	t.Helper()
	return newAppWith(t, app.Options{Stderr: t.Output(), Clock: clock, Jobs: []jobs.Spec{new(work).report()}}, engine, change...)
}

// newAppWith is newApp with options.
func newAppWith(t *testing.T, o app.Options, engine string, change ...func(*config.Config)) *app.App {
	t.Helper()
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir, cfg.LogLevel = config.Test, 0, t.TempDir(), slog.LevelWarn
	cfg.LimitGlobal.Requests, cfg.LimitAPI.Requests, cfg.LimitExpensive.Requests = many, many, many
	cfg.WebhookAllow = []string{"127.0.0.1"}
	if engine == "postgres" {
		cfg.DatabaseURL = config.Secret(servertest.PostgresURL(t))
	}
	for _, f := range change {
		f(&cfg)
	}
	a, err := app.New(t.Context(), cfg, o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return a
}

// throughPooler returns what has a program reach its PostgreSQL database through a PgBouncer.
func throughPooler(t *testing.T) func(*config.Config) {
	t.Helper()
	through := servertest.PgBouncer(t)
	return func(cfg *config.Config) {
		cfg.DatabasePooler, cfg.DatabaseDirectURL = config.PoolerTransaction, cfg.DatabaseURL
		cfg.DatabaseURL = config.Secret(through(cfg.DatabaseURL.Reveal()))
	}
}

// boot starts the program that newApp returns. It is ready when boot returns and ends
// with the test.
func boot(t *testing.T, engine string, change ...func(*config.Config)) *client {
	t.Helper()
	return run(t, newApp(t, engine, change...))
}

// run starts a program.
func run(t *testing.T, a *app.App) *client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- a.Run(ctx)
	}()
	transport := &http.Transport{}
	c := &client{t: t, app: a, http: &http.Client{Transport: transport}, base: "http://" + a.Addr(), stop: cancel, done: done}
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// organisation creates an organisation.
func (c *client) organisation(name string) crm.Organisation {
	c.t.Helper()
	org, err := c.app.Core().Accounts.CreateOrganisation(c.t.Context(), name)
	if err != nil {
		c.t.Fatalf("organisation %q: %v", name, err)
	}
	return org
}

// key creates an API key with a service user of its own.
func (c *client) key(org crm.ID, role crm.Role) string {
	c.t.Helper()
	return c.newKey(org, role, nil)
}

// keyOf creates an API key of a user.
func (c *client) keyOf(org, user crm.ID, role crm.Role) string {
	c.t.Helper()
	return c.newKey(org, role, &user)
}

func (c *client) newKey(org crm.ID, role crm.Role, user *crm.ID) string {
	c.t.Helper()
	secret, _, err := c.app.Core().Keys.Create(c.t.Context(), crm.Operator(org), "test "+string(role), role, user)
	if err != nil {
		c.t.Fatalf("API key: %v", err)
	}
	return secret
}

// person creates a user.
func (c *client) person(org crm.ID, name, email string, role crm.Role) crm.Owner {
	c.t.Helper()
	first, last := crm.SplitName(name)
	p := crm.OwnerPatch{FirstName: first, LastName: last, Email: crm.Of(email), Role: crm.Of(string(role))}
	o, err := c.app.Core().Accounts.CreateOwner(c.t.Context(), crm.Operator(org), p)
	if err != nil {
		c.t.Fatalf("person %q: %v", name, err)
	}
	return o
}

// maxAnswer is more than any answer of a test; one that is longer fails it.
const maxAnswer = 16 << 20

// do sends a request and returns the response, with the body as JSON when it is JSON
// (nil otherwise). A body that is a string or []byte is sent as it is, any other
// but nil as JSON; an empty key sends no Authorization.
func (c *client) do(method, path, key string, body any) (status int, header http.Header, answer map[string]any) {
	c.t.Helper()
	status, header, raw := c.raw(method, path, key, body)
	if strings.Contains(header.Get("Content-Type"), "json") && len(raw) > 0 {
		if err := json.Unmarshal(raw, &answer); err != nil {
			c.t.Fatalf("%s %s: the answer is not JSON: %v\n%.500s", method, path, err, raw)
		}
	}
	return status, header, answer
}

// raw is do with the response's bytes.
func (c *client) raw(method, path, key string, body any, headers ...string) (status int, header http.Header, answer []byte) {
	c.t.Helper()
	req := c.request(method, path, key, body, headers...)
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		c.t.Fatalf("%s %s: reading %d bytes of the answer: %v", method, path, len(answer), err)
	}
	return res.StatusCode, res.Header, answer
}

// request returns a request; headers are names and values by turns.
func (c *client) request(method, path, key string, body any, headers ...string) *http.Request {
	c.t.Helper()
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	case []byte:
		payload = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.t.Fatalf("%s %s: %v", method, path, err)
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, payload)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}
