package preset

import (
	"maps"
	"slices"

	"sixty/internal/crm"
)

// Fields lists the fields that the rows of a kind have; nil if there is no such kind.
func Fields(kind string) []string {
	if kinds[kind] == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(kinds[kind]))
}

// kinds holds the fields of each kind, with the values that enumerated ones take: the members
// that the declarations let clients write, and those that only an import has.
var kinds = map[string]map[string][]string{
	"companies":  declared(crm.Companies, "owner"),
	"contacts":   declared(crm.Contacts, "full_name", "company", "owner"),
	"deals":      declared(crm.Deals, "company_name", "owner", "stage", "contact", "stage_changed_at", "closed_at_if_closed"),
	"activities": declared(crm.Activities, "company", "owner", "contact", "deal"),
	"tasks":      declared(crm.Tasks, "external_id", "company", "contact", "deal", "assignee", "creator"),
	"owners":     declared(crm.Owners, "external_id", "full_name"),
	"stages":     declared(crm.Stages),
}

func declared[T, P, F any](e *crm.Entity[T, P, F], further ...string) map[string][]string {
	fields := map[string][]string{"id": nil, "created_at": nil, "updated_at": nil}
	for i := range e.Properties {
		if p := &e.Properties[i]; p.Writable() {
			fields[p.Name] = p.Enum
		}
	}
	for _, name := range further {
		fields[name] = nil
	}
	return fields
}

// references are what rows refer to and an import can create.
var references = []string{"company", "contact", "owner", "stage"}

// outcomes are what a stage can be.
var outcomes = crm.Stages.Enum("outcome")

// Enum returns the values that an enumerated field of a kind takes; nil for other fields.
func Enum(kind, field string) []string { return kinds[kind][field] }
