package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/server"
)

// healthTimeout bounds a health check: supervisors do not wait long.
const healthTimeout = 2 * time.Second

// systemOperations returns the health checks.
func (a *API) systemOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: "/api/health", id: "getHealth", tag: "System", public: true, cost: server.Free("supervisors poll it"),
			summary: "Check health", description: "A bare object, not an envelope.",
			answer: statusSchema("healthy"), run: a.healthOr(`{"status":"healthy"}`),
		},
		{
			method: http.MethodGet, path: "/livez", id: "getLiveness", tag: "System", public: true, cost: server.Free("supervisors poll it"),
			summary: "Check that the program runs", description: "It checks nothing else: a program that responds is alive.",
			answer: statusSchema("alive"),
			run: func(c *call) error {
				c.Out = append(c.Out, `{"status":"alive"}`...)
				return nil
			},
		},
		{
			method: http.MethodGet, path: "/readyz", id: "getReadiness", tag: "System", public: true, cost: server.Free("supervisors poll it"),
			summary: "Check that requests can be served",
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

// healthOr responds with the text if the program can serve, and otherwise with a problem.
func (a *API) healthOr(text string) func(*call) error {
	return func(c *call) error {
		ctx, cancel := context.WithTimeout(c.Context, healthTimeout)
		defer cancel()
		if err := a.Health(ctx); err != nil {
			return &server.Problem{
				Status: http.StatusServiceUnavailable, Detail: "The program cannot serve requests at the moment.",
				Header: "Retry-After: 1", Cause: err,
			}
		}
		c.Out = append(c.Out, text...)
		return nil
	}
}
