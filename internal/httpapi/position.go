package httpapi

import (
	"encoding/binary"
	"errors"

	"sixty/internal/crm"
	"sixty/internal/cursor"
)

// The first byte of a sealed sort key says of which kind it is.
const (
	keyNumber = 'n' // then 8 bytes, big-endian
	keyText   = 't' // then the text
)

// sortsByText tells whether the sort key of an order is text; all others are numbers.
func sortsByText(sort crm.Sort) bool { return sort.Field == "name" }

// sealed gives a place in a list as it is sealed.
func sealed(at crm.Position, text bool) cursor.Position {
	var key []byte
	if text {
		key = append(make([]byte, 0, 1+len(at.Text)), keyText)
		key = append(key, at.Text...)
	} else {
		key = binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), keyNumber), uint64(at.Number))
	}
	return cursor.Position{Key: key, ID: at.ID, Inclusive: at.Inclusive}
}

// unsealed undoes sealed.
func unsealed(p cursor.Position, text bool) (crm.Position, error) {
	at := crm.Position{ID: p.ID, Inclusive: p.Inclusive}
	switch {
	case text && len(p.Key) > 0 && p.Key[0] == keyText:
		at.Text = string(p.Key[1:])
	case !text && len(p.Key) == 9 && p.Key[0] == keyNumber:
		at.Number = int64(binary.BigEndian.Uint64(p.Key[1:]))
	default:
		return at, cursor.ErrMalformed
	}
	return at, nil
}

// openCursor gives the place that a cursor names in a list.
func (a *API) openCursor(scope cursor.Scope, sort crm.Sort, token string) (crm.Position, error) {
	p, err := a.sealer.Open(scope, token)
	if err != nil {
		return crm.Position{}, err
	}
	return unsealed(p, sortsByText(sort))
}

// pageCursors seals the places after and before a page; "" where nothing follows. When
// the rows of a page have vanished since its cursor was sealed, the way on in either
// direction is from that cursor's own place.
func pageCursors[T, F any](a *API, scope cursor.Scope, q crm.List[F], page crm.Page[T]) (next, previous string, err error) {
	first, last := page.First, page.Last
	if last == nil && q.From != nil {
		turned := *q.From
		turned.Inclusive = !turned.Inclusive
		first, last = &turned, &turned
	}
	text := sortsByText(q.Sort)
	if page.HasMore && last != nil {
		if next, err = a.sealer.Seal(scope, sealed(*last, text)); err != nil {
			return "", "", err
		}
	}
	if page.HasPrevious && first != nil {
		if previous, err = a.sealer.Seal(scope, sealed(*first, text)); err != nil {
			return "", "", err
		}
	}
	return next, previous, nil
}

// cursorComplaint says what is wrong with a cursor.
func cursorComplaint(err error) string {
	switch {
	case errors.Is(err, cursor.ErrUnknownKey):
		return "must be sealed with a key that this server knows; ask for the first page again"
	case errors.Is(err, cursor.ErrForeign):
		return "must be used unaltered, with the list, filters and sort that it was made for"
	default:
		return "must be a cursor that this server gave out"
	}
}
