package redis_test

import (
	"log/slog"
	"testing"
	"time"

	"sixty/internal/jobs"
	jobsredis "sixty/internal/jobs/redis"
	"sixty/internal/redis"
	"sixty/internal/servertest"
)

const patience = time.Minute

// connect returns a connection to Redis, which is established.
func connect(t *testing.T) *redis.Conn {
	t.Helper()
	conn := redis.New(redis.Options{Addresses: []string{servertest.RedisAddress(t)}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(conn.Close)
	for end := time.Now().Add(patience); conn.Client() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Redis is not connected in time")
		}
	}
	return conn
}

func open(t *testing.T, conn *redis.Conn, database string) *jobsredis.Handover {
	t.Helper()
	h := jobsredis.New(conn, database, slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	return h
}

func pop(t *testing.T, h *jobsredis.Handover, kinds ...jobs.Kind) bool {
	t.Helper()
	handed, err := h.Pop(t.Context(), kinds)
	if err != nil {
		t.Fatal(err)
	}
	return handed
}

// push pushes until that succeeds, and returns how often it tried: a late answer is an error.
func push(t *testing.T, h *jobsredis.Handover, kinds ...jobs.Kind) (tries int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := h.Push(t.Context(), kinds)
		if tries++; err == nil {
			return tries
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// What one instance pushes, exactly one other pops: of the same database and kind.
func TestHandover(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	here, there, other := open(t, conn, t.Name()), open(t, conn, t.Name()), open(t, conn, t.Name()+" other")
	tries := push(t, here, jobs.SendEmail, jobs.BulkImport)
	if pop(t, there, jobs.DataExport) || pop(t, other, jobs.SendEmail) {
		t.Error("a push of another kind or database is popped")
	}
	if !pop(t, there, jobs.DataExport, jobs.SendEmail) || !pop(t, here, jobs.BulkImport) {
		t.Error("a push is not popped")
	}
	for pops := 2; pop(t, there, jobs.SendEmail, jobs.BulkImport); pops++ {
		if pops == 2*tries {
			t.Fatal("a push is popped twice")
		}
	}
}

// A pop that waits is woken by a push.
func TestPopWaits(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	h := open(t, conn, t.Name())
	handed := make(chan bool)
	go func() {
		ok := false
		for range 10 { // each waits for a second
			if ok, _ = h.Pop(t.Context(), []jobs.Kind{jobs.SendEmail}); ok {
				break
			}
		}
		handed <- ok
	}()
	push(t, h, jobs.SendEmail)
	if !<-handed {
		t.Error("the push is not popped")
	}
}

// Without Redis, both are errors, and return.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	conn := redis.New(redis.Options{Addresses: []string{"127.0.0.1:1"}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(conn.Close)
	h := open(t, conn, t.Name())
	if err := h.Push(t.Context(), []jobs.Kind{jobs.SendEmail}); err == nil {
		t.Error("Push has succeeded")
	}
	if _, err := h.Pop(t.Context(), []jobs.Kind{jobs.SendEmail}); err == nil {
		t.Error("Pop has succeeded")
	}
}

// The lists are bounded.
func TestBounded(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	h := open(t, conn, t.Name())
	for range 1100 {
		push(t, h, jobs.SendEmail)
	}
	c := conn.Client()
	n, err := c.Do(t.Context(), c.B().Llen().Key("sixty:"+t.Name()+":{jobs}:send-email").Build()).AsInt64()
	if err != nil || n != 1000 {
		t.Errorf("the list has %d elements, %v", n, err)
	}
}
