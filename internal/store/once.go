package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"

	"sixty/internal/crm"
)

// The stored answers to requests that may be sent again. The time of an answer is
// the database's, so that an instance whose clock is wrong runs no request again.

// keptAnswer reads the answer to a request.
func (s *Store) keptAnswer() *Statement {
	return s.statement("idempotency.get", func() *Statement {
		return &Statement{"idempotency.get", `SELECT request, answer FROM idempotency
WHERE org_id = $1 AND principal = $2 AND key = $3 AND target = $4 AND at > ` + s.dialect.SecondsAgo(int(crm.IdempotencyRetention.Seconds()))}
	})
}

// keepAnswer stores the answer to a request.
func (s *Store) keepAnswer() *Statement {
	return s.statement("idempotency.insert", func() *Statement {
		return &Statement{"idempotency.insert", `INSERT INTO idempotency (org_id, principal, key, target, request, answer, at)
VALUES ($1, $2, $3, $4, $5, $6, ` + s.dialect.SecondsAgo(0) + `)
ON CONFLICT (org_id, principal, key, target) DO UPDATE SET request = excluded.request, answer = excluded.answer, at = excluded.at`}
	})
}

// confirmAnswer is a write, because the commit of a transaction that writes waits for what was
// committed before it to be as durable: the first response may have been lost because that was
// not so.
var confirmAnswer = &Statement{"idempotency.confirm", `UPDATE idempotency SET at = at WHERE org_id = $1 AND principal = $2 AND key = $3 AND target = $4`}

// Idempotent implements crm.Store. A second request, while the first is being answered,
// fails to acquire its lock. A statement of its own acquires the lock, so that the next
// statement sees what was committed before the lock was free.
func (s *Store) Idempotent(
	ctx context.Context, by crm.Actor, at crm.Instant, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error),
) (answer []byte, again bool, err error) {
	err = s.Atomic(ctx, by, at, func(ctx context.Context) error {
		t := s.joined(ctx)
		if err := t.claim(ctx, r); err != nil {
			return err
		}
		var err error
		if answer, again, err = t.answered(ctx, r); err != nil {
			return err
		}
		if again {
			_, err = t.exec(ctx, confirmAnswer, by.Org, by.User, r.Key, r.Target)
			return err
		}
		if answer, err = fn(ctx); err != nil || t.failed != nil {
			return err
		}
		_, err = t.exec(ctx, s.keepAnswer(), by.Org, by.User, r.Key, r.Target, r.Digest, answer)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return answer, again, nil
}

// claim takes the request's lock.
func (t *tx) claim(ctx context.Context, r crm.IdempotentRequest) error {
	s := t.store
	st := s.statement("idempotency.lock", func() *Statement {
		return &Statement{"idempotency.lock", "SELECT " + s.dialect.TryLock(1)}
	})
	free, err := collect(ctx, s, t.db, st, func(b *bool) []any { return []any{b} }, lockOf(t.by, r))
	if err == nil && !free[0] {
		return crm.ErrInProgress
	}
	return err
}

// lockOf numbers the lock of a request. Two requests with the same number, which are
// unlikely ever to be, would wait for each other in vain and no more.
func lockOf(by crm.Actor, r crm.IdempotentRequest) int64 {
	h := sha256.New()
	h.Write(by.Org[:])
	h.Write(by.User[:])
	h.Write([]byte(r.Target + "\x00" + r.Key))
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// answered returns the stored answer to a request.
func (t *tx) answered(ctx context.Context, r crm.IdempotentRequest) (answer []byte, ok bool, err error) {
	type kept struct{ request, answer []byte }
	rows, err := collect(ctx, t.store, t.db, t.store.keptAnswer(), func(k *kept) []any { return []any{&k.request, &k.answer} },
		t.by.Org, t.by.User, r.Key, r.Target)
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	if !bytes.Equal(rows[0].request, r.Digest) {
		return nil, false, crm.ErrKeyReused
	}
	return rows[0].answer, true, nil
}
