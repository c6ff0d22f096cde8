package sqlite

import "sixty/internal/crm"

// bind gives the arguments in types that the driver knows. database/sql would take
// an id for text, and would follow pointers by reflection. The other way needs
// nothing: ids scan from bytes, everything else by its kind.
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
		return int64(*v)
	case *bool:
		return *v
	}
	return a
}
