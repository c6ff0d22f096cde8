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

// maxRunning bounds the concurrent commands.
const maxRunning = 256

// errAnswer is the error for a malformed result.
var errAnswer = errors.New("unexpected result of the script")

// shared decides in Redis, for all instances.
type shared struct {
	calls     *redis.Calls[[]int64]
	script    *rueidis.Lua
	prefix    string
	penalties []string      // the constant arguments of the script
	clock     func() string // its time argument; "" is the server's clock
}

func newShared(o *Options, patience time.Duration) *shared {
	p := o.Penalties.micros()
	s := &shared{
		calls: redis.NewCalls[[]int64](redis.CallsOptions{
			Name: "rate limits", Client: o.Redis, Running: maxRunning, Patience: patience, Logger: o.Logger,
		}),
		script: rueidis.NewLuaScript(script), prefix: o.Prefix,
		// The server's clock, because those of instances differ.
		clock: func() string { return "" },
	}
	for _, n := range []int64{p.first, p.longest, p.block, p.resetAfter, p.delays, tiers} {
		s.penalties = append(s.penalties, strconv.FormatInt(n, 10))
	}
	return s
}

// decide decides an attempt, whose states are those known here. If it returns false, Redis
// has not answered and the attempt is unchanged.
func (s *shared) decide(ctx context.Context, now int64, t *attempt) bool {
	keys, args := s.arguments(now, t)
	want := 1 + 3*len(t.plan.limits)
	// Not cancelled with the request: the wait is short, and the charge must be recorded.
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
	t.allowed, t.leaseGranted = answer[0] > 0, answer[0] == 2
	for i := range t.plan.limits {
		a := answer[1+3*i:]
		// Relative to the start of the call, which is slightly early: what memory records
		// is reported to Redis again and must not exceed the actual state.
		t.states[i] = state{tat: now + a[0], level: a[1], penaltyEnd: now + a[2]}
	}
	return true
}

// arguments returns the keys and arguments of the script.
func (s *shared) arguments(now int64, t *attempt) (keys, args []string) {
	subjects, n := t.caller.subjects()
	keys = make([]string, 0, perCaller)
	for i := range subjects[:n] {
		keys = append(keys, subjects[i].key(s.prefix))
	}
	args = make([]string, 0, 3+len(s.penalties)+7*len(t.plan.limits))
	args = append(args, s.clock(), flag(t.countViolation))
	args = append(args, s.penalties...)
	var lasts int64
	if t.leaseCost > 0 {
		lasts = t.plan.lease.duration
	}
	args = append(args, strconv.FormatInt(lasts, 10))
	for i := range t.plan.limits {
		l, c := &t.plan.limits[i], &t.charges[i]
		// Reduced by the longest possible duration of the call.
		known := max(0, t.states[i].tat-now-redis.Patience.Microseconds())
		args = append(args, strconv.Itoa(l.subject+1), strconv.Itoa(int(l.tier)), strconv.FormatInt(c.cost, 10),
			strconv.FormatInt(c.burst, 10), flag(c.punishable), strconv.FormatInt(known, 10), strconv.FormatInt(l.time(t.leaseCost), 10))
	}
	return keys, args
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
