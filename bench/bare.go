package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // registers the driver
)

// serveBare is the minimal peer: net/http, the driver, and rows encoded by hand, without
// organisations, filters, cursors or keys.
func serveBare(ctx context.Context, arg string) error {
	file, addr, _ := strings.Cut(arg, ",")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	var page func(context.Context, []byte) ([]byte, error)
	if j.DatabaseURL != "" {
		page, err = barePostgres(ctx, j)
	} else {
		page, err = bareSQLite(j)
	}
	if err != nil {
		return err
	}
	buffers := sync.Pool{New: func() any { b := make([]byte, 0, 128<<10); return &b }}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		p := buffers.Get().(*[]byte)
		defer buffers.Put(p)
		b, err := page(r.Context(), append((*p)[:0], `{"data":[`...))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b = append(b, `]}`...)
		*p = b
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	})
	return listen(ctx, addr, mux)
}

// barePostgres reads typed values through a pgx pool.
func barePostgres(ctx context.Context, j job) (func(context.Context, []byte) ([]byte, error), error) {
	config, err := pgxpool.ParseConfig(j.DatabaseURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	org := [16]byte(j.Org)
	return func(ctx context.Context, b []byte) ([]byte, error) {
		rows, err := pool.Query(ctx, j.SQL, org)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		dest, names := destinationsFor(rows.FieldDescriptions())
		for n := 0; n < pageSize && rows.Next(); n++ {
			if err := rows.Scan(dest...); err != nil {
				return nil, err
			}
			b = appendRow(b, n, names, dest)
		}
		rows.Close()
		return b, rows.Err()
	}, nil
}

// PostgreSQL's type OIDs of the page's columns.
const (
	oidBool, oidInt8, oidInt4, oidText, oidUUID, oidDate, oidTimestamptz = 16, 20, 23, 25, 2950, 1082, 1184
)

func destinationsFor(columns []pgconn.FieldDescription) (dest []any, names []string) {
	for _, c := range columns {
		names = append(names, strings.TrimSpace(c.Name))
		switch c.DataTypeOID {
		case oidBool:
			dest = append(dest, new(*bool))
		case oidInt8, oidInt4:
			dest = append(dest, new(*int64))
		case oidUUID:
			dest = append(dest, new(*[16]byte))
		case oidDate, oidTimestamptz:
			dest = append(dest, new(*time.Time))
		default:
			dest = append(dest, new(*string))
		}
	}
	return dest, names
}

// bareSQLite reads through database/sql.
func bareSQLite(j job) (func(context.Context, []byte) ([]byte, error), error) {
	db, err := sql.Open("sqlite", "file:"+j.Path+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	st, err := db.Prepare(strings.ReplaceAll(j.SQL, "$1", "?"))
	if err != nil {
		return nil, err
	}
	org := j.Org[:]
	return func(ctx context.Context, b []byte) ([]byte, error) {
		rows, err := st.QueryContext(ctx, org)
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }()
		names, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		values := make([]any, len(names))
		dest := make([]any, len(names))
		for i := range dest {
			dest[i] = &values[i]
		}
		for n := 0; n < pageSize && rows.Next(); n++ {
			if err := rows.Scan(dest...); err != nil {
				return nil, err
			}
			b = appendRow(b, n, names, values)
		}
		return b, rows.Err()
	}, nil
}

// appendRow appends one row as a JSON object.
func appendRow(b []byte, n int, names []string, values []any) []byte {
	if n > 0 {
		b = append(b, ',')
	}
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name(names, i)...), `":`...)
		b = appendValue(b, names[i], v)
	}
	return append(b, '}')
}

// name returns a column's name; two computed columns have none of their own.
func name(names []string, i int) string {
	switch i {
	case 6:
		return "contact_name"
	case 7:
		return "contact_email"
	case len(names) - 1:
		return "key"
	}
	return names[i]
}

func appendValue(b []byte, column string, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case **string:
		if *v != nil {
			return appendText(b, **v)
		}
	case **int64:
		if *v != nil {
			return appendInt(b, column, **v)
		}
	case **[16]byte:
		if *v != nil {
			return appendUUID(b, (**v)[:])
		}
	case **time.Time:
		if *v != nil {
			return (*v).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
		}
	case **bool:
		if *v != nil {
			return strconv.AppendBool(b, **v)
		}
	case string:
		return appendText(b, v)
	case int64:
		return appendInt(b, column, v)
	case []byte:
		return appendUUID(b, v)
	default:
		return fmt.Appendf(b, "%q", fmt.Sprint(v))
	}
	return append(b, "null"...)
}

func appendInt(b []byte, column string, v int64) []byte {
	switch column {
	case "value", "one_off_revenue", "monthly_mrr", "annual_value":
		b = strconv.AppendInt(b, v/100, 10)
		return append(b, '.', byte('0'+v%100/10), byte('0'+v%10))
	case "created_at", "updated_at", "closed_at", "stage_changed_at":
		return time.UnixMicro(v).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
	case "expected_close_date", "first_billing_date":
		return time.Unix(v*24*60*60, 0).UTC().AppendFormat(b, `"2006-01-02"`)
	}
	return strconv.AppendInt(b, v, 10)
}

func appendUUID(b, id []byte) []byte {
	b = append(b, '"')
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[:n])
		id = id[n:]
	}
	return append(b, '"')
}

// appendText appends strings that need no escaping directly, and others with encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // strings always marshal
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
