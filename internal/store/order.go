package store

import "sixty/internal/crm"

// What has no value comes last in either direction, and one index serves both. Its
// column holds for no value a number above all others: ascending, a list is the index
// from its beginning to its end. Descending, a list begins inside the index, below the
// border to what has no value; it goes down from there to the index's beginning, then
// from the index's end down to the border. So a walk has one leg, or two.

// A sortKey tells the column of an order, which is never null and has an index.
type sortKey struct {
	column string
	kind   keyKind
	// none stands in the column for no value. In the positions of a descending list
	// noneDesc does, which is below all others. They are 0 where there always is one.
	none, noneDesc int64
}

// keyKind is the kind of a sort key's values.
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

// legs cuts a walk through a list into walks along the index, whose positions are by
// what stands in its column.
func (k sortKey) legs(sort crm.Sort, w walk) []walk {
	if !sort.Desc || k.none == 0 {
		return []walk{w}
	}
	rest := walk{forward: w.forward, until: true}
	if w.from == nil {
		w.from, w.at = &crm.Position{Number: k.none}, !w.forward // the border: no id is less
		return []walk{w, rest}
	}
	without := w.from.Number == k.noneDesc
	if without {
		w.from = &crm.Position{Number: k.none, ID: w.from.ID}
	}
	if without == w.forward { // the border lies ahead, where the list has its end or its beginning
		w.until = true
		return []walk{w}
	}
	return []walk{w, rest}
}

// argument gives a key's value as an argument.
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

// A place is what the sort key of a row is scanned into.
type place struct {
	key  sortKey
	desc bool

	number  int64
	instant crm.Instant
	text    string
	id      crm.ID
}

func (p *place) destination() any {
	switch p.key.kind {
	case keyInstant:
		return &p.instant
	case keyText:
		return &p.text
	case keyID:
		return &p.id
	default:
		return &p.number
	}
}

// position gives the position of the row that was scanned, whose id that is.
func (p *place) position(id crm.ID) crm.Position {
	number := p.number + int64(p.instant)
	if p.desc && p.key.none != 0 && number == p.key.none {
		number = p.key.noneDesc
	}
	return crm.Position{Number: number, Text: p.text, ID: id}
}
