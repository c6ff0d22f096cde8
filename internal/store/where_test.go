package store

import (
	"reflect"
	"slices"
	"testing"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// plainDialect is enough of a Dialect to compose statements.
type plainDialect struct{ Dialect }

func (plainDialect) Matches(int) (tables, condition, newest string) {
	return "search s", "s.terms = $2", "s.pos"
}
func (plainDialect) AnyOf(expr, query string) string { return expr + " IN (" + query + ")" }

type plainEngine struct{ Engine }

func (plainEngine) Dialect() Dialect { return plainDialect{} }

func newPlainStore() *Store { return New(plainEngine{}, Options{}) }

// A statement from the cache is the one that would have been composed anew, for filters of every
// list, each two of them, each order, and each kind of scan.
func TestStatementCache(t *testing.T) {
	t.Parallel()
	s := newPlainStore()
	t.Run("companies", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.companies) })
	t.Run("contacts", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.contacts) })
	t.Run("deals", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.deals) })
	t.Run("stages", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.stages) })
	t.Run("owners", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.owners) })
	t.Run("activities", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.activities) })
	t.Run("tasks", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.tasks) })
	t.Run("audit", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.audit) })
	t.Run("keys", func(t *testing.T) { t.Parallel(); checkStatements(t, s, &s.keys) })
	t.Run("two filters", func(t *testing.T) {
		t.Parallel()
		type filter struct{ Stage, Priority *string }
		deals := dealTable()
		checkStatements(t, s, &table[crm.Deal, filter]{
			name: "deals", entity: "two_filters", columns: deals.columns, sorts: deals.sorts, owned: deals.owned,
			filters: filtersOf(&crm.Entity[crm.Deal, crm.DealPatch, filter]{Filters: []crm.Filter[crm.Deal, filter]{
				{Name: "stage", At: func(f *filter) any { return &f.Stage }},
				{Name: "priority", At: func(f *filter) any { return &f.Priority }},
			}}, map[string]condition[filter]{"stage": {sql: "t.stage_id ="}, "priority": {sql: "t.priority ="}}),
		})
	})
}

// TestDeclared: every declared filter has a condition, and every declared order a key.
func TestDeclared(t *testing.T) {
	t.Parallel()
	s := newPlainStore()
	checkDeclared(t, &s.companies, crm.Companies)
	checkDeclared(t, &s.contacts, crm.Contacts)
	checkDeclared(t, &s.deals, crm.Deals)
	checkDeclared(t, &s.stages, crm.Stages)
	checkDeclared(t, &s.owners, crm.Owners)
	checkDeclared(t, &s.activities, crm.Activities)
	checkDeclared(t, &s.tasks, crm.Tasks)
	checkDeclared(t, &s.audit, accounts.AuditTrail)
	checkDeclared(t, &s.keys, accounts.APIKeys)
}

func checkDeclared[T, P, F any](t *testing.T, table *table[T, F], e *crm.Entity[T, P, F]) {
	t.Helper()
	if len(table.filters) != len(e.Filters) {
		t.Errorf("%s has %d filters, declared are %d", table.name, len(table.filters), len(e.Filters))
	}
	for _, x := range table.filters {
		if x.sql == "" && x.add == nil && x.column == "" && x.choice == nil {
			t.Errorf("%s: the filter %s has no SQL condition", table.name, x.name)
		}
	}
	for _, field := range e.Sorts.Fields {
		if _, ok := table.sorts[field]; !ok {
			t.Errorf("%s: the order %s has no sort key", table.name, field)
		}
	}
}

func checkStatements[T, F any](t *testing.T, s *Store, table *table[T, F]) {
	t.Helper()
	uncached := newPlainStore()
	statements := map[string]bool{}
	for _, f := range everyFilter[F]() {
		for _, owner := range []*crm.ID{nil, {1}} {
			b := newWhere(crm.ID{})
			table.restrictTo(owner, &b)
			table.filter(f, &b)
			for field := range table.sorts {
				for _, sort := range []crm.Sort{{Field: field}, {Field: field, Desc: true}} {
					for _, from := range []*crm.Position{nil, {Number: 1}, {Number: 1, Inclusive: true}} {
						for _, forward := range []bool{true, false} {
							sc := keysetScan{forward: forward, from: from, inclusive: from != nil && from.Inclusive}
							for _, part := range table.sorts[field].indexScans(sort, sc) {
								cached, args := listStatement(s, table, &b, sort, part, 11)
								clear(uncached.statements)
								fresh, _ := listStatement(uncached, table, &b, sort, part, 11)
								if cached.SQL != fresh.SQL {
									t.Fatalf("the cache answers\n%s\nwith\n%s", fresh.SQL, cached.SQL)
								}
								statements[cached.SQL] = true
								if n := slices.Max(placeholdersIn(cached.SQL)); n != len(args) {
									t.Fatalf("%d arguments for\n%s", len(args), cached.SQL)
								}
							}
						}
					}
				}
			}
			if table.search != nil {
				key := table.sorts["updated_at"]
				b.args = append(b.args, nil)
				for _, idsOnly := range []bool{false, true} {
					clear(uncached.statements)
					if cached, fresh := matchStatement(s, table, &b, crm.ByRank, key, idsOnly, 11), matchStatement(uncached, table, &b, crm.ByRank, key, idsOnly, 11); cached.SQL != fresh.SQL {
						t.Fatalf("the cache answers\n%s\nwith\n%s", fresh.SQL, cached.SQL)
					}
				}
			}
		}
	}
	if len(statements) < 2 {
		t.Errorf("%d statements", len(statements))
	}
}

// placeholdersIn returns the numbers of the placeholders of a statement.
func placeholdersIn(text string) []int {
	numbers := []int{0}
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		n := 0
		for i++; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
			n = 10*n + int(text[i]-'0')
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// everyFilter returns the filters with each of the optional fields set, with each two of them,
// and with all.
func everyFilter[F any]() []F {
	filters := []F{*new(F)}
	set := []int{0}
	all := *new(F)
	for i := range reflect.TypeFor[F]().NumField() {
		field := reflect.TypeFor[F]().Field(i)
		var values []reflect.Value
		switch {
		case field.Type.Kind() == reflect.Pointer:
			values = []reflect.Value{reflect.New(field.Type.Elem())}
		case field.Type == reflect.TypeFor[crm.OneOf[crm.ID]]():
			for _, of := range []crm.OneOf[crm.ID]{crm.Only(crm.ID{1}), {Values: make([]crm.ID, 5), Null: true}} {
				values = append(values, reflect.ValueOf(of))
			}
		case field.Name == "Status":
			for _, of := range []crm.OneOf[string]{crm.Only(crm.TaskOverdue), {Values: []string{crm.TaskPending, crm.TaskOverdue}}} {
				values = append(values, reflect.ValueOf(of))
			}
		case field.Type == reflect.TypeFor[crm.OneOf[string]]():
			values = []reflect.Value{reflect.ValueOf(crm.Only("high"))}
		default:
			continue
		}
		for j, f := range slices.Clone(filters) {
			for _, v := range values {
				if set[j] == 2 {
					continue
				}
				reflect.ValueOf(&f).Elem().Field(i).Set(v)
				filters, set = append(filters, f), append(set, set[j]+1)
			}
		}
		reflect.ValueOf(&all).Elem().Field(i).Set(values[len(values)-1])
	}
	return append(filters, all)
}
