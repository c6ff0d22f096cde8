package telemetry_test

import (
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/telemetry"
)

// writes records each write.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) got() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

func TestLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		lines := telemetry.NewLines(&w)
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := w.got(); !slices.Equal(got, want) {
				t.Fatalf("%s: written is %q, want %q", when, got, want)
			}
		}
		write := func(s string) {
			t.Helper()
			if n, err := io.WriteString(lines, s); n != len(s) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		write("a\n")
		write("b\n")
		expect("at once")
		time.Sleep(100 * time.Millisecond)
		expect("after a moment", "a\nb\n")
		write("c\n")
		lines.Flush()
		expect("flushed", "a\nb\n", "c\n")
		time.Sleep(time.Second)
		expect("nothing waits", "a\nb\n", "c\n")
		many := strings.Repeat("d", 32<<10)
		write(many)
		expect("as many as wait", "a\nb\n", "c\n", many)
		write("e\n")
		lines.Close()
		expect("closed", "a\nb\n", "c\n", many, "e\n")
		write("f\n")
		expect("after Close", "a\nb\n", "c\n", many, "e\n", "f\n")
	})
}

func TestWarningsAreFlushed(t *testing.T) {
	t.Parallel()
	var w writes
	log := telemetry.NewLogger(telemetry.NewLines(&w), true, slog.LevelInfo).With("a", 1).WithGroup("g")
	log.Info("waits")
	if got := w.got(); len(got) != 0 {
		t.Errorf("written is %q", got)
	}
	log.Warn("does not")
	if got := strings.Join(w.got(), ""); strings.Count(got, "\n") != 2 {
		t.Errorf("written is %q", got)
	}
}
