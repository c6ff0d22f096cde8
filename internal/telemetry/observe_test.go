package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sixty/internal/telemetry"
)

func TestObserveEach(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	asked := 0.0
	m.ObserveEach(func(emit func(name, help string, counter bool, value float64, labels ...string)) {
		asked++
		emit("sixty_test_asked_total", "How often it was asked.", true, asked)
		emit("sixty_test_level", "A level.", false, 3, "tier", "static", "operation", "stages")
		emit("sixty_test_level", "A level.", false, 4, "tier", "session", "operation", "me")
	})
	for want := range 2 {
		res := httptest.NewRecorder()
		m.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, line := range []string{
			fmt.Sprintf("# TYPE sixty_test_asked_total counter\nsixty_test_asked_total %d\n", want+1),
			"# TYPE sixty_test_level gauge\n",
			`sixty_test_level{operation="stages",tier="static"} 3`,
			`sixty_test_level{operation="me",tier="session"} 4`,
		} {
			if !strings.Contains(res.Body.String(), line) {
				t.Errorf("/metrics lacks %q", line)
			}
		}
	}
}
