package jobs_test

import (
	"strings"
	"testing"
	"time"

	"sixty/internal/jobs"
)

func TestNextTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, after, next string }{
		{"0 * * * *", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"}, // Europe's clocks skip this hour
		{"0 * * * *", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}, // the next one, not the same again
		{"*/30 * * * *", "2026-01-01T00:10:00Z", "2026-01-01T00:30:00Z"},
		{"0 */6 * * *", "2026-01-01T23:00:00Z", "2026-01-02T00:00:00Z"},
		{"0 8 * * MON", "2026-01-01T00:00:00Z", "2026-01-05T08:00:00Z"},
		{"0 8 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T08:00:00Z"},  // Sunday, as 0
		{"0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}, // either day, as crontab(5)
		{"0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		// The zone of the time that is asked for does not matter.
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 5*3600+1800)} {
			next, err := jobs.NextTime(c.cron, after.In(zone))
			if got := next.UTC().Format(time.RFC3339); err != nil || got != c.next {
				t.Errorf("%s after %s: %s %v, want %s", c.cron, c.after, got, err, c.next)
			}
		}
	}
}

func TestValidCron(t *testing.T) {
	t.Parallel()
	const five = 5 * time.Minute
	for cron, want := range map[string]string{
		"0 8 * * 1":                            "",
		"*/5 * * * *":                          "",
		"2-57/5 * * * *":                       "",
		"0,30 8-18 * * MON-FRI":                "",
		"0 0 29 2 *":                           "",
		"":                                     "must have five fields",
		"0 8 * *":                              "not 4",
		"0 0 8 * * 1":                          "not 6",
		"@daily":                               "must have five fields",
		"@every 5m":                            "must have five fields",
		"CRON_TZ=Europe/Rome 0 8 * * *":        "no time zone",
		"TZ=UTC 0 8 * * *":                     "no time zone",
		"60 8 * * *":                           "and \"60 8 * * *\" is not",
		"0 24 * * *":                           "is not",
		"0 8 0 * *":                            "is not",
		"0 8 * 13 *":                           "is not",
		"0 8 * * 8":                            "is not",
		"a b c d e":                            "is not",
		"0 8 L * *":                            "is not",
		"0 8 * * 1#2":                          "is not",
		"H 8 * * *":                            "is not",
		"0 0 30 2 *":                           "never does",
		"0 0 31 4,6,9,11 *":                    "never does",
		"* * * * *":                            "not occur oftener than every 5 minutes",
		"*/4 * * * *":                          "after 4",
		"0,1 0 29 2 *":                         "after 1",
		"58,0 0,23 * * *":                      "after 2", // over midnight
		"0 8 * * 1" + strings.Repeat(" ", 200): "at most 200",
	} {
		err := jobs.ValidCron(cron, five)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", cron, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), "must ") || !strings.Contains(err.Error(), want)):
			t.Errorf("%.40s: %v, want %q", cron, err, want)
		}
	}
	if err := jobs.ValidCron("* * * * *", 0); err != nil {
		t.Error(err)
	}
}

func TestDefaultSchedules(t *testing.T) {
	t.Parallel()
	for _, kind := range jobs.Kinds {
		if kind.Cron == "" {
			continue
		}
		if err := jobs.ValidCron(kind.Cron, 0); err != nil || !kind.System {
			t.Errorf("%s: %v", kind.Kind, err)
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, text := range []string{"0 8 * * 1", "*/5 * * * *", "@every 1s", "TZ=UTC 0 0 * * *", "0 0 30 2 *", "1-5,7/2 * * JAN-MAR FRI", "* * * * */0"} {
		f.Add(text)
	}
	after := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		valid := jobs.ValidCron(text, 0)
		next, err := jobs.NextTime(text, after)
		if (valid == nil) != (err == nil) {
			t.Fatalf("%q is valid: %v; its next time: %v", text, valid, err)
		}
		if err == nil && (!next.After(after) || next.Second() != 0) {
			t.Fatalf("%q occurs at %s after %s", text, next, after)
		}
	})
}
