package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// Pages report what they measure before anyone has signed in. It is counted by name.
func TestWebVitals(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		const path = "/api/analytics/web-vitals"
		for _, vital := range []object{
			{"name": "LCP", "value": 1234.5, "id": "v3-1", "page": "/deals", "delta": 1, "rating": "good", "navigationType": "reload", "nested": object{"a": []int{1}}},
			{"name": "CLS", "value": 0.02}, {"name": "INP", "value": 0}, {"name": "LCP", "value": 90, "page": strings.Repeat("€", 1000)},
		} {
			status, header, body := c.raw("POST", path, "", vital)
			if status != http.StatusNoContent || len(body) > 0 || header.Get("Content-Length") != "" || header.Get("Content-Type") != "" {
				t.Errorf("%v: %d %v %s", vital, status, header, body)
			}
		}
		u := user{client: c}
		for _, test := range []struct {
			body      any
			want      int
			complains string
		}{
			{object{}, 422, "#/name #/value"},
			{object{"name": "XYZ", "value": "9"}, 422, "#/name #/value"},
			{object{"name": "LCP", "value": -1}, 422, "#/value"},
			{`{"name":"LCP","value":1e9}`, 422, "#/value"},
			{`{"name":"LCP","value":1e999}`, 422, "#/value"},
			{`{"name":"LCP","value":null}`, 422, "#/value"},
			{`[]`, 400, ""}, {`{`, 400, ""},
			{object{"name": "LCP", "value": 1, "x": strings.Repeat("x", 1<<20)}, 413, ""},
		} {
			if got := invalid(u.ask(test.want, "POST", path, test.body)); got != test.complains {
				t.Errorf("%v: it complains of %s", test.body, got)
			}
		}
		admin := newUser(c, "Vitals", crm.RoleAdmin)
		_, _, text := admin.raw("GET", "/metrics", admin.key, nil)
		for _, want := range []string{`sixty_web_vital_seconds_count{name="LCP"} 2`, `sixty_web_vital_seconds_sum{name="LCP"} 1.3245`, `sixty_web_vital_seconds_count{name="INP"} 1`, "sixty_web_vital_layout_shift_count 1"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
	})
}

// Reports are limited like other requests.
func TestWebVitalsAreLimited(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.LimitAPI.Requests = 5 })
	status := 0
	for range 10 {
		status, _, _ = c.raw("POST", "/api/analytics/web-vitals", "", object{"name": "LCP", "value": 1})
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("the tenth is answered %d", status)
	}
}
