package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"time"

	"sixty/internal/store"
)

// Snapshot starts a transaction on a reading connection. In WAL mode it keeps to the
// end of the log that its first statement meets (sqlite.org/isolation.html), and
// until it is closed the log cannot start anew.
func (e *Engine) Snapshot(ctx context.Context, _ store.Scope) (store.EngineSnapshot, error) {
	wait, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	// database/sql ends a transaction with the context that began it, so the bound
	// on the wait cannot be on that one.
	conn, err := e.read.Conn(wait)
	if err != nil {
		return nil, err
	}
	t, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &snapshot{conn: conn, tx: t, timeout: e.timeout, prepared: map[string]*sql.Stmt{}}, nil
}

// WALSize returns the size of the write-ahead log, in bytes. The file grows and is reused, and gets no
// smaller.
func (e *Engine) WALSize() (int64, error) {
	info, err := os.Stat(e.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

type snapshot struct {
	conn     *sql.Conn
	tx       *sql.Tx
	timeout  time.Duration
	prepared map[string]*sql.Stmt // for this transaction, which closes them
}

func (s *snapshot) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	r, err := s.query(ctx, st.SQL, bind(args))
	if err != nil {
		cancel()
		return nil, err
	}
	return &rows{Rows: r, cancel: cancel}, nil
}

func (s *snapshot) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	p := s.prepared[text]
	if p == nil {
		if len(s.prepared) >= maxPrepared {
			return s.tx.QueryContext(ctx, text, args...)
		}
		var err error
		if p, err = s.tx.PrepareContext(ctx, positional(text)); err != nil {
			return nil, err
		}
		s.prepared[text] = p
	}
	return p.QueryContext(ctx, args...)
}

func (s *snapshot) Close() error {
	err := s.tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) { // with the context
		err = nil
	}
	if cerr := s.conn.Close(); err == nil {
		err = cerr
	}
	return err
}
