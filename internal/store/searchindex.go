package store

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"sixty/internal/crm"
)

// The index of searches is the table search: a row with the terms of each record, written
// in the transaction that writes the record. Each engine has an index of its own over the
// terms, made by its migrations. Rows are replaced when a record's words change, so that the
// highest numbers (pos) are the latest.
//
// An index over terms finds the beginnings of them. Words are terms, and so are the ends of
// words: the beginning of an end is part of a word.

var searchColumns = []string{"org_id", "kind", "id", "terms"}

// A termKey is what an entity's terms begin with. Both parts begin with a few characters of the
// organisation's id and a letter of the entity's, so that a search reads no other
// organisation's rows. Should two organisations share the characters, it only costs time: the
// records are then read as the organisation's own. The letters for ends are no hexadecimal
// digits, so that no word is taken for an end. There are many ends, hence their short key.
type termKey struct{ words, ends string }

var shortKey = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (s *searchSpec[T]) key(org crm.ID) termKey {
	return termKey{words: hex.EncodeToString(org[12:]) + s.prefix, ends: s.endPrefix + shortKey.EncodeToString(org[13:])[:4]}
}

// terms returns a row's terms, separated by blanks.
func (t *table[T, F]) terms(row *T, links []string) string {
	s := t.search.searched(row)
	s.Links = links
	words, ends := s.Words()
	key := t.search.key(t.org(row))
	var b strings.Builder
	for _, all := range []struct {
		key   string
		terms []string
	}{{key.words, words}, {key.ends, ends}} {
		for _, term := range all.terms {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(all.key)
			b.WriteString(term)
		}
	}
	return b.String()
}

// ask returns a query as the index is asked.
func (k termKey) ask(q *crm.Query, syntax TermSyntax) string {
	var b strings.Builder
	prefix := func(key, word string) { b.WriteString(syntax.Before + key + word + syntax.After) }
	word := func(word string) {
		b.WriteByte('(')
		prefix(k.words, word)
		if crm.FindsInside(word) {
			b.WriteString(syntax.Or)
			prefix(k.ends, word)
		}
		b.WriteByte(')')
	}
	for i, term := range q.Terms() {
		if i > 0 {
			b.WriteString(syntax.And)
		}
		b.WriteString("((")
		for j, part := range term.Parts {
			if j > 0 {
				b.WriteString(syntax.And)
			}
			word(part)
		}
		b.WriteByte(')')
		if term.Joined != "" {
			b.WriteString(syntax.Or)
			word(term.Joined)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// insertTerms adds rows to the index.
func (w *writer[T, F]) insertTerms(ctx context.Context, rows int, row func(i int) *T) error {
	t := w.table
	if t.search == nil || rows == 0 {
		return nil
	}
	var links map[crm.ID][]string
	if t.search.relinked != nil {
		ids := make([]crm.ID, rows)
		for i := range ids {
			ids[i] = t.id(row(i))
		}
		var err error
		if links, err = dealLinks(ctx, w.tx.store, w.tx.db, w.tx.by.Org, nil, ids); err != nil {
			return err
		}
	}
	args := make([]any, 0, len(searchColumns))
	return w.tx.load(ctx, "search", searchColumns, rows, func(i int) []any {
		r := row(i)
		args = append(args[:0], t.org(r), t.search.kind, t.id(r), t.terms(r, links[t.id(r)]))
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

// updateTerms replaces the terms of records whose texts, or links, have changed, and those of
// the deals that show what has changed.
func (w *writer[T, F]) updateTerms(ctx context.Context, changes []crm.Change[T]) error {
	t := w.table
	if t.search == nil {
		return nil
	}
	var changed []*T
	var ids, shown []crm.ID
	for i := range changes {
		c := &changes[i]
		before, after := t.search.searched(&c.Before), t.search.searched(&c.After)
		if !before.SameTexts(&after) || t.search.relinked != nil && t.search.relinked(&c.Before, &c.After) {
			changed, ids = append(changed, &c.After), append(ids, t.id(&c.After))
		}
		if t.search.shown != nil && t.search.shown(&c.Before) != t.search.shown(&c.After) {
			shown = append(shown, t.id(&c.After))
		}
	}
	if err := w.deleteTerms(ctx, ids); err != nil {
		return err
	}
	if err := w.insertTerms(ctx, len(changed), func(i int) *T { return changed[i] }); err != nil {
		return err
	}
	return w.tx.reindexDealsOf(ctx, t.search.ofDeals, shown)
}
