package httpapi

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// An operation is a server.Operation with its entry in the API document.
type operation struct {
	method, path string
	id           string // operationId, unique
	tag          string
	summary      string
	description  string
	query        []*huma.Param
	deprecated   bool
	body         *huma.Schema // nil: it takes none
	bodyOptional bool
	bodyExample  any
	files        bool // the body is files, which receive receives
	status       int  // of success; 0 is 200
	answer       *huma.Schema
	example      any
	headers      []*huma.Param
	media        string // of the response; "" is application/json
	problems     []int  // the statuses of failure that do not follow from the rest (document.go)

	// See server.Operation.
	public      bool
	scope       crm.Scopes // 0: see neededScope
	cost        server.RateLimitCost
	longRunning bool
	secret      bool
	steady      bool
	seeOther    bool // may redirect to another resource (Call.SeeOther)
	maxBody     int
	written     bool // responds by answerWritten
	caching     server.Caching
	receive     func(*call) (server.Received, error)
	run         func(*call) error
	stream      func(*call, http.ResponseWriter) error
	listing     bool // rejects query parameters that it does not know
	// reads are names of query parameters that run reads, besides those of query.
	reads []string
	// part is run for a record that is named by other means than the path; nil where
	// there are none.
	forID func(*call, crm.ID) error
}

// A call is a request to an operation, and its response.
type call = server.Call

// pipeline returns the operation as the server runs it.
func (op *operation) pipeline() *server.Operation {
	names := op.reads
	for _, p := range op.query {
		names = append(names, p.Name)
	}
	return &server.Operation{
		ID: op.id, Method: op.method, Path: op.path, Query: names, OnlyQuery: op.listing, Status: op.status, HasBody: op.body != nil,
		Public: op.public, Scope: op.neededScope(), Cost: op.cost, LongRunning: op.longRunning, Secret: op.secret, Steady: op.steady, MaxBody: op.maxBody, Caching: op.caching, Receive: op.receive, Run: op.run, Stream: op.stream,
	}
}

// recordTags are those of operations on records: what reads them needs the scope read, and
// what changes them write. All others declare their scope.
var recordTags = []string{"Companies", "Contacts", "Deals", "Deal stages", "Activities", "Tasks", "Search", "Dashboard", "Changes"}

// neededScope returns the scope of an operation; 0 if it does not declare the one that it must.
func (op *operation) neededScope() crm.Scopes {
	switch {
	case op.scope != 0 || !slices.Contains(recordTags, op.tag):
		return op.scope
	case op.method == http.MethodGet:
		return crm.ScopeRead
	default:
		return crm.ScopeWrite
	}
}

// register adds an operation to the server and to the API document.
func (a *API) register(op operation) {
	p := op.pipeline()
	a.openAPI.AddOperation(a.describe(op, p))
	a.Server.Register(p)
}

// onID returns the run of an operation on the record with the id in its path.
func onID(record string, run func(*call, crm.ID) error) func(*call) error {
	return func(c *call) error {
		id, err := c.PathID("id", record)
		if err != nil {
			return err
		}
		return run(c, id)
	}
}

// withBody returns the run of an operation that decodes its body.
func withBody[P any](body *bodyReader[P], run func(*call, P) error) func(*call) error {
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		return run(c, p)
	}
}

// The answer functions respond with the result of a use case, or return its error.

// answerOne appends a record in its envelope.
func answerOne[T any](c *call, row *T, err error, write appender[T]) error {
	if err == nil {
		c.Out = append(write(append(c.Out, `{"data":`...), row), `,"error":null}`...)
	}
	return err
}

// answerWritten appends the record that a write has created or changed: its id alone for a
// credential that may not read.
func answerWritten[T any](c *call, id crm.ID, row *T, err error, write appender[T]) error {
	if !c.Actor.Scopes.Has(crm.ScopeRead) {
		write = func(b []byte, _ *T) []byte { return append(appendID(append(b, `{"id":`...), id), '}') }
	}
	return answerOne(c, row, err, write)
}

// answerDeleted appends the response to a deletion.
func answerDeleted(c *call, id crm.ID, err error) error {
	if err == nil {
		c.Out = appendID(append(c.Out, `{"data":{"deleted":true,"id":`...), id)
		c.Out = append(c.Out, `},"error":null}`...)
	}
	return err
}

// answerAll appends a short list, which is one page, in the envelope of a list.
func answerAll[T any](c *call, rows []T, err error, write appender[T]) error {
	if err == nil {
		c.Out = appendRows(append(c.Out, `{"data":`...), rows, write)
		c.Out = appendListTail(c.Out, listTail{count: len(rows), limit: max(len(rows), defaultLimit)})
	}
	return err
}
