package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"sixty/internal/store"
)

// Statements run in one of two roles, neither of which owns the tables or is exempt
// from their row-level security: as the tenant, which sees the rows of the organisation
// that is set, or as the service, which sees all rows. The user of the URL owns the tables,
// and only migrates and analyses them.
const (
	tenantRole  = "sixty_tenant"
	serviceRole = "sixty_service"
)

// What sets a scope, as a statement that is sent ahead of another and lasts as long as
// the transaction that both are in. The role is part of it: a connection may have started
// with another, because poolers drop startup parameters.
//
// A statement on an array is planned for each array. It would get one plan for arrays
// of any length otherwise, which on a table without statistics (one that is just being
// filled) is to read all of the organisation's rows.
const (
	asTenant  = "SELECT " + currentEpoch + ", set_config('role', '" + tenantRole + "', true) || set_config('sixty.org', $1, true)"
	asService = "SELECT " + currentEpoch + ", set_config('role', '" + serviceRole + "', true)"
	anew      = " || set_config('plan_cache_mode', 'force_custom_plan', true)"
)

// setting returns the statement that sets the scope for one with these arguments, and its
// own arguments. It also returns the epoch of the log, in its first column.
func setting(scope store.Scope, args []any) (string, []any) {
	arrays := false
	for _, a := range args {
		switch a.(type) {
		case []pgtype.UUID, []string:
			arrays = true
		}
	}
	switch {
	case scope.Service && arrays:
		return asService + anew, nil
	case scope.Service:
		return asService, nil
	case arrays:
		return asTenant + anew, []any{scope.Org.String()}
	}
	return asTenant, []any{scope.Org.String()}
}

// confine returns what sets the scope of a transaction after BEGIN. An id is
// written in digits and hyphens alone.
func confine(scope store.Scope) string {
	if scope.ByKey {
		const byKey = "; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
		scope.ByKey = false
		return byKey + confine(scope)
	}
	if scope.Service {
		return "; SET LOCAL ROLE " + serviceRole
	}
	return "; SET LOCAL ROLE " + tenantRole + "; SET LOCAL sixty.org = '" + scope.Org.String() + "'"
}

// A server's roles are there for all of its databases, and others may be making them too.
const (
	haveRoles = `SELECT current_user, to_regrole('` + tenantRole + `') IS NOT NULL AND to_regrole('` + serviceRole + `') IS NOT NULL`
	isMember  = `SELECT pg_has_role('` + tenantRole + `', 'USAGE') AND pg_has_role('` + serviceRole + `', 'USAGE')`
)

// makeRole and joinRoles are what an administrator would run.
func makeRole(role string) string { return "CREATE ROLE " + role + " NOLOGIN" }

func joinRoles(user string) string {
	return "GRANT " + tenantRole + ", " + serviceRole + " TO " + pgx.Identifier{user}.Sanitize()
}

// ensureRoles has both roles be there and the user be a member of them, by which it may
// take them on.
func ensureRoles(ctx context.Context, db *sql.DB) error {
	var user string
	var there, member bool
	if err := db.QueryRowContext(ctx, haveRoles).Scan(&user, &there); err != nil {
		return err
	}
	if !there {
		for _, role := range []string{tenantRole, serviceRole} {
			if _, err := db.ExecContext(ctx, makeRole(role)); err != nil && !sqlState(err, duplicateObject, uniqueViolation) {
				return missingRoles(user, err)
			}
		}
	}
	if err := db.QueryRowContext(ctx, isMember).Scan(&member); err != nil || member {
		return err
	}
	if _, err := db.ExecContext(ctx, joinRoles(user)); err != nil && !sqlState(err, uniqueViolation) {
		return missingRoles(user, err)
	}
	if err := db.QueryRowContext(ctx, isMember).Scan(&member); err != nil || member {
		return err
	}
	return missingRoles(user, errors.New("it does not inherit what its roles may do"))
}

// missingRoles returns an error that says what an administrator has to do.
func missingRoles(user string, cause error) error {
	quoted := pgx.Identifier{user}.Sanitize()
	return fmt.Errorf("the database's user %s cannot be given the two roles that keep organisations apart (%w); have an administrator of the server run, once: "+
		"%s; %s; ALTER ROLE %s INHERIT; %s (without the CREATE ROLE that are done)",
		user, cause, makeRole(tenantRole), makeRole(serviceRole), quoted, joinRoles(user))
}

// SQLSTATEs of objects that another process has just created.
const (
	duplicateObject = "42710"
	uniqueViolation = "23505"
)

func sqlState(err error, states ...string) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		for _, s := range states {
			if pg.Code == s {
				return true
			}
		}
	}
	return false
}
