package store

import (
	"context"
	"errors"

	"sixty/internal/crm"
)

// What the state of the database is.

// Now returns the database's time.
func (s *Store) Now(ctx context.Context) (crm.Instant, error) {
	st := s.statement("clock.now", func() *Statement { return &Statement{"clock.now", "SELECT " + s.dialect.SecondsAgo(0)} })
	db := s.service()
	if t := s.joined(ctx); t != nil { // it meets no rows
		db = t.etx
	}
	now, err := collect(ctx, s, db, st, func(at *crm.Instant) []any { return []any{at} })
	if err != nil {
		return 0, err
	}
	return now[0], nil
}

// WALSize returns the size of the write-ahead log that a snapshot keeps from being reset, in bytes; 0
// for an engine that has none.
func (s *Store) WALSize() (int64, error) {
	if e, ok := s.engine.(interface{ WALSize() (int64, error) }); ok {
		return e.WALSize()
	}
	return 0, nil
}

var errReadOnly = errors.New("the database accepts no writes")

// Readable returns an error if the database cannot be read.
func (s *Store) Readable(ctx context.Context) error {
	_, err := s.readOnly(ctx)
	return err
}

// Writable returns an error if the database cannot be read, or is read-only, as a standby
// is. It does not write: whether a commit succeeds is known from heartbeats.
func (s *Store) Writable(ctx context.Context) error {
	readOnly, err := s.readOnly(ctx)
	if err == nil && readOnly {
		return crm.ReadOnly(errReadOnly)
	}
	return err
}

func (s *Store) readOnly(ctx context.Context) (bool, error) {
	st := s.statement("database.read_only", func() *Statement {
		return &Statement{"database.read_only", "SELECT " + s.dialect.ReadOnly()}
	})
	answer, err := collect(ctx, s, s.reserved(), st, func(b *bool) []any { return []any{b} })
	if err != nil {
		return false, err
	}
	return answer[0], nil
}
