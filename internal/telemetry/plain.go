package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// plain is a handler that writes plain records itself: those whose values are texts
// without anything to escape, numbers, truths and durations, which the line of every
// request is. It writes what slog.JSONHandler would, in a fraction of the time, and
// leaves all else to that.
type plain struct {
	slog.Handler // a slog.JSONHandler without attributes, that writes to the same lines
	lines        *Lines
}

// lineRoom keeps the memory that lines are put together in.
var lineRoom = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// Handle writes a record.
func (p plain) Handle(ctx context.Context, r slog.Record) error {
	room := lineRoom.Get().(*[]byte)
	defer lineRoom.Put(room)
	line, ok := appendRecord((*room)[:0], &r)
	if !ok {
		return p.Handler.Handle(ctx, r)
	}
	*room = line
	_, err := p.lines.Write(line)
	return err
}

// appendRecord appends a record as slog.JSONHandler has it; false if it is not plain.
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

// isPlain tells what stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
