package bulk

import (
	"cmp"
	"reflect"
	"slices"

	"sixty/internal/crm"
)

// declared is what the engine reads from the declaration of an entity.
type declared[T, P any] struct {
	one, many string
	table     func(Tx) crm.Table[T]
	create    func(crm.Actor, crm.ID, crm.Instant) T
	apply     func(P, *T, *crm.Rules)
	unique    []crm.Key // of which no two records may have the same value

	// applyKeys applies the members of a patch from which keys follow.
	applyKeys func(p *P, t *T, r *crm.Rules, keys []crm.Key)

	properties map[string]*crm.Property[T, P]
	referring  []reference[T, P] // in the order of the properties
	imported   []reference[T, P] // in the order in which an import reports them
	amounts    []string          // the properties that are money
	// decodeErrors returns where a patch holds them.
	decodeErrors func(*P) *crm.DecodeErrors
}

var (
	owners = declare(crm.Owners, declared[crm.Owner, crm.OwnerPatch]{
		one: "owner", many: "owners", unique: []crm.Key{crm.KeyExternalID, crm.KeyEmail},
		table: Tx.Owners, create: crm.NewOwner, apply: crm.OwnerPatch.Apply,
	})
	stages = declare(crm.Stages, declared[crm.Stage, crm.StagePatch]{
		one: "deal stage", many: "deal stages",
		table: Tx.Stages, create: crm.NewStage, apply: crm.StagePatch.Apply,
	})
	companies = declare(crm.Companies, declared[crm.Company, crm.CompanyPatch]{
		one: "company", many: "companies", unique: []crm.Key{crm.KeyExternalID, crm.KeyDomain},
		table: Tx.Companies, create: crm.NewCompany, apply: crm.CompanyPatch.Apply,
	})
	contacts = declare(crm.Contacts, declared[crm.Contact, crm.ContactPatch]{
		one: "contact", many: "contacts", unique: []crm.Key{crm.KeyExternalID, crm.KeyEmail},
		table: Tx.Contacts, create: crm.NewContact, apply: crm.ContactPatch.Apply,
	})
	deals = declare(crm.Deals, declared[crm.Deal, crm.DealPatch]{
		one: "deal", many: "deals", unique: []crm.Key{crm.KeyExternalID},
		table: Tx.Deals, apply: crm.DealPatch.Apply,
	})
	activities = declare(crm.Activities, declared[crm.Activity, crm.ActivityPatch]{
		one: "activity", many: "activities", unique: []crm.Key{crm.KeyExternalID},
		table: Tx.Activities, create: crm.NewActivity, apply: crm.ActivityPatch.Apply,
	})
	tasks = declare(crm.Tasks, declared[crm.Task, crm.TaskPatch]{
		one: "task", many: "tasks", unique: []crm.Key{crm.KeyExternalID}, table: Tx.Tasks, create: crm.NewTask, apply: crm.TaskPatch.Apply,
	})
)

func declare[T, P, F any](e *crm.Entity[T, P, F], d declared[T, P]) *declared[T, P] {
	d.decodeErrors, d.referring = e.DecodeErrors, referencesOf(e)
	d.properties = make(map[string]*crm.Property[T, P], len(e.Properties))
	for i := range e.Properties {
		p := &e.Properties[i]
		d.properties[p.Name] = p
		if _, sent := p.At(new(T), new(P)); sent != nil {
			if _, ok := sent.(*crm.Field[crm.Money]); ok {
				d.amounts = append(d.amounts, p.Name)
			}
		}
	}
	d.applyKeys = func(p *P, t *T, r *crm.Rules, keys []crm.Key) {
		if slices.ContainsFunc(keys, func(key crm.Key) bool { return d.properties[string(key)] == nil }) {
			d.apply(*p, t, r) // people have names in parts
		} else {
			e.ApplyOnly(p, t, r, keys...)
		}
	}
	order := []Reference{RefCompany, RefOwner, RefCreator, RefContact, RefStage, RefDeal}
	d.imported = slices.Clone(d.referring)
	slices.SortStableFunc(d.imported, func(a, b reference[T, P]) int {
		return cmp.Compare(slices.Index(order, a.from), slices.Index(order, b.from))
	})
	return &d
}

func (d *declared[T, P]) declaration() *declared[T, P] { return d }

func (d *declared[T, P]) id(t *T) crm.ID { return *d.properties["id"].Stored(t).(*crm.ID) }

func (d *declared[T, P]) created(t *T) *crm.Instant {
	return d.properties["created_at"].Stored(t).(*crm.Instant)
}

func (d *declared[T, P]) updated(t *T) *crm.Instant {
	return d.properties["updated_at"].Stored(t).(*crm.Instant)
}

// key returns the value by which a record is found; "" is none.
func (d *declared[T, P]) key(t *T, key crm.Key) string {
	p := d.properties[string(key)]
	if p == nil { // of people, who have names in parts
		p = d.properties["full_name"]
	}
	switch value := p.Stored(t).(type) {
	case *string:
		return crm.NameKey(*value)
	case **string:
		return textOr(*value, "")
	case *crm.ID:
		if *value != (crm.ID{}) {
			return value.String()
		}
	}
	return ""
}

// reference is a property that refers to a record.
type reference[T, P any] struct {
	kind     Reference // of the record
	from     Reference // what it is named by in rows of an import
	property *crm.Property[T, P]
	noRecord *T
}

// referencesOf returns the properties of an entity that refer to records.
func referencesOf[T, P, F any](e *crm.Entity[T, P, F]) (refs []reference[T, P]) {
	kinds := map[string]Reference{
		"company_id": RefCompany, "owner_id": RefOwner, "assigned_to": RefOwner, "created_by": RefOwner, "actor_id": RefOwner,
		"stage_id": RefStage, "contact_id": RefContact, "primary_contact_id": RefContact, "deal_id": RefDeal,
	}
	for i := range e.Properties {
		if kind := kinds[e.Properties[i].Name]; kind != "" {
			from := kind
			if e.Properties[i].Name == string(RefCreator) {
				from = RefCreator
			}
			refs = append(refs, reference[T, P]{kind, from, &e.Properties[i], new(T)})
		}
	}
	return refs
}

// withdraw takes a member out of a patch; false if it has none.
func (d *declared[T, P]) withdraw(p *P, member string) bool {
	sent := d.sent(p, member)
	if !sent.IsValid() || !sent.FieldByName("Set").Bool() {
		return false
	}
	sent.SetZero()
	return true
}

// leaveOutAmounts takes the other amounts and their currency out of a patch that one of them was
// left out of, and returns them. An amount without its currency would be in another one, and a
// currency alone would be that of the amounts which the record has.
func (d *declared[T, P]) leaveOutAmounts(p *P, left []crm.FieldError, isNew bool) (others []crm.FieldError) {
	for _, l := range left {
		if l.Field != memberCurrency && (isNew || !slices.Contains(d.amounts, l.Field)) {
			continue
		}
		for _, member := range append([]string{memberCurrency}, d.amounts...) {
			if d.withdraw(p, member) {
				others = append(others, crm.FieldError{Field: member, Message: "is left out together with " + l.Field})
			}
		}
	}
	return others
}

// memberCurrency is what the amounts of a record are in.
const memberCurrency = "currency"

// clear makes a member of a patch null; false if it has no value already.
func (d *declared[T, P]) clear(p *P, member string) bool {
	sent := d.sent(p, member)
	if !sent.IsValid() || !sent.FieldByName("Set").Bool() || sent.FieldByName("Null").Bool() {
		return false
	}
	sent.FieldByName("Null").SetBool(true)
	return true
}

// sent returns a member of a patch; the zero Value if clients cannot write it.
func (d *declared[T, P]) sent(p *P, member string) (field reflect.Value) {
	if property := d.properties[member]; property != nil {
		if _, sent := property.At(new(T), p); sent != nil {
			field = reflect.ValueOf(sent).Elem()
		}
	}
	return field
}

// id returns the id that a record refers to, nil for none.
func (r *reference[T, P]) id(t *T) *crm.ID {
	if optional, ok := r.property.Stored(t).(**crm.ID); ok {
		return *optional
	}
	return r.property.Stored(t).(*crm.ID)
}

// member returns the member of a patch.
func (r *reference[T, P]) member(p *P) *crm.Field[crm.ID] {
	_, sent := r.property.At(r.noRecord, p)
	return sent.(*crm.Field[crm.ID])
}
