package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// auditTrail lists who did what to people, keys and settings, came in, or took data out.
func (a *API) auditTrail() operation {
	a.schemas.thing("AuditEntry", reflect.TypeFor[crm.AuditEntry]())
	// Its details are written as the object that they are.
	a.schemas.named["AuditEntry"].Properties["details"] = a.schemas.value(reflect.TypeFor[map[string]string]())
	type filter = crm.AuditFilter
	pager := newPager(a, "audit", crm.AuditTrail.Sorts, []parameter[listArgs[filter]]{
		narrow("action", "Only this action.", enumKind(words[crm.AuditEntry]("action")...), func(f *filter) **string { return &f.Action }),
		reference("actorId", "Only what this person did.", func(f *filter) **crm.ID { return &f.ActorID }),
		narrow("from", "Only what was done on this UTC day or later.", dateKind(), func(f *filter) **crm.Date { return &f.From }),
		narrow("to", "Only what was done on this UTC day or earlier.", dateKind(), func(f *filter) **crm.Date { return &f.To }),
	}, a.service.AuditTrail)
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
			return pager.answer(c, args, scope, func([]crm.AuditEntry) (appender[crm.AuditEntry], error) { return appendAuditEntry, nil })
		},
	}
}

func appendAuditEntry(b []byte, e *crm.AuditEntry) []byte {
	b = appendID(append(b, `{"id":`...), e.ID)
	b = appendInstant(append(b, `,"at":`...), e.At)
	b = appendOptional(append(b, `,"actor_id":`...), e.ActorID, appendID)
	b = appendString(append(b, `,"action":`...), string(e.Action))
	b = appendString(append(b, `,"target":`...), e.Target)
	b = appendOptional(append(b, `,"target_id":`...), e.TargetID, appendID)
	b = appendString(append(b, `,"address":`...), e.Address)
	b = appendString(append(b, `,"request_id":`...), e.RequestID)
	b = append(append(b, `,"details":`...), e.Details...) // a JSON object
	return append(b, '}')
}
