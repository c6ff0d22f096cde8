package bulk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"sixty/internal/crm"
)

// maxKnown bounds what an import remembers of the references of one type. When it is full it
// is cleared as a whole: files name the same few records over and over, and those are soon
// known again.
const maxKnown = 10_000

// knownReferences are the references that committed batches of an import resolved.
// They are checked again before each use.
type knownReferences map[Reference]*known

// known are ids by the text that refers to them. It may be used from several goroutines.
type known struct {
	mu  sync.Mutex
	ids map[string]crm.ID
}

func (k *known) id(text string) (crm.ID, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id, ok := k.ids[text]
	return id, ok
}

func (k *known) add(text string, id crm.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids[text] == id {
		return
	}
	if k.ids == nil || len(k.ids) >= maxKnown {
		k.ids = map[string]crm.ID{}
	}
	// The text is a part of its row, whose memory it would hold.
	k.ids[strings.Clone(text)] = id
}

// references resolves what the rows of one batch refer to.
type references struct {
	stages *lookup[crm.Stage]
	all    []resolver // in the order in which they are resolved
}

func newReferences(b *batchTx) *references {
	companies := newLookup(b, RefCompany, "companies", b.tx.Companies(), crm.KeyExternalID, crm.KeyName)
	owners := newLookup(b, RefOwner, "owners", b.tx.Owners(), crm.KeyEmail, crm.KeyName)
	stages := newLookup(b, RefStage, "stages", b.tx.Stages(), crm.KeyName)
	contacts := newLookup(b, RefContact, "contacts", b.tx.Contacts(), crm.KeyExternalID, crm.KeyEmail, crm.KeyName)
	deals := newLookup(b, RefDeal, "deals", b.tx.Deals(), crm.KeyExternalID, crm.KeyName)
	for _, ref := range b.run.opt.CreateMissing {
		switch ref {
		case RefCompany:
			companies.create = b.newCompany
		case RefOwner:
			owners.create = b.newOwner
		case RefStage:
			stages.create, stages.arrange = b.newStage, b.appendStages
		}
	}
	return &references{stages: stages, all: []resolver{companies, owners, stages, contacts, deals}}
}

// newCompany returns a company with a name from a row.
func (b *batchTx) newCompany(name string, r *crm.Rules) (crm.ID, crm.Company) {
	c := crm.NewCompany(b.by, crm.NewID(), b.now)
	crm.CompanyPatch{Name: crm.Of(name)}.Apply(&c, r)
	return c.ID, c
}

// newOwner returns a person with a name or an e-mail address from a row.
func (b *batchTx) newOwner(name string, r *crm.Rules) (crm.ID, crm.Owner) {
	o := crm.NewOwner(b.by, crm.NewID(), b.now)
	var p crm.OwnerPatch
	if _, violation := crm.NormalEmail(name); violation == "" {
		p.Email = crm.Of(name)
	} else {
		p.FirstName, p.LastName = crm.SplitName(name)
	}
	p.Apply(&o, r)
	return o.ID, o
}

// resolver is a lookup of any type of records.
type resolver interface {
	reference() Reference
	ask(text string)
	resolve(ctx context.Context) error
	fallback(text *string, other string)
	into(text string, f *crm.Field[crm.ID], r *crm.Rules)
	use(text string)
	isMissing(text string) bool
	insert(ctx context.Context) error
	learn()
	dependsOn(names map[string]bool) bool
}

// of returns the lookup of a type of records.
func (f *references) of(ref Reference) resolver {
	return f.all[slices.IndexFunc(f.all, func(l resolver) bool { return l.reference() == ref })]
}

// ask notes what a row refers to.
func (f *references) ask(r References) {
	for _, l := range f.all {
		l.ask(*r.Of(l.reference()))
	}
}

// withFallbacks returns the rows with their fallbacks in the place of the texts that refer to
// nothing. The given rows stay as they are, because a batch may be tried again.
func withFallbacks[P any](f *references, rows []ImportRow[P]) []ImportRow[P] {
	given := rows
	for i := range given {
		if given[i].Fallback == (References{}) {
			continue
		}
		row := given[i]
		for _, l := range f.all {
			l.fallback(row.Of(l.reference()), *row.Fallback.Of(l.reference()))
		}
		row.Fallback = References{}
		if &rows[0] == &given[0] {
			rows = slices.Clone(given)
		}
		rows[i] = row
	}
	return rows
}

// use notes that a row was taken, so that what it refers to is needed.
func (f *references) use(r References) {
	for _, l := range f.all {
		l.use(*r.Of(l.reference()))
	}
}

// missing returns what a row refers to that does not exist and could be created.
func (f *references) missing(r References) (missing []Reference) {
	for _, l := range f.all {
		if ref := l.reference(); l.isMissing(*r.Of(ref)) {
			missing = append(missing, ref)
		}
	}
	return missing
}

// resolve finds all references.
func (f *references) resolve(ctx context.Context) error {
	for _, l := range f.all {
		if err := l.resolve(ctx); err != nil {
			return err
		}
	}
	return nil
}

// insert writes the created records that are needed.
func (f *references) insert(ctx context.Context) error {
	for _, ref := range []Reference{RefOwner, RefCompany, RefStage} {
		if err := f.of(ref).insert(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dependOn reports whether the references would differ if records of these names were created.
func (f *references) dependOn(names map[string]bool) bool {
	return slices.ContainsFunc(f.all, func(l resolver) bool { return l.dependsOn(names) })
}

// learn remembers for the next batches what was resolved in this one.
func (f *references) learn() {
	for _, l := range f.all {
		l.learn()
	}
}

// lookup resolves references to one type of records, all of a batch at once.
type lookup[T any] struct {
	ref     Reference
	many    string // of the noun
	table   crm.Table[T]
	keys    []crm.Key // tried after the id, in this order
	known   *known
	create  func(name string, r *crm.Rules) (crm.ID, T) // nil: missing ones are not created
	arrange func([]T) error                             // completes what is about to be inserted

	targets map[string]*target[T] // by text, normalised
	order   []string              // of targets
	made    map[string]*created[T]
	creates []*created[T] // in their order
}

// target is what a text refers to: a record, or a reason why none.
type target[T any] struct {
	id        crm.ID
	made      *created[T]
	violation *crm.FieldError
	missing   bool // which is the violation
}

// created is a record that does not exist yet.
type created[T any] struct {
	id           crm.ID
	record       T
	used, stored bool
}

func newLookup[T any](b *batchTx, ref Reference, many string, table crm.Table[T], keys ...crm.Key) *lookup[T] {
	return &lookup[T]{ref: ref, many: many, table: table, keys: keys, known: b.run.known[ref]}
}

func (t *target[T]) resolved() bool { return t.id != crm.ID{} || t.violation != nil }

func (l *lookup[T]) reference() Reference { return l.ref }

func (l *lookup[T]) ask(text string) {
	text = crm.Text(text)
	if text == "" || l.targets[text] != nil {
		return
	}
	t := &target[T]{}
	if violation := crm.CheckShortText(text); violation != "" {
		t.violation = &crm.FieldError{Field: string(l.ref), Message: violation}
	}
	if l.targets == nil {
		l.targets = map[string]*target[T]{}
	}
	l.targets[text] = t
	l.order = append(l.order, text)
}

// into sets the member of a patch to the id that a text refers to, or adds a validation error.
func (l *lookup[T]) into(text string, f *crm.Field[crm.ID], r *crm.Rules) {
	*f = crm.Field[crm.ID]{}
	if text = crm.Text(text); text == "" {
		return
	}
	if t := l.targets[text]; t.violation != nil {
		r.Bad = append(r.Bad, *t.violation)
	} else {
		*f = crm.Of(t.id)
	}
}

// fallback puts another text in the place of one that refers to nothing that exists.
func (l *lookup[T]) fallback(text *string, other string) {
	if crm.Text(other) == "" {
		return
	}
	if t := l.targets[crm.Text(*text)]; t == nil || t.violation != nil || t.made != nil {
		*text = other
	}
}

func (l *lookup[T]) use(text string) {
	if t := l.targets[crm.Text(text)]; t != nil && t.made != nil {
		t.made.used = true
	}
}

func (l *lookup[T]) isMissing(text string) bool {
	t := l.targets[crm.Text(text)]
	return t != nil && t.missing
}

// ids returns the existing records that are referred to.
func (l *lookup[T]) ids() []crm.ID {
	distinct := map[crm.ID]bool{}
	for _, t := range l.targets {
		if t.violation == nil && t.made == nil {
			distinct[t.id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(distinct), crm.CompareIDs)
}

// resolve finds what every text refers to, and locks it against deletion.
func (l *lookup[T]) resolve(ctx context.Context) error {
	if len(l.order) == 0 {
		return nil
	}
	if err := l.byID(ctx); err != nil {
		return err
	}
	before := l.ids()
	for _, key := range l.keys {
		if err := l.byKey(ctx, key); err != nil {
			return err
		}
	}
	found := slices.DeleteFunc(l.ids(), func(id crm.ID) bool {
		_, held := slices.BinarySearchFunc(before, id, crm.CompareIDs)
		return held
	})
	if len(found) > 0 {
		held, err := l.table.LockForShare(ctx, found)
		if err != nil {
			return err
		}
		if len(held) < len(found) {
			return disturbed(l.many)
		}
	}
	l.createMissing()
	return nil
}

// byID resolves texts that are ids, and those whose ids are known, if these still exist.
func (l *lookup[T]) byID(ctx context.Context) error {
	candidates := map[crm.ID]bool{}
	idOf := func(text string) (crm.ID, bool) {
		if id, ok := l.known.id(text); ok {
			return id, true
		}
		id, err := crm.ParseID(text)
		return id, err == nil
	}
	for _, text := range l.order {
		if id, ok := idOf(text); ok {
			candidates[id] = true
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	exists, err := lockForShare(l.table.LockForShare).existing(ctx, candidates)
	if err != nil {
		return err
	}
	for _, text := range l.order {
		if id, ok := idOf(text); ok && exists[id] && l.targets[text].violation == nil {
			l.targets[text].id = id
		}
	}
	return nil
}

// byKey resolves what is left by one key.
func (l *lookup[T]) byKey(ctx context.Context, key crm.Key) error {
	asked := map[string][]*target[T]{}
	var values []string
	for _, text := range l.order {
		t := l.targets[text]
		if t.resolved() {
			continue
		}
		value := text
		switch key {
		case crm.KeyName:
			value = crm.NameKey(text)
		case crm.KeyEmail:
			var violation string
			if value, violation = crm.NormalEmail(text); violation != "" {
				continue
			}
		}
		if asked[value] == nil {
			values = append(values, value)
		}
		asked[value] = append(asked[value], t)
	}
	if len(values) == 0 {
		return nil
	}
	found, err := l.table.Find(ctx, key, values)
	if err != nil {
		return err
	}
	fits := map[string][]crm.ID{}
	for _, f := range found {
		fits[f.Key] = append(fits[f.Key], f.ID)
	}
	for value, ids := range fits {
		for _, t := range asked[value] {
			if len(ids) == 1 {
				t.id = ids[0]
			} else {
				t.violation = &crm.FieldError{Message: fmt.Sprintf("%d %s are called %q", len(ids), l.many, value)}
			}
		}
	}
	return nil
}

// createMissing creates the records that were not found, or adds validation errors. Texts with
// the same NameKey mean the same record.
func (l *lookup[T]) createMissing() {
	for _, text := range l.order {
		t := l.targets[text]
		switch {
		case t.resolved():
		case l.create == nil:
			t.violation = &crm.FieldError{Message: fmt.Sprintf("no %s called %q", l.ref, text)}
			t.missing = l.ref != RefContact && l.ref != RefDeal
		default:
			name := crm.NameKey(text)
			n := l.made[name]
			if n == nil {
				var r crm.Rules
				n = &created[T]{}
				if n.id, n.record = l.create(text, &r); len(r.Bad) > 0 {
					t.violation = &crm.FieldError{Field: string(l.ref), Message: r.Bad[0].Message}
					continue
				}
				if l.made == nil {
					l.made = map[string]*created[T]{}
				}
				l.made[name] = n
				l.creates = append(l.creates, n)
			}
			t.id, t.made = n.id, n
		}
	}
}

// insert writes the created records that are used and not written yet.
func (l *lookup[T]) insert(ctx context.Context) error {
	var rows []T
	var which []*created[T]
	for _, n := range l.creates {
		if n.used && !n.stored {
			rows, which = append(rows, n.record), append(which, n)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if l.arrange != nil {
		if err := l.arrange(rows); err != nil {
			return err
		}
	}
	if err := l.table.Insert(ctx, rows); err != nil {
		return err
	}
	for _, n := range which {
		n.stored = true
	}
	return nil
}

// learn adds what was resolved to what is known.
func (l *lookup[T]) learn() {
	for _, text := range l.order {
		if t := l.targets[text]; t.violation == nil && (t.made == nil || t.made.stored) {
			l.known.add(text, t.id)
		}
	}
}

// dependsOn reports whether a record was created, or one of these names would be found if it
// were.
func (l *lookup[T]) dependsOn(names map[string]bool) bool {
	for name, n := range l.made {
		if n.used || names[name] {
			return true
		}
	}
	return false
}
