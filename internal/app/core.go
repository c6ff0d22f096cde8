// Package app puts the program together from its rooms: it is the only one that
// knows every other. New gives the server, Open what commands need that do not
// serve.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/bulk"
	"sixty/internal/changes"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
	"sixty/internal/telemetry"
)

// databaseFile is the SQLite database's name in the data folder.
const databaseFile = "sixty.db"

// Options are what the program gets from whoever runs it, and not from its settings.
type Options struct {
	Stderr io.Writer        // where logs go; nowhere if nil
	Clock  func() time.Time // time.Now if nil
	// Existing fails where there is no database of SQLite yet, instead of making one.
	Existing bool
	// Bulk is for a process that does one thing and ends, which may be to read or write
	// much; a server is for many who want little.
	Bulk bool
}

func (o Options) withDefaults() Options {
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}

// Core is the program without its server: the storage, migrated, and the use cases.
type Core struct {
	Store    *store.Store
	Service  *crm.Service
	Accounts *accounts.Service
	Bulk     *bulk.Service
	Keys     *auth.Keys
	// Passwords sets those that people sign in with.
	Passwords *auth.Passwords
	Log       *slog.Logger
	Clock     func() time.Time

	hasher  *auth.Hasher
	changes *changes.Follower // at work only while a server runs
	lines   *telemetry.Lines  // that Log writes
	metrics *telemetry.Metrics
}

// Open connects to the database that the settings name and brings its schema up to
// date, under the engine's lock. Close must follow.
func Open(ctx context.Context, cfg config.Base, o Options) (*Core, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	currency, ok := crm.ValidCurrency(cfg.DefaultCurrency)
	if !ok { // cannot be: Check asks the same list
		return nil, fmt.Errorf("%q is not a currency", cfg.DefaultCurrency)
	}
	metrics := telemetry.NewMetrics()
	engine, err := openEngine(ctx, cfg, o)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := engine.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("bring the database's schema up to date: %w", err), engine.Close())
	}
	metrics.ObservePool(engine.Stats)
	lines := telemetry.NewLines(o.Stderr)
	log := telemetry.NewLogger(lines, cfg.Production(), cfg.LogLevel)
	follower := changes.New(changes.Options{Logger: log})
	s := store.New(engine, store.Options{Observe: metrics.ObserveStatement, Commits: follower})
	hasher := auth.NewHasher(auth.HasherOptions{})
	people := accounts.NewService(changes.TrackedAccounts(s.Accounts()), o.Clock, currency)
	return &Core{
		Store:     s,
		Service:   crm.NewService(changes.Tracked(s.CRM(), o.Clock), o.Clock),
		Accounts:  people,
		Bulk:      bulk.NewService(changes.TrackedBulk(s.Bulk()), o.Clock),
		Keys:      auth.NewKeys(s, people, follower, o.Clock),
		Passwords: auth.NewPasswords(people, hasher),
		Log:       log,
		Clock:     o.Clock,
		hasher:    hasher,
		changes:   follower,
		lines:     lines,
		metrics:   metrics,
	}, nil
}

// Hashed counts the passwords that were hashed.
func (c *Core) Hashed() int64 { return c.hasher.Hashed() }

// Close waits for what still runs and closes the database.
func (c *Core) Close() error {
	defer c.lines.Close()
	c.Keys.Close()
	return c.Store.Close()
}

// engine is what both engines can do.
type engine interface {
	store.Engine
	Migrate(ctx context.Context) error
	Stats() (open, inUse, limit int)
}

// openEngine picks the engine: this is the only place that knows there are two.
func openEngine(ctx context.Context, cfg config.Base, o Options) (engine, error) {
	if url := cfg.DatabaseURL.Reveal(); url != "" {
		// Config has checked the scheme and the bounds.
		e, err := postgres.Open(ctx, postgres.Options{
			URL: url, MinConns: int32(cfg.MinConns), MaxConns: int32(cfg.MaxConns), StatementTimeout: cfg.StatementLimit,
		})
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	path := filepath.Join(cfg.DataDir, databaseFile)
	if o.Existing {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is none in %q: see %s, or make one with sixty migrate", cfg.DataDir, config.NameOf(cfg, "DataDir"))
		} else if err != nil {
			return nil, err
		}
	}
	// The folder is for one account alone: it holds customers' data and keys.
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, err
	}
	e, err := sqlite.Open(ctx, sqlite.Options{
		Path: path, MaxConns: cfg.MaxConns, StatementTimeout: cfg.StatementLimit, Bulk: o.Bulk,
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}
