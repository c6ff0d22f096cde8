package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
)

// The rules for migrations, which both engines number alike:
//
//   - One that has landed is never changed.
//   - It is additive for one release: instances of the release before run beside it while
//     an upgrade rolls out. It drops and renames nothing that they use, and a new column of
//     a table that they write has a default or may be null. What they need goes one release
//     later.
//   - It depends on no code that changes: it is SQL alone. Data that is computed from other
//     tables is rebuilt after the migrations, by a version of its own (see derived.go).

// MarkUnfilledSearch is what migration 5 does. It filled the index of searches, before that
// became a rebuild; it now notes for migration 15 whether there is anything to fill it with.
const MarkUnfilledSearch = `INSERT INTO settings (name, value) SELECT 'search_unfilled', '1'
WHERE EXISTS (SELECT 1 FROM companies) OR EXISTS (SELECT 1 FROM contacts) OR EXISTS (SELECT 1 FROM deals)
ON CONFLICT (name) DO NOTHING`

// A SchemaTooNewError rejects a database whose schema is newer than the program.
type SchemaTooNewError struct{ Schema, Known int64 }

func (e *SchemaTooNewError) Error() string {
	return fmt.Sprintf("the database's schema has version %d, but this program only knows versions up to %d: use a newer release of it", e.Schema, e.Known)
}

// SQLMigration returns a migration that runs one statement.
func SQLMigration(version int64, statement string) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	}}, nil)
}

// MigrateUp runs the migrations that a database lacks. It returns a SchemaTooNewError if
// the database has others.
func MigrateUp(ctx context.Context, provider *goose.Provider) error {
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the database's schema: %w", err)
	}
	sources := provider.ListSources()
	if known := sources[len(sources)-1].Version; version > known {
		return &SchemaTooNewError{Schema: version, Known: known}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}
