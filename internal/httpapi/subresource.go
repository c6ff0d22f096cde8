package httpapi

import (
	"sixty/internal/crm"
)

// Sub-resources of a record, such as a contact's statistics, have paths below the record's.
// The front end also addresses them by query at the list's path:
// /api/contacts?id=…&stats=true.

// subresourceOf completes an operation on a sub-resource of the record in its path.
func subresourceOf(one string, op operation) operation {
	op.run = onID(one, op.forID)
	return op
}

// idParameter is the query parameter with a record's id.
const idParameter = "id"

// A target is what a query addresses.
type target struct {
	id          *crm.ID
	subresource string // "": the record itself
}

// targetQuery declares the parameters of a target.
func targetQuery[A any](parts []string, at func(*A) *target) query[A] {
	q := query[A]{optional(idParameter, "", idKind(), func(dst *A) **crm.ID { return &at(dst).id })}
	for _, name := range parts {
		q = append(q, parameter[A]{
			name: name,
			read: func(dst *A, value string) error {
				asked, err := boolKind().parse(value)
				n := at(dst)
				switch {
				case err != nil || !asked:
					return err
				case n.subresource != "":
					return invalid("must not be asked for together with " + n.subresource)
				}
				n.subresource = name
				return nil
			},
		})
	}
	for i := range q {
		q[i].hidden = true
	}
	return q
}

// addressed returns the operation on a sub-resource that a request to the list's path
// addresses, and the record's id. It ignores validation errors: the list has the same
// parameters, and returns them.
func (res *resource[T, F, P]) addressed(c *call) (op operation, id crm.ID, ok bool) {
	if len(res.subresources) == 0 || c.Request.URL.RawQuery == "" {
		return op, id, false
	}
	var n target
	errs, _ := res.target.read(c.Request.URL.RawQuery, &n)
	if len(errs) > 0 || n.id == nil || n.subresource == "" {
		return op, id, false
	}
	return res.subresources[n.subresource], *n.id, true
}

// subresourceParameters returns the names of the parameters that the sub-resources read.
func (res *resource[T, F, P]) subresourceParameters() []string {
	var all []string
	for _, op := range res.subresources {
		for _, p := range op.query {
			all = append(all, p.Name)
		}
	}
	return all
}
