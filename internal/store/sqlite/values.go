package sqlite

import (
	"fmt"

	"sixty/internal/crm"
)

// The domain's value types to the driver's and back. database/sql would take an id
// for text, and follow pointers and convert numbers by reflection and by way of
// text, which for a page takes as long as reading it.

// bind returns the arguments in types that the driver knows.
func bind(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = bindable(a)
	}
	return out
}

func bindable(a any) any {
	switch v := a.(type) {
	case crm.ID:
		return v[:]
	case *crm.ID:
		if v != nil {
			return (*v)[:]
		}
		return nil
	case **crm.ID:
		return bindable(*v)
	case crm.Instant:
		return int64(v)
	case *crm.Instant:
		if v != nil {
			return int64(*v)
		}
		return nil
	case **crm.Instant:
		return bindable(*v)
	case *crm.Date:
		if v != nil {
			return int64(*v)
		}
		return nil
	case **crm.Date:
		return bindable(*v)
	case *crm.Money:
		if v != nil {
			return int64(*v)
		}
		return nil
	case **crm.Money:
		return bindable(*v)
	case *string:
		if v != nil {
			return *v
		}
		return nil
	case **string:
		return bindable(*v)
	case *int64:
		return *v
	case *int:
		if v != nil {
			return int64(*v)
		}
		return nil
	case **int:
		return bindable(*v)
	case *bool:
		return *v
	}
	return a
}

// assign writes a value of the driver's into a destination. Ids come apart, as bytes
// that are the driver's own.
func assign(dest, v any, bytes []byte) error {
	ok := true
	switch d := dest.(type) {
	case *crm.ID:
		ok = assignID(d, bytes)
	case **crm.ID:
		*d = nil
		if bytes != nil {
			*d = new(crm.ID)
			ok = assignID(*d, bytes)
		}
	case *string:
		*d, ok = v.(string)
	case **string:
		ok = assignOptional(d, v)
	case *int64:
		*d, ok = v.(int64)
	case *crm.Instant:
		ok = assignNumber(d, v)
	case **crm.Instant:
		ok = assignOptionalNumber(d, v)
	case *crm.Money:
		ok = assignNumber(d, v)
	case **crm.Money:
		ok = assignOptionalNumber(d, v)
	case **crm.Date:
		ok = assignOptionalNumber(d, v)
	case *int:
		ok = assignNumber(d, v)
	case **int:
		ok = assignOptionalNumber(d, v)
	case *bool:
		var n int64
		n, ok = v.(int64)
		*d = n != 0
	case *[]byte:
		*d, ok = v.([]byte)
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("a %T cannot hold a %T", dest, v)
	}
	return nil
}

func assignID(d *crm.ID, bytes []byte) bool {
	return copy(d[:], bytes) == len(d) && len(bytes) == len(d)
}

func assignOptional[T any](d **T, v any) bool {
	*d = nil
	if v == nil {
		return true
	}
	t, ok := v.(T)
	if ok {
		*d = &t
	}
	return ok
}

func assignNumber[T ~int64 | ~int32 | ~int](d *T, v any) bool {
	n, ok := v.(int64)
	*d = T(n)
	return ok
}

func assignOptionalNumber[T ~int64 | ~int32 | ~int](d **T, v any) bool {
	*d = nil
	if v == nil {
		return true
	}
	*d = new(T)
	return assignNumber(*d, v)
}
