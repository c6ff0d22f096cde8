package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// plain is a handler that formats simple records itself: those whose values are numbers,
// booleans, durations, and strings without characters to escape, as in the log line of a
// request. The result is the same as that of slog.JSONHandler, which formats all others,
// in a fraction of the time.
type plain struct {
	slog.Handler // a slog.JSONHandler without attributes, which writes to the same lines
	lines        *Lines
}

// linePool pools the buffers in which lines are formatted.
var linePool = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func (p plain) Handle(ctx context.Context, r slog.Record) error {
	buffer := linePool.Get().(*[]byte)
	defer linePool.Put(buffer)
	line, ok := appendRecord((*buffer)[:0], &r)
	if !ok {
		return p.Handler.Handle(ctx, r)
	}
	*buffer = line
	_, err := p.lines.Write(line)
	return err
}

// appendRecord appends a record as slog.JSONHandler formats it; ok is false if the record
// is not simple.
func appendRecord(b []byte, r *slog.Record) ([]byte, bool) {
	if r.Time.IsZero() || r.Time.Year() > 9999 || !isPlain(r.Message) {
		return b, false
	}
	b = r.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = append(append(b, `","level":"`...), r.Level.String()...)
	b = append(append(append(b, `","msg":"`...), r.Message...), '"')
	ok := true
	r.Attrs(func(a slog.Attr) bool {
		if ok = isPlain(a.Key) && a.Key != ""; !ok {
			return false
		}
		b = append(append(append(b, `,"`...), a.Key...), `":`...)
		switch a.Value.Kind() {
		case slog.KindString:
			s := a.Value.String()
			ok = isPlain(s)
			b = append(append(append(b, '"'), s...), '"')
		case slog.KindInt64:
			b = strconv.AppendInt(b, a.Value.Int64(), 10)
		case slog.KindUint64:
			b = strconv.AppendUint(b, a.Value.Uint64(), 10)
		case slog.KindDuration:
			b = strconv.AppendInt(b, int64(a.Value.Duration()), 10)
		case slog.KindBool:
			b = strconv.AppendBool(b, a.Value.Bool())
		default:
			ok = false
		}
		return ok
	})
	return append(b, "}\n"...), ok
}

// isPlain reports whether s needs no escaping in JSON.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
