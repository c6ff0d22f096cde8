package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// importTx is one batch of an import in its transaction.
type importTx struct {
	ctx  context.Context
	run  *importRun
	tx   Tx
	by   crm.Actor
	now  crm.Instant
	refs *references
	// gaveUp says that a stored thing gave up a key, which another one may then take.
	gaveUp bool
}

func newImportTx(ctx context.Context, run *importRun, tx Tx, now crm.Instant) *importTx {
	b := &importTx{ctx: ctx, run: run, tx: tx, by: run.by, now: now}
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

// keyRows finds out what rows are compared by: what the rules make of their members on
// their own.
func keyRows[T, P any](kind importKind[T, P], key crm.Key, rows []ImportRow[P]) keyedRows[P] {
	k := keyedRows[P]{rows: rows, keys: kind.unique(), values: make([][]string, len(rows)), wrong: make([][]crm.FieldError, len(rows))}
	if !slices.Contains(k.keys, key) {
		k.keys = append(k.keys, key)
	}
	for i := range rows {
		probe, r := kind.blank(rows[i].ID.Value), crm.Rules{}
		kind.members(&rows[i].Patch, &probe, &r)
		k.wrong[i] = r.Bad
		k.values[i] = make([]string, len(k.keys))
		for j, key := range k.keys {
			k.values[i][j] = keyOf(kind, &probe, key)
		}
	}
	return k
}

// keyOf gives the value of a key, "" for none.
func keyOf[T, P any](kind importKind[T, P], t *T, key crm.Key) string {
	if key != crm.KeyID {
		return kind.key(t, key)
	}
	if id := kind.id(t); id != (crm.ID{}) {
		return id.String()
	}
	return ""
}

func (k keyedRows[P]) slice(from, to int) keyedRows[P] {
	return keyedRows[P]{k.rows[from:to], k.keys, k.values[from:to], k.wrong[from:to]}
}

// loadRows loads a batch, stretch by stretch: a stretch is written at once. There
// is more than one only when a row takes a key that an earlier one gave up, which
// the database would refuse in the same statement.
func loadRows[T, P any](b *importTx, begin func(*importTx) importKind[T, P], keyed keyedRows[P]) ([]RowResult, error) {
	rows := keyed.rows
	someStageless := false
	for i := range rows {
		askReferences(b.refs, &rows[i])
		someStageless = someStageless || strings.TrimSpace(rows[i].Stage) == ""
	}
	if err := b.refs.resolve(b.ctx); err != nil {
		return nil, err
	}
	keyed.rows = insteadOf(b.refs, rows)
	results := make([]RowResult, 0, len(rows))
	for len(results) < len(rows) {
		s := newStretch(b, begin(b), keyed.slice(len(results), len(rows)))
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
		if err := s.write(); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// stretch is a run of rows that are applied in memory, one by one, and then
// written together.
type stretch[T, P any] struct {
	*importTx
	keyedRows[P]
	kind importKind[T, P]

	index   map[crm.Key]map[string][]crm.ID // who has a value, as of the row that is applied
	freed   map[crm.Key]map[string]bool     // values that stored things gave up
	entries map[crm.ID]*importEntry[T]
	order   []*importEntry[T]
}

// importEntry is a thing that rows are applied to.
type importEntry[T any] struct {
	before, after T // before: as stored
	isNew         bool
}

func newStretch[T, P any](b *importTx, kind importKind[T, P], rows keyedRows[P]) *stretch[T, P] {
	s := &stretch[T, P]{
		importTx: b, keyedRows: rows, kind: kind,
		index: map[crm.Key]map[string][]crm.ID{}, freed: map[crm.Key]map[string]bool{}, entries: map[crm.ID]*importEntry[T]{},
	}
	for _, key := range s.keys {
		s.index[key], s.freed[key] = map[string][]crm.ID{}, map[string]bool{}
	}
	return s
}

// find finds everything that has a key of one of the rows, and locks what the rows
// are about.
func (s *stretch[T, P]) find() error {
	wanted := make(map[crm.Key][]string, len(s.keys))
	for _, values := range s.values {
		for j, key := range s.keys {
			value := values[j]
			if _, asked := s.index[key][value]; value != "" && !asked {
				s.index[key][value] = nil
				wanted[key] = append(wanted[key], value)
			}
		}
	}
	for _, key := range s.keys {
		if key == crm.KeyID || len(wanted[key]) == 0 { // ids are found as they are locked
			continue
		}
		found, err := s.kind.table().Find(s.ctx, key, wanted[key])
		if err != nil {
			return err
		}
		for _, f := range found {
			s.index[key][f.Key] = append(s.index[key][f.Key], f.ID)
		}
	}
	return s.lock()
}

// lock locks the things that the rows are about.
func (s *stretch[T, P]) lock() error {
	key := s.run.opt.Key
	if key == crm.KeyID {
		return s.lockByID()
	}
	var ids []crm.ID
	for _, fits := range s.index[key] {
		if len(fits) == 1 {
			ids = append(ids, fits[0])
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.SortFunc(ids, compareIDs)
	locked, err := s.kind.table().LockForUpdate(s.ctx, ids)
	if err != nil {
		return err
	}
	for _, t := range locked {
		// Between the two statements another client may have changed it.
		if fits := s.index[key][s.kind.key(&t, key)]; len(fits) != 1 || fits[0] != s.kind.id(&t) {
			return disturbed(s.many())
		}
		s.enter(t)
	}
	if len(locked) < len(ids) {
		return disturbed(s.many())
	}
	return nil
}

// lockByID is lock for rows that name ids: those that lead nowhere are new.
func (s *stretch[T, P]) lockByID() error {
	var ids []crm.ID
	for i := range s.rows {
		value := s.values[i][slices.Index(s.keys, crm.KeyID)]
		if fits, asked := s.index[crm.KeyID][value]; asked && fits == nil {
			s.index[crm.KeyID][value] = []crm.ID{} // asked once is enough
			ids = append(ids, s.rows[i].ID.Value)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.SortFunc(ids, compareIDs)
	locked, err := s.kind.table().LockForUpdate(s.ctx, ids)
	for _, t := range locked {
		s.index[crm.KeyID][keyOf(s.kind, &t, crm.KeyID)] = []crm.ID{s.kind.id(&t)}
		s.enter(t)
	}
	return err
}

// enter takes up a stored thing, that rows may be applied to it.
func (s *stretch[T, P]) enter(t T) {
	e := &importEntry[T]{before: t, after: t}
	s.entries[s.kind.id(&t)] = e
	s.order = append(s.order, e)
	s.kind.stored(&e.after)
}

// newID gives the id of the thing that a row makes.
func (s *stretch[T, P]) newID(i int) crm.ID {
	if s.run.opt.Key == crm.KeyID {
		return s.rows[i].ID.Value
	}
	return crm.NewID()
}

// row applies one row. It asks for a cut before the row when that must not be
// written together with those before it.
func (s *stretch[T, P]) row(i int) (result RowResult, cut bool) {
	row := &s.rows[i]
	e, complaint := s.entry(i)
	if complaint != nil {
		return rejected(complaint...), false
	}
	isNew := e == nil
	if isNew {
		e = &importEntry[T]{after: s.kind.blank(s.newID(i)), isNew: true}
	}
	after := e.after
	var r crm.Rules
	s.kind.row(row, &after, isNew, &r)
	if row.CreatedAt.Set && !row.CreatedAt.Null {
		*s.kind.created(&after) = row.CreatedAt.Value
	}
	if isNew && row.UpdatedAt.Set && !row.UpdatedAt.Null {
		*s.kind.updated(&after) = row.UpdatedAt.Value
	}
	cut = s.collide(&e.after, &after, isNew, &r)
	switch {
	case len(r.Bad) > 0:
		result := rejected(r.Bad...)
		result.Missing = missingReferences(s.refs, row)
		return result, false
	case cut:
		return RowResult{}, true
	}
	useReferences(s.refs, row)
	if !isNew && same(e.after, after) {
		return RowResult{Verdict: RowUnchanged}, false
	}
	s.reindex(e, &after, isNew)
	before := e.after
	e.after = after
	s.kind.accept(&before, &e.after, isNew)
	if !isNew {
		return RowResult{Verdict: RowUpdated}, false
	}
	s.entries[s.kind.id(&e.after)] = e
	s.order = append(s.order, e)
	return RowResult{Verdict: RowCreated}, false
}

// entry gives the thing that a row is about, nil when it is a new one, or says why
// that cannot be told.
func (s *stretch[T, P]) entry(i int) (*importEntry[T], []crm.FieldError) {
	key := s.run.opt.Key
	value := s.values[i][slices.Index(s.keys, key)]
	fits := s.index[key][value]
	switch {
	case value == "":
		return nil, s.unrecognised(i)
	case len(fits) == 0:
		return nil, nil
	case len(fits) > 1:
		return nil, []crm.FieldError{{Message: fmt.Sprintf("%d %s have this %s", len(fits), s.many(), key)}}
	}
	return s.entries[fits[0]], nil
}

// unrecognised says why a row has no value for the key: it could not be read, it
// breaks a rule, or there is none.
func (s *stretch[T, P]) unrecognised(i int) []crm.FieldError {
	key := string(s.run.opt.Key)
	bad := slices.Clone(s.kind.unread(&s.rows[i].Patch))
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

// collide complains of keys that another thing has, and tells whether a key is one
// that a stored thing gave up before in this stretch.
func (s *stretch[T, P]) collide(before, after *T, isNew bool, r *crm.Rules) (freed bool) {
	one, _ := s.kind.nouns()
	for _, key := range s.kind.unique() {
		value := s.kind.key(after, key)
		if value == "" || !isNew && value == s.kind.key(before, key) {
			continue
		}
		if slices.ContainsFunc(s.index[key][value], func(id crm.ID) bool { return isNew || id != s.kind.id(after) }) {
			r.Add(string(key), "%q is taken by another %s", value, one)
		}
		freed = freed || s.freed[key][value]
	}
	return freed
}

// reindex notes which keys a thing has after a row.
func (s *stretch[T, P]) reindex(e *importEntry[T], after *T, isNew bool) {
	id := s.kind.id(after)
	for _, key := range s.keys {
		was, is := "", keyOf(s.kind, after, key)
		if !isNew {
			was = keyOf(s.kind, &e.after, key)
		}
		if was == is {
			continue
		}
		if was != "" {
			s.index[key][was] = slices.DeleteFunc(s.index[key][was], func(other crm.ID) bool { return other == id })
			s.freed[key][was] = !e.isNew
			s.gaveUp = s.gaveUp || !e.isNew
		}
		if is != "" {
			s.index[key][is] = append(s.index[key][is], id)
		}
	}
}

// write writes what the rows changed.
func (s *stretch[T, P]) write() error {
	if err := s.refs.insert(s.ctx); err != nil {
		return err
	}
	if err := s.kind.prepare(s.order); err != nil {
		return err
	}
	var inserts []T
	var updates []crm.Change[T]
	for _, e := range s.order {
		switch {
		case e.isNew:
			inserts = append(inserts, e.after)
		case !same(e.before, e.after):
			*s.kind.updated(&e.after) = s.now
			updates = append(updates, crm.Change[T]{Before: e.before, After: e.after})
		}
	}
	if len(updates) > 0 {
		if err := s.kind.table().Update(s.ctx, updates); err != nil {
			return err
		}
	}
	if len(inserts) > 0 {
		if err := s.kind.table().Insert(s.ctx, inserts); err != nil {
			return err
		}
	}
	return s.kind.complete()
}

func (s *stretch[T, P]) many() string {
	_, many := s.kind.nouns()
	return many
}

// rejected is the result of a row that cannot be taken.
func rejected(bad ...crm.FieldError) RowResult {
	reasons := make([]string, len(bad))
	for i, b := range bad {
		reasons[i] = strings.TrimSpace(b.Field + " " + b.Message)
	}
	return RowResult{Verdict: RowRejected, Reason: strings.Join(reasons, "; ")}
}
