package httpapi

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/cursor"
	"sixty/internal/server"
)

// defaultLimit is how many rows a page has at most if limit is not given, unless
// Options.ListLimit says otherwise.
const defaultLimit = 50

// listArgs are the parameters of a page of a list with the filter F.
type listArgs[F any] struct {
	list     crm.List[F]
	token    string // the sealed cursor
	expanded bool   // the list's expansion was asked for
	target   target // of one record that was asked for instead of a page
	system   bool   // the system's list was asked for
}

// listQuery declares the parameters of a list: those of every list, then its own filters.
func listQuery[F any](sorts crm.Sorts, filters []parameter[listArgs[F]]) query[listArgs[F]] {
	directions := enumKind("forward", "backward")
	directions.schema.Default = "forward"
	q := query[listArgs[F]]{
		plain("limit", "The most rows of a page; the default is SIXTY_LIST_LIMIT, if that is set.", rangeKind(1, crm.MaxLimit, defaultLimit),
			func(a *listArgs[F]) *int { return &a.list.Limit }),
		plain("cursor", "Where the page starts: a nextCursor (with direction=forward) or prevCursor (with direction=backward) "+
			"of the same list with the same filters and sort. It does not expire.",
			kind[string]{parse: func(s string) (string, error) { return s, nil }, schema: textSchema()},
			func(a *listArgs[F]) *string { return &a.token }),
		setting("direction", "A backward page holds the rows just before the cursor, in the list's own order; "+
			"without a cursor it is the last page.",
			directions, func(a *listArgs[F], v string) { a.list.Backward = v == "backward" }),
		{
			name: "sort",
			doc: "The order of the list: a name, or -name to descend. Rows without a value for it come last " +
				"either way, rows of equal values are ordered by id.",
			schema: sortSchema(sorts),
			read: func(a *listArgs[F], value string) error {
				sort, ok := sorts.Parse(value)
				if !ok {
					return invalid("must be one of " + strings.Join(sortNames(sorts), ", "))
				}
				a.list.Sort = sort
				return nil
			},
		},
		setting("count", "Asks for meta.totalCount, the rows of the whole list: exact is as costly as the list is long, "+
			"estimated comes from the database's statistics where it has them.",
			enumKind("exact", "estimated"), func(a *listArgs[F], v string) {
				a.list.Count = crm.CountExact
				if v == "estimated" {
					a.list.Count = crm.CountEstimated
				}
			}),
	}
	return append(q, filters...)
}

func sortNames(sorts crm.Sorts) []string {
	var names []string
	for _, f := range sorts.Fields {
		names = append(names, f, "-"+f)
	}
	return names
}

func sortSchema(sorts crm.Sorts) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: anys(sortNames(sorts)), Default: sorts.Default.String()}
}

// A pager responds with pages of one list.
type pager[T, F any] struct {
	sealer *cursor.Sealer
	name   string // of the list, as cursors are bound to it
	limit  int    // of the rows of a page, if none is given
	sorts  crm.Sorts
	query  query[listArgs[F]] // the parameters in the query string
	scopes query[listArgs[F]] // the filters by name, whether from the query or the path
	page   func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)
}

func newPager[T, F any](
	a *API, name string, sorts crm.Sorts, filters []parameter[listArgs[F]],
	page func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error),
) pager[T, F] {
	p := pager[T, F]{sealer: a.Sealer, name: name, sorts: sorts, limit: a.ListLimit, query: listQuery(sorts, filters), page: page}
	for _, f := range filters {
		if f.scope != nil {
			p.scopes = append(p.scopes, f)
		}
	}
	slices.SortFunc(p.scopes, func(a, b parameter[listArgs[F]]) int { return strings.Compare(a.name, b.name) })
	return p
}

// read parses the parameters of a request. narrowed, if not nil, sets the filters that
// follow from the path.
func (p *pager[T, F]) read(c *call, narrowed func(*F)) (listArgs[F], cursor.Scope, error) {
	args := listArgs[F]{list: crm.List[F]{Limit: p.limit}}
	errs, malformed := p.query.read(c.Request.URL.RawQuery, &args)
	if args.target.id == nil { // it is a list
		if unknown := p.query.unknown(c.Request.URL.RawQuery, c.OtherQuery); len(unknown) > 0 {
			errs, malformed = append(errs, unknown...), true
		}
	}
	if args.list.Deleted {
		errs = append(errs, p.besideDeleted(&args)...)
		args.list.Sort = crm.LatestDeletion
	}
	switch {
	case args.list.Sort != crm.Sort{}:
	case args.list.Search != nil:
		args.list.Sort = crm.ByRank
	default:
		args.list.Sort = p.sorts.Default
	}
	if narrowed != nil {
		narrowed(&args.list.Filter)
	}
	scope := cursor.Scope{Organisation: c.Actor.Org, List: p.name, Filters: p.filters(&args), Sort: args.list.Sort.String()}
	if own := c.Actor.OwnerScope(); own != nil { // cursors of another caller's list do not fit
		scope.Filters += "own=" + own.String() + ";"
	}
	if args.token != "" {
		at, err := openCursor(p.sealer, scope, args.list.Sort, args.token)
		// The cursor's scope is known only if everything else is valid.
		if err == nil {
			args.list.From = &at
		} else if len(errs) == 0 || !errors.Is(err, cursor.ErrForeign) {
			errs, malformed = append(errs, server.InQuery("cursor", cursorMessage(err))), true
		}
	}
	if len(errs) > 0 {
		return args, scope, server.InvalidQuery(errs, malformed)
	}
	return args, scope, nil
}

// filters returns the canonical form of the filters.
func (p *pager[T, F]) filters(args *listArgs[F]) string {
	var b []byte
	for i := range p.scopes {
		b = p.scopes[i].scope(b, args)
	}
	return string(b)
}

// run returns the run of an operation that lists; view returns the function that writes
// the rows.
func (p *pager[T, F]) run(view func(*call, []T) (appender[T], error)) func(*call) error {
	return func(c *call) error {
		args, scope, err := p.read(c, nil)
		if err != nil {
			return err
		}
		return p.answer(c, args, scope, func(rows []T) (appender[T], error) { return view(c, rows) })
	}
}

// with returns the view that writes each row by write.
func with[T any](write appender[T]) func(*call, []T) (appender[T], error) {
	return func(*call, []T) (appender[T], error) { return write, nil }
}

// answer reads a page, and appends it in the envelope of a list.
func (p *pager[T, F]) answer(c *call, args listArgs[F], scope cursor.Scope, view func([]T) (appender[T], error)) error {
	return p.answerFor(c, c.Actor, args, scope, view)
}

// answerFor is answer for a page that another actor than the caller reads.
func (p *pager[T, F]) answerFor(c *call, by crm.Actor, args listArgs[F], scope cursor.Scope, view func([]T) (appender[T], error)) error {
	page, err := p.page(c.Context, by, args.list)
	if err != nil {
		return err
	}
	write, err := view(page.Rows)
	if err != nil {
		return err
	}
	next, previous, err := pageCursors(p.sealer, scope, args.list, page)
	if err != nil {
		return err
	}
	c.Link = pageLinks(c.Request.URL, next, previous)
	c.Out = appendRows(append(c.Out, `{"data":`...), page.Rows, write)
	c.Out = appendListTail(c.Out, listTail{
		count: len(page.Rows), limit: args.list.Limit, total: page.Total, backward: args.list.Backward,
		hasMore: page.HasMore, hasPrevious: page.HasPrevious, next: next, previous: previous,
		truncated: page.Truncated,
	})
	return nil
}

// appendRows appends rows as an array.
func appendRows[T any](b []byte, rows []T, write appender[T]) []byte {
	b = append(b, '[')
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, &rows[i])
	}
	return append(b, ']')
}

// listTail is what follows the data in the envelope of a list.
type listTail struct {
	count, limit         int
	total                *int64
	backward             bool
	hasMore, hasPrevious bool
	next, previous       string // "" for none
	truncated            bool   // see crm.Page
	reset                *bool  // of the change log; nil for other lists
}

func appendListTail(b []byte, t listTail) []byte {
	b = appendInt(append(b, `,"error":null,"count":`...), t.count)
	b = appendBool(append(b, `,"pagination":{"hasMore":`...), t.hasMore)
	b = appendBool(append(b, `,"hasPrevious":`...), t.hasPrevious)
	b = appendToken(append(b, `,"nextCursor":`...), t.next)
	b = appendToken(append(b, `,"prevCursor":`...), t.previous)
	b = appendInt(append(b, `,"limit":`...), t.limit)
	b = appendInt(append(b, `,"count":`...), t.count)
	b = appendOptional(append(b, `},"meta":{"totalCount":`...), t.total, appendInt[int64])
	direction := "forward"
	if t.backward {
		direction = "backward"
	}
	b = appendString(append(b, `,"direction":`...), direction)
	if t.truncated {
		b = append(b, `,"truncated":true`...)
	}
	if t.reset != nil {
		b = appendBool(append(b, `,"reset":`...), *t.reset)
	}
	return append(b, `}}`...)
}

func appendToken(b []byte, token string) []byte {
	if token == "" {
		return append(b, "null"...)
	}
	return appendString(b, token)
}

// pageLinks returns the Link header of a page (RFC 8288).
func pageLinks(u *url.URL, next, previous string) string {
	links := ""
	if next != "" {
		links = pageLink(u, next, "forward", "next")
	}
	if next != "" && previous != "" {
		links += ", "
	}
	if previous != "" {
		links += pageLink(u, previous, "backward", "prev")
	}
	return links
}

// pageLink returns a link to the request's own address with another cursor. Bytes that
// may not occur in a URI are percent-encoded.
func pageLink(u *url.URL, token, direction, rel string) string {
	var b strings.Builder
	b.WriteByte('<')
	b.WriteString(server.EscapeURI(u.EscapedPath()))
	b.WriteByte('?')
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if pair == "" || name == "cursor" || name == "direction" {
			continue
		}
		b.WriteString(server.EscapeURI(pair))
		b.WriteByte('&')
	}
	b.WriteString("direction=" + direction + "&cursor=" + token + `>; rel="` + rel + `"`)
	return b.String()
}
