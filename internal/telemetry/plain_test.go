package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sixty/internal/telemetry"
)

// TestPlainRecords compares the lines of random records with those of slog.JSONHandler.
func TestPlainRecords(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.StringMatching(`[a-z_/]{1,12}`), rapid.String())
	value := rapid.OneOf(
		rapid.Map(texts, slog.StringValue), rapid.Map(rapid.Int64(), slog.Int64Value), rapid.Map(rapid.Uint64(), slog.Uint64Value),
		rapid.Map(rapid.Int64(), func(n int64) slog.Value { return slog.DurationValue(time.Duration(n)) }),
		rapid.Map(rapid.Bool(), slog.BoolValue), rapid.Map(rapid.Float64Range(-1e9, 1e9), slog.Float64Value),
		rapid.Map(texts, func(s string) slog.Value { return slog.GroupValue(slog.String("inner", s)) }),
		rapid.Map(texts, func(s string) slog.Value { return slog.AnyValue([]string{s}) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Time{}
		if rapid.IntRange(0, 9).Draw(t, "timed") > 0 {
			at = time.Unix(rapid.Int64Range(-1e10, 1e10).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
		}
		level := slog.Level(rapid.IntRange(-6, 10).Draw(t, "level"))
		r := slog.NewRecord(at, level, texts.Draw(t, "message"), 0)
		for range rapid.IntRange(0, 8).Draw(t, "attributes") {
			r.AddAttrs(slog.Attr{Key: texts.Draw(t, "key"), Value: value.Draw(t, "value")})
		}
		var got, want bytes.Buffer
		lines := telemetry.NewLines(&got)
		h := telemetry.NewLogger(lines, true, slog.Level(-100)).Handler()
		var g slog.Handler = slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: slog.Level(-100)})
		switch rapid.IntRange(0, 4).Draw(t, "with") {
		case 0:
			h, g = h.WithGroup("g"), g.WithGroup("g")
		case 1:
			attrs := []slog.Attr{slog.Int("a", 1)}
			h, g = h.WithAttrs(attrs), g.WithAttrs(attrs)
		}
		if err := h.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if err := g.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		lines.Close()
		if got.String() != want.String() {
			t.Fatalf("written is\n%swant\n%s", got.String(), want.String())
		}
	})
}

// BenchmarkRequestLine formats the log line of a request.
func BenchmarkRequestLine(b *testing.B) {
	lines := telemetry.NewLines(io.Discard)
	defer lines.Close()
	h := telemetry.NewLogger(lines, true, slog.LevelInfo).Handler()
	id := strings.Repeat("ab", 16)
	b.ReportAllocs()
	for b.Loop() {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
		r.AddAttrs(slog.String("request_id", id), slog.String("method", "GET"), slog.String("path", "/api/deals"),
			slog.Int("status", 200), slog.Int("bytes", 52235), slog.Duration("took", 7*time.Microsecond))
		if err := h.Handle(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}
