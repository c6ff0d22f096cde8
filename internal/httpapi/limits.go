package httpapi

import (
	"net/http"
	"reflect"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/server"
)

// limitView is a rate limit in a response.
type limitView struct {
	Tier      string `json:"tier" enum:"global,api,expensive" doc:"The requests that count: all, those to the API, or those of them that are statistics, analysis or exports."`
	Scope     string `json:"scope" enum:"address,principal,organisation" doc:"What the limit applies to."`
	Limit     int64  `json:"limit" doc:"How many requests are allowed at once, and in every window."`
	Remaining int64  `json:"remaining" doc:"How many would be allowed now."`
	Window    int64  `json:"window_seconds"`
	Reset     int64  `json:"reset_seconds" doc:"Seconds until all of them are allowed again."`
}

// limitOperation returns the operation that lists the caller's rate limits.
func (a *API) limitOperation() operation {
	a.schemas.record("Limit", reflect.TypeFor[limitView]())
	return operation{
		method: http.MethodGet, path: "/api/limits", id: "listLimits", scope: crm.ScopeRead, tag: "System",
		summary: "List the rate limits",
		description: "Those of the caller and of the organisation. A cached response counts as a fifth of a request. " +
			"Without rate limits, the list is empty.",
		cost:    server.Free("it costs nothing"),
		caching: server.Uncached("it changes with every request"),
		answer:  a.schemas.list("Limit"),
		run: func(c *call) error {
			return answerAll(c, a.Server.LimitsOf(c.Context, c.Actor), nil, appendLimit)
		},
	}
}

func appendLimit(b []byte, s *ratelimit.LimitStatus) []byte {
	return appendJSON(b, &limitView{
		s.Tier.String(), s.Scope.String(), s.Limit, s.Remaining,
		int64(s.Window / time.Second), int64((s.Reset + time.Second - 1) / time.Second),
	})
}
