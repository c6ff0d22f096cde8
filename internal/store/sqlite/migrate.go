package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"

	"sixty/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lockWait bounds the wait for another process that is migrating.
const lockWait = 5 * time.Minute

// markUnfilled is migration 5.
var markUnfilled = store.SQLMigration(5, store.MarkUnfilledSearch)

// Migrate brings the schema up to date. Processes that start together take turns by
// the lock of a second, empty database beside the file, which the system takes back
// however they end.
func (e *Engine) Migrate(ctx context.Context) error { return e.migrate(ctx, store.MigrateUp) }

func (e *Engine) migrate(ctx context.Context, up func(context.Context, *goose.Provider) error) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	unlock, err := e.lock(ctx)
	if err != nil {
		return fmt.Errorf("waiting for another migration: %w", err)
	}
	defer func() {
		if uerr := unlock(); err == nil {
			err = uerr
		}
	}()
	db, err := sql.Open("sqlite", dsn(Options{Path: e.path, StatementTimeout: e.timeout}))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithGoMigrations(markUnfilled))
	if err != nil {
		return err
	}
	return up(ctx, provider)
}

// lock takes the migration lock, and returns what releases it.
func (e *Engine) lock(ctx context.Context) (func() error, error) {
	q := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", lockWait.Milliseconds())}}
	path := (&url.URL{Path: e.path + ".migrate"}).EscapedPath()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db.Close, nil
}
