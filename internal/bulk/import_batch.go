package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
)

func newBatchTx(ctx context.Context, run *run, tx Tx, now crm.Instant) *batchTx {
	tx.BeginImport(run.id)
	b := &batchTx{ctx: ctx, run: run, tx: tx, by: run.by, now: now}
	b.refs = newReferences(b)
	return b
}

// keyedRows are rows with what they are compared by.
type keyedRows[P any] struct {
	rows   []ImportRow[P]
	keys   []crm.Key          // the unique ones and the import's
	values [][]string         // of the rows, by key; "" is none
	wrong  [][]crm.FieldError // with the rows' members
}

// keyRows returns rows with what they are compared by.
func keyRows[T, P any](k kind[T, P], key crm.Key, rows []ImportRow[P]) keyedRows[P] {
	keyed := keyedRows[P]{rows: rows, keys: slices.Clone(k.declaration().unique), values: make([][]string, len(rows)), wrong: make([][]crm.FieldError, len(rows))}
	if !slices.Contains(keyed.keys, key) {
		keyed.keys = append(keyed.keys, key)
	}
	for i := range rows {
		keyed.values[i], keyed.wrong[i] = keyValues(k, keyed.keys, rows[i].ID.Value, &rows[i].Patch)
	}
	return keyed
}

func (k keyedRows[P]) slice(from, to int) keyedRows[P] {
	return keyedRows[P]{k.rows[from:to], k.keys, k.values[from:to], k.wrong[from:to]}
}

// loadRows loads a batch, segment by segment: a segment is written at once. There
// is more than one only when a row takes a key that an earlier one gave up, which
// the database would refuse in the same statement.
func loadRows[T, P any](b *batchTx, begin func(*batchTx) kind[T, P], keyed keyedRows[P]) ([]RowResult, error) {
	rows := keyed.rows
	someStageless := false
	for i := range rows {
		b.refs.ask(rows[i].References)
		b.refs.ask(rows[i].Fallback)
		someStageless = someStageless || crm.Text(rows[i].Stage) == ""
	}
	if err := b.refs.resolve(b.ctx); err != nil {
		return nil, err
	}
	keyed.rows = withFallbacks(b.refs, rows)
	results := make([]RowResult, 0, len(rows))
	for len(results) < len(rows) {
		s := &importSegment[T, P]{
			segment: newSegment(b, begin(b), keyed.keys), keyedRows: keyed.slice(len(results), len(rows)), freed: map[keyValue]bool{},
		}
		if err := s.kind.begin(someStageless); err != nil {
			return nil, err
		}
		if err := s.find(); err != nil {
			return nil, err
		}
		for i := range s.rows {
			result, cut := s.row(i)
			if cut {
				break
			}
			results = append(results, result)
		}
		if err := b.refs.insert(b.ctx); err != nil {
			return nil, err
		}
		if err := s.write(true); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// importSegment is a segment of an import's rows.
type importSegment[T, P any] struct {
	segment[T, P]
	keyedRows[P]
	freed map[keyValue]bool // that stored records gave up
}

type keyValue struct {
	key   crm.Key
	value string
}

// find finds everything that has a key of one of the rows, and locks what the rows
// are about.
func (s *importSegment[T, P]) find() error {
	if err := s.segment.find(s.keys, s.values); err != nil {
		return err
	}
	if s.run.opt.Key == crm.KeyID {
		return s.lockByID()
	}
	return s.lockByKey()
}

func (s *importSegment[T, P]) lockByKey() error {
	key := s.run.opt.Key
	var ids []crm.ID
	for _, found := range s.holders[key] {
		if len(found) == 1 {
			ids = append(ids, found[0])
		}
	}
	locked, err := s.lock(ids)
	if err != nil {
		return err
	}
	for i := range locked {
		// Between the two statements another client may have changed it.
		if found := s.holders[key][s.key(&locked[i], key)]; len(found) != 1 || found[0] != s.id(&locked[i]) {
			return disturbed(s.many)
		}
	}
	if len(locked) < len(ids) {
		return disturbed(s.many)
	}
	return nil
}

// lockByID locks the records that rows name by id; those that do not exist are new.
func (s *importSegment[T, P]) lockByID() error {
	var ids []crm.ID
	for i, values := range s.values {
		if values[slices.Index(s.keys, crm.KeyID)] != "" {
			ids = append(ids, s.rows[i].ID.Value)
		}
	}
	locked, err := s.lock(ids)
	for i := range locked {
		id := s.id(&locked[i])
		s.holders[crm.KeyID][id.String()] = []crm.ID{id}
	}
	return err
}

// newID returns the id of the record that a row creates.
func (s *importSegment[T, P]) newID(i int) crm.ID {
	if s.run.opt.Key == crm.KeyID {
		return s.rows[i].ID.Value
	}
	return crm.NewID()
}

// row applies one row. It asks for a cut before the row when that must not be
// written together with those before it.
func (s *importSegment[T, P]) row(i int) (result RowResult, cut bool) {
	row := &s.rows[i]
	e, bad := s.entry(i)
	if bad != nil {
		return rejected(bad...), false
	}
	isNew := e == nil
	if isNew {
		e = &entry[T]{after: s.kind.newRecord(s.newID(i)), isNew: true}
	}
	after := e.after
	var r crm.Rules
	s.kind.row(row, &after, isNew, &r)
	if row.CreatedAt.Set && !row.CreatedAt.Null {
		*s.created(&after) = row.CreatedAt.Value
	}
	if isNew && row.UpdatedAt.Set && !row.UpdatedAt.Null {
		*s.updated(&after) = row.UpdatedAt.Value
	}
	for _, b := range s.taken(&e.after, &after, isNew) {
		r.Add(b.Field, "%s", b.Message)
	}
	switch {
	case len(r.Bad) > 0:
		result := rejected(r.Bad...)
		result.Missing = s.refs.missing(row.References)
		return result, false
	case s.takesFreed(&e.after, &after, isNew):
		return RowResult{}, true
	}
	s.refs.use(row.References)
	if !isNew && same(e.after, after) {
		return RowResult{Verdict: RowUnchanged}, false
	}
	s.reindex(e, &after, isNew)
	return RowResult{Verdict: s.accept(e, after, isNew)}, false
}

// entry returns the record that a row is about, nil when it is a new one, or says why
// that is not known.
func (s *importSegment[T, P]) entry(i int) (*entry[T], []crm.FieldError) {
	key := s.run.opt.Key
	value := s.values[i][slices.Index(s.keys, key)]
	found := s.holders[key][value]
	switch {
	case value == "":
		return nil, s.unrecognised(i)
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		return nil, []crm.FieldError{{Message: fmt.Sprintf("%d %s have this %s", len(found), s.many, key)}}
	}
	return s.entries[found[0]], nil
}

// unrecognised says why a row has no value for the key: it could not be read, it
// breaks a rule, or there is none.
func (s *importSegment[T, P]) unrecognised(i int) []crm.FieldError {
	key := string(s.run.opt.Key)
	bad := slices.Clone(*s.decodeErrors(&s.rows[i].Patch))
	if len(bad) > 0 && bad[0].Field == "" {
		return bad // the record as a whole could not be read: its members are not empty
	}
	for _, w := range s.wrong[i] {
		if w.Field == key && !slices.Contains(bad, w) {
			bad = append(bad, w)
		}
	}
	if len(bad) == 0 {
		bad = crm.DecodeErrors{{Message: "has no " + key + " to recognise it by"}}
	}
	return bad
}

// takesFreed reports whether a record takes a key that a stored one gave up before in this
// segment.
func (s *importSegment[T, P]) takesFreed(before, after *T, isNew bool) bool {
	return slices.ContainsFunc(s.unique, func(key crm.Key) bool {
		value := s.key(after, key)
		return s.freed[keyValue{key, value}] && (isNew || value != s.key(before, key))
	})
}

// reindex notes which keys a record has after a row.
func (s *importSegment[T, P]) reindex(e *entry[T], after *T, isNew bool) {
	id := s.id(after)
	for _, key := range s.keys {
		was, is := "", s.key(after, key)
		if !isNew {
			was = s.key(&e.after, key)
		}
		if was == is {
			continue
		}
		if was != "" {
			s.holders[key][was] = slices.DeleteFunc(s.holders[key][was], func(other crm.ID) bool { return other == id })
			s.freed[keyValue{key, was}] = !e.isNew
			s.gaveUp = s.gaveUp || !e.isNew
		}
		if is != "" {
			s.holders[key][is] = append(s.holders[key][is], id)
		}
	}
}

// rejected returns the result of a row that breaks rules.
func rejected(bad ...crm.FieldError) RowResult {
	reasons := make([]string, len(bad))
	for i, b := range bad {
		reasons[i] = strings.TrimSpace(b.Field + " " + b.Message)
	}
	return RowResult{Verdict: RowRejected, Reason: strings.Join(reasons, "; ")}
}
