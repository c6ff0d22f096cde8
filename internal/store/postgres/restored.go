package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// A dump of the database has no roles. Restored on a server without them, it has lost what
// refers to them: policies and privileges, without which no row is visible. The roles are
// made again (see ensureRoles), and this restores their privileges.

// rightsMissing counts the tables of organisations that lack them, and the settings; also the
// audit trail if it may be changed: programs up to schema version 16 take that for missing,
// and restore it when they are started.
const rightsMissing = `SELECT count(*) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
AND (c.relname IN ('organisations', 'settings') OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))
AND (NOT has_table_privilege('` + serviceRole + `', c.oid, 'DELETE')
  OR c.relname = 'audit' AND $1 >= 17 AND has_table_privilege('` + tenantRole + `', c.oid, 'UPDATE, DELETE')
  OR c.relname <> 'settings' AND (NOT has_table_privilege('` + tenantRole + `', c.oid, 'INSERT') OR NOT c.relforcerowsecurity
    OR 2 <> (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname IN ('tenant', 'service'))))`

// giveRights does what migration 12 does for the tables of organisations.
const giveRights = `DO $$
BEGIN
  PERFORM keep_apart('organisations', 'id');
  PERFORM keep_apart(c.oid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attname = 'org_id' AND NOT a.attisdropped;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ` + tenantRole + `, ` + serviceRole + `', current_schema());
END
$$`

// firstWithRights is the migration from which on there are policies and privileges.
const firstWithRights = 12

// rightsLock is the number of the lock under which they are given.
const rightsLock = 0x736978747902

var grant = regexp.MustCompile(`(?m)^(GRANT|REVOKE) [^;]*;`)

// restoreRights restores the policies and privileges of the roles, if any are missing.
func restoreRights(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	version, err := schemaVersion(ctx, db)
	if err != nil || version < firstWithRights {
		return err
	}
	var missing int
	if err := db.QueryRowContext(ctx, rightsMissing, version).Scan(&missing); err != nil || missing == 0 {
		return err
	}
	statements, err := grants(migrations, version)
	if err != nil {
		return err
	}
	statements = append([]string{"SELECT pg_advisory_xact_lock(" + strconv.Itoa(rightsLock) + ")", giveRights}, statements...)
	if err := inTransaction(ctx, db, statements); err != nil {
		return fmt.Errorf("the roles %s and %s lack what they may do in %d tables, as after a restore without the roles, and the database's user cannot give it to them (%w); "+
			"run sixty migrate once with a DATABASE_URL of the user that owns the tables", tenantRole, serviceRole, missing, err)
	}
	return nil
}

// schemaVersion returns the version of the schema; 0 if there is none.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	return version, err
}

// grants returns the statements by which the migrations up to a version have granted and
// revoked privileges.
func grants(migrations fs.FS, version int64) (statements []string, err error) {
	names, err := fs.Glob(migrations, "*.sql")
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		if n, err := strconv.ParseInt(number, 10, 64); err != nil || n > version {
			continue
		}
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		statements = append(statements, grant.FindAllString(string(text), -1)...)
	}
	return statements, err
}

func inTransaction(ctx context.Context, db *sql.DB, statements []string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return tx.Commit()
}
