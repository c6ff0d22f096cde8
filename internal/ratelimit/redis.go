package ratelimit

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/redis"
)

//go:embed script.lua
var script string

// maxRunning bounds the commands that run.
const maxRunning = 256

// errAnswer is a reason for having no answer.
var errAnswer = errors.New("the script's answer has another form")

// shared decides in Redis, for all instances.
type shared struct {
	calls  *redis.Calls[[]int64]
	script *rueidis.Lua
	prefix string
	rules  []string      // the script's arguments that are always the same
	clock  func() string // its time; "" is the server's
}

func newShared(o *Options, patience time.Duration) *shared {
	p := o.Penalties.micros()
	s := &shared{
		calls: redis.NewCalls[[]int64](redis.CallsOptions{
			Name: "rate limits", Client: o.Redis, Running: maxRunning, Patience: patience, Logger: o.Logger,
		}),
		script: rueidis.NewLuaScript(script), prefix: o.Prefix,
		// Clocks of instances differ, and whoever is ahead would have more.
		clock: func() string { return "" },
	}
	for _, n := range []int64{p.first, p.longest, p.block, p.quiet, p.delays, tiers} {
		s.rules = append(s.rules, strconv.FormatInt(n, 10))
	}
	return s
}

// decide decides a trial, in whose states is what is known here. It is false if there
// is no answer; then the trial is as it was.
func (s *shared) decide(ctx context.Context, now int64, t *trial) bool {
	keys, args := s.arguments(now, t)
	want := 1 + 3*len(t.plan.limits)
	// A caller who goes is not regarded: the wait is short, and what is charged is to be
	// learnt.
	answer, _, err := s.calls.Do(context.WithoutCancel(ctx), func(ctx context.Context, client rueidis.Client) ([]int64, error) {
		numbers, err := s.script.Exec(ctx, client, keys, args).AsIntSlice()
		if err == nil && len(numbers) != want {
			err = errAnswer
		}
		return numbers, err
	})
	if err != nil {
		return false
	}
	t.allowed, t.lent = answer[0] > 0, answer[0] == 2
	for i := range t.plan.limits {
		a := answer[1+3*i:]
		// From the beginning of the wait, which is a little early: what memory learns
		// must not be more than is so, as Redis is told of it again.
		t.states[i] = state{tat: now + a[0], level: a[1], mark: now + a[2]}
	}
	return true
}

// arguments are the script's.
func (s *shared) arguments(now int64, t *trial) (keys, args []string) {
	subjects, n := t.caller.subjects()
	keys = make([]string, 0, perCaller)
	for i := range subjects[:n] {
		keys = append(keys, subjects[i].key(s.prefix))
	}
	args = make([]string, 0, 3+len(s.rules)+7*len(t.plan.limits))
	args = append(args, s.clock(), flag(t.counts))
	args = append(args, s.rules...)
	var lasts int64
	if t.lend > 0 {
		lasts = t.plan.lease.lasts
	}
	args = append(args, strconv.FormatInt(lasts, 10))
	for i := range t.plan.limits {
		l, c := &t.plan.limits[i], &t.charges[i]
		// Less than is known by as long as it may be under way.
		known := max(0, t.states[i].tat-now-redis.Patience.Microseconds())
		args = append(args, strconv.Itoa(l.subject+1), strconv.Itoa(int(l.tier)), strconv.FormatInt(c.cost, 10),
			strconv.FormatInt(c.whole, 10), flag(c.strict), strconv.FormatInt(known, 10), strconv.FormatInt(l.time(t.lend), 10))
	}
	return keys, args
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
