package transfer_test

import (
	"strings"
	"testing"
	"time"

	"sixty/internal/transfer"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var out strings.Builder
	m := transfer.NewMeter(&out, func() time.Time { return now })
	m.Clear() // nothing is there yet
	show := func(after time.Duration, rows, done, total int64, want string) {
		t.Helper()
		now = now.Add(after)
		out.Reset()
		m.Show(transfer.Progress{Counts: transfer.Counts{Read: rows}, Done: done, Total: total})
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
	const erase = "\r\x1b[K"
	show(2*time.Second, 5000, 50, 100, erase+" 50% [===============               ] 5000 rows, 2500/s")
	show(199*time.Millisecond, 6000, 60, 100, "")
	show(time.Millisecond, 6600, 100, 100, erase+"100% [==============================] 6600 rows, 3000/s")
	show(800*time.Millisecond, 9000, 7, -1, erase+"9000 rows, 3000/s")
	out.Reset()
	m.Clear()
	m.Clear()
	if out.String() != erase {
		t.Errorf("cleared by %q", out.String())
	}
}
