package httpapi

import (
	"encoding/json"
	"testing"
	"time"

	"sixty/internal/ratelimit"
)

// newLimiter returns rate limits in memory without delays.
func newLimiter(tb testing.TB, o ratelimit.Options) *ratelimit.Limiter {
	tb.Helper()
	o.Penalties.MaxDelayed = -1
	l, err := ratelimit.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	hour := func(requests int64) ratelimit.Limit { return ratelimit.Limit{Requests: requests, Window: time.Hour} }
	a := newAPI(t, func(o *testOptions) {
		o.Limits = newLimiter(t, ratelimit.Options{Global: hour(1000), API: hour(10), Expensive: hour(5), PrincipalFactor: 1, OrganisationFactor: 3})
	})
	answerTo(t, a, "GET", "/api/changes", "Authorization", "Bearer key")
	var got struct{ Data []limitView }
	w := answerTo(t, a, "GET", "/api/limits", "Authorization", "Bearer key")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Data) != 6 {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	for i, want := range []limitView{
		{"global", "principal", 1000, 999, 3600, 4}, {"api", "principal", 10, 9, 3600, 360}, {"expensive", "principal", 5, 5, 3600, 0},
		{"global", "organisation", 3000, 2999, 3600, 2}, {"api", "organisation", 30, 29, 3600, 120}, {"expensive", "organisation", 15, 15, 3600, 0},
	} {
		if d := want.Reset - got.Data[i].Reset; d < 0 || d > 2 {
			t.Errorf("%d: reset in %d s, want %d", i, got.Data[i].Reset, want.Reset)
		}
		if got.Data[i].Reset = want.Reset; got.Data[i] != want {
			t.Errorf("%d: %+v, want %+v", i, got.Data[i], want)
		}
	}
}
