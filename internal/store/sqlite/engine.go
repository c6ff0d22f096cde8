// Package sqlite is the store's engine on SQLite, embedded in the program: a file
// in WAL mode, one connection that writes and several that read beside it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Options are where the database is and how it is used.
type Options struct {
	// Path is the file; its folder is made when it is not there.
	Path string
	// MaxConns bounds the connections that read (20 if 0).
	MaxConns int
	// StatementTimeout bounds every statement (5 s if 0).
	StatementTimeout time.Duration
	// Bulk is for a process that works for one client, and may read or write much: the
	// first Open says whether this one does.
	Bulk bool
}

const (
	idleTime = time.Minute // after which a reading connection is closed
	// maxPrepared bounds the statements that are kept prepared; what comes after
	// is prepared for each use.
	maxPrepared = 500
)

// Engine implements store.Engine.
type Engine struct {
	path    string
	timeout time.Duration
	read    *sql.DB
	write   *sql.DB // of one connection, which is writer's
	writer  *writer

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt // on read, by text
}

// Open opens the database, making an empty one when there is none.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 5 * time.Second
	}
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o750); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	initialise(o.Bulk)
	read, err := sql.Open("sqlite", dsn(o, "query_only(1)", "cache_size(-"+strconv.Itoa(readerCache)+")"))
	if err != nil {
		return nil, err
	}
	read.SetMaxOpenConns(o.MaxConns)
	read.SetMaxIdleConns(o.MaxConns)
	read.SetConnMaxIdleTime(idleTime)
	write, err := sql.Open("sqlite", dsn(o, "cache_size(-"+strconv.Itoa(writerCache)+")"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(-1) // what the writer closes is closed, and not handed out again
	e := &Engine{
		path: o.Path, timeout: o.StatementTimeout, read: read, write: write,
		prepared: map[string]*sql.Stmt{},
	}
	e.writer = newWriter(write)
	// The writer goes first: it makes the database, in the mode that readers expect.
	err = makePrivate(o.Path)
	if err == nil {
		err = e.writer.open(ctx)
	}
	if err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("opening %s: %w", o.Path, err)
	}
	return e, nil
}

// makePrivate creates a missing file that only its owner can read, whatever the permissions
// of the folder: it holds hashes of passwords and sessions. SQLite gives the files
// beside it the same permissions. A file that is there is left alone: to close it would
// take the locks from this process's other connections.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is a setting
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn returns the connection string. It holds the pragmas, because what is set on a pool
// only reaches one of its connections.
func dsn(o Options, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(" + strconv.FormatInt(o.StatementTimeout.Milliseconds(), 10) + ")",
		"journal_mode(wal)",
		"synchronous(full)", // what is committed survives a power cut, as on PostgreSQL
		"foreign_keys(1)",
		"temp_store(memory)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: o.Path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Close closes every connection.
func (e *Engine) Close() error {
	e.mu.Lock()
	for _, st := range e.prepared {
		_ = st.Close()
	}
	clear(e.prepared)
	e.mu.Unlock()
	err := e.read.Close()
	e.writer.close()
	if werr := e.write.Close(); err == nil {
		err = werr
	}
	return err
}

// Stats returns the number of connections, of those in use, and the limit.
func (e *Engine) Stats() (open, inUse, limit int) {
	r, w := e.read.Stats(), e.write.Stats()
	return r.OpenConnections + w.OpenConnections, r.InUse + e.writer.inUse(), r.MaxOpenConnections + 1
}

// Dialect returns that of SQLite.
func (e *Engine) Dialect() store.Dialect { return dialect{} }

// Epoch returns "": the file is this process's as long as it is open.
func (e *Engine) Epoch() string { return "" }

// Ping reads from the file.
func (e *Engine) Ping(ctx context.Context) error {
	rows, err := e.Query(ctx, store.Scope{}, ping, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	return rows.Err()
}

var ping = &store.Statement{Name: "ping", SQL: "SELECT 1 FROM sqlite_schema LIMIT 1"}

// Query runs a statement on a reading connection; database/sql prepares it once on
// each of them.
func (e *Engine) Query(ctx context.Context, _ store.Scope, st *store.Statement, args []any) (store.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	r, err := e.query(ctx, st, bind(args))
	if err != nil {
		cancel()
		return nil, err
	}
	return &rows{Rows: r, cancel: cancel}, nil
}

func (e *Engine) query(ctx context.Context, st *store.Statement, args []any) (*sql.Rows, error) {
	e.mu.RLock()
	p, full := e.prepared[st.SQL], len(e.prepared) >= maxPrepared
	e.mu.RUnlock()
	if p == nil && !full {
		made, err := e.read.PrepareContext(ctx, positional(st.SQL))
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		if p = e.prepared[st.SQL]; p == nil {
			p, e.prepared[st.SQL] = made, made
		} else {
			defer func() { _ = made.Close() }()
		}
		e.mu.Unlock()
	}
	if p == nil {
		return e.read.QueryContext(ctx, st.SQL, args...)
	}
	return p.QueryContext(ctx, args...)
}

// rows hand database/sql's rows on, in the domain's types.
type rows struct {
	*sql.Rows
	cancel context.CancelFunc
	dest   []any          // the destinations that from stands for
	from   []any          // what database/sql scans into: values, or for ids bytes
	values []any          // as the driver has them
	bytes  []sql.RawBytes // not copied: they are read before the next row
}

func (r *rows) Scan(dest ...any) error {
	// A list is scanned into the same destinations again and again.
	if len(dest) == 0 || len(r.dest) != len(dest) || &r.dest[0] != &dest[0] {
		r.prepare(dest)
	}
	if err := r.Rows.Scan(r.from...); err != nil {
		return err
	}
	for i, d := range dest {
		if err := assign(d, r.values[i], r.bytes[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

func (r *rows) prepare(dest []any) {
	r.dest, r.from = dest, make([]any, len(dest))
	r.values, r.bytes = make([]any, len(dest)), make([]sql.RawBytes, len(dest))
	for i, d := range dest {
		switch d.(type) {
		case *crm.ID, **crm.ID:
			r.from[i] = &r.bytes[i]
		default:
			r.from[i] = &r.values[i]
		}
	}
}

func (r *rows) Close() {
	_ = r.Rows.Close() // what could go wrong was told by Err
	r.cancel()
}
