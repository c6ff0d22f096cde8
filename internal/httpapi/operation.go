package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
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
	headers      []*huma.Param
	media        string // of the answer; "" is application/json
	problems     []int  // what can go wrong besides what every operation shares
	open         bool   // answers whoever asks
	price        price  // what a request is charged to
	lasting      bool   // may take twice as long as others
	secret       bool   // answers what is told once only, so that no answer is kept (once.go)
	// caching says how answers are kept; every operation that reads says something, open
	// ones excepted.
	caching caching
	known   known // the names of the parameters that it reads; register adds the query's
	// run appends the answer to the call's out.
	run func(*call) error
	// part is run for a thing that is named by other means than the path; nil where
	// there are none.
	part func(*call, crm.ID) error
	// stream answers without an end, instead of run; an error means that it has not begun.
	stream func(*call, http.ResponseWriter) error
}

// A call is a request on its way through an operation, which says here what it answers
// and leaves it to serve to send it.
type call struct {
	api *API
	ctx context.Context
	r   *http.Request
	by  crm.Actor // whoever asks; zero in an open operation

	out      []byte       // the answer's body
	version  int64        // of the row that is answered, if that is one thing that can be changed; else 0
	link     string       // the pages around this one, as a Link header has them (RFC 8288); "" for none
	location string       // the path of what was made; "" for nothing
	cookie   *http.Cookie // to be set; nil for none
}

// register opens an operation and enters it in the API document.
func (a *API) register(op operation) {
	entry := a.describe(op)
	a.huma.OpenAPI().AddOperation(entry)
	for _, p := range op.query {
		op.known = append(op.known, p.Name)
	}
	// Past huma's adapter, whose context nobody here needs.
	a.mux.HandleFunc(op.method+" "+op.path, func(w http.ResponseWriter, r *http.Request) { a.serve(&op, w, r) })
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
	var by crm.Actor
	stale := false
	if !op.open {
		var known bool
		if by, known = a.recall(r); !known {
			if !a.knock(w, r, op) {
				return
			}
			var err error
			if by, stale, err = a.caller(op, r); err != nil {
				a.turnAway(w, r, op, err)
				return
			}
		}
	}
	if !a.enter(w, r, op, by) {
		return
	}
	if op.caching.tier != "" {
		a.answerKept(op, w, r, by, stale)
		return
	}
	c := &call{api: a, ctx: r.Context(), r: r, by: by}
	if op.stream == nil {
		a.answer(op, w, c)
	} else if err := op.stream(c, w); err != nil {
		a.fail(w, r, err)
	}
}

// answer answers a request by running the operation.
func (a *API) answer(op *operation, w http.ResponseWriter, c *call) {
	var cancel context.CancelFunc
	limit := a.timeout
	if op.lasting {
		limit *= 2
	}
	c.ctx, cancel = context.WithTimeout(c.ctx, limit)
	defer cancel()
	buffer := a.bodies.get()
	defer a.bodies.put(buffer)
	if op.method != http.MethodGet { // what is changed may be entered in the audit trail
		address := a.proxies.Client(c.r.RemoteAddr, c.r.Header["X-Forwarded-For"])
		c.ctx = crm.WithOrigin(c.ctx, crm.Origin{Address: address.String(), RequestID: requestID(w)})
	}
	if !op.open {
		w.Header()["Cache-Status"] = a.values.passed(op.method)
	}
	if op.once(c.r) { // without Server-Timing: what is given again, took its time before
		if err := a.confirmOnce(op, w, c, buffer); err != nil {
			a.fail(w, c.r, err)
		}
		return
	}
	c.out = (*buffer)[:0]
	began := time.Now()
	err := a.work(op, c)
	*buffer = c.out // it may have grown
	if !op.open {
		took := time.Since(began)
		w.Header().Set("Server-Timing", serverTiming(0, took, took))
	}
	if err != nil {
		a.fail(w, c.r, err)
		return
	}
	if op.method != http.MethodGet {
		if c.cookie != nil {
			http.SetCookie(w, c.cookie)
		}
		if op.secret { // not even by the browser that asked
			w.Header().Set("Cache-Control", "no-store")
		}
		a.handToken(w, c.r, c.by.Org, a.changes.Known(c.by.Org))
		a.confirm(w, c.r, c.confirmation(op))
		return
	}
	a.respond(w, c.r, &representation{
		body: c.out, hash: cache.HashOf(c.out), version: c.version, contentType: a.values.json, link: c.link,
	})
}

// caller finds on whose behalf a request acts. stale tells that the database cannot say
// so now, but did a while ago, and that the request takes an answer from then.
func (a *API) caller(op *operation, r *http.Request) (by crm.Actor, stale bool, err error) {
	by, err = a.authenticate(r)
	if crm.CodeOf(err) != crm.CodeUnavailable || op.caching.tier == "" || staleIfError(r.Header["Cache-Control"]) == 0 {
		return by, false, err
	}
	if before, ok := a.lastKnown(r); ok {
		return before, true, nil
	}
	return by, false, err
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
