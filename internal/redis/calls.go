package redis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
	"github.com/sony/gobreaker/v2"
)

// Patience is the longest that a caller waits for an answer.
const Patience = 20 * time.Millisecond

// What Redis may take.
const (
	// commandLimit bounds a command that nobody waits for any more, connecting
	// included: it may succeed late and so open the way for those that follow.
	commandLimit = time.Second
	// trip is after how many failures in a row Redis is not asked for openFor.
	trip    = 5
	openFor = time.Second
)

// errBusy and errLate are reasons for having no answer.
var (
	errBusy = errors.New("too many commands are running")
	errLate = errors.New("no answer in time")
)

// Calls are the commands that one part of the program gives, each of which is awaited
// for a short time. While Redis does not answer them, a circuit breaker keeps them from
// being given: one part's failures are nothing to another. They are safe for concurrent
// use.
type Calls[T any] struct {
	client   func() rueidis.Client
	breaker  *gobreaker.CircuitBreaker[T]
	running  chan struct{} // holds one for each command
	patience time.Duration
}

// CallsOptions say what Calls may take. All of them are needed.
type CallsOptions struct {
	Name    string                // in the log
	Client  func() rueidis.Client // nil until there is one; Conn.Client
	Running int                   // bounds the commands that run
	// Patience is the longest that a caller waits; usually the package's Patience.
	Patience time.Duration
	Logger   *slog.Logger // hears when the circuit breaker opens and closes
}

// NewCalls makes Calls. Close ends them, before the connection.
func NewCalls[T any](o CallsOptions) *Calls[T] {
	return &Calls[T]{
		client: o.Client, running: make(chan struct{}, o.Running), patience: o.Patience,
		breaker: gobreaker.NewCircuitBreaker[T](gobreaker.Settings{
			Timeout:      openFor,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trip },
			IsSuccessful: func(err error) bool { return err == nil || rueidis.IsRedisNil(err) },
			// A caller who has gone, and a bound of our own, say nothing about Redis.
			IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) || errors.Is(err, errBusy) },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				o.Logger.Info("redis: circuit breaker", slog.String("of", o.Name), slog.String("from", from.String()), slog.String("to", to.String()))
			},
		}),
	}
}

// Ready tells whether it is worth asking: Redis was reached and the breaker is not open.
func (c *Calls[T]) Ready() bool {
	return c.client() != nil && c.breaker.State() != gobreaker.StateOpen
}

// State names the breaker's state: closed, half-open or open; or connecting, while Redis
// has not been reached yet.
func (c *Calls[T]) State() string {
	if c.client() == nil {
		return "connecting"
	}
	return c.breaker.State().String()
}

// Do gives a command and awaits its answer for a short time, or until ctx ends. The
// command runs on within bounds of its own when nobody waits any more. Asked tells
// whether Redis was asked at all; that there is nothing under a key is an error that
// rueidis.IsRedisNil tells.
func (c *Calls[T]) Do(ctx context.Context, command func(context.Context, rueidis.Client) (T, error)) (answer T, asked bool, err error) {
	client := c.client()
	if client == nil {
		return answer, false, errLate
	}
	answer, err = c.breaker.Execute(func() (T, error) { return c.await(ctx, client, command) })
	refused := errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) || errors.Is(err, errBusy)
	return answer, !refused, err
}

// Close waits for the commands that run, each of which is bounded: filling the room for
// them does. Those that come later are refused.
func (c *Calls[T]) Close() {
	for range cap(c.running) {
		c.running <- struct{}{}
	}
}

// await runs a command on a goroutine of its own, which is bounded, because the
// driver may wait for a connection without regard to the context.
func (c *Calls[T]) await(ctx context.Context, client rueidis.Client, command func(context.Context, rueidis.Client) (T, error)) (none T, err error) {
	select {
	case c.running <- struct{}{}:
	default:
		return none, errBusy
	}
	type result struct {
		answer T
		err    error
	}
	results := make(chan result, 1)
	go func() {
		defer func() { <-c.running }()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandLimit)
		defer cancel()
		answer, err := command(limited, client)
		results <- result{answer, err}
	}()
	timer := time.NewTimer(c.patience)
	defer timer.Stop()
	select {
	case r := <-results:
		return r.answer, r.err
	case <-timer.C:
		return none, errLate
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
