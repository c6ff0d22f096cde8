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
	if run.recording != nil {
		tx.KeepImages()
	}
	b := &batchTx{ctx: ctx, run: run, tx: tx, by: run.by, now: now}
	b.refs = newReferences(b)
	return b
}

// keyedRows are rows with what they are compared by.
type keyedRows[P any] struct {
	rows    []ImportRow[P]
	keys    []crm.Key          // the unique ones, and then the import's others
	uniques int                // how many are unique
	values  [][]string         // of the rows, by key; "" is none
	by      []int              // which of the keys the rows' records are found by; -1 is none
	wrong   [][]crm.FieldError // with the rows' members
}

// keyRows returns rows with what they are compared by.
func keyRows[T, P any](k kind[T, P], keys []crm.Key, rows []ImportRow[P]) keyedRows[P] {
	keyed := keyedRows[P]{
		rows: rows, keys: slices.Clone(k.declaration().unique), uniques: len(k.declaration().unique),
		values: make([][]string, len(rows)), by: make([]int, len(rows)), wrong: make([][]crm.FieldError, len(rows)),
	}
	order := make([]int, len(keys))
	for n, key := range keys {
		if order[n] = slices.Index(keyed.keys, key); order[n] < 0 {
			order[n] = len(keyed.keys)
			keyed.keys = append(keyed.keys, key)
		}
	}
	for i := range rows {
		keyed.values[i], keyed.wrong[i] = keyValues(k, keyed.keys, rows[i].ID.Value, &rows[i].Patch)
		keyed.by[i] = -1
		for _, at := range order {
			if keyed.values[i][at] != "" {
				keyed.by[i] = at
				break
			}
		}
	}
	return keyed
}

// foundBy returns the key that a row's record is found by, and its value; "" is none.
func (k keyedRows[P]) foundBy(i int) (crm.Key, string) {
	if k.by[i] < 0 {
		return "", ""
	}
	return k.keys[k.by[i]], k.values[i][k.by[i]]
}

func (k keyedRows[P]) slice(from, to int) keyedRows[P] {
	return keyedRows[P]{k.rows[from:to], k.keys, k.uniques, k.values[from:to], k.by[from:to], k.wrong[from:to]}
}

// asked returns the values that records are looked for by: those of unique keys, and of others
// as far as a row is found by them.
func (k keyedRows[P]) asked() [][]string {
	asked := k.values
	for at := k.uniques; at < len(k.keys); at++ {
		if !slices.ContainsFunc(k.by, func(by int) bool { return by != at }) {
			continue
		}
		if &asked[0] == &k.values[0] {
			asked = make([][]string, len(k.values))
			for i := range asked {
				asked[i] = slices.Clone(k.values[i])
			}
		}
		for i := range asked {
			if k.by[i] != at {
				asked[i][at] = ""
			}
		}
	}
	return asked
}

// loadRows loads a batch, segment by segment: a segment is written at once. There
// is more than one only when a row takes a key that an earlier one gave up, which
// the database would refuse in the same statement.
func loadRows[T, P any](b *batchTx, begin func(*batchTx) kind[T, P], keyed keyedRows[P]) ([]RowResult, error) {
	rows := keyed.rows
	someStageless := false
	for i := range rows {
		ask(b.refs, &rows[i])
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
	freed   map[keyValue]bool // that stored records gave up
	claimed map[int]*entry[T] // records that rows may be about by their names, by row
}

type keyValue struct {
	key   crm.Key
	value string
}

// find finds everything that has a key of one of the rows, and locks what the rows
// are about.
func (s *importSegment[T, P]) find() error {
	if err := s.segment.find(s.keys, s.asked()); err != nil {
		return err
	}
	var ids []crm.ID
	for i := range s.rows {
		switch key, value := s.foundBy(i); {
		case value == "":
		case key == crm.KeyID:
			ids = append(ids, s.rows[i].ID.Value) // one that does not exist is new
		default:
			if found := s.holders[key][value]; len(found) == 1 {
				ids = append(ids, found[0])
			}
		}
	}
	named, err := s.named()
	if err != nil {
		return err
	}
	for _, id := range named {
		ids = append(ids, id)
	}
	locked, err := s.lock(ids)
	if err == nil {
		err = s.kind.located(s.rows, locked)
	}
	if err != nil {
		return err
	}
	for i := range s.rows {
		key, value := s.foundBy(i)
		if found := s.holders[key][value]; key != crm.KeyID && len(found) == 1 {
			// Between the two statements another client may have changed it.
			if e := s.entries[found[0]]; e == nil || s.key(&e.after, key) != value {
				return disturbed(s.many)
			}
		}
	}
	s.claim(named)
	if byID := s.holders[crm.KeyID]; byID != nil {
		for i := range locked {
			id := s.id(&locked[i])
			byID[id.String()] = []crm.ID{id}
		}
	}
	return nil
}

// newID returns the id of the record that a row creates.
func (s *importSegment[T, P]) newID(i int) crm.ID {
	if key, _ := s.foundBy(i); key == crm.KeyID {
		return s.rows[i].ID.Value
	}
	return crm.NewID()
}

// row applies one row. It asks for a cut before the row when that must not be
// written together with those before it.
func (s *importSegment[T, P]) row(i int) (result RowResult, cut bool) {
	row := s.rows[i]
	e, bad, cut := s.entry(i)
	if bad != nil || cut {
		return rejected(bad...), cut
	}
	isNew := e == nil
	if isNew {
		e = &entry[T]{after: s.kind.newRecord(s.newID(i)), isNew: true}
	}
	after, bad := s.apply(&row, e, isNew)
	var omitted []crm.FieldError
	for s.run.opt.Lenient && len(bad) > 0 {
		left, ok := s.leaveOut(&row, bad, isNew)
		if !ok {
			bad = addNew(omitted, bad)
			break
		}
		omitted = append(omitted, left...)
		after, bad = s.apply(&row, e, isNew)
	}
	switch {
	case len(bad) > 0:
		result := rejected(bad...)
		result.Missing = s.refs.missing(row.References, row.FurtherContacts)
		return result, false
	case s.takesFreed(&e.after, &after, isNew):
		return RowResult{}, true
	}
	s.refs.use(row.References, row.FurtherContacts)
	if !isNew && same(e.after, after) && !s.kind.adds() {
		return RowResult{Verdict: RowUnchanged, Omitted: omitted}, false
	}
	s.reindex(e, &after, isNew)
	return RowResult{Verdict: s.accept(e, after, isNew), Omitted: omitted}, false
}

// apply returns what a row makes of its record, and what is wrong with the row.
func (s *importSegment[T, P]) apply(row *ImportRow[P], e *entry[T], isNew bool) (after T, bad []crm.FieldError) {
	after = e.after
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
	return after, r.Bad
}

// leaveOut takes what is wrong out of a row, and returns it; false if the row is nothing without
// it.
func (s *importSegment[T, P]) leaveOut(row *ImportRow[P], bad []crm.FieldError, isNew bool) (left []crm.FieldError, ok bool) {
	if left = s.refs.leaveOut(&row.References, &row.FurtherContacts, isNew); len(left) > 0 {
		return left, true
	}
	errors := s.decodeErrors(&row.Patch)
	for _, b := range bad {
		unread := slices.Index(*errors, b)
		switch {
		case b.Field == "":
			return nil, false
		case unread >= 0:
			*errors = slices.Delete(slices.Clone(*errors), unread, unread+1)
		case !s.withdraw(&row.Patch, b.Field):
			return nil, false
		}
		left = append(left, b)
	}
	return append(left, s.leaveOutAmounts(&row.Patch, left, isNew)...), true
}

// entry returns the record that a row is about, nil when it is a new one, or says why
// that is not known.
func (s *importSegment[T, P]) entry(i int) (e *entry[T], bad []crm.FieldError, cut bool) {
	key, value := s.foundBy(i)
	found := s.holders[key][value]
	switch {
	case value == "":
		return nil, s.unrecognised(i), false
	case len(found) == 0:
		return s.claimedBy(i), nil, false
	case len(found) > 1:
		return nil, []crm.FieldError{{Message: fmt.Sprintf("%d %s have this %s", len(found), s.many, key)}}, false
	}
	e = s.entries[found[0]]
	return e, nil, e == nil // one of several, of which earlier rows changed the others
}

// unrecognised says why a row has no value for any key: it could not be read, it
// breaks a rule, or there is none.
func (s *importSegment[T, P]) unrecognised(i int) []crm.FieldError {
	bad := slices.Clone(*s.decodeErrors(&s.rows[i].Patch))
	if len(bad) > 0 && bad[0].Field == "" {
		return bad // the record as a whole could not be read: its members are not empty
	}
	for _, w := range s.wrong[i] {
		if slices.Contains(s.keys, crm.Key(w.Field)) && !slices.Contains(bad, w) {
			bad = append(bad, w)
		}
	}
	if len(bad) == 0 {
		bad = crm.DecodeErrors{{Message: "has no " + either(s.run.opt.Keys) + " to recognise it by"}}
	}
	return bad
}

// either lists alternatives.
func either[S ~string](values []S) string {
	if len(values) < 2 {
		return joined(values)
	}
	last := len(values) - 1
	return joined(values[:last]) + " or " + string(values[last])
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
	return RowResult{Verdict: RowRejected, Reason: strings.Join(reasons, "; "), Wrong: bad}
}
