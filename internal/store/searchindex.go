package store

import (
	"context"
	"encoding/hex"
	"strings"

	"sixty/internal/crm"
)

// The index that searches ask is kept in step by whoever writes, in the same
// transaction: a row of the table search for each thing, with its terms. What an
// engine builds over them is its own, in its migrations. Rows are entered anew when a
// thing's words change, so that their numbers (pos) tell the latest.

var searchColumns = []string{"org_id", "kind", "id", "terms"}

// termsOf gives words as the index knows them: behind a few characters that stand for
// the organisation and the kind, so that a word leads to nothing of anybody else. That
// two organisations share the characters may happen, and costs but time: what is found is
// read as the organisation's own.
func termsOf(org crm.ID, prefix string, words []string) []string {
	key := hex.EncodeToString(org[12:]) + prefix
	terms := make([]string, len(words))
	for i, word := range words {
		terms[i] = key + word
	}
	return terms
}

// terms gives a row's terms, parted by blanks.
func (t *table[T, F]) terms(row *T) string {
	s := t.search.searched(row)
	return strings.Join(termsOf(t.org(row), t.search.prefix, s.Words()), " ")
}

// enterTerms enters rows in the index.
func (w *writer[T, F]) enterTerms(ctx context.Context, rows int, row func(i int) *T) error {
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

// dropTerms takes things out of the index.
func (w *writer[T, F]) dropTerms(ctx context.Context, ids []crm.ID) error {
	t, s := w.table, w.tx.store
	if t.search == nil {
		return nil
	}
	name := t.entity + ".drop_terms"
	st := s.statement(name, func() *Statement {
		return &Statement{name, "DELETE FROM search WHERE org_id = $1 AND kind = '" + t.search.kind + "' AND " + s.dialect.AnyID("id", 2)}
	})
	_, err := inParts(ids, func(part []crm.ID) ([]int64, error) {
		_, err := w.tx.exec(ctx, st, w.tx.by.Org, s.dialect.IDs(part))
		return nil, err
	})
	return err
}

// changeTerms enters anew what is found by other words than before.
func (w *writer[T, F]) changeTerms(ctx context.Context, changes []crm.Change[T]) error {
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
	if err := w.dropTerms(ctx, ids); err != nil {
		return err
	}
	return w.enterTerms(ctx, len(changed), func(i int) *T { return changed[i] })
}

// FillSearch enters in the index what a database held before it had one. It may be
// run again, after being ended halfway too.
func FillSearch(ctx context.Context, engine Engine) error {
	s := New(engine, Options{})
	// Their ids alone: an organisation may have come to be more since this migration.
	all, err := collect(ctx, s, s.service(), logOrganisations, func(id *crm.ID) []any { return []any{id} })
	if err != nil {
		return err
	}
	for _, org := range all {
		if err := fillKind(ctx, s, &s.companies, org); err != nil {
			return err
		}
		if err := fillKind(ctx, s, &s.contacts, org); err != nil {
			return err
		}
		if err := fillKind(ctx, s, &s.deals, org); err != nil {
			return err
		}
	}
	return nil
}

// fillKind walks a list from what was changed first to what was changed last.
func fillKind[T, F any](ctx context.Context, s *Store, t *table[T, F], org crm.ID) error {
	q := crm.List[F]{Sort: crm.Sort{Field: "updated_at"}, Limit: crm.MaxLimit}
	for {
		p, err := page(ctx, s, s.of(org), t, org, nil, q)
		if err != nil {
			return err
		}
		ids := make([]crm.ID, len(p.Rows))
		for i := range p.Rows {
			ids[i] = t.id(&p.Rows[i])
		}
		if err := fillRows(ctx, s, t, org, ids); err != nil || !p.HasMore {
			return err
		}
		q.From = p.Last
	}
}

func fillRows[T, F any](ctx context.Context, s *Store, t *table[T, F], org crm.ID, ids []crm.ID) error {
	etx, err := s.engine.Begin(ctx, Scope{Org: org})
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() { _ = etx.Rollback() }()
	w := writer[T, F]{&tx{reader: reader{store: s, db: etx}, by: crm.Operator(org), etx: etx}, t}
	rows, err := w.LockForUpdate(ctx, ids)
	if err != nil {
		return err
	}
	if err := w.dropTerms(ctx, ids); err != nil {
		return err
	}
	if err := w.enterTerms(ctx, len(rows), func(i int) *T { return &rows[i] }); err != nil {
		return err
	}
	return s.fault(ctx, etx.Commit(ctx))
}
