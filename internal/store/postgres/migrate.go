package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"sixty/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema up to date, under an advisory lock, so that instances
// that start together do it once.
func (e *Engine) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Tried every second for five minutes, and given up likewise.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 60))
	if err != nil {
		return err
	}
	config := e.pool.Config()
	owner, err := pgxpool.NewWithConfig(ctx, ownersPool(config))
	if err != nil {
		return err
	}
	defer owner.Close()
	// A migration may take longer than a statement may.
	c := config.ConnConfig.Copy()
	c.RuntimeParams["statement_timeout"] = "0"
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()
	if err := ensureRoles(ctx, db); err != nil {
		return err
	}
	fill := fillSearch(&Engine{pool: owner, timeout: e.timeout, owner: true})
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithGoMigrations(fill), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

// ownersPool turns the configuration of a pool into that of one whose connections keep
// the role that they are made with, which owns the tables. It has a few connections at
// most, and none until one is needed.
func ownersPool(config *pgxpool.Config) *pgxpool.Config {
	delete(config.ConnConfig.RuntimeParams, "role")
	config.MinConns, config.MaxConns = 0, min(config.MaxConns, 4)
	return config
}

// fillSearch is migration 5, which fills the search index that 3 has made: words
// are folded in Go. It comes before what either role may do is settled.
func fillSearch(e *Engine) *goose.Migration {
	return goose.NewGoMigration(5, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error { return store.FillSearch(ctx, e) }}, nil)
}
