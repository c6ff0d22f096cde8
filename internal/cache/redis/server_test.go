package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sixty/internal/cache"
	shared "sixty/internal/cache/redis"
	"sixty/internal/redis"
	"sixty/internal/servertest"
)

func TestMain(m *testing.M) {
	servertest.VerifyTestMain(m)
}

// patience bounds the waits of tests.
const patience = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("timeout: %s", what)
		}
	}
}

// server is a Redis started by a test.
type server struct {
	port  int
	args  []string
	ready string // the log message
	run   *exec.Cmd
	read  chan struct{} // closed at the end of its output
}

// newServer starts a Redis on a free port, which replaces PORT in its arguments.
func newServer(t *testing.T, ready string, args ...string) *server {
	t.Helper()
	servertest.RequireRedis(t)
	s := &server{args: args, ready: ready}
	t.Cleanup(s.stop)
	for range 10 {
		// Ports below the ephemeral range; those in use make the server fail.
		s.port = 20000 + rand.IntN(12000)
		if s.start(t) {
			return s
		}
	}
	t.Fatal("no free port for redis-server")
	return nil
}

// plain starts a Redis without TLS.
func plain(t *testing.T, args ...string) *server {
	t.Helper()
	return newServer(t, "Ready to accept connections", append([]string{"--port", "PORT"}, args...)...)
}

// start waits for the ready message and reports whether the server runs.
func (s *server) start(t *testing.T) bool {
	t.Helper()
	args := make([]string, 0, len(s.args)+8)
	for _, a := range s.args {
		args = append(args, strings.ReplaceAll(a, "PORT", strconv.Itoa(s.port)))
	}
	args = append(args, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	s.run = exec.Command("redis-server", args...) //nolint:noctx // stopped by Cleanup
	s.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run.Start(); err != nil {
		t.Fatal(err)
	}
	s.read = make(chan struct{})
	said, up := bufio.NewScanner(out), false
	for !up && said.Scan() {
		up = strings.Contains(said.Text(), s.ready)
	}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(io.Discard, out)
	}()
	if !up {
		s.stop()
	}
	return up
}

// stop kills the server.
func (s *server) stop() {
	if s.run == nil {
		return
	}
	_ = s.run.Process.Kill() // may have exited already
	<-s.read
	_ = s.run.Wait()
	s.run = nil
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// cli runs redis-cli.
func (s *server) cli(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-p", strconv.Itoa(s.port)}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %s: %v: %s", args, err, out)
	}
	return string(out)
}

// open returns the tier on one Redis, with changed options.
func open(t *testing.T, address string, change ...func(*redis.Options)) *shared.Shared {
	t.Helper()
	o := redis.Options{Addresses: []string{address}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&o)
	}
	conn := redis.New(o)
	s := shared.New(conn, o.Logger)
	t.Cleanup(func() {
		s.Close()
		conn.Close()
	})
	return s
}

// works waits until a value that was set is found.
func works(t *testing.T, s cache.Shared, when string) {
	t.Helper()
	key := "test:" + t.Name() + ":" + when
	eventually(t, "works "+when, func() bool {
		s.Set(key, []byte(when), time.Minute)
		got, ok := s.Get(t.Context(), key)
		if ok && string(got) != when {
			t.Fatalf("Get = %q, want %q", got, when)
		}
		return ok
	})
}
