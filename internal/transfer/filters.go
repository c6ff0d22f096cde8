package transfer

import (
	"slices"
	"strings"

	"sixty/internal/cells"
	"sixty/internal/crm"
)

// parseFilters reads filters that are given as "name=value". A name may be written as
// ownerId or as owner_id.
func parseFilters[T, P, F any](entity *crm.Entity[T, P, F], kind Kind, given []string) (F, error) {
	var filter F
	known := entity.Filters
	seen := map[string]bool{}
	for _, item := range given {
		name, value, ok := strings.Cut(item, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return filter, usage("--filter: %q must be a name, an equals sign and a value", item)
		}
		spelled := strings.ReplaceAll(name, "_", "")
		i := slices.IndexFunc(known, func(f crm.Filter[T, F]) bool { return strings.EqualFold(f.Name, spelled) })
		if i < 0 && len(known) == 0 {
			return filter, usage("--filter: %s have no filters", kind)
		}
		if i < 0 {
			names := make([]string, len(known))
			for i, f := range known {
				names[i] = f.Name
			}
			return filter, usage("--filter: %s have no filter %q; there are %s", kind, name, strings.Join(names, ", "))
		}
		if seen[known[i].Name] {
			return filter, usage("--filter: %s is given twice", known[i].Name)
		}
		seen[known[i].Name] = true
		if err := known[i].Set(&filter, value); err != nil {
			return filter, usage("--filter: %s %v, not %s", known[i].Name, err, cells.Quoted(value))
		}
	}
	for i := range known {
		if err := entity.CheckRange(&known[i], &filter); err != nil {
			return filter, usage("--filter: %s %v", known[i].Name, err)
		}
	}
	return filter, nil
}
