package telemetry_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sixty/internal/telemetry"
)

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		json  bool
		least slog.Level
		want  string
	}{
		{"text for people", false, slog.LevelInfo, `level=INFO msg=said n=1`},
		{"JSON for machines", true, slog.LevelInfo, `"level":"INFO","msg":"said","n":1}`},
		{"below the level", true, slog.LevelWarn, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			telemetry.NewLogger(&b, c.json, c.least).Info("said", "n", 1)
			if got := b.String(); !strings.HasSuffix(strings.TrimSpace(got), c.want) || (c.want == "") != (got == "") {
				t.Errorf("got %q, want it to end in %q", got, c.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	m.ObserveStatement("deal_page", 2*time.Millisecond, nil)
	m.ObserveStatement("deal_page", 3*time.Millisecond, nil)
	m.ObserveStatement("deal_page", time.Second, errors.New("gone"))
	m.ObservePool(func() (open, inUse, limit int) { return 3, 2, 20 })

	res := httptest.NewRecorder()
	m.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`sixty_db_statement_duration_seconds_count{outcome="ok",statement="deal_page"} 2`,
		`sixty_db_statement_duration_seconds_count{outcome="error",statement="deal_page"} 1`,
		"sixty_db_connections_open 3",
		"sixty_db_connections_in_use 2",
		"sixty_db_connections_max 20",
		"go_goroutines ",
	} {
		if !strings.Contains(res.Body.String(), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

func TestJobMetrics(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	j := m.NewJobs()
	j.Started("data-export", 2*time.Second)
	j.Started("data-export", -time.Second) // clocks differ
	j.Ended("data-export", "failed", 20*time.Millisecond)
	res := httptest.NewRecorder()
	m.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`sixty_jobs_started_total{kind="data-export"} 2`,
		`sixty_jobs_ended_total{kind="data-export",state="failed"} 1`,
		`sixty_jobs_wait_seconds_sum{kind="data-export"} 2`,
		`sixty_jobs_run_seconds_count{kind="data-export"} 1`,
	} {
		if !strings.Contains(res.Body.String(), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

func BenchmarkObserveStatement(b *testing.B) {
	m := telemetry.NewMetrics()
	b.ReportAllocs()
	for b.Loop() {
		m.ObserveStatement("deal_page", time.Millisecond, nil)
	}
}
