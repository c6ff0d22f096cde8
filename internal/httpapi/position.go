package httpapi

import (
	"encoding/binary"
	"errors"

	"sixty/internal/crm"
	"sixty/internal/cursor"
)

// keyKind is the first byte of a sealed sort key: its kind.
type keyKind byte

const (
	keyNumber keyKind = 'n' // then 8 bytes, big-endian
	keyText   keyKind = 't' // then the text
	keyRank   keyKind = 'r' // then two numbers: the rank, and the order of equal ranks
)

// keyOf returns the kind of an order's sort key.
func keyOf(sort crm.Sort) keyKind {
	switch sort.Field {
	case "name", "title":
		return keyText
	case crm.ByRank.Field:
		return keyRank
	}
	return keyNumber
}

// sealed returns a position in a list as it is sealed.
func sealed(at crm.Position, kind keyKind) cursor.Position {
	key := append(make([]byte, 0, 17+len(at.Text)), byte(kind))
	switch kind {
	case keyText:
		key = append(key, at.Text...)
	case keyRank:
		key = binary.BigEndian.AppendUint64(key, uint64(at.Rank))
		key = binary.BigEndian.AppendUint64(key, uint64(at.Number))
	case keyNumber:
		key = binary.BigEndian.AppendUint64(key, uint64(at.Number))
	}
	return cursor.Position{Key: key, ID: at.ID, Inclusive: at.Inclusive}
}

// unsealed returns the position that sealed encoded.
func unsealed(p cursor.Position, kind keyKind) (crm.Position, error) {
	at := crm.Position{ID: p.ID, Inclusive: p.Inclusive}
	if len(p.Key) == 0 || p.Key[0] != byte(kind) {
		return at, cursor.ErrMalformed
	}
	key := p.Key[1:]
	switch {
	case kind == keyText:
		at.Text = string(key)
	case kind == keyRank && len(key) == 16:
		at.Rank = int64(binary.BigEndian.Uint64(key))
		at.Number = int64(binary.BigEndian.Uint64(key[8:]))
	case kind == keyNumber && len(key) == 8:
		at.Number = int64(binary.BigEndian.Uint64(key))
	default:
		return at, cursor.ErrMalformed
	}
	return at, nil
}

// openCursor returns the position of a cursor.
func openCursor(sealer *cursor.Sealer, scope cursor.Scope, sort crm.Sort, token string) (crm.Position, error) {
	p, err := sealer.Open(scope, token)
	if err != nil {
		return crm.Position{}, err
	}
	return unsealed(p, keyOf(sort))
}

// pageCursors returns the sealed positions after and before a page; "" if there are no
// more rows. If the rows of a page were deleted since its cursor was sealed, both start at
// that cursor's own position.
func pageCursors[T, F any](sealer *cursor.Sealer, scope cursor.Scope, q crm.List[F], page crm.Page[T]) (next, previous string, err error) {
	first, last := page.First, page.Last
	if last == nil && q.From != nil {
		turned := *q.From
		turned.Inclusive = !turned.Inclusive
		first, last = &turned, &turned
	}
	kind := keyOf(q.Sort)
	if page.HasMore && last != nil {
		next, err = sealer.Seal(scope, sealed(*last, kind))
	}
	if page.HasPrevious && first != nil && err == nil {
		previous, err = sealer.Seal(scope, sealed(*first, kind))
	}
	return next, previous, err
}

// cursorMessage returns the validation message of an invalid cursor.
func cursorMessage(err error) string {
	switch {
	case errors.Is(err, cursor.ErrUnknownKey):
		return "must be sealed with a key that this server knows; ask for the first page again"
	case errors.Is(err, cursor.ErrForeign):
		return "must be used unaltered, with the list, filters and sort that it was made for"
	default:
		return "must be a cursor that this server gave out"
	}
}
