package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// positionPattern is the form of a position of the change log.
const positionPattern = `^([A-Z0-9]{8,16}\.)?[0-9]{1,18}$`

// sinceArgs are the parameters of a page of the change log.
type sinceArgs struct {
	since crm.LogPosition
	limit int
}

// changeLog returns the operation that lists the change log.
func (a *API) changeLog() operation {
	q := query[sinceArgs]{
		{
			name: "since", schema: &huma.Schema{Type: huma.TypeString, Pattern: positionPattern, Default: "0"},
			doc: "The position of the last change that the client knows, as pagination.nextCursor returned it, or its seq alone; only later changes are returned.",
			read: func(dst *sinceArgs, value string) error {
				var ok bool
				if dst.since, ok = crm.ParseLogPosition(value); !ok {
					return unreadable("must be a position such as 4R2K7QX3ZD.120, or a whole number from 0")
				}
				return nil
			},
		},
		plain("limit", "The most changes.", rangeKind(1, crm.MaxLimit, defaultLimit), func(a *sinceArgs) *int { return &a.limit }),
	}
	return operation{
		method: http.MethodGet, path: "/api/changes", id: "listChanges", tag: "Changes",
		summary: "List changes",
		description: "Oldest first. pagination.nextCursor is the since of the next request: the epoch of the log and the last seq. Changes are retained for a week, unless SIXTY_CHANGES_KEPT is set. When those " +
			"that follow since are no longer there, or the log has another epoch, because a backup was restored or another database server has taken over, meta.reset is true, and everything derived from earlier responses must be read again. " +
			"Changes of what only admins may read, such as keys, and of others' sessions, are for admins. A rep who sees only their own records gets the changes of those and of records without an owner: a record that they lose appears as deleted, and a page may have fewer changes than there are. " +
			"An update of the organisation may have changed what they see.",
		query: q.document(), listing: true,
		answer: a.schemas.changes(), problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		caching: server.Uncached("clients read it to invalidate their own caches"),
		run: func(c *call) error {
			args := sinceArgs{limit: a.ListLimit}
			errs, malformed := q.read(c.Request.URL.RawQuery, &args)
			if unknown := q.unknown(c.Request.URL.RawQuery, nil); len(unknown) > 0 {
				errs, malformed = append(errs, unknown...), true
			}
			if len(errs) > 0 {
				return server.InvalidQuery(errs, malformed)
			}
			page, err := a.Service.Changes(c.Context, c.Actor, args.since, args.limit)
			if err != nil {
				return err
			}
			c.Out = appendRows(append(c.Out, `{"data":`...), page.Entries, appendLogEntry)
			c.Out = appendListTail(c.Out, listTail{
				count: len(page.Entries), limit: args.limit, hasMore: page.HasMore, hasPrevious: args.since.Seq > 0,
				next: page.Last.String(), reset: &page.Reset,
			})
			return nil
		},
	}
}

func appendLogEntry(b []byte, e *crm.LogEntry) []byte {
	b = appendInt(append(b, `{"seq":`...), e.Seq)
	b = appendString(append(b, `,"entity":`...), e.Entity)
	b = appendOptional(append(b, `,"id":`...), e.ID, appendID)
	b = appendString(append(b, `,"op":`...), string(e.Op))
	b = appendOptional(append(b, `,"actor_id":`...), e.ActorID, appendID)
	b = appendOptional(append(b, `,"key_id":`...), e.KeyID, appendID)
	b = appendInstant(append(b, `,"at":`...), e.At)
	b = append(b, `,"refs":{`...)
	first := true
	for _, r := range [...]struct {
		name string
		ids  []crm.ID
	}{
		{"owner_id", e.Refs.Owner}, {"company_id", e.Refs.Company}, {"contact_id", e.Refs.Contact},
		{"stage_id", e.Refs.Stage}, {"deal_id", e.Refs.Deal},
	} {
		if len(r.ids) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendString(b, r.name), ':')
		b = appendRows(b, r.ids, func(b []byte, id *crm.ID) []byte { return appendID(b, *id) })
	}
	if e.Refs.Import != nil { // an import's entry refers to no records
		b = appendID(append(b, `"import_id":`...), *e.Refs.Import)
	}
	return append(b, "}}"...)
}
