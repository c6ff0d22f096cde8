package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"sixty/internal/crm"
)

// The domain's value types to pgx's and back. Going by these directly, pgx takes
// its quick binary ways; it would go by text through sql.Scanner otherwise.

// bind returns the arguments in types that pgx encodes directly.
func bind(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = encodable(a)
	}
	return out
}

func encodable(a any) any {
	switch v := a.(type) {
	case crm.ID:
		return pgtype.UUID{Bytes: v, Valid: true}
	case *crm.ID:
		if v != nil {
			return pgtype.UUID{Bytes: *v, Valid: true}
		}
		return nil
	case **crm.ID:
		return encodable(*v)
	case crm.Instant:
		return pgtype.Timestamptz{Time: v.Time(), Valid: true}
	case *crm.Instant:
		if v != nil {
			return pgtype.Timestamptz{Time: v.Time(), Valid: true}
		}
		return nil
	case **crm.Instant:
		return encodable(*v)
	case crm.Date:
		return pgtype.Date{Time: v.Time(), Valid: true}
	case *crm.Date:
		if v != nil {
			return pgtype.Date{Time: v.Time(), Valid: true}
		}
		return nil
	case **crm.Date:
		return encodable(*v)
	case *crm.Money:
		if v != nil {
			return int64(*v)
		}
		return nil
	case **crm.Money:
		return encodable(*v)
	case **string:
		if *v != nil {
			return **v
		}
		return nil
	case *string:
		if v != nil {
			return *v
		}
		return nil
	case *int64:
		return *v
	case *int:
		return int64(*v)
	case *bool:
		return *v
	}
	return a
}

// destinations returns the destinations in types that pgx decodes into directly.
func destinations(dest []any) []any {
	out := make([]any, len(dest))
	for i, d := range dest {
		switch v := d.(type) {
		case *crm.ID:
			out[i] = (*idInto)(v)
		case **crm.ID:
			out[i] = idPointerInto{v}
		case *crm.Instant:
			out[i] = (*instantInto)(v)
		case **crm.Instant:
			out[i] = instantPointerInto{v}
		case *crm.Date:
			out[i] = (*dateInto)(v)
		case **crm.Date:
			out[i] = datePointerInto{v}
		case *crm.Money:
			out[i] = (*int64)(v)
		default:
			out[i] = d
		}
	}
	return out
}

type idInto crm.ID

func (i *idInto) ScanUUID(v pgtype.UUID) error {
	*i = v.Bytes
	return nil
}

type idPointerInto struct{ p **crm.ID }

func (i idPointerInto) ScanUUID(v pgtype.UUID) error {
	*i.p = nil
	if v.Valid {
		id := crm.ID(v.Bytes)
		*i.p = &id
	}
	return nil
}

type instantInto crm.Instant

func (i *instantInto) ScanTimestamptz(v pgtype.Timestamptz) error {
	*i = instantInto(crm.InstantOf(v.Time))
	return nil
}

type instantPointerInto struct{ p **crm.Instant }

func (i instantPointerInto) ScanTimestamptz(v pgtype.Timestamptz) error {
	*i.p = nil
	if v.Valid {
		at := crm.InstantOf(v.Time)
		*i.p = &at
	}
	return nil
}

type dateInto crm.Date

func (i *dateInto) ScanDate(v pgtype.Date) error {
	*i = dateInto(crm.DateOf(v.Time))
	return nil
}

type datePointerInto struct{ p **crm.Date }

func (i datePointerInto) ScanDate(v pgtype.Date) error {
	*i.p = nil
	if v.Valid {
		d := crm.DateOf(v.Time)
		*i.p = &d
	}
	return nil
}
