package ratelimit

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"github.com/sony/gobreaker/v2"
)

//go:embed script.lua
var script string

// What Redis may take.
const (
	// patience is the longest that a request waits.
	patience = 20 * time.Millisecond
	// commandLimit bounds a command that nobody waits for any more, connecting
	// included: it may succeed late and so open the way for those that follow.
	commandLimit = time.Second
	// maxRunning bounds the commands that run.
	maxRunning = 256
	// trip is after how many failures in a row Redis is not asked for openFor.
	trip    = 5
	openFor = time.Second
)

// Reasons for having no answer.
var (
	errBusy   = errors.New("too many commands are running")
	errLate   = errors.New("no answer in time")
	errAnswer = errors.New("the script's answer has another form")
)

// shared decides in Redis, for all instances.
type shared struct {
	client   func() rueidis.Client
	script   *rueidis.Lua
	breaker  *gobreaker.CircuitBreaker[[]int64]
	running  chan struct{} // holds one for each command
	prefix   string
	rules    []string      // the script's arguments that are always the same
	clock    func() string // its time; "" is the server's
	patience time.Duration
}

func newShared(o *Options) *shared {
	p := o.Penalties.micros()
	s := &shared{
		client: o.Redis, script: rueidis.NewLuaScript(script), prefix: o.Prefix,
		running: make(chan struct{}, maxRunning),
		// Clocks of instances differ, and whoever is ahead would have more.
		clock:    func() string { return "" },
		patience: patience,
	}
	for _, n := range []int64{p.first, p.longest, p.block, p.quiet, p.delays, tiers} {
		s.rules = append(s.rules, strconv.FormatInt(n, 10))
	}
	s.breaker = gobreaker.NewCircuitBreaker[[]int64](gobreaker.Settings{
		Timeout:     openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trip },
		IsExcluded:  func(err error) bool { return errors.Is(err, errBusy) }, // which says nothing about Redis
		OnStateChange: func(_ string, from, to gobreaker.State) {
			o.Logger.Info("rate limits in redis: circuit breaker", slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return s
}

// close waits for the commands that run: filling the room for them does.
func (s *shared) close() {
	for range maxRunning {
		s.running <- struct{}{}
	}
}

// ready tells whether it is worth asking.
func (s *shared) ready() bool {
	return s.client() != nil && s.breaker.State() != gobreaker.StateOpen
}

// decide decides a trial, in whose states is what is known here. It is false if there
// is no answer; then the trial is as it was.
func (s *shared) decide(ctx context.Context, now int64, t *trial) bool {
	client := s.client()
	if client == nil {
		return false
	}
	keys, args := s.arguments(now, t)
	answer, err := s.breaker.Execute(func() ([]int64, error) {
		numbers, err := s.await(ctx, client, keys, args)
		if err == nil && len(numbers) != 1+3*len(t.plan.limits) {
			err = errAnswer
		}
		return numbers, err
	})
	if err != nil {
		return false
	}
	t.allowed = answer[0] == 1
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
	args = make([]string, 0, 2+len(s.rules)+6*len(t.plan.limits))
	args = append(args, s.clock(), flag(t.counts))
	args = append(args, s.rules...)
	for i := range t.plan.limits {
		l, c := &t.plan.limits[i], &t.charges[i]
		// Less than is known by as long as it may be under way.
		known := max(0, t.states[i].tat-now-patience.Microseconds())
		args = append(args, strconv.Itoa(l.subject+1), strconv.Itoa(int(l.tier)), strconv.FormatInt(c.cost, 10),
			strconv.FormatInt(c.whole, 10), flag(c.strict), strconv.FormatInt(known, 10))
	}
	return keys, args
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// await runs the script on a goroutine of its own, which is bounded, because the
// driver may wait for a connection without regard to the context. A caller who goes
// is not regarded: the wait is short, and what is charged is to be learnt.
func (s *shared) await(ctx context.Context, client rueidis.Client, keys, args []string) ([]int64, error) {
	select {
	case s.running <- struct{}{}:
	default:
		return nil, errBusy
	}
	type answer struct {
		numbers []int64
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-s.running }()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandLimit)
		defer cancel()
		numbers, err := s.script.Exec(limited, client, keys, args).AsIntSlice()
		answers <- answer{numbers, err}
	}()
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.numbers, a.err
	case <-timer.C:
		return nil, errLate
	}
}
