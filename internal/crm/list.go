package crm

import "slices"

// Sort is a list's order: a sort key, then the id, both in the same direction. Records without
// a value for the key come last in either direction.
type Sort struct {
	Field string
	Desc  bool
}

// String returns the wire form: the name, with a leading minus to descend.
func (s Sort) String() string {
	if s.Desc {
		return "-" + s.Field
	}
	return s.Field
}

// Sorts are the orders of a list.
type Sorts struct {
	Fields  []string
	Default Sort
}

// IDOrder is the order in which all companies, contacts, deals or activities are scanned: the
// one in which they are stored. No change moves a record in it. Deleted records are in it too,
// so that no list is shown in this order.
var IDOrder = Sort{Field: "id"}

// LatestDeletion is the order of the list of deleted records, the latest deletion first.
var LatestDeletion = Sort{Field: "deleted_at", Desc: true}

// Parse reads the wire form of an order; "" is the default.
func (s Sorts) Parse(text string) (Sort, bool) {
	if text == "" {
		return s.Default, true
	}
	sort := Sort{Field: text}
	if text[0] == '-' {
		sort = Sort{Field: text[1:], Desc: true}
	}
	return sort, slices.Contains(s.Fields, sort.Field)
}

// Position is a place in a list: the sort key of a row, as a number or as text
// according to the order, and its id. By rank, equals are ordered by Number, the time
// of the last change. A page starts after it (going forward) or before it (going
// backward); at it, when Inclusive.
type Position struct {
	Rank      int64
	Number    int64
	Text      string
	ID        ID
	Inclusive bool
}

// CountMode says whether and how the rows of the whole list are counted.
type CountMode int

// The ways to count.
const (
	CountNone      CountMode = iota
	CountExact               // as costly as the list is long
	CountEstimated           // from the engine's statistics where it has them
)

// MaxLimit is the most rows of one page.
const MaxLimit = 1000

// List asks for a page of a list narrowed by F.
type List[F any] struct {
	Filter   F
	Search   *Query    // nil: everything; of companies, contacts and deals alone
	Sort     Sort      // ByRank with Search alone
	Limit    int       // 1 to MaxLimit
	From     *Position // nil: from the list's end that Backward says
	Backward bool      // the rows before From, or the last rows
	Count    CountMode
	// Deleted lists the deleted records, which can be restored, by LatestDeletion; not with Search.
	Deleted bool
}

// Page is a page of a list, always in the list's own order.
type Page[T any] struct {
	Rows        []T
	First, Last *Position // of Rows; nil when there are none
	HasMore     bool      // there are rows after these
	HasPrevious bool      // there are rows before these
	Total       *int64    // when counted
	// Truncated says that a search did not look at everything: there are more matches than it
	// looks at, or what it searches is being rebuilt. There is no Total then.
	Truncated bool
}
