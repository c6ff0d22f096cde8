package bulk

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sixty/internal/crm"
)

// lookup resolves references to one type of records, all of a batch at once.
type lookup[T any] struct {
	ref     Reference
	many    string // of the noun
	table   crm.Table[T]
	keys    []crm.Key // tried after the id, in this order
	known   *known
	create  func(text, externalID string, r *crm.Rules) created[T] // nil: missing ones are not created
	arrange func([]T) error                                        // completes what is about to be inserted
	// Of records that have external ids and are created: how they are read, and what they have.
	read       func(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error)
	externalID func(*T) (crm.ID, *string)
	org        crm.ID

	targets map[string]*target[T]    // by text, normalised
	order   []string                 // of targets
	made    map[string][]*created[T] // by identity: one that was created by it, or those of ids that have it as their names
	creates []*created[T]            // in their order
}

// target is what a text refers to: a record, or a reason why none.
type target[T any] struct {
	id        crm.ID
	made      *created[T]
	violation *crm.FieldError
	missing   bool // which is the violation

	isID   bool   // it is an id of another system
	name   string // beside it, normalised
	byName bool   // the record was found by its name
}

// created is a record that does not exist yet.
type created[T any] struct {
	id           crm.ID
	record       T
	told         CreatedReference
	identities   []string // that it was created for
	used, stored bool
}

func newLookup[T any](b *batchTx, ref Reference, many string, table crm.Table[T], keys ...crm.Key) *lookup[T] {
	return &lookup[T]{ref: ref, many: many, table: table, keys: keys, known: b.run.known[ref], org: b.by.Org}
}

func (t *target[T]) resolved() bool { return t.id != crm.ID{} || t.violation != nil }

func (l *lookup[T]) reference() Reference { return l.ref }

func (l *lookup[T]) ask(text string) {
	text = referenceText(text)
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

// askID notes that a text is an id of another system, and the name beside it.
func (l *lookup[T]) askID(text, name string) {
	if t := l.targets[referenceText(text)]; t != nil && l.externalID != nil && addressOf(l.ref, referenceText(text)) == "" && !isID(referenceText(text)) {
		t.isID = true
		if t.name == "" {
			t.name = referenceText(name)
		}
	}
}

// into sets the member of a patch to the id that a text refers to, or adds a validation error.
func (l *lookup[T]) into(text string, f *crm.Field[crm.ID], r *crm.Rules) {
	*f = crm.Field[crm.ID]{}
	if text = referenceText(text); text == "" {
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
	if referenceText(other) == "" {
		return
	}
	if t := l.targets[referenceText(*text)]; t == nil || t.violation != nil || t.made != nil && !t.isID {
		*text = other
	}
}

func (l *lookup[T]) use(text string) {
	if t := l.targets[referenceText(text)]; t != nil && t.made != nil {
		t.made.used = true
	}
}

func (l *lookup[T]) isMissing(text string) bool {
	t := l.targets[referenceText(text)]
	return t != nil && t.missing
}

// violation returns why a text leads to no record, nil if it does or says nothing.
func (l *lookup[T]) violation(text string) *crm.FieldError {
	if t := l.targets[referenceText(text)]; t != nil {
		return t.violation
	}
	return nil
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
		if err := l.byKey(ctx, key, identity[key]); err != nil {
			return err
		}
	}
	if err := l.byKey(ctx, crm.KeyName, visibleName); err != nil {
		return err
	}
	if err := l.namedIDs(ctx); err != nil {
		return err
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

// byKey resolves what is left by one key, whose value value returns; "" is none.
func (l *lookup[T]) byKey(ctx context.Context, key crm.Key, value func(text string) string) error {
	asked := map[string][]*target[T]{}
	var values []string
	for _, text := range l.order {
		t := l.targets[text]
		if t.resolved() {
			continue
		}
		value := value(text)
		if value == "" {
			continue
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
			switch {
			case len(ids) == 1:
				t.id, t.byName = ids[0], key == crm.KeyName
			case !t.isID:
				t.violation = &crm.FieldError{Message: fmt.Sprintf("%d %s are called %q: name the one by its %s", len(ids), l.many, value, l.surer(key))}
			}
		}
	}
	return nil
}

// surer returns the keys that name one record where a value of key names several.
func (l *lookup[T]) surer(key crm.Key) string {
	return either(append([]crm.Key{crm.KeyID}, l.keys[:slices.Index(l.keys, key)]...))
}

// createMissing creates the records that were not found, or adds validation errors. Texts of
// the same identity mean the same record.
func (l *lookup[T]) createMissing() {
	l.createIdentified()
	for _, text := range l.order {
		t := l.targets[text]
		switch {
		case t.resolved():
		case l.create == nil:
			t.violation = &crm.FieldError{Message: fmt.Sprintf("no %s called %q", l.ref, text)}
			t.missing = l.ref != RefDeal
		case isID(text):
			t.violation = &crm.FieldError{Message: fmt.Sprintf("no %s has the id %s, and an id is no name to create one by", l.ref, text)}
		default:
			switch made := l.made[identityOf(l.ref, text)]; len(made) {
			case 0:
				l.make(t, text, "")
			case 1:
				t.id, t.made = made[0].id, made[0]
			default:
				t.violation = l.ambiguous(len(made), text, crm.KeyName)
			}
		}
	}
}

// createIdentified creates the records that were not found by their ids, each by its own id: names
// do not make them the same.
func (l *lookup[T]) createIdentified() {
	for _, text := range l.order {
		t := l.targets[text]
		if !t.isID || t.resolved() {
			continue
		}
		name := t.name
		if name == "" || isID(name) {
			name = text
		}
		if other := l.targets[name]; name != text && other.violation != nil && other.violation.Field != "" {
			t.violation = other.violation // it cannot be a name
			continue
		}
		if made := l.made[addressOf(l.ref, name)]; len(made) > 0 {
			t.id, t.made = made[0].id, made[0]
			continue
		}
		l.make(t, name, text)
	}
}

// make creates the record that a target is, under a name.
func (l *lookup[T]) make(t *target[T], name, externalID string) {
	var r crm.Rules
	made := l.create(name, externalID, &r)
	if len(r.Bad) > 0 {
		t.violation = &crm.FieldError{Field: string(l.ref), Message: r.Bad[0].Message}
		return
	}
	made.identities = []string{identityOf(l.ref, name)}
	if externalID != "" {
		made.identities = append(made.identities, identityOf(l.ref, externalID))
	}
	if l.made == nil {
		l.made = map[string][]*created[T]{}
	}
	l.made[made.identities[0]] = append(l.made[made.identities[0]], &made)
	l.creates = append(l.creates, &made)
	t.id, t.made = made.id, &made
}

// ambiguous says that several records have a value of a key.
func (l *lookup[T]) ambiguous(n int, value string, key crm.Key) *crm.FieldError {
	return &crm.FieldError{Message: fmt.Sprintf("%d %s are called %q: name the one by its %s", n, l.many, value, l.surer(key))}
}

// namedIDs decides what the names of ids mean that no record has: the record of that name, if it
// has no external id. One that has another external id is another record.
func (l *lookup[T]) namedIDs(ctx context.Context) error {
	open := func(t *target[T]) bool { return t.isID && t.violation == nil && (t.byName || !t.resolved()) }
	named := func(t *target[T]) (id crm.ID) {
		if by := l.targets[t.name]; by != nil {
			id = by.id
		}
		return id
	}
	wanted := map[crm.ID]bool{}
	for _, t := range l.targets {
		for _, id := range []crm.ID{t.id, named(t)} {
			if open(t) && id != (crm.ID{}) {
				wanted[id] = true
			}
		}
	}
	has := map[crm.ID]bool{} // an external id
	for part := range slices.Chunk(slices.SortedFunc(maps.Keys(wanted), crm.CompareIDs), crm.MaxLimit) {
		records, err := l.read(ctx, l.org, part)
		if err != nil {
			return err
		}
		for i := range records {
			id, external := l.externalID(&records[i])
			has[id] = external != nil
		}
	}
	for _, text := range l.order {
		t := l.targets[text]
		if !open(t) {
			continue
		}
		if has[t.id] {
			t.id, t.byName = crm.ID{}, false
		}
		if id := named(t); !t.resolved() && (!has[id] || addressOf(l.ref, t.name) != "") {
			t.id = id
		}
	}
	return nil
}

// isID reports whether a text is an id of this program, which no record is named by.
func isID(text string) bool {
	_, err := crm.ParseID(text)
	return err == nil
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

// learn adds what was resolved to what is known, and what was created to what is told.
func (l *lookup[T]) learn(run *run) {
	for _, text := range l.order {
		if t := l.targets[text]; t.violation == nil && (t.made == nil || t.made.stored) {
			l.known.add(text, t.id)
		}
	}
	for _, n := range l.creates {
		if n.stored {
			run.created.add(l.ref, n.told)
		}
	}
}

// told returns what is told of the records that were created.
func (l *lookup[T]) told() (list []CreatedReference) {
	for _, n := range l.creates {
		if n.stored {
			list = append(list, n.told)
		}
	}
	return list
}

// dependsOn reports whether a record was created, or one of these names would be found if it
// were.
func (l *lookup[T]) dependsOn(names map[string]bool) bool {
	return slices.ContainsFunc(l.creates, func(n *created[T]) bool {
		return n.used || slices.ContainsFunc(n.identities, func(identity string) bool { return names[identity] })
	})
}
