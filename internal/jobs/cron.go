package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// cronFields are the fields of an expression: minute, hour, day of the month, month, day of the week.
const cronFields = 5

// cronYears bounds the search for the next time: between two leap days are at most eight years.
const cronYears = 8

// MaxCronLength bounds an expression, in bytes.
const MaxCronLength = 200

// cronParser reads expressions as crontab(5) does: where both days are restricted, either matches.
var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom).WithMaxSearchYears(cronYears)

// parseCron parses an expression. The error's text is "must …".
func parseCron(text string) (cron.Schedule, error) {
	switch fields := strings.Fields(text); {
	case strings.Contains(text, "TZ="):
		return nil, errors.New("must have no time zone: times are in UTC")
	case strings.HasPrefix(text, "@"):
		return nil, fmt.Errorf("must have five fields, such as 0 8 * * 1 for Mondays at 8:00 UTC, and %.40q is none of them", text)
	case len(text) > MaxCronLength:
		return nil, fmt.Errorf("must be at most %d characters long", MaxCronLength)
	case len(fields) != cronFields:
		return nil, fmt.Errorf("must have five fields (minute, hour, day of the month, month, day of the week), not %d", len(fields))
	}
	schedule, err := cronParser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("must be five fields such as 0 8 * * 1, and %q is not: %w", text, err)
	}
	return schedule, nil
}

// NextTime returns the first time after another at which a cron expression (five fields, in UTC)
// occurs. The error's text is "must …".
func NextTime(text string, after time.Time) (time.Time, error) {
	schedule, err := parseCron(text)
	if err != nil {
		return time.Time{}, err
	}
	next := schedule.Next(after.UTC())
	if next.IsZero() {
		return next, fmt.Errorf("must occur at some time, and %q never does", text)
	}
	return next, nil
}

// cronChecked is how many times of an expression are checked for their distance: more than a day
// has at the least distance of an organisation's schedules.
const cronChecked = 300

// ValidCron returns an error for an expression that cannot be parsed, never occurs, or occurs twice
// within less than a time; 0: as often as it likes. The error's text is "must …".
func ValidCron(text string, least time.Duration) error {
	schedule, err := parseCron(text)
	if err != nil {
		return err
	}
	at, err := NextTime(text, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	for i := 0; least > 0 && i < cronChecked; i++ {
		next := schedule.Next(at)
		if next.IsZero() {
			return nil
		}
		if pause := next.Sub(at); pause < least {
			return fmt.Errorf("must not occur oftener than every %d minutes, and %q occurs after %d", int(least.Minutes()), text, int(pause.Minutes()))
		}
		at = next
	}
	return nil
}
