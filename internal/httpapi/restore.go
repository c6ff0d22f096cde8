package httpapi

import (
	"net/http"

	"sixty/internal/crm"
	"sixty/internal/server"
)

const deletedParameter = "deleted"

// deletedOnly declares the parameter that lists deleted records.
func deletedOnly[F any]() parameter[listArgs[F]] {
	p := plain(deletedParameter, "Lists the deleted records instead, which can be restored, the latest deletion first. No filter and no sort can be given with it.",
		boolKind(), func(a *listArgs[F]) *bool { return &a.list.Deleted })
	p.scope = func(b []byte, src *listArgs[F]) []byte {
		if src.list.Deleted {
			b = append(b, deletedParameter+"=true;"...)
		}
		return b
	}
	return p
}

// restorable returns the filters of the list of an entity whose deleted records can be restored.
func restorable[T, P, F any](e *crm.Entity[T, P, F]) []parameter[listArgs[F]] {
	return append(filtersOf(e), deletedOnly[F]())
}

// besideDeleted returns what is wrong with the other parameters of a list of deleted records.
func (p *pager[T, F]) besideDeleted(args *listArgs[F]) (errs []server.ValidationError) {
	without := "must not be given with " + deletedParameter + "=true"
	if args.list.Sort != (crm.Sort{}) {
		errs = append(errs, server.InQuery("sort", without))
	}
	if args.target.id != nil {
		errs = append(errs, server.InQuery(idParameter, without))
	}
	for i := range p.scopes {
		if s := &p.scopes[i]; s.name != deletedParameter && len(s.scope(nil, args)) > 0 {
			errs = append(errs, server.InQuery(s.name, without))
		}
	}
	return errs
}

// recover returns the operation that restores a deleted record.
func (res *resource[T, F, P]) recover(a *API, path string) operation {
	return operation{
		method: http.MethodPost, path: path + "/{id}/restore", id: "restore" + res.name, tag: res.tag,
		summary: "Restore a deleted " + res.one,
		description: "Brings back the record, and the references of other records that its deletion cleared, where they are still empty. " +
			"A 409 says which other record has one of its unique values now.",
		written: true,
		answer:  a.schemas.envelope(res.name), example: res.exampleOne(),
		problems: []int{http.StatusNotFound, http.StatusConflict},
		run: func(c *call) error {
			id, err := c.PathID("id", "deleted "+res.one)
			if err != nil {
				return err
			}
			row, err := res.restore(c.Context, c.Actor, id)
			_, c.Version = res.key(&row)
			return answerWritten(c, id, &row, err, res.write)
		},
	}
}
