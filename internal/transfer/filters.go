package transfer

import (
	"fmt"
	"slices"
	"strings"

	"sixty/internal/cells"
	"sixty/internal/crm"
)

// parseFilters reads filters that are given as "name=value". A name may be written as
// ownerId or as owner_id. The *UsageError has what is wrong with each.
func parseFilters[T, P, F any](entity *crm.Entity[T, P, F], kind Kind, given []string) (F, error) {
	var filter F
	var wrong wrongFilters
	known := entity.Filters
	seen := map[string]bool{}
	for _, item := range given {
		name, value, ok := strings.Cut(item, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			wrong.add(name, "must have a value", fmt.Sprintf("%q must be a name, an equals sign and a value", item))
			continue
		}
		spelled := strings.ReplaceAll(name, "_", "")
		i := slices.IndexFunc(known, func(f crm.Filter[T, F]) bool { return strings.EqualFold(f.Name, spelled) })
		if i < 0 {
			text := fmt.Sprintf("%s have no filters", kind)
			if len(known) > 0 {
				text = fmt.Sprintf("%s have no filter %q; there are %s", kind, name, strings.Join(filterNames(entity), ", "))
			}
			wrong.add(name, "is no filter: "+text, text)
			continue
		}
		x := &known[i]
		if seen[x.Name] {
			wrong.addValue(x.Name, "is given twice")
			continue
		}
		seen[x.Name] = true
		if err := x.Set(&filter, value); err != nil {
			wrong.addValue(x.Name, fmt.Sprintf("%v, not %s", err, cells.Quoted(value)))
		}
	}
	for i := range known {
		if err := entity.CheckRange(&known[i], &filter); err != nil {
			wrong.addValue(known[i].Name, err.Error())
		}
	}
	return filter, wrong.err()
}

func filterNames[T, P, F any](entity *crm.Entity[T, P, F]) []string {
	names := make([]string, len(entity.Filters))
	for i, f := range entity.Filters {
		names[i] = f.Name
	}
	return names
}

// wrongFilters collects what is wrong with filters.
type wrongFilters struct {
	first  string // for the command line
	fields []crm.FieldError
}

func (w *wrongFilters) add(name, message, text string) {
	if len(w.fields) == 0 {
		w.first = text
	}
	w.fields = append(w.fields, crm.FieldError{Field: name, Message: message})
}

func (w *wrongFilters) addValue(name, message string) { w.add(name, message, name+" "+message) }

func (w *wrongFilters) err() error {
	if len(w.fields) == 0 {
		return nil
	}
	return &UsageError{Message: "--filter: " + w.first, Fields: w.fields}
}
