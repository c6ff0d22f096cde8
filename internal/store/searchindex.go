package store

import (
	"context"
	"encoding/hex"
	"strings"

	"sixty/internal/crm"
)

// The index of searches is the table search: a row with the terms of each record, written
// in the transaction that writes the record. Each engine has an index of its own over the
// terms, made by its migrations. Rows are replaced when a record's words change, so that the
// highest numbers (pos) are the latest.

var searchColumns = []string{"org_id", "kind", "id", "terms"}

// termsOf returns words as terms of the index. They begin with a few characters of the
// organisation's id and the entity's prefix, so that a search reads no other organisation's
// rows. Should two organisations share the characters, it only costs time: the records are
// then read as the organisation's own.
func termsOf(org crm.ID, prefix string, words []string) []string {
	key := hex.EncodeToString(org[12:]) + prefix
	terms := make([]string, len(words))
	for i, word := range words {
		terms[i] = key + word
	}
	return terms
}

// terms returns a row's terms, separated by blanks.
func (t *table[T, F]) terms(row *T) string {
	s := t.search.searched(row)
	return strings.Join(termsOf(t.org(row), t.search.prefix, s.Words()), " ")
}

// insertTerms adds rows to the index.
func (w *writer[T, F]) insertTerms(ctx context.Context, rows int, row func(i int) *T) error {
	t := w.table
	if t.search == nil {
		return nil
	}
	args := make([]any, 0, len(searchColumns))
	return w.tx.load(ctx, "search", searchColumns, rows, func(i int) []any {
		r := row(i)
		args = append(args[:0], t.org(r), t.search.kind, t.id(r), t.terms(r))
		return args
	})
}

// deleteTerms removes records from the index.
func (w *writer[T, F]) deleteTerms(ctx context.Context, ids []crm.ID) error {
	t, s := w.table, w.tx.store
	if t.search == nil {
		return nil
	}
	name := t.entity + ".delete_terms"
	st := s.statement(name, func() *Statement {
		return &Statement{name, "DELETE FROM search WHERE org_id = $1 AND kind = '" + t.search.kind + "' AND " + s.dialect.AnyID("id", 2)}
	})
	_, err := inParts(ids, func(part []crm.ID) ([]int64, error) {
		_, err := w.tx.exec(ctx, st, w.tx.by.Org, s.dialect.IDs(part))
		return nil, err
	})
	return err
}

// updateTerms replaces the terms of records whose words have changed.
func (w *writer[T, F]) updateTerms(ctx context.Context, changes []crm.Change[T]) error {
	t := w.table
	if t.search == nil {
		return nil
	}
	var changed []*T
	var ids []crm.ID
	for i := range changes {
		if c := &changes[i]; t.terms(&c.Before) != t.terms(&c.After) {
			changed, ids = append(changed, &c.After), append(ids, t.id(&c.After))
		}
	}
	if err := w.deleteTerms(ctx, ids); err != nil {
		return err
	}
	return w.insertTerms(ctx, len(changed), func(i int) *T { return changed[i] })
}
