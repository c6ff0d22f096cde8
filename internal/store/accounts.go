package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Passwords, sessions, and the one-time tokens by which passwords are set. What is found by an
// address or a hash is looked for in all organisations.

var (
	accountsByEmail = &Statement{"account.by_email", `SELECT u.org_id, u.id, coalesce(p.hash, '')
FROM users u LEFT JOIN passwords p ON p.org_id = u.org_id AND p.user_id = u.id
WHERE u.email = $1 AND u.deleted_at IS NULL AND NOT u.service AND (u.deactivated_at IS NULL) = $2 ORDER BY p.hash IS NULL, u.org_id LIMIT $3`}
	account = &Statement{"account.get", `SELECT u.org_id, u.id, coalesce(p.hash, '')
FROM users u LEFT JOIN passwords p ON p.org_id = u.org_id AND p.user_id = u.id
WHERE u.org_id = $1 AND u.id = $2 AND u.deleted_at IS NULL AND NOT u.service AND u.deactivated_at IS NULL`}
	putPassword = &Statement{"password.put", `INSERT INTO passwords (org_id, user_id, hash, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (org_id, user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`}

	sessionHolder = &Statement{"session.holder", `SELECT s.org_id, s.id, s.user_id, s.hash, s.address, s.user_agent, s.created_at, s.used_at, s.expires_at, coalesce(s.verified_at, s.created_at), u.role, u.deactivated_at, o.reps_see
FROM sessions s JOIN users u ON u.org_id = s.org_id AND u.id = s.user_id JOIN organisations o ON o.id = s.org_id WHERE s.hash = $1 AND u.deleted_at IS NULL`}
	sessions = &Statement{"session.all", `SELECT org_id, id, user_id, hash, address, user_agent, created_at, used_at, expires_at, coalesce(verified_at, created_at)
FROM sessions WHERE org_id = $1 AND user_id = $2 ORDER BY used_at DESC, id DESC`}
	putSession = &Statement{"session.insert", `INSERT INTO sessions (org_id, id, user_id, hash, address, user_agent, created_at, used_at, expires_at, verified_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`}
	verifySession = &Statement{"session.verify", `UPDATE sessions SET verified_at = $3 WHERE org_id = $1 AND id = $2`}
	signedIn      = &Statement{"sign_in.put", `INSERT INTO sign_ins (org_id, user_id, at) VALUES ($1, $2, $3)
ON CONFLICT (org_id, user_id) DO UPDATE SET at = excluded.at`}
	endSession = &Statement{"session.delete", `DELETE FROM sessions WHERE org_id = $1 AND id = $2`}
	useSession = &Statement{"session.use", `UPDATE sessions SET used_at = $3 WHERE org_id = $1 AND id = $2 AND used_at <= $4`}
	useKey     = &Statement{"api_key.use", `UPDATE api_keys SET used_at = $3, used_address = $5 WHERE org_id = $1 AND id = $2 AND (used_at IS NULL OR used_at <= $4)`}

	oneTimeTokenByHash = &Statement{"ticket.holder", `SELECT org_id, user_id, purpose, hash, created_by, created_at, expires_at FROM tickets WHERE hash = $1`}
	oneTimeTokens      = &Statement{"ticket.all", `SELECT org_id, user_id, purpose, hash, created_by, created_at, expires_at FROM tickets
WHERE org_id = $1 AND expires_at > $2 ORDER BY created_at DESC, user_id DESC LIMIT $3`}
	putOneTimeToken = &Statement{"ticket.put", `INSERT INTO tickets (org_id, user_id, purpose, hash, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (org_id, user_id) DO UPDATE SET purpose = excluded.purpose, hash = excluded.hash, created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at`}
	pruneSessions = &Statement{"session.prune", `DELETE FROM sessions WHERE org_id = $1 AND id IN
(SELECT id FROM sessions WHERE org_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)`}
	pruneOneTimeTokens = &Statement{"ticket.prune", `DELETE FROM tickets WHERE org_id = $1 AND user_id IN
(SELECT user_id FROM tickets WHERE org_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)`}
	consumeOneTimeToken = &Statement{"ticket.delete", `DELETE FROM tickets WHERE org_id = $1 AND user_id = $2 AND hash = $3`}
	endOneTimeToken     = &Statement{"ticket.end", `DELETE FROM tickets WHERE org_id = $1 AND user_id = $2`}
)

func accountDest(a *accounts.Account) []any { return []any{&a.OrgID, &a.UserID, &a.Password} }

// AccountsByEmail implements accounts.Store.
func (s *Store) AccountsByEmail(ctx context.Context, email string, active bool, limit int) ([]accounts.Account, error) {
	return collect(ctx, s, s.service(), accountsByEmail, accountDest, email, active, int64(limit))
}

// Account implements accounts.Store.
func (s *Store) Account(ctx context.Context, org, user crm.ID) (accounts.Account, error) {
	rows, err := collect(ctx, s, s.of(org), account, accountDest, org, user)
	if err != nil {
		return accounts.Account{}, err
	}
	if len(rows) == 0 {
		return accounts.Account{}, crm.NotFound("account")
	}
	return rows[0], nil
}

func sessionDest(s *accounts.Session) []any {
	return []any{&s.OrgID, &s.ID, &s.UserID, &s.Hash, &s.Address, &s.UserAgent, &s.CreatedAt, &s.UsedAt, &s.ExpiresAt, &s.VerifiedAt}
}

// SessionPrincipal implements auth.Principals.
func (s *Store) SessionPrincipal(ctx context.Context, hash []byte) (accounts.Session, accounts.Principal, error) {
	type holder struct {
		session accounts.Session
		user    accounts.Principal
	}
	rows, err := collect(ctx, s, s.apart(), sessionHolder, func(h *holder) []any {
		return append(sessionDest(&h.session), (*string)(&h.user.Role), &h.user.DeactivatedAt, (*string)(&h.user.RepsSee))
	}, hash)
	if err != nil {
		return accounts.Session{}, accounts.Principal{}, err
	}
	if len(rows) == 0 {
		return accounts.Session{}, accounts.Principal{}, crm.NotFound("session")
	}
	h := rows[0]
	h.user.OrgID, h.user.ID = h.session.OrgID, h.session.UserID
	return h.session, h.user, nil
}

// Sessions implements accounts.Store.
func (s *Store) Sessions(ctx context.Context, org, user crm.ID) ([]accounts.Session, error) {
	return collect(ctx, s, s.of(org), sessions, sessionDest, org, user)
}

func oneTimeTokenDest(t *accounts.OneTimeToken) []any {
	return []any{&t.OrgID, &t.UserID, (*string)(&t.Purpose), &t.Hash, &t.CreatedBy, &t.CreatedAt, &t.ExpiresAt}
}

// OneTimeTokens implements accounts.Store.
func (s *Store) OneTimeTokens(ctx context.Context, org crm.ID, after crm.Instant, limit int) ([]accounts.OneTimeToken, error) {
	return collect(ctx, s, s.of(org), oneTimeTokens, oneTimeTokenDest, org, after, int64(limit))
}

// OneTimeToken implements accounts.Store.
func (s *Store) OneTimeToken(ctx context.Context, hash []byte) (accounts.OneTimeToken, error) {
	rows, err := collect(ctx, s, s.service(), oneTimeTokenByHash, oneTimeTokenDest, hash)
	if err != nil {
		return accounts.OneTimeToken{}, err
	}
	if len(rows) == 0 {
		return accounts.OneTimeToken{}, crm.NotFound("one-time token")
	}
	return rows[0], nil
}

// PutPassword implements accounts.Tx.
func (t *tx) PutPassword(ctx context.Context, user crm.ID, hash string) error {
	_, err := t.exec(ctx, putPassword, t.by.Org, user, hash, t.at)
	return err
}

// PutSession implements accounts.Tx. Nothing depended on a session that there was not.
func (t *tx) PutSession(ctx context.Context, s accounts.Session) error {
	if err := t.confine("session", s.OrgID); err != nil {
		return err
	}
	_, err := t.exec(ctx, putSession, s.OrgID, s.ID, s.UserID, s.Hash, s.Address, s.UserAgent, s.CreatedAt, s.UsedAt, s.ExpiresAt, s.VerifiedAt)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, signedIn, s.OrgID, s.UserID, s.CreatedAt)
	return err
}

// SignIns implements accounts.Store.
func (r *reader) SignIns(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.Instant, error) {
	type signIn struct {
		user crm.ID
		at   crm.Instant
	}
	s := r.store
	st := s.statement("sign_in.by_ids", func() *Statement {
		return &Statement{"sign_in.by_ids", "SELECT user_id, at FROM sign_ins WHERE org_id = $1 AND " + s.dialect.AnyID("user_id", 2)}
	})
	rows, err := collect(ctx, s, r.of(org), st, func(i *signIn) []any { return []any{&i.user, &i.at} }, org, s.dialect.IDs(owners))
	out := make(map[crm.ID]crm.Instant, len(rows))
	for _, i := range rows {
		out[i.user] = i.at
	}
	return out, err
}

// VerifySession implements accounts.Tx.
func (t *tx) VerifySession(ctx context.Context, id crm.ID) error {
	_, err := t.exec(ctx, verifySession, t.by.Org, id, t.at)
	return err
}

// UseSession implements accounts.Tx.
func (t *tx) UseSession(ctx context.Context, id crm.ID, since crm.Instant) error {
	_, err := t.exec(ctx, useSession, t.by.Org, id, t.at, since)
	return err
}

// UseAPIKey implements accounts.Tx.
func (t *tx) UseAPIKey(ctx context.Context, id crm.ID, since crm.Instant, address string) error {
	_, err := t.exec(ctx, useKey, t.by.Org, id, t.at, since, address)
	return err
}

// EndSessions implements accounts.Tx.
func (t *tx) EndSessions(ctx context.Context, user crm.ID, keep func(accounts.Session) bool) error {
	all, err := collect(ctx, t.store, t.db, sessions, sessionDest, t.by.Org, user)
	if err != nil {
		return err
	}
	for i := range all {
		if keep(all[i]) {
			continue
		}
		n, err := t.exec(ctx, endSession, t.by.Org, all[i].ID)
		if err != nil {
			return err
		}
		if n > 0 {
			t.log(crm.EntitySession, &all[i].ID, crm.OpDeleted, crm.Refs{Owner: []crm.ID{user}})
		}
	}
	return nil
}

// PutOneTimeToken implements accounts.Tx.
func (t *tx) PutOneTimeToken(ctx context.Context, k accounts.OneTimeToken) error {
	if err := t.confine("one-time token", k.OrgID); err != nil {
		return err
	}
	_, err := t.exec(ctx, putOneTimeToken, k.OrgID, k.UserID, string(k.Purpose), k.Hash, k.CreatedBy, k.CreatedAt, k.ExpiresAt)
	return err
}

// ConsumeOneTimeToken implements accounts.Tx.
func (t *tx) ConsumeOneTimeToken(ctx context.Context, user crm.ID, hash []byte) (bool, error) {
	n, err := t.exec(ctx, consumeOneTimeToken, t.by.Org, user, hash)
	return n > 0, err
}

// EndOneTimeToken implements accounts.Tx.
func (t *tx) EndOneTimeToken(ctx context.Context, user crm.ID) (bool, error) {
	n, err := t.exec(ctx, endOneTimeToken, t.by.Org, user)
	return n > 0, err
}
