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

// Migrate brings the schema up to date. Processes that start together take turns by
// the lock of a second, empty database beside the file, which the system takes back
// however they end.
func (e *Engine) Migrate(ctx context.Context) (err error) {
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
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithGoMigrations(e.fillSearch()))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

// lock takes the migration lock; what it gives back releases it.
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

// fillSearch is migration 5, which fills the search index that 3 has made: words
// are folded in Go.
func (e *Engine) fillSearch() *goose.Migration {
	return goose.NewGoMigration(5, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error { return store.FillSearch(ctx, e) }}, nil)
}
