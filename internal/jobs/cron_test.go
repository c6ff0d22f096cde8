package jobs

import (
	"testing"
	"time"
)

func TestNextTime(t *testing.T) {
	t.Parallel()
	after := time.Date(2026, 3, 28, 23, 59, 30, 0, time.FixedZone("", 3600))
	for expression, want := range map[string]string{
		"0 * * * *":    "2026-03-28T23:00:00Z",
		"*/30 * * * *": "2026-03-28T23:00:00Z",
		"0 2 * * *":    "2026-03-29T02:00:00Z", // an hour that is missing in many time zones
		"0 */6 * * *":  "2026-03-29T00:00:00Z",
		"0 7 * * 1":    "2026-03-30T07:00:00Z",
		"0 7 * * MON":  "2026-03-30T07:00:00Z",
		"0 0 29 2 *":   "2028-02-29T00:00:00Z",
		"15 10 1 1 *":  "2027-01-01T10:15:00Z",
	} {
		next, err := NextTime(expression, after)
		if err != nil || next.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v; want %s", expression, next, err, want)
		}
	}
	for _, expression := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "0 24 * * *", "0 0 30 2 *", "@daily", "@every 1s", "TZ=Europe/Berlin 0 2 * * *",
		"CRON_TZ=UTC 0 2 * * *", "0 0 * * FUNDAY", "a b c d e", "0 0 1 1 * 2030", "-1 * * * *", "*/0 * * * *",
	} {
		if next, err := NextTime(expression, after); err == nil {
			t.Errorf("%q is accepted: %s", expression, next)
		}
	}
}
