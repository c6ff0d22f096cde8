package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// healthTimeout bounds a health check: supervisors do not wait long.
const healthTimeout = 2 * time.Second

// Health is what health checks report.
type Health interface {
	// Readable and Writable return an error if requests that read the database, or write to
	// it, cannot be served, or soon will not be. Of a *crm.Error, clients see the message.
	Readable(ctx context.Context) error
	Writable(ctx context.Context) error
	// Warnings returns what is wrong while requests are served, for clients to see.
	Warnings() []string
}

// healthy is the Health of a program without a database.
type healthy struct{}

func (healthy) Readable(context.Context) error { return nil }
func (healthy) Writable(context.Context) error { return nil }
func (healthy) Warnings() []string             { return nil }

// systemOperations returns the health checks.
func (a *API) systemOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: "/api/health", id: "getHealth", tag: "System", public: true, cost: server.Free("supervisors poll it"),
			summary:     "Check health",
			description: "A bare object, not an envelope. degraded: requests are served, but an operator should read what is wrong. 503: they are not.",
			answer:      healthSchema(), run: a.health(),
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
			summary:     "Check that requests can be served",
			description: "503 if the database cannot be read or written, and from the beginning of the shutdown on, when requests are still served for a while.",
			query:       readinessQuery.document(), problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
			answer: statusSchema("ready"), run: a.ready(),
		},
	}
}

// readiness is what a server is to be ready for.
type readiness struct{ readsOnly bool }

var readinessQuery = query[readiness]{{
	name: "for", doc: "reads: whether the database can be read is enough.",
	schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"reads"}},
	read: func(dst *readiness, value string) error {
		if value != "reads" {
			return invalid("must be reads, or not given")
		}
		dst.readsOnly = true
		return nil
	},
}}

func statusSchema(status ...any) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"status"},
		Properties: map[string]*huma.Schema{"status": {Type: huma.TypeString, Enum: status}},
	}
}

func healthSchema() *huma.Schema {
	s := statusSchema("healthy", "degraded")
	s.Properties["problems"] = &huma.Schema{
		Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: "What is wrong; only where the status is degraded.",
	}
	return s
}

func (a *API) health() func(*call) error {
	return func(c *call) error {
		if err := checked(c.Context, a.Health.Writable); err != nil {
			return err
		}
		problems := a.Health.Warnings()
		if len(problems) == 0 {
			c.Out = append(c.Out, `{"status":"healthy"}`...)
			return nil
		}
		c.Out = append(c.Out, `{"status":"degraded","problems":[`...)
		for i, text := range problems {
			if i > 0 {
				c.Out = append(c.Out, ',')
			}
			c.Out = appendString(c.Out, text)
		}
		c.Out = append(c.Out, `]}`...)
		return nil
	}
}

func (a *API) ready() func(*call) error {
	return func(c *call) error {
		var wanted readiness
		if errs, malformed := readinessQuery.read(c.Request.URL.RawQuery, &wanted); len(errs) > 0 {
			return server.InvalidQuery(errs, malformed)
		}
		check := a.Health.Writable
		if wanted.readsOnly {
			check = a.Health.Readable
		}
		if err := checked(c.Context, check); err != nil {
			return err
		}
		c.Out = append(c.Out, `{"status":"ready"}`...)
		return nil
	}
}

// checked runs a check, and turns its error into a problem.
func checked(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	err := check(ctx)
	if err == nil || crm.CodeOf(err) == crm.CodeUnavailable {
		return err
	}
	return &server.Problem{
		Status: http.StatusServiceUnavailable, Detail: "The program cannot serve requests at the moment.",
		Header: "Retry-After: 1", Cause: err,
	}
}
