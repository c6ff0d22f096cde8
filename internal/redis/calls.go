package redis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
	"github.com/sony/gobreaker/v2"
)

// Patience is how long a caller usually waits for an answer.
const Patience = 20 * time.Millisecond

const (
	// commandLimit bounds a command that no caller waits for any more, connecting included:
	// it may still succeed late, which is how Redis is found to be back.
	commandLimit = time.Second
	// trip is the number of consecutive failures after which Redis is not asked for openFor.
	// trip is after how many failures in a row Redis is not asked for openFor.
	trip    = 5
	openFor = time.Second
)

// Reasons for having no answer.
var (
	errBusy = errors.New("too many commands are running")
	errLate = errors.New("no answer in time")
)

// Calls runs the commands of one part of the program, waiting briefly for each. While they
// fail, a circuit breaker stops them; other parts have breakers of their own. It is safe for
// concurrent use.
type Calls[T any] struct {
	client   func() rueidis.Client
	breaker  *gobreaker.CircuitBreaker[T]
	running  chan struct{} // holds one element per running command
	patience time.Duration
}

// CallsOptions configure Calls. All are required.
type CallsOptions struct {
	Name    string                // in log messages
	Client  func() rueidis.Client // may return nil; usually Conn.Client
	Running int                   // bounds the concurrent commands
	// Patience is how long a caller waits; usually the constant Patience.
	Patience time.Duration
	Logger   *slog.Logger // logs state changes of the circuit breaker
}

// NewCalls returns Calls. Close them before the connection.
func NewCalls[T any](o CallsOptions) *Calls[T] {
	return &Calls[T]{
		client: o.Client, running: make(chan struct{}, o.Running), patience: o.Patience,
		breaker: gobreaker.NewCircuitBreaker[T](gobreaker.Settings{
			Timeout:      openFor,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trip },
			IsSuccessful: func(err error) bool { return err == nil || rueidis.IsRedisNil(err) },
			// Neither a cancelled caller nor our own bound is a failure of Redis.
			IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) || errors.Is(err, errBusy) },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				o.Logger.Info("redis: circuit breaker", slog.String("of", o.Name), slog.String("from", from.String()), slog.String("to", to.String()))
			},
		}),
	}
}

// Ready reports whether asking makes sense: connected, and the breaker is not open.
func (c *Calls[T]) Ready() bool {
	return c.client() != nil && c.breaker.State() != gobreaker.StateOpen
}

// State returns the breaker's state: closed, half-open or open; or connecting before the
// first connection.
func (c *Calls[T]) State() string {
	if c.client() == nil {
		return "connecting"
	}
	return c.breaker.State().String()
}

// Do runs a command and waits briefly for its answer, or until ctx ends. Without a waiting
// caller the command continues within commandLimit. asked reports whether Redis was asked
// at all. A missing key is an error for which rueidis.IsRedisNil is true.
func (c *Calls[T]) Do(ctx context.Context, command func(context.Context, rueidis.Client) (T, error)) (answer T, asked bool, err error) {
	client := c.client()
	if client == nil {
		return answer, false, errLate
	}
	answer, err = c.breaker.Execute(func() (T, error) { return c.await(ctx, client, command) })
	rejected := errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) || errors.Is(err, errBusy)
	return answer, !rejected, err
}

// Close waits for the running commands by filling all slots. Later commands are rejected.
func (c *Calls[T]) Close() {
	for range cap(c.running) {
		c.running <- struct{}{}
	}
}

// await runs a command on a goroutine of its own, because the driver may wait for a
// connection regardless of the context.
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
