package server

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"sixty/internal/cache"
)

type contextKey struct{}

// The observer is called once per request, with its context, when it has ended.
func TestObserver(t *testing.T) {
	t.Parallel()
	var events []OperationEvent
	broken := errors.New("broken")
	fail := false
	s := newCachingServer(t, func(c *Call) error {
		if fail {
			return broken
		}
		c.Out = append(c.Out, "{}"...)
		return nil
	}, func(o *Options) {
		o.Observe = func(ctx context.Context, e OperationEvent) {
			if ctx.Value(contextKey{}) != "request" {
				t.Error("the context is not the request's")
			}
			if e.Start.IsZero() || e.Duration <= 0 || e.RequestID == "" || e.Path == "" {
				t.Errorf("%+v", e)
			}
			events = append(events, e)
		}
	})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "request")))
	})
	manager, _ := everyone{}.Authenticate(t.Context(), "")
	for _, test := range []struct {
		method, path string
		anonymous    bool
		fail         bool
		want         OperationEvent
	}{
		{method: "GET", path: "/api/deals", want: OperationEvent{Operation: "listDeals", Status: 200, Bytes: 2, Actor: manager, Cache: cache.Miss}},
		{method: "GET", path: "/api/deals", want: OperationEvent{Operation: "listDeals", Status: 200, Bytes: 2, Actor: manager, Cache: cache.Hit}},
		{method: "GET", path: "/api/owners", want: OperationEvent{Operation: "listOwners", Status: 200, Bytes: 2, Actor: manager}},
		{method: "DELETE", path: aDeal, want: OperationEvent{Operation: "deleteDeal", Status: 200, Bytes: 2, Actor: manager}},
		{method: "GET", path: "/livez", anonymous: true, want: OperationEvent{Operation: "livez", Status: 200, Bytes: 18}},
		{method: "GET", path: "/api/deals?limit=1", fail: true, want: OperationEvent{Operation: "listDeals", Status: 500, Actor: manager, Cache: cache.Miss, Err: broken}},
		{method: "GET", path: "/api/nothing", want: OperationEvent{Status: 404}},
		{method: "GET", path: "/api/owners", anonymous: true, want: OperationEvent{Operation: "listOwners", Status: 401}},
	} {
		events, fail = nil, test.fail
		respond := ask
		if test.anonymous {
			respond = responseTo
		}
		res := respond(t, h, test.method, test.path)
		if len(events) != 1 {
			t.Fatalf("%s %s: %d events", test.method, test.path, len(events))
		}
		got := events[0]
		if got.Method != test.method || got.Bytes != res.Body.Len() || test.want.Bytes != 0 && got.Bytes != test.want.Bytes {
			t.Errorf("%s %s: %+v", test.method, test.path, got)
		}
		if got.Operation != test.want.Operation || got.Status != test.want.Status || got.Actor != test.want.Actor || got.Cache != test.want.Cache ||
			test.want.Err != nil && !errors.Is(got.Err, test.want.Err) || (got.Err != nil) != (got.Status >= 400) {
			t.Errorf("%s %s: %+v, want %+v", test.method, test.path, got, test.want)
		}
	}
}
