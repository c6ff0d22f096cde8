package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/accounts"
	"sixty/internal/server"
)

// auditTrail lists who did what to people, keys and settings, came in, or took data out.
func (a *API) auditTrail() operation {
	a.schemas.thing("AuditEntry", reflect.TypeFor[accounts.AuditEntry]())
	// Its details are written as the object that they are.
	a.schemas.named["AuditEntry"].Properties["details"] = a.schemas.value(reflect.TypeFor[map[string]string]())
	pager := newPager(a, "audit", accounts.AuditTrail.Sorts, filtersOf(accounts.AuditTrail), a.accounts.AuditTrail)
	return operation{
		method: http.MethodGet, path: "/api/audit", id: "listAudit", tag: "System",
		summary:     "List the audit trail",
		description: "Who did what to people, keys and settings, came in, or took data out: newest first. For admins.",
		query:       pager.query.document(),
		answer:      a.schemas.list("AuditEntry"),
		problems:    []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
		caching:     server.Uncached("the change log does not tell of it"),
		run: func(c *call) error {
			args, scope, err := pager.read(c, nil)
			if err != nil {
				return err
			}
			return pager.answer(c, args, scope, func([]accounts.AuditEntry) (appender[accounts.AuditEntry], error) { return appendJSON, nil })
		},
	}
}
