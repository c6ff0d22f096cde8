package app_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/servertest"
)

// Organisations whose requests take turns on the same few server connections do not reach
// each other's records.
func TestIsolationThroughPooler(t *testing.T) {
	t.Parallel()
	c := boot(t, "postgres", throughPooler(t))
	for i := range 3 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			isolated(t, c.in(t), " "+strconv.Itoa(i))
		})
	}
}

// in returns the client for a subtest.
func (c *client) in(t *testing.T) *client {
	other := *c
	other.t = t
	return &other
}

// The program does not start where statements would not be confined or where there is a
// pooler that it does not know of, and says what to set.
func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	dropping := servertest.PgBouncer(t, "ignore_startup_parameters = role, statement_timeout, idle_in_transaction_session_timeout, jit")
	for name, c := range map[string]struct {
		change func(*testing.T, *config.Config)
		want   string
	}{
		"RowSecurityOff": {withoutRowSecurity, "row-level security is not active for sixty_tenant on tasks"},
		"PoolerUnknown": {func(_ *testing.T, cfg *config.Config) {
			cfg.DatabaseURL = config.Secret(dropping(cfg.DatabaseURL.Reveal()))
		},
			"set --database-pooler (SIXTY_DATABASE_POOLER) to transaction, and --database-direct-url (SIXTY_DATABASE_DIRECT_URL) to the server itself"},
		"DirectIsPooler": {func(_ *testing.T, cfg *config.Config) {
			cfg.DatabaseURL = config.Secret(dropping(cfg.DatabaseURL.Reveal()))
			cfg.DatabasePooler, cfg.DatabaseDirectURL = config.PoolerTransaction, cfg.DatabaseURL
		}, "--database-direct-url (SIXTY_DATABASE_DIRECT_URL) must reach the server itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Port, cfg.DatabaseURL = 0, config.Secret(servertest.PostgresURL(t))
			c.change(t, &cfg)
			a, err := app.New(t.Context(), cfg, app.Options{})
			if err == nil {
				_ = a.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}
}

// withoutRowSecurity migrates a database and then switches the row-level security of a table off.
func withoutRowSecurity(t *testing.T, cfg *config.Config) {
	t.Helper()
	core, err := app.Open(t.Context(), cfg.Base, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := core.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY"); err != nil {
		t.Fatal(err)
	}
}
