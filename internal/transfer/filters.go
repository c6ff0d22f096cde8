package transfer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"sixty/internal/crm"
)

// filter is a member of a list's filter F, under the name of the API's query
// parameter.
type filter[F any] struct {
	name string
	set  func(f *F, value string) error
}

// filterOf declares a filter whose values parse reads.
func filterOf[F, V any](name string, parse func(string) (V, error), at func(*F) **V) filter[F] {
	return filter[F]{name, func(f *F, value string) error {
		v, err := parse(value)
		if err == nil {
			*at(f) = &v
		}
		return err
	}}
}

func companyFilters() []filter[crm.CompanyFilter] {
	type f = crm.CompanyFilter
	return []filter[f]{
		filterOf("ownerId", crm.ParseID, func(f *f) **crm.ID { return &f.OwnerID }),
		filterOf("industry", parseFilterText, func(f *f) **string { return &f.Industry }),
		filterOf("size", oneOf[crm.Company]("size"), func(f *f) **string { return &f.Size }),
	}
}

func contactFilters() []filter[crm.ContactFilter] {
	type f = crm.ContactFilter
	return []filter[f]{
		filterOf("ownerId", crm.ParseID, func(f *f) **crm.ID { return &f.OwnerID }),
		filterOf("companyId", crm.ParseID, func(f *f) **crm.ID { return &f.CompanyID }),
	}
}

func dealFilters() []filter[crm.DealFilter] {
	type f = crm.DealFilter
	return []filter[f]{
		filterOf("ownerId", crm.ParseID, func(f *f) **crm.ID { return &f.OwnerID }),
		filterOf("stageId", crm.ParseID, func(f *f) **crm.ID { return &f.StageID }),
		filterOf("companyId", crm.ParseID, func(f *f) **crm.ID { return &f.CompanyID }),
		filterOf("contactId", crm.ParseID, func(f *f) **crm.ID { return &f.ContactID }),
		filterOf("status", oneOf[crm.Deal]("status"), func(f *f) **string { return &f.Status }),
		filterOf("minValue", crm.ParseMoney, func(f *f) **crm.Money { return &f.MinValue }),
		filterOf("maxValue", crm.ParseMoney, func(f *f) **crm.Money { return &f.MaxValue }),
		filterOf("closeBefore", crm.ParseDate, func(f *f) **crm.Date { return &f.CloseBefore }),
		filterOf("closeAfter", crm.ParseDate, func(f *f) **crm.Date { return &f.CloseAfter }),
	}
}

func activityFilters() []filter[crm.ActivityFilter] {
	type f = crm.ActivityFilter
	return []filter[f]{
		filterOf("ownerId", crm.ParseID, func(f *f) **crm.ID { return &f.OwnerID }),
		filterOf("contactId", crm.ParseID, func(f *f) **crm.ID { return &f.ContactID }),
		filterOf("companyId", crm.ParseID, func(f *f) **crm.ID { return &f.CompanyID }),
		filterOf("dealId", crm.ParseID, func(f *f) **crm.ID { return &f.DealID }),
		filterOf("type", oneOf[crm.Activity]("type"), func(f *f) **string { return &f.Type }),
		filterOf("status", oneOf[crm.Activity]("status"), func(f *f) **string { return &f.Status }),
	}
}

func auditFilters() []filter[crm.AuditFilter] {
	type f = crm.AuditFilter
	return []filter[f]{
		filterOf("action", oneOf[crm.AuditEntry]("action"), func(f *f) **string { return &f.Action }),
		filterOf("actorId", crm.ParseID, func(f *f) **crm.ID { return &f.ActorID }),
		filterOf("from", crm.ParseDate, func(f *f) **crm.Date { return &f.From }),
		filterOf("to", crm.ParseDate, func(f *f) **crm.Date { return &f.To }),
	}
}

// parseFilters reads filters that are given as "name=value". Names are understood as
// ownerId and as owner_id.
func parseFilters[F any](known []filter[F], kind Kind, given []string) (F, error) {
	var narrowed F
	seen := map[string]bool{}
	for _, item := range given {
		name, value, ok := strings.Cut(item, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return narrowed, usage("--filter: %q must be a name, an equals sign and a value", item)
		}
		spelled := strings.ReplaceAll(name, "_", "")
		i := slices.IndexFunc(known, func(f filter[F]) bool { return strings.EqualFold(f.name, spelled) })
		if i < 0 {
			names := make([]string, len(known))
			for i, f := range known {
				names[i] = f.name
			}
			return narrowed, usage("--filter: %s have no filter %q; there are %s", kind, name, strings.Join(names, ", "))
		}
		if seen[known[i].name] {
			return narrowed, usage("--filter: %s is given twice", known[i].name)
		}
		seen[known[i].name] = true
		if err := known[i].set(&narrowed, value); err != nil {
			return narrowed, usage("--filter: %s %v, not %q", known[i].name, err, shortened(value))
		}
	}
	return narrowed, nil
}

// parseFilterText reads a text to compare with. No stored text holds a NUL.
func parseFilterText(value string) (string, error) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "", errors.New("must be valid UTF-8 without a NUL character")
	}
	return value, nil
}

// oneOf reads the values of an enumerated member of T.
func oneOf[T any](member string) func(string) (string, error) {
	var words []string
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("json") == member {
			words = strings.Split(tag.Get("enum"), ",")
		}
	}
	return func(value string) (string, error) {
		if !slices.Contains(words, value) {
			return "", fmt.Errorf("must be one of %s", strings.Join(words, ", "))
		}
		return value, nil
	}
}
