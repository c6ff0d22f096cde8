package postgres

import (
	"context"
	"embed"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"sixty/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// markUnfilled is migration 5.
var markUnfilled = store.SQLMigration(5, store.MarkUnfilledSearch)

// Migrate brings the schema up to date, under an advisory lock, so that instances
// that start together do it once. It returns a PoolerError if there is a pooler where none is
// expected, an UnconfinedError if statements would reach the rows of other organisations, and a
// VerificationError. From then on the isolation is checked periodically.
func (e *Engine) Migrate(ctx context.Context) (err error) {
	defer func() { err = e.asVerification(err) }()
	if err := e.checkDirect(ctx); err != nil {
		return err
	}
	if err := e.migrate(ctx, store.MigrateUp); err != nil {
		return err
	}
	if err := e.checkSameDatabase(ctx); err != nil {
		return err
	}
	if err := e.verifyIsolation(ctx); err != nil {
		return asPooler(err)
	}
	e.guard.start(e)
	return nil
}

func (e *Engine) migrate(ctx context.Context, up func(context.Context, *goose.Provider) error) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Tried every second for five minutes, and given up likewise.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 60))
	if err != nil {
		return err
	}
	// As the owner of the tables, and without a limit on the time of a statement.
	c := e.direct.Copy()
	delete(c.RuntimeParams, "role")
	c.RuntimeParams["statement_timeout"] = "0"
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()
	if err := ensureRoles(ctx, db); err != nil {
		return err
	}
	if err := restoreRights(ctx, db, files); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithGoMigrations(markUnfilled), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return up(ctx, provider)
}
