package bulk

import (
	"context"
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
	companies *lookup[crm.Company]
	owners    *lookup[crm.Owner]
	stages    *lookup[crm.Stage]
	contacts  *lookup[crm.Contact]
	deals     *lookup[crm.Deal]
	all       []resolver // in the order in which they are resolved
}

func newReferences(b *batchTx) *references {
	companies := newLookup(b, RefCompany, "companies", b.tx.Companies(), crm.KeyExternalID, crm.KeyDomain, crm.KeyName)
	owners := newLookup(b, RefOwner, "owners", b.tx.Owners(), crm.KeyExternalID, crm.KeyEmail, crm.KeyName)
	stages := newLookup(b, RefStage, "stages", b.tx.Stages(), crm.KeyName)
	contacts := newLookup(b, RefContact, "contacts", b.tx.Contacts(), crm.KeyExternalID, crm.KeyEmail, crm.KeyName)
	deals := newLookup(b, RefDeal, "deals", b.tx.Deals(), crm.KeyExternalID, crm.KeyName)
	for _, ref := range b.run.opt.CreateMissing {
		switch ref {
		case RefCompany:
			companies.create, companies.read = b.newCompany, b.tx.Reads().Companies().ByID
			companies.externalID = func(c *crm.Company) (crm.ID, *string) { return c.ID, c.ExternalID }
		case RefContact:
			contacts.create, contacts.read = b.newContact, b.tx.Reads().Contacts().ByID
			contacts.externalID = func(c *crm.Contact) (crm.ID, *string) { return c.ID, c.ExternalID }
		case RefOwner:
			owners.create, owners.read = b.newOwner, b.tx.Reads().Owners().ByID
			owners.externalID = func(o *crm.Owner) (crm.ID, *string) { return o.ID, o.ExternalID }
		case RefStage:
			stages.create, stages.arrange = b.newStage, b.appendStages
		}
	}
	return &references{companies, owners, stages, contacts, deals, []resolver{companies, owners, stages, contacts, deals}}
}

// resolver is a lookup of any type of records.
type resolver interface {
	reference() Reference
	ask(text string)
	askID(text, name string)
	resolve(ctx context.Context) error
	fallback(text *string, other string)
	into(text string, f *crm.Field[crm.ID], r *crm.Rules)
	use(text string)
	isMissing(text string) bool
	insert(ctx context.Context) error
	learn(*run)
	told() []CreatedReference
	dependsOn(names map[string]bool) bool
	violation(text string) *crm.FieldError
}

// allReferences are all that a row may have. A task's creator is a person like its assignee.
var allReferences = []Reference{RefCompany, RefOwner, RefCreator, RefStage, RefContact, RefDeal}

// of returns the lookup of a type of records.
func (f *references) of(ref Reference) resolver {
	switch ref {
	case RefCompany:
		return f.companies
	case RefOwner, RefCreator:
		return f.owners
	case RefStage:
		return f.stages
	case RefContact:
		return f.contacts
	default:
		return f.deals
	}
}

// ask notes what a row refers to.
func ask[P any](f *references, row *ImportRow[P]) {
	for _, ref := range allReferences {
		text, other := *row.Of(ref), *row.Fallback.Of(ref)
		if text == "" && other == "" {
			continue
		}
		l := f.of(ref)
		l.ask(text)
		l.ask(other)
		if row.IDs.Has(ref) {
			l.askID(text, other)
		}
	}
	for _, text := range row.FurtherContacts {
		l := f.of(RefContact)
		l.ask(text)
		if row.IDs.Has(RefContact) {
			l.askID(text, "")
		}
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
		for _, ref := range allReferences {
			f.of(ref).fallback(row.Of(ref), *row.Fallback.Of(ref))
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
func (f *references) use(r References, further []string) {
	for _, ref := range allReferences {
		if text := *r.Of(ref); text != "" {
			f.of(ref).use(text)
		}
	}
	for _, text := range further {
		f.of(RefContact).use(text)
	}
}

// missing returns what a row refers to that does not exist and could be created.
func (f *references) missing(r References, further []string) (missing []Reference) {
	for _, ref := range allReferences {
		l := f.of(ref)
		if l.isMissing(*r.Of(ref)) && !slices.Contains(missing, l.reference()) {
			missing = append(missing, l.reference())
		}
	}
	if contacts := f.of(RefContact); slices.ContainsFunc(further, contacts.isMissing) && !slices.Contains(missing, RefContact) {
		missing = append(missing, RefContact)
	}
	return missing
}

// leaveOut takes the references of a row that lead to no record out of it, and returns what was
// wrong with them. A new deal is not taken without its stage, since it would be put into another
// one.
func (f *references) leaveOut(r *References, further *[]string, isNew bool) (left []crm.FieldError) {
	for _, ref := range allReferences {
		text := r.Of(ref)
		if v := f.of(ref).violation(*text); v != nil && (ref != RefStage || !isNew) {
			left = append(left, crm.FieldError{Field: string(ref), Message: v.Message})
			*text = ""
		}
	}
	contacts := f.of(RefContact)
	kept := make([]string, 0, len(*further))
	for _, text := range *further {
		if v := contacts.violation(text); v != nil {
			left = append(left, crm.FieldError{Field: string(RefContact), Message: v.Message})
		} else {
			kept = append(kept, text)
		}
	}
	*further = kept
	return left
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
	for _, ref := range []Reference{RefOwner, RefCompany, RefContact, RefStage} {
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
