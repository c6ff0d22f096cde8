package redis_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"sixty/internal/redis"
	"sixty/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connected returns an established connection to the tests' Redis.
func connected(t *testing.T) *redis.Conn {
	t.Helper()
	c := redis.New(redis.Options{Addresses: []string{servertest.RedisAddress(t)}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(c.Close)
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for c.Client() == nil {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatal("cannot connect to Redis")
		}
	}
	return c
}

func calls(t *testing.T, client func() rueidis.Client, running int, patience time.Duration) *redis.Calls[string] {
	t.Helper()
	c := redis.NewCalls[string](redis.CallsOptions{
		Name: "test", Client: client, Running: running, Patience: patience, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(c.Close)
	return c
}

func TestCallsAnswer(t *testing.T) {
	t.Parallel()
	c := calls(t, connected(t).Client, 30, 10*time.Second)
	if !c.Ready() {
		t.Error("not ready")
	}
	got, asked, err := c.Do(t.Context(), func(ctx context.Context, client rueidis.Client) (string, error) {
		return client.Do(ctx, client.B().Ping().Build()).ToString()
	})
	if got != "PONG" || !asked || err != nil {
		t.Errorf("PING: %q, %t, %v", got, asked, err)
	}
	// A missing key is not a failure.
	for range 20 {
		_, asked, err = c.Do(t.Context(), func(ctx context.Context, client rueidis.Client) (string, error) {
			return client.Do(ctx, client.B().Get().Key("test:nothing").Build()).ToString()
		})
		if !asked || !rueidis.IsRedisNil(err) || c.State() != "closed" {
			t.Errorf("GET: %t, %v, the breaker is %s", asked, err, c.State())
		}
	}
}

func TestCallsWithoutAConnection(t *testing.T) {
	t.Parallel()
	c := calls(t, func() rueidis.Client { return nil }, 1, time.Second)
	if _, asked, err := c.Do(t.Context(), nil); asked || err == nil || c.Ready() {
		t.Errorf("asked: %t, %v, ready: %t", asked, err, c.Ready())
	}
	if s := c.State(); s != "connecting" {
		t.Errorf("the state is %s", s)
	}
}

func TestCallsTooLate(t *testing.T) {
	t.Parallel()
	c := calls(t, connected(t).Client, 5, time.Millisecond)
	never := func(ctx context.Context, _ rueidis.Client) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 4 {
		if _, asked, err := c.Do(t.Context(), never); !asked || err == nil {
			t.Fatalf("asked: %t, %v", asked, err)
		}
	}
	// Neither a cancelled caller nor a full queue counts as a failure.
	if _, _, err := c.Do(gone, never); !errors.Is(err, context.Canceled) && err == nil {
		t.Errorf("a cancelled caller: %v", err)
	}
	if _, asked, err := c.Do(t.Context(), never); asked || err == nil {
		t.Errorf("beyond the bound: asked: %t, %v", asked, err)
	}
}

func TestCallsBreakerOpens(t *testing.T) {
	t.Parallel()
	c := calls(t, connected(t).Client, 5, 10*time.Second)
	broken := errors.New("broken")
	for range 5 {
		if _, _, err := c.Do(t.Context(), func(context.Context, rueidis.Client) (string, error) { return "", broken }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	if _, asked, err := c.Do(t.Context(), nil); asked || err == nil || c.Ready() || c.State() != "open" {
		t.Errorf("after five failures: asked: %t, %v, the breaker is %s", asked, err, c.State())
	}
}

func TestCloseWithoutRedis(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a listener that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := redis.New(redis.Options{Addresses: []string{l.Addr().String()}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)})
	began := time.Now()
	c.Close()
	if took := time.Since(began); took > 5*time.Second || c.Client() != nil {
		t.Errorf("Close took %s; a client: %t", took, c.Client() != nil)
	}
}
