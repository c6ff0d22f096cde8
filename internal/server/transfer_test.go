package server

import (
	"testing"
	"time"
)

// A client has until the pause for more of a file, and altogether as long as the least rate allows.
func TestTransferDeadline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		after time.Duration
		moved int64
		want  time.Duration
	}{
		"Begin":   {0, 0, 30 * time.Second},
		"Nothing": {20 * time.Second, 0, 30 * time.Second},
		"Slow":    {60 * time.Second, 50 * transferRate, 80 * time.Second},
		"TooSlow": {60 * time.Second, 10 * transferRate, 40 * time.Second},
		"Quick":   {60 * time.Second, 1000 * transferRate, 90 * time.Second},
	} {
		if got := TransferDeadline(start, start.Add(c.after), c.moved).Sub(start); got != c.want {
			t.Errorf("%s: %s after the start, want %s", name, got, c.want)
		}
	}
}
