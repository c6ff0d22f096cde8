package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// auditTrail returns the operation that lists the audit trail.
func (a *API) auditTrail() operation {
	a.schemas.record("AuditEntry", reflect.TypeFor[accounts.AuditEntry]())
	// Details is stored JSON text, and an object in the response.
	a.schemas.named["AuditEntry"].Properties["details"] = a.schemas.value(reflect.TypeFor[map[string]string]())
	pager := newPager(a, "audit", accounts.AuditTrail.Sorts, filtersOf(accounts.AuditTrail), a.Accounts.AuditTrail)
	return operation{
		method: http.MethodGet, path: "/api/audit", id: "listAudit", scope: crm.ScopeAdmin, tag: "System",
		summary:     "List the audit trail",
		description: "Sign-ins, data exports, and changes of people, keys and settings, newest first. For admins.",
		query:       pager.query.document(),
		listing:     true,
		answer:      a.schemas.list("AuditEntry"),
		problems:    []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
		caching:     server.Uncached("entries are not in the change log"),
		run:         pager.run(with(appendJSON[accounts.AuditEntry])),
	}
}
