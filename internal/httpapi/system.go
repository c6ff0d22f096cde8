package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"sixty/internal/server"
)

// healthTimeout bounds how long a question after health may take: whoever asks wants
// to know soon.
const healthTimeout = 2 * time.Second

// systemOperations gives what a supervisor asks.
func (a *API) systemOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: "/api/health", id: "getHealth", tag: "System", public: true, cost: server.Free("a supervisor asks"),
			summary: "Tell whether all is well", description: "A bare object, not an envelope.",
			answer: statusSchema("healthy"), run: a.healthOr(`{"status":"healthy"}`),
		},
		{
			method: http.MethodGet, path: "/livez", id: "getLiveness", tag: "System", public: true, cost: server.Free("a supervisor asks"),
			summary: "Tell that the program runs", description: "Asks nothing else: a program that answers is alive.",
			answer: statusSchema("alive"),
			run: func(c *call) error {
				c.Out = append(c.Out, `{"status":"alive"}`...)
				return nil
			},
		},
		{
			method: http.MethodGet, path: "/readyz", id: "getReadiness", tag: "System", public: true, cost: server.Free("a supervisor asks"),
			summary: "Tell whether requests can be served",
			answer:  statusSchema("ready"), run: a.healthOr(`{"status":"ready"}`),
		},
	}
}

func statusSchema(status string) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"status"},
		Properties: map[string]*huma.Schema{"status": {Type: huma.TypeString, Enum: []any{status}}},
	}
}

// healthOr answers the text when the program can serve, and else a problem.
func (a *API) healthOr(text string) func(*call) error {
	return func(c *call) error {
		ctx, cancel := context.WithTimeout(c.Context, healthTimeout)
		defer cancel()
		if err := a.health(ctx); err != nil {
			return &server.Problem{
				Status: http.StatusServiceUnavailable, Detail: "The program cannot serve requests at the moment.",
				Header: "Retry-After: 1", Cause: err,
			}
		}
		c.Out = append(c.Out, text...)
		return nil
	}
}
