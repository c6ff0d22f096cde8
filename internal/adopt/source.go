package adopt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectTimeout bounds how long the source may take to answer at first,
// closeTimeout how long it may take to close.
const (
	connectTimeout = 30 * time.Second
	closeTimeout   = 5 * time.Second
)

// source is a database that is read in one read-only transaction. It speaks the
// simple protocol alone, so that a pooler between may be of any kind.
type source struct {
	ctx  context.Context
	conn *pgx.Conn
	tx   pgx.Tx
}

// Check returns what is wrong with the URL of a source before anything is opened: it is no
// URL, or that of the database that is adopted into ("" if that is no PostgreSQL), which would
// be migrated.
func Check(from, into string) error {
	source, err := pgx.ParseConfig(from)
	if err != nil || !strings.HasPrefix(from, "postgres://") && !strings.HasPrefix(from, "postgresql://") {
		return &SourceError{"must be the URL of a PostgreSQL database: postgres://…"}
	}
	if into == "" {
		return nil
	}
	target, err := pgx.ParseConfig(into)
	if err == nil && host(source) == host(target) && source.Port == target.Port && source.Database == target.Database {
		return &SourceError{"must be another database than the one that is adopted into"}
	}
	return nil
}

// host returns the host of a configuration, this one always by the same name.
func host(c *pgx.ConnConfig) string {
	if ip := net.ParseIP(c.Host); c.Host == "localhost" || strings.HasPrefix(c.Host, "/") || ip != nil && ip.IsLoopback() {
		return "localhost"
	}
	return strings.ToLower(c.Host)
}

// open connects to the source and begins the transaction.
func open(ctx context.Context, url string) (*source, error) {
	if err := Check(url, ""); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, &SourceError{"the URL of the source cannot be read"} // Check has read it
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.ConnectTimeout = connectTimeout
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	s := &source{ctx: ctx, conn: conn}
	if s.tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		s.close()
		return nil, s.fault(err)
	}
	// How values look as text, and that a long run is not cut short, for this
	// transaction alone.
	for _, setting := range []string{
		"TimeZone = 'UTC'", "DateStyle = 'ISO'", "bytea_output = 'hex'", "statement_timeout = 0", "idle_in_transaction_session_timeout = 0",
	} {
		if _, err := s.tx.Exec(ctx, "SET LOCAL "+setting); err != nil {
			s.close()
			return nil, s.fault(err)
		}
	}
	return s, nil
}

// unreachable describes a failure to connect by its cause: the driver's message repeats the
// user and the host.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	reason := "it does not answer"
	for _, sign := range [...]string{"tls error: ", "tls: ", "x509: "} { // most of these errors have no types
		if strings.Contains(err.Error(), sign) {
			reason = "it does not use TLS, or has no trusted certificate of its host name (see sslmode and sslrootcert and, in production, SIXTY_ALLOW_INSECURE)"
		}
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		reason = map[string]string{
			"28P01": "the password is wrong", "28000": "it does not let this user in", "3D000": "it has no database of this name",
			"53300": "it has too many clients", "57P03": "it is starting or stopping",
		}[refused.Code]
		if reason == "" {
			reason = "it refuses with SQLSTATE " + refused.Code
		}
	}
	return &SourceError{"cannot connect to the source: " + reason}
}

// fault describes an error of the source.
func (s *source) fault(err error) error {
	if err == nil {
		return nil
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return &SourceError{fmt.Sprintf("the source refuses: %s (SQLSTATE %s)", refused.Message, refused.Code)}
	}
	return &SourceError{"the connection to the source broke"}
}

// close ends the transaction and the connection.
func (s *source) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), closeTimeout)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// recognise rejects a database that is not a dashboard's, or is this program's.
func (s *source) recognise() error {
	var known, own int
	err := s.tx.QueryRow(s.ctx, `SELECT
count(DISTINCT table_name) FILTER (WHERE column_name = 'id' AND table_name IN ('profiles', 'companies', 'contacts', 'deal_stages', 'deals', 'activities', 'tasks')),
count(*) FILTER (WHERE table_name = 'organisations' AND column_name = 'log_seq')
FROM information_schema.columns WHERE table_schema = 'public'`).Scan(&known, &own)
	switch {
	case err != nil:
		return s.fault(err)
	case own > 0:
		return &SourceError{"the source is a database of this program, not of a sales dashboard"}
	case known == 0:
		return &SourceError{"the source has no table of a sales dashboard in its schema public, or none that this user may read"}
	}
	return nil
}

// columns returns the types of a table's readable columns; none: there is no such table.
func (s *source) columns(table string) (map[string]string, error) {
	rows, err := s.tx.Query(s.ctx, `SELECT column_name::text, data_type::text FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND has_column_privilege(format('%I.%I', table_schema, table_name), column_name::text, 'SELECT')`, table)
	if err != nil {
		return nil, s.fault(err)
	}
	types := map[string]string{}
	var name, sqlType string
	_, err = pgx.ForEachRow(rows, []any{&name, &sqlType}, func() error {
		types[name] = sqlType
		return nil
	})
	if err != nil {
		return nil, s.fault(err)
	}
	return types, nil
}

// A cursor reads the rows of a query.
type cursor struct {
	s      *source
	fields int
}

const cursorName = "sixty_adopt"

// query opens a cursor over columns of a table, as texts of at most so many characters each.
func (s *source) query(table string, columns []*column, order []string) (*cursor, error) {
	texts := make([]string, len(columns))
	for i, c := range columns {
		texts[i] = "left(" + pgx.Identifier{c.name}.Sanitize() + "::text, " + strconv.Itoa(c.limit) + ")"
	}
	sql := "DECLARE " + cursorName + " NO SCROLL CURSOR FOR SELECT " + strings.Join(texts, ", ") + " FROM " + pgx.Identifier{"public", table}.Sanitize()
	separator := " ORDER BY "
	for _, c := range order {
		sql += separator + pgx.Identifier{c}.Sanitize()
		separator = ", "
	}
	_, err := s.tx.Exec(s.ctx, sql)
	return &cursor{s, len(columns)}, s.fault(err)
}

// next returns the next rows, at most n; none at the end. A null is nil.
func (c *cursor) next(n int) ([][]*string, error) {
	rows, err := c.s.tx.Query(c.s.ctx, "FETCH "+strconv.Itoa(n)+" FROM "+cursorName)
	if err != nil {
		return nil, c.s.fault(err)
	}
	defer rows.Close()
	var out [][]*string
	for rows.Next() {
		record := make([]*string, c.fields)
		for i, raw := range rows.RawValues() {
			if raw != nil {
				text := string(raw)
				record[i] = &text
			}
		}
		out = append(out, record)
	}
	return out, c.s.fault(rows.Err())
}

func (c *cursor) close() error {
	_, err := c.s.tx.Exec(c.s.ctx, "CLOSE "+cursorName)
	return c.s.fault(err)
}
