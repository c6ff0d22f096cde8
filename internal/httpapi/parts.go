package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// Parts of a thing, such as a contact's numbers, have paths of their own below the
// thing's. The front end also asks for them at the list's path, naming the thing in
// the query: /api/contacts?id=…&stats=true.

// partOf completes an operation on a part of the thing that its path names: its part
// answers for whichever thing it is given.
func partOf(one string, op operation) operation {
	part := op.part
	op.run = func(c *call) error {
		id, err := c.PathID("id", one)
		if err != nil {
			return err
		}
		return part(c, id)
	}
	return op
}

// nameParameter is how the front end names a thing in the query.
const nameParameter = "id"

// A naming is what a query says of the thing that it names.
type naming struct {
	id   *crm.ID
	part string // "": the thing itself
}

// namingQuery declares the parameters of a naming; parts are those that can be asked for.
func namingQuery[A any](one string, parts []string, at func(*A) *naming) query[A] {
	q := query[A]{{
		name: nameParameter, schema: idSchema(),
		doc: "Answers this " + one + " instead of a list. (Older form of the paths of one " + one + ".)",
		read: func(dst *A, value string) error {
			id, err := idKind().parse(value)
			at(dst).id = &id
			return err
		},
	}}
	for _, name := range parts {
		q = append(q, parameter[A]{
			name: name, doc: "With id: answers the " + one + "'s " + name + ".", schema: boolKind().schema,
			read: func(dst *A, value string) error {
				asked, err := boolKind().parse(value)
				n := at(dst)
				switch {
				case err != nil || !asked:
					return err
				case n.part != "":
					return broken("must not be asked for together with " + n.part)
				}
				n.part = name
				return nil
			},
		})
	}
	return q
}

// named gives the operation that a request to the list's path asks for in this way,
// and the thing. What is wrong with its parameters is for the list to say, whose they
// are too.
func (res *resource[T, F, P]) named(c *call) (op operation, id crm.ID, ok bool) {
	if len(res.parts) == 0 || c.Request.URL.RawQuery == "" {
		return op, id, false
	}
	var n naming
	flaws, _ := res.naming.read(c.Request.URL.RawQuery, &n)
	if len(flaws) > 0 || n.id == nil || n.part == "" {
		return op, id, false
	}
	return res.parts[n.part], *n.id, true
}

// knownByParts gives the names of the parameters that the parts read.
func (res *resource[T, F, P]) knownByParts() []string {
	var all []string
	for _, op := range res.parts {
		for _, p := range op.query {
			all = append(all, p.Name)
		}
	}
	return all
}

// listAnswer describes what the list's path answers.
func (res *resource[T, F, P]) listAnswer(a *API) *huma.Schema {
	list := a.schemas.list(res.name)
	if len(res.parts) == 0 {
		return list
	}
	all := []*huma.Schema{list, a.schemas.envelope(res.name)}
	for _, p := range res.naming {
		if op, ok := res.parts[p.name]; ok {
			all = append(all, op.answer)
		}
	}
	return &huma.Schema{AnyOf: all}
}
