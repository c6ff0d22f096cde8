package webhooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// entities are the kinds of records whose changes are sent, and ops what can happen to them.
var (
	entities = []string{crm.EntityCompany, crm.EntityContact, crm.EntityDeal, crm.EntityStage, crm.EntityActivity, crm.EntityTask, crm.EntityOwner}
	ops      = []crm.Op{crm.OpCreated, crm.OpUpdated, crm.OpDeleted}
)

// The types of events that are no change of one record.
const (
	// typeResync says that changes may be missing: everything is to be read again.
	typeResync = "resync"
	typeTest   = "test"
)

// all stands for every change.
const all = "*"

// EventPatterns returns every pattern that an endpoint's events may have.
func EventPatterns() []string {
	patterns := []string{all}
	for _, entity := range entities {
		patterns = append(patterns, entity+".*")
		for _, op := range ops {
			patterns = append(patterns, entity+"."+string(op))
		}
	}
	return patterns
}

// EventList is what an endpoint receives: patterns, separated by commas.
type EventList string

// List returns the patterns.
func (l EventList) List() []string {
	if l == "" {
		return []string{}
	}
	return strings.Split(string(l), ",")
}

// MarshalJSON returns the patterns as an array.
func (l EventList) MarshalJSON() ([]byte, error) { return json.Marshal(l.List()) }

// parseEvents returns the patterns of a request, each once, and what is wrong with them.
func parseEvents(patterns []string) (EventList, string) {
	known := EventPatterns()
	var list []string
	for _, p := range patterns {
		if !slices.Contains(known, p) {
			return "", fmt.Sprintf("must not contain %q: it must be one of %s", shortened(p), strings.Join(known, ", "))
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return "", "must contain at least one event"
	}
	return EventList(strings.Join(list, ",")), ""
}

// shortened bounds a text in a message.
func shortened(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// matches reports whether an entry of the change log is sent. One that is bulk may stand for any
// operation.
func (l EventList) matches(e *crm.LogEntry) bool {
	if !slices.Contains(entities, e.Entity) {
		return false
	}
	for _, pattern := range l.List() {
		entity, op, _ := strings.Cut(pattern, ".")
		if pattern == all || entity == e.Entity && (op == all || e.Op == crm.OpBulk || op == string(e.Op)) {
			return true
		}
	}
	return false
}

// Entities returns the kinds of records that any of the patterns names.
func (l EventList) Entities() []string {
	return slices.DeleteFunc(slices.Clone(entities), func(entity string) bool {
		return !l.matches(&crm.LogEntry{Entity: entity, Op: crm.OpBulk})
	})
}
