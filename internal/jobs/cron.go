package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// maxCron bounds the length of a cron expression.
const maxCron = 200

// cronParser reads five fields, and nothing else: no seconds, years, time zones or @every.
var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// NextTime returns the first time of a cron expression (five fields, as of crontab(5)) after an
// instant, in UTC. The error says what is wrong with the expression, completing "must be".
func NextTime(expression string, after time.Time) (time.Time, error) {
	if len(expression) > maxCron {
		return time.Time{}, fmt.Errorf("at most %d bytes long", maxCron)
	}
	if strings.ContainsAny(expression, "@=") {
		return time.Time{}, errors.New("five fields in UTC (minute, hour, day of the month, month, day of the week), without @ or a time zone")
	}
	schedule, err := cronParser.Parse(expression)
	if err != nil {
		return time.Time{}, fmt.Errorf("five fields (minute, hour, day of the month, month, day of the week), such as 0 7 * * 1: %w", err)
	}
	next := schedule.Next(after.UTC())
	if next.IsZero() {
		return time.Time{}, errors.New("a time that occurs")
	}
	return next, nil
}
