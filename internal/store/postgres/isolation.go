package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// An UnconfinedError says that statements might reach the rows of other organisations. None
// runs until that is over.
type UnconfinedError struct {
	Reason string
	cause  error
}

func (e *UnconfinedError) Error() string {
	return "statements are not confined to the rows of one organisation: " + e.Reason
}

func (e *UnconfinedError) Unwrap() error { return e.cause }

// isolation is a statement that an organisation without rows runs. Row-level security is
// inactive for superusers, roles that bypass it, and tables where it was switched off.
var isolation = &store.Statement{Name: "isolation.check", SQL: `SELECT CAST(current_user AS text), coalesce(current_setting('sixty.org', true), ''),
coalesce((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'organisations'::regclass) AND c.relkind IN ('r', 'p')
AND (c.oid = 'organisations'::regclass OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))
AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid)), ''),
EXISTS (SELECT FROM organisations)`}

// verifyIsolation returns an UnconfinedError if statements on any of the ways that they can go
// would not run as the tenant, in the scope that they are sent with, behind row-level security.
func (e *Engine) verifyIsolation(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	scope := store.Scope{Org: crm.NewID()}
	if err := confined(ctx, scope, queryFunc(func(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
		rows, _, err := e.query(ctx, scope, st, args)
		if err != nil {
			return nil, err
		}
		return rows, nil
	})); err != nil {
		return e.unconfined(ctx, err)
	}
	t, err := e.begin(ctx, scope)
	if err != nil {
		return e.unconfined(ctx, err)
	}
	if err := errors.Join(confined(ctx, scope, t), t.Rollback()); err != nil {
		return e.unconfined(ctx, err)
	}
	snap, _, err := e.snapshot(ctx, scope)
	if err != nil {
		return e.unconfined(ctx, err)
	}
	return e.unconfined(ctx, errors.Join(confined(ctx, scope, snap), snap.Close()))
}

type queryFunc func(ctx context.Context, st *store.Statement, args []any) (store.Rows, error)

func (f queryFunc) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return f(ctx, st, args)
}

// confined runs the statement and judges by what it returns.
func confined(ctx context.Context, scope store.Scope, q store.Querier) error {
	rows, err := q.Query(ctx, isolation, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	var user, org, open string
	var visible bool
	if rows.Next() {
		if err := rows.Scan(&user, &org, &open, &visible); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case user != tenantRole:
		return &UnconfinedError{Reason: fmt.Sprintf("they run as the user %q and not as %s", user, tenantRole)}
	case org != scope.Org.String():
		return &UnconfinedError{Reason: "they run without the organisation that was set, or with another"}
	case open != "":
		return &UnconfinedError{Reason: "row-level security is not active for " + tenantRole + " on " + open}
	case visible:
		return &UnconfinedError{Reason: "an organisation sees the row of another"}
	}
	return nil
}

// SQLSTATEs of a role that cannot be taken on, or may not do what its policies say.
const (
	invalidValue          = "22023"
	insufficientPrivilege = "42501"
)

// unconfined returns an UnconfinedError for an error that means that the role is missing, is
// not the user's, or has no privileges. Others, such as an unavailable server, mean nothing
// about the isolation.
func (e *Engine) unconfined(ctx context.Context, err error) error {
	if !sqlState(err, invalidValue, insufficientPrivilege) {
		return err
	}
	user, member := e.pool.Config().ConnConfig.User, false // unless the pooler signs in as another
	_ = e.pool.QueryRow(ctx, "SELECT session_user::text, coalesce(pg_has_role(session_user, to_regrole('"+tenantRole+"')::oid, 'MEMBER'), false)").Scan(&user, &member)
	reason := missingRoles(user, err).Error()
	if member {
		reason = fmt.Sprintf("the role %s has no privileges (%v); if the database was restored while there were no roles, restore it again", tenantRole, err)
	}
	return &UnconfinedError{Reason: reason, cause: err}
}

const (
	// verifyPeriod is the time between two checks of the isolation. What ends it is an
	// administrator's act or another server, whatever the traffic: statements are not counted.
	verifyPeriod = time.Minute
	// verifyAgain is that time while statements are rejected.
	verifyAgain = 5 * time.Second
)

// guard rejects statements while they are known not to be confined.
type guard struct {
	log     *slog.Logger
	failed  atomic.Pointer[UnconfinedError]
	once    sync.Once
	end     context.CancelFunc
	running sync.WaitGroup
}

func (g *guard) init(log *slog.Logger) {
	if g.log = log; log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
}

// err returns an UnconfinedError while statements are rejected.
func (g *guard) err() error {
	if err := g.failed.Load(); err != nil {
		return err
	}
	return nil
}

// start verifies the isolation periodically, until close.
func (g *guard) start(e *Engine) {
	g.once.Do(func() {
		ctx, end := context.WithCancel(context.Background())
		g.end = end
		g.running.Go(func() {
			next := time.NewTimer(verifyPeriod)
			defer next.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-next.C:
				}
				g.note(e.verifyIsolation(ctx))
				if g.err() != nil {
					next.Reset(verifyAgain)
				} else {
					next.Reset(verifyPeriod)
				}
			}
		})
	})
}

// note begins or ends to reject statements, by the outcome of a check. One that failed for
// another reason changes nothing.
func (g *guard) note(err error) {
	var unconfined *UnconfinedError
	switch {
	case errors.As(err, &unconfined):
		if g.failed.Swap(unconfined) == nil {
			g.log.Error("requests are rejected", "error", unconfined)
		}
	case err == nil && g.failed.Swap(nil) != nil:
		g.log.Info("statements are confined again, and requests are served")
	}
}

func (g *guard) close() {
	if g.end != nil {
		g.end()
	}
	g.running.Wait()
}
