package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sixty/internal/crm"
)

// An operation is a method on a path: how it is documented, and what it does.
type operation struct {
	method, path string
	id           string // operationId, unique
	tag          string
	summary      string
	description  string
	query        []*huma.Param
	body         *huma.Schema // nil: it takes none
	status       int          // of success; 0 is 200
	answer       *huma.Schema
	example      any
	problems     []int // what can go wrong besides what every operation shares
	open         bool  // answers without a bearer token
	// run appends the answer to the call's out.
	run func(*call) error
	// part is run for a thing that is named by other means than the path; nil where
	// there are none.
	part func(*call, crm.ID) error
}

// A call is a request on its way through an operation.
type call struct {
	api *API
	ctx context.Context
	w   http.ResponseWriter
	r   *http.Request
	by  crm.Actor // whoever asks; zero in an open operation
	out []byte    // the answer's body
}

// register opens an operation and enters it in the API document.
func (a *API) register(op operation) {
	entry := a.describe(op)
	a.huma.OpenAPI().AddOperation(entry)
	a.huma.Adapter().Handle(entry, func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		a.serve(&op, w, r)
	})
}

// bodies keeps the memory that answers are built in.
type bodies struct{ pool sync.Pool }

// maxKeptBody bounds the memory that a pooled body may hold on to.
const maxKeptBody = 1 << 20

func (p *bodies) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4<<10)
	return &b
}

func (p *bodies) put(b *[]byte) {
	if cap(*b) <= maxKeptBody {
		p.pool.Put(b)
	}
}

// serve answers a request to an operation.
func (a *API) serve(op *operation, w http.ResponseWriter, r *http.Request) {
	c := call{api: a, ctx: r.Context(), w: w, r: r}
	if !op.open {
		var err error
		if c.by, err = a.authenticate(r); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	buffer := a.bodies.get()
	defer a.bodies.put(buffer)
	c.out = (*buffer)[:0]
	err := op.run(&c)
	*buffer = c.out // it may have grown
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h["Content-Type"] = a.jsonType
	h.Set("Content-Length", strconv.Itoa(len(c.out)))
	if op.status != 0 {
		w.WriteHeader(op.status)
	}
	_, _ = w.Write(c.out) // a client that does not read its answer is no failure of ours
}

// authenticate finds on whose behalf a request acts (RFC 6750 section 2.1). The scheme
// is compared without regard to case.
func (a *API) authenticate(r *http.Request) (crm.Actor, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return crm.Actor{}, &problem{
			status: http.StatusUnauthorized,
			detail: "Sign the request with an API key: Authorization: Bearer <key>.",
			header: `WWW-Authenticate: Bearer realm="sixty"`,
		}
	}
	return a.auth.Authenticate(r.Context(), token)
}

// pathID reads an id from the path. What is no UUID is the id of nothing.
func (c *call) pathID(name, what string) (crm.ID, error) {
	id, err := crm.ParseID(c.r.PathValue(name))
	if err != nil {
		return id, crm.NotFound(what)
	}
	return id, nil
}

// answerOne appends one thing in its envelope.
func answerOne[T any](c *call, row *T, write appender[T]) {
	c.out = append(write(append(c.out, `{"data":`...), row), `,"error":null}`...)
}

// answerDeleted appends what is said of something that is gone.
func (c *call) answerDeleted(id crm.ID) {
	c.out = appendID(append(c.out, `{"data":{"deleted":true,"id":`...), id)
	c.out = append(c.out, `},"error":null}`...)
}

// answerAll appends a short list, which is one page, in the envelope of a list.
func answerAll[T any](c *call, rows []T, write appender[T]) {
	c.out = appendRows(append(c.out, `{"data":`...), rows, write)
	c.out = appendListTail(c.out, listTail{count: len(rows), limit: max(len(rows), defaultLimit)})
}
