// Package app wires the program: it is the only package that knows every other. New
// returns the server, Open what other commands need.
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
	"sixty/internal/files"
	"sixty/internal/imports"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
	"sixty/internal/telemetry"
)

// databaseFile is the SQLite database's name in the data folder.
const databaseFile = "sixty.db"

// Options come from the process that runs the program, and not from settings.
type Options struct {
	Stderr io.Writer        // where logs go; nowhere if nil
	Clock  func() time.Time // time.Now if nil
	// Existing makes Open fail if there is no SQLite database yet, instead of creating one.
	Existing bool
	// Bulk tunes SQLite for a process that reads or writes much and ends, instead of one
	// that serves many small requests.
	Bulk bool
	// Jobs replace the kinds of jobs of the same names, or are further ones; for tests.
	Jobs []jobs.Spec
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
	Jobs     *jobs.Service // of a server or a worker
	Imports  *imports.Service
	Keys     *auth.Keys
	// Passwords sets the passwords of users.
	Passwords *auth.Passwords
	// Files keeps files; nil for commands that are no servers.
	Files *files.Service
	// Mail sends messages; nil likewise. Their links lead to frontEnd.
	Mail     *mail.Service
	frontEnd string
	Log      *slog.Logger
	Clock    func() time.Time

	hasher     *auth.Hasher
	failures   *accounts.FailureTrail
	changes    *changes.Follower // runs only in a server
	lines      *telemetry.Lines  // that Log writes
	metrics    *telemetry.Metrics
	statements *telemetry.Statements
	turn       *turn // of background work
	enqueued   *enqueued
	grown      *grown
	level      *slog.LevelVar
	engine     engine
	prepared   bool        // statements are prepared
	production bool        // its defaults apply
	ownJobs    []jobs.Spec // Options.Jobs
}

// Open connects to the database of the settings, and migrates its schema under the
// engine's lock. Close must follow.
func Open(ctx context.Context, cfg config.Base, o Options) (*Core, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	currency, ok := crm.ValidCurrency(cfg.DefaultCurrency)
	if !ok { // never: Check uses the same list
		return nil, fmt.Errorf("%q is not a currency", cfg.DefaultCurrency)
	}
	metrics := telemetry.NewMetrics()
	lines := telemetry.NewLines(o.Stderr)
	level := &slog.LevelVar{}
	level.Set(cfg.LogLevel)
	log := telemetry.NewLogger(lines, cfg.Production(), level)
	engine, err := openEngine(ctx, cfg, o, log)
	if err != nil {
		lines.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := engine.Migrate(ctx); err != nil {
		err = errors.Join(fmt.Errorf("bring the database's schema up to date: %w", advised(cfg, err)), engine.Close())
		lines.Close()
		return nil, err
	}
	metrics.ObservePool(engine.Stats)
	grown := &grown{}
	follower := changes.New(changes.Options{Logger: log, Grown: grown.tell})
	background, enqueued := &turn{}, &enqueued{}
	statements := &telemetry.Statements{}
	s := store.New(engine, store.Options{
		Observe: func(_ context.Context, e store.StatementEvent) {
			metrics.ObserveStatement(e.Name, e.End.Sub(e.Start), e.Err)
			statements.Observe(e.Name, e.End.Sub(e.Start), e.Rows, e.Err)
		},
		Commits:    follower,
		Background: background.take,
		Enqueued:   enqueued.tell,
	})
	hasher := auth.NewHasher(auth.HasherOptions{})
	people := accounts.NewService(changes.TrackedAccounts(s.Accounts()), o.Clock, currency)
	failures := accounts.NewFailureTrail(people, o.Clock)
	metrics.ObserveEach(failures.Observe)
	c := &Core{
		Store:      s,
		Service:    crm.NewService(changes.Tracked(s.CRM()), o.Clock),
		Accounts:   people,
		Bulk:       bulk.NewService(changes.TrackedBulk(s.Bulk()), o.Clock),
		Keys:       auth.NewKeys(s, people, follower, o.Clock),
		Passwords:  auth.NewPasswords(people, hasher),
		Log:        log,
		Clock:      o.Clock,
		hasher:     hasher,
		failures:   failures,
		changes:    follower,
		lines:      lines,
		metrics:    metrics,
		statements: statements,
		turn:       background,
		enqueued:   enqueued,
		grown:      grown,
		production: cfg.Production(),
		level:      level,
		engine:     engine,
		prepared:   cfg.DatabasePooler != config.PoolerTransaction,
		ownJobs:    o.Jobs,
	}
	c.Keys.Trail = failures
	return c, nil
}

// Hashed returns how many passwords were hashed.
func (c *Core) Hashed() int64 { return c.hasher.Hashed() }

// Close waits for what still runs and closes the database.
func (c *Core) Close() error {
	defer c.lines.Close()
	c.Keys.Close()
	c.failures.Close()
	return c.Store.Close()
}

// engine is what both engines implement.
type engine interface {
	store.Engine
	Migrate(ctx context.Context) error
	Stats() (open, inUse, limit int)
}

// openEngine opens the engine of the settings. Nothing else knows that there are two.
func openEngine(ctx context.Context, cfg config.Base, o Options, log *slog.Logger) (engine, error) {
	if url := cfg.DatabaseURL.Reveal(); url != "" {
		// Config has validated the scheme and the bounds.
		e, err := postgres.Open(ctx, postgres.Options{
			URL: url, DirectURL: cfg.DatabaseDirectURL.Reveal(), Logger: log,
			MinConns: int32(cfg.MinConns), MaxConns: int32(cfg.MaxConns), StatementTimeout: cfg.StatementLimit,
			VerifyRemote: cfg.MustVerify(config.InsecureDatabase),
		})
		if errors.Is(err, postgres.ErrUnverified) {
			return nil, &config.Invalid{Problems: []string{config.NameOf(cfg, "DatabaseURL") + " " + unverified(cfg)}}
		}
		return e, err
	}
	path := filepath.Join(cfg.DataDir, databaseFile)
	if o.Existing {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is none in %q: see %s, or make one with sixty migrate", cfg.DataDir, config.NameOf(cfg, "DataDir"))
		} else if err != nil {
			return nil, err
		}
	}
	// Only one account can read the folder: it has customers' data and keys.
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Options{
		Path: path, MaxConns: cfg.MaxConns, StatementTimeout: cfg.StatementLimit, Bulk: o.Bulk,
	})
}

// advised says what to set where there is a pooler in front of the database, or where it cannot be
// verified.
func advised(cfg config.Base, err error) error {
	var verification *postgres.VerificationError
	if errors.As(err, &verification) {
		return fmt.Errorf("%w; in production the server, which is on another host, must use TLS and have a certificate of its host name: "+
			"name its authority by sslrootcert in %s, %s", err, config.NameOf(cfg, "DatabaseURL"), orTrusted(cfg))
	}
	var pooler *postgres.PoolerError
	if !errors.As(err, &pooler) {
		return err
	}
	if cfg.DatabasePooler == config.PoolerTransaction {
		return fmt.Errorf("%s must reach the server itself: %w", config.NameOf(cfg, "DatabaseDirectURL"), err)
	}
	return fmt.Errorf("%w; set %s to %s, and %s to the server itself",
		err, config.NameOf(cfg, "DatabasePooler"), config.PoolerTransaction, config.NameOf(cfg, "DatabaseDirectURL"))
}
