package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// A resource is a kind of record T that can be listed (with a filter F), read, created,
// changed (by a patch P) and deleted.
type resource[T, F, P any] struct {
	one, many string // "company", "companies": in texts
	name      string // "Company": in operation ids and schemas
	names     string // "Companies"
	tag       string
	paths     []string // of the collection; the first is canonical, the others are aliases
	pager     pager[T, F]
	body      *bodyReader[P]
	limit     func(*huma.Schema) // adds the limits of the members
	required  []string           // members that a new one must have
	defaults  string             // of members that a new one does not have
	example   T

	key    func(*T) (crm.ID, int64) // its id and version
	read   func(context.Context, crm.Actor, crm.ID) (T, error)
	create func(context.Context, crm.Actor, P) (T, error)
	update func(context.Context, crm.Actor, crm.ID, crm.VersionCondition, P) (T, error)
	remove func(context.Context, crm.Actor, crm.ID, crm.VersionCondition) error
	// restore brings back a deleted record; nil if that cannot be.
	restore func(context.Context, crm.Actor, crm.ID) (T, error)

	listNote string // the description of the list

	tier cache.Tier // of the responses that read it
	of   []string   // the kinds of records that these are made from

	write  appender[T]
	join   func(*call, []T) (appender[T], error) // as expansion.load, of rows that are not expanded; may be nil
	expand expansion[T]
	view   reflect.Type // T with what can be joined to it

	// The sub-resources that can be addressed by query (subresource.go).
	subresources        map[string]operation
	subresourceEntities []string // the kinds of records that they are made from
	target              query[target]
}

// An expansion is what a client can ask to have joined to records, such as includeStats.
// The zero expansion is none.
type expansion[T any] struct {
	parameter, doc string
	// load reads what belongs to all of the rows at once, and returns the function that
	// writes a row with it.
	load func(*call, []T) (appender[T], error)
}

// expanded declares the parameter that asks for the expansion.
func expanded[T, A any](e expansion[T], at func(*A) *bool) query[A] {
	if e.load == nil {
		return nil
	}
	return query[A]{plain(e.parameter, e.doc, boolKind(), at)}
}

// show returns the function that writes rows, expanded if that was asked for.
func (res *resource[T, F, P]) show(c *call, asked bool, rows []T) (appender[T], error) {
	switch {
	case len(rows) == 0:
		return res.write, nil
	case asked:
		return res.expand.load(c, rows)
	case res.join != nil:
		return res.join(c, rows)
	}
	return res.write, nil
}

// joining returns the resource with what load reads joined to its rows.
func (res *resource[T, F, P]) joining(load func(*call, []T) (appender[T], error)) *resource[T, F, P] {
	joined := *res
	joined.join = load
	return &joined
}

// operations returns the operations on the resource.
func (res *resource[T, F, P]) operations(a *API) []operation {
	a.schemas.record(res.name, res.view)
	a.schemas.patch(res.name+"Input", reflect.TypeFor[P](), res.view, nil, res.limit)
	a.schemas.patch(res.name+"New", reflect.TypeFor[P](), res.view, res.required, res.limit)
	var all []operation
	for i, path := range res.paths {
		ops := append([]operation{res.list(a, path), res.post(a, path)}, res.item(a, path+"/{id}")...)
		if res.restore != nil {
			ops = append(ops, res.recover(a, path))
		}
		for j := range ops {
			if i > 0 {
				ops[j].id += "Alias"
				ops[j].description = "The same as under " + res.paths[0] + "."
				ops[j].deprecated = true
			}
		}
		all = append(all, ops...)
	}
	return all
}

func (res *resource[T, F, P]) list(a *API, path string) operation {
	return operation{
		method: http.MethodGet, path: path, id: "list" + res.names, tag: res.tag,
		caching:     server.Cached(res.tier, slices.Concat(res.of, res.subresourceEntities)...),
		summary:     "List " + res.many,
		description: res.listNote,
		query:       res.pager.query.document(), reads: slices.Concat(res.pager.query.undocumented(), res.subresourceParameters()),
		listing: true,
		answer:  a.schemas.list(res.name), example: res.exampleList(),
		problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		run: func(c *call) error {
			if op, id, ok := res.addressed(c); ok {
				c.OtherQuery = res.target.names()
				return op.forID(c, id)
			}
			return res.answerList(c, &res.pager, nil)
		},
	}
}

func (res *resource[T, F, P]) answerList(c *call, p *pager[T, F], narrowed func(*F)) error {
	args, scope, err := p.read(c, narrowed)
	if err != nil {
		return err
	}
	switch {
	case args.target.id != nil:
		return res.answerItem(c, *args.target.id, args.expanded)
	case args.target.subresource != "":
		return server.InvalidQuery([]server.ValidationError{server.InQuery(idParameter, "must be given with "+args.target.subresource)}, true)
	}
	return p.answer(c, args, scope, func(rows []T) (appender[T], error) { return res.show(c, args.expanded, rows) })
}

func (res *resource[T, F, P]) post(a *API, path string) operation {
	return operation{
		method: http.MethodPost, path: path, id: "create" + res.name, tag: res.tag,
		summary: "Create " + an(res.one), description: res.defaults,
		body: ref(res.name + "New"), bodyExample: res.exampleBody(),
		status: http.StatusCreated, written: true,
		answer: a.schemas.envelope(res.name), example: res.exampleOne(),
		run: withBody(res.body, func(c *call, patch P) error {
			row, err := res.create(c.Context, c.Actor, patch)
			var id crm.ID
			id, c.Version = res.key(&row)
			c.Location = path + "/" + id.String()
			return answerWritten(c, id, &row, err, res.write)
		}),
	}
}

// item returns the operations on one record.
func (res *resource[T, F, P]) item(a *API, path string) []operation {
	inPath := func(c *call) (crm.ID, error) { return c.PathID("id", res.one) }
	single := expanded(res.expand, func(asked *bool) *bool { return asked })
	all := []operation{{
		method: http.MethodGet, path: path, id: "get" + res.name, tag: res.tag,
		caching: server.Cached(res.tier, res.of...),
		summary: "Read " + an(res.one),
		query:   single.document(),
		answer:  a.schemas.envelope(res.name), example: res.exampleOne(),
		problems: malformedQuery(single),
		run: func(c *call) error {
			var asked bool
			if errs, malformed := single.read(c.Request.URL.RawQuery, &asked); len(errs) > 0 {
				return server.InvalidQuery(errs, malformed)
			}
			id, err := inPath(c)
			if err != nil {
				return err
			}
			return res.answerItem(c, id, asked)
		},
	}}
	for _, method := range []string{http.MethodPut, http.MethodPatch} {
		all = append(all, res.change(a, method, path, inPath))
	}
	return append(all, res.drop(a, path, inPath))
}

// malformedQuery returns the status of a query that cannot be parsed, if there is anything to
// parse.
func malformedQuery[A any](q query[A]) []int {
	if len(q) == 0 {
		return nil
	}
	return []int{http.StatusBadRequest}
}

// exists returns a not-found error if there is no such record.
func (res *resource[T, F, P]) exists(c *call, id crm.ID) error {
	_, err := res.read(c.Context, c.Actor, id)
	return err
}

func (res *resource[T, F, P]) answerItem(c *call, id crm.ID, asked bool) error {
	row, err := res.read(c.Context, c.Actor, id)
	if err != nil {
		return err
	}
	rows := []T{row}
	write, err := res.show(c, asked, rows)
	if err != nil {
		return err
	}
	_, c.Version = res.key(&row)
	return answerOne(c, &rows[0], nil, write)
}

// changeVerbs are what the ids of operations that change a record begin with.
var changeVerbs = map[string]string{http.MethodPatch: "update", http.MethodPut: "put"}

// change returns the operation that changes a record; target returns its id.
func (res *resource[T, F, P]) change(a *API, method, path string, target func(*call) (crm.ID, error)) operation {
	return operation{
		method: method, path: path, id: changeVerbs[method] + res.name, tag: res.tag,
		summary:     "Change " + an(res.one),
		description: "Changes the members that are sent and no others; an explicit null clears one (RFC 7396).",
		body:        ref(res.name + "Input"), bodyExample: res.exampleBody(), written: true,
		answer: a.schemas.envelope(res.name), example: res.exampleOne(),
		problems: []int{http.StatusNotFound},
		run: func(c *call) error {
			id, err := target(c)
			if err != nil {
				return err
			}
			patch, err := res.body.read(c.Request)
			if err != nil {
				return err
			}
			row, err := res.update(c.Context, c.Actor, id, c.Expected, patch)
			_, c.Version = res.key(&row)
			return answerWritten(c, id, &row, err, res.write)
		},
	}
}

// drop returns the operation that deletes a record; target returns its id.
func (res *resource[T, F, P]) drop(a *API, path string, target func(*call) (crm.ID, error)) operation {
	return operation{
		method: http.MethodDelete, path: path, id: "delete" + res.name, tag: res.tag,
		summary:  "Delete " + an(res.one),
		answer:   a.schemas.deleted(),
		problems: []int{http.StatusNotFound},
		run: func(c *call) error {
			id, err := target(c)
			if err != nil {
				return err
			}
			return answerDeleted(c, id, res.remove(c.Context, c.Actor, id, c.Expected))
		},
	}
}

// A parent is a record with a list of the records that refer to it.
type parent struct {
	one       string   // "company"
	of        []string // the kinds of records that it is read from
	path      string   // of the list
	operation string   // its operationId
	filter    string   // the list's parameter that the path replaces
	exists    func(*call, crm.ID) error
}

// within returns the operation that lists a parent's records. It has every parameter of
// the whole list but the one that the path replaces, and cursors fit both.
func (res *resource[T, F, P]) within(a *API, of parent, at func(*F) *crm.OneOf[crm.ID]) operation {
	p := res.pager
	p.query = p.query.without(of.filter).without(deletedParameter)
	for _, n := range res.target {
		p.query = p.query.without(n.name)
	}
	return subresourceOf(of.one, operation{
		method: http.MethodGet, path: of.path, id: of.operation, tag: res.tag,
		caching: server.Cached(res.tier, slices.Concat(res.of, of.of)...),
		summary: "List the " + res.many + " of a " + of.one,
		query:   p.query.document(),
		listing: true,
		answer:  a.schemas.list(res.name), example: res.exampleList(),
		problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		forID: func(c *call, id crm.ID) error {
			if err := of.exists(c, id); err != nil {
				return err
			}
			return res.answerList(c, &p, func(f *F) { *at(f) = crm.Only(id) })
		},
	})
}

// an returns a noun with the indefinite article.
func an(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// ref returns a reference to a named schema.
func ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }
