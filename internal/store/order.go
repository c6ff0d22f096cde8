package store

import "sixty/internal/crm"

// Rows without a value come last in either direction, and one index serves both. For no
// value its column holds a number above all others: an ascending list is the index from
// its start to its end. A descending list starts inside the index, below the rows without
// a value; it runs from there to the index's start, then over the rows without a value. So
// a list is read as one scan of the index, or two.

// A sortKey is the column of an order, which is never null and has an index.
type sortKey struct {
	column string
	kind   keyKind
	// null is stored in the column for no value. In the positions of a descending list
	// nullDesc, which is below all others, replaces it. Both are 0 for a required value.
	null, nullDesc int64
}

// keyKind is the type of a sort key's values.
type keyKind int

const (
	keyNumber keyKind = iota
	keyInstant
	keyText
	keyID // the id itself
)

var commonSorts = map[string]sortKey{
	"updated_at": {column: "updated_at", kind: keyInstant},
	"created_at": {column: "created_at", kind: keyInstant},
	"name":       {column: "name_key", kind: keyText},
	"id":         {column: "id", kind: keyID},
}

// sortKey returns the key of an order. That of deletion is the only one of the list of deleted
// records.
func (t *table[T, F]) sortKey(sort crm.Sort) sortKey {
	if sort == crm.LatestDeletion {
		return sortKey{column: "deleted_at", kind: keyInstant}
	}
	return t.sorts[sort.Field]
}

// A keysetScan reads a list from a position, in a direction.
type keysetScan struct {
	forward    bool          // in the list's order
	from       *crm.Position // nil: from the end of the list
	inclusive  bool          // the row at from is included
	untilNulls bool          // it stops between the rows with a value and those without
}

// indexScans splits a scan of a list into scans of the index, with positions as stored in
// its column.
func (k sortKey) indexScans(sort crm.Sort, sc keysetScan) []keysetScan {
	if !sort.Desc || k.null == 0 {
		return []keysetScan{sc}
	}
	rest := keysetScan{forward: sc.forward, untilNulls: true}
	if sc.from == nil {
		sc.from, sc.inclusive = &crm.Position{Number: k.null}, !sc.forward // no id is less
		return []keysetScan{sc, rest}
	}
	fromNull := sc.from.Number == k.nullDesc
	if fromNull {
		sc.from = &crm.Position{Number: k.null, ID: sc.from.ID}
	}
	if fromNull == sc.forward { // what is left of the list is on this side of the nulls
		sc.untilNulls = true
		return []keysetScan{sc}
	}
	return []keysetScan{sc, rest}
}

// argument returns a key's value as an argument.
func (k sortKey) argument(number int64, text string) any {
	switch k.kind {
	case keyInstant:
		return crm.Instant(number)
	case keyText:
		return text
	default:
		return number
	}
}

// A sortValue is the destination that the sort key of a row is scanned into.
type sortValue struct {
	key  sortKey
	desc bool

	number  int64
	instant crm.Instant
	text    string
	id      crm.ID
}

func (v *sortValue) destination() any {
	switch v.key.kind {
	case keyInstant:
		return &v.instant
	case keyText:
		return &v.text
	case keyID:
		return &v.id
	default:
		return &v.number
	}
}

// position returns the position of the row with this id that was scanned last.
func (v *sortValue) position(id crm.ID) crm.Position {
	number := v.number + int64(v.instant)
	if v.desc && v.key.null != 0 && number == v.key.null {
		number = v.key.nullDesc
	}
	return crm.Position{Number: number, Text: v.text, ID: id}
}
