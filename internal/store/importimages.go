package store

import (
	"context"
	"encoding/json"
	"reflect"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// What the records that an import changes were like before.

// images collects them, for one transaction.
type images struct {
	bulk.Images
	places map[string]map[crm.ID]int // of records, by entity
}

func newImages() *images {
	return &images{
		Images: bulk.Images{Records: map[string][]bulk.Image{}, Moves: map[crm.ID][]crm.ID{}, Contacts: map[crm.ID][]crm.ID{}},
		places: map[string]map[crm.ID]int{},
	}
}

// keepImages keeps what records are like before they are changed. One that is changed again is kept
// as it was first.
func keepImages[T, F any](x *tx, t *table[T, F], changes []crm.Change[T]) error {
	if x.batch == nil || x.batch.images == nil {
		return nil
	}
	kept := x.batch.images
	places := kept.places[t.entity]
	if places == nil {
		places = make(map[crm.ID]int, len(changes))
		kept.places[t.entity] = places
	}
	for i := range changes {
		c := &changes[i]
		id := t.id(&c.Before)
		at, again := places[id]
		if !again {
			at = len(kept.Records[t.entity])
			places[id] = at
			kept.Records[t.entity] = append(kept.Records[t.entity], bulk.Image{ID: id, Version: t.version(&c.Before), Before: map[string]json.RawMessage{}})
		}
		image := &kept.Records[t.entity][at]
		image.Changes++
		for _, column := range t.columns {
			if _, before := image.Before[column.name]; before || column.name == "version" {
				continue
			}
			was := column.field(&c.Before)
			if sameValue(was, column.field(&c.After)) {
				continue
			}
			text, err := json.Marshal(was)
			if err != nil {
				return err
			}
			image.Before[column.name] = text
		}
	}
	return nil
}

// version returns the version of a record.
func (t *table[T, F]) version(row *T) int64 {
	for _, c := range t.columns {
		if c.name == "version" {
			return *c.field(row).(*int64)
		}
	}
	return 0
}

// sameValue reports whether two pointers to columns' values point to the same.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case *string:
		return *a == *b.(*string)
	case **string:
		return !crm.Differ(*a, *b.(**string))
	case *crm.ID:
		return *a == *b.(*crm.ID)
	case **crm.ID:
		return !crm.Differ(*a, *b.(**crm.ID))
	case *crm.Instant:
		return *a == *b.(*crm.Instant)
	case **crm.Instant:
		return !crm.Differ(*a, *b.(**crm.Instant))
	case **crm.Date:
		return !crm.Differ(*a, *b.(**crm.Date))
	case **crm.Money:
		return !crm.Differ(*a, *b.(**crm.Money))
	}
	return reflect.DeepEqual(a, b)
}

// changed reports whether the images have a record of an entity.
func (i *images) changed(entity string, id crm.ID) bool {
	_, changed := i.places[entity][id]
	return changed
}

// keepMoves keeps the entries that are added to the histories of deals which were there before.
func (t *tx) keepMoves(moves []crm.StageHistoryEntry) {
	if t.batch == nil || t.batch.images == nil || len(t.batch.images.places[crm.EntityDeal]) == 0 {
		return
	}
	for i := range moves {
		if m := &moves[i]; t.batch.images.changed(crm.EntityDeal, m.DealID) {
			t.batch.images.Moves[m.DealID] = append(t.batch.images.Moves[m.DealID], m.ID)
		}
	}
}

// keepLinks keeps the further contacts that are added to deals which were there before.
func (t *tx) keepLinks(contacts []crm.DealContact) {
	if t.batch == nil || t.batch.images == nil {
		return
	}
	for _, c := range contacts {
		if t.batch.images.changed(crm.EntityDeal, c.DealID) {
			t.batch.images.Contacts[c.DealID] = append(t.batch.images.Contacts[c.DealID], c.ContactID)
		}
	}
}

// lockPrimaries returns the primary contacts of companies as they are, before ClearPrimaryContacts
// changes them.
func (t *tx) lockPrimaries(ctx context.Context, companies []crm.ID) ([]crm.Contact, error) {
	s, contacts := t.store, &t.store.contacts
	st := s.statement("contact.primaries_lock", func() *Statement {
		return &Statement{"contact.primaries_lock", "SELECT " + contacts.selectList(false) + " FROM contacts t WHERE t.org_id = $1 AND " +
			s.dialect.AnyID("t.company_id", 2) + " AND t.is_primary AND t.deleted_at IS NULL ORDER BY t.id" + s.dialect.ForUpdate()}
	})
	return inParts(companies, func(part []crm.ID) ([]crm.Contact, error) {
		return collect(ctx, s, t.db, st, contacts.destinations, t.by.Org, s.dialect.IDs(part))
	})
}

// keepPrimaries keeps the primary contacts of companies as they are.
func (t *tx) keepPrimaries(ctx context.Context, companies []crm.ID) error {
	if t.batch == nil || t.batch.images == nil {
		return nil
	}
	was, err := t.lockPrimaries(ctx, companies)
	if err != nil {
		return err
	}
	changes := make([]crm.Change[crm.Contact], len(was))
	for i, c := range was {
		changes[i] = crm.Change[crm.Contact]{Before: c, After: c}
		changes[i].After.IsPrimary, changes[i].After.UpdatedAt = false, t.at
	}
	return keepImages(t, &t.store.contacts, changes)
}
