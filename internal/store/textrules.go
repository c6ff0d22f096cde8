package store

import (
	"context"
	"reflect"
	"slices"
	"time"

	"sixty/internal/crm"
)

// Texts that were stored before the rules for texts, addresses and domains are brought to them
// by a rebuild. Where two records would share what only one may have, both stay as they are,
// and the collision is entered until one of them is changed. Nothing is merged.

func collisionDest(c *crm.AddressCollision) []any {
	return []any{&c.Org, &c.Entity, &c.ID, &c.Member, &c.Other}
}

var (
	addressCollisions = &Statement{"address_collision.after", `SELECT org_id, entity, entity_id, member, other_id FROM address_collisions
WHERE (org_id, entity, entity_id) > ($1, $2, $3) ORDER BY org_id, entity, entity_id, member LIMIT $4`}
	putCollision = &Statement{"address_collision.put", `INSERT INTO address_collisions (org_id, entity, entity_id, member, other_id, found_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (org_id, entity, entity_id, member) DO UPDATE SET other_id = excluded.other_id`}
)

// AddressCollisions returns the collisions after one, as the last rebuild found them, at most
// limit of them: in an order in which those of an entity are together, and those of a record.
func (s *Store) AddressCollisions(ctx context.Context, after crm.AddressCollision, limit int) ([]crm.AddressCollision, error) {
	return collect(ctx, s, s.service(), addressCollisions, collisionDest, after.Org, after.Entity, after.ID, int64(limit))
}

// uniqueKeys are the keys of which no two records may have the same value.
var uniqueKeys = []crm.Key{crm.KeyEmail, crm.KeyDomain, crm.KeyExternalID}

// textRules returns those of all entities.
func (s *Store) textRules() []textRules {
	return []textRules{
		&textRulesOf[crm.Owner, crm.OwnerPatch, crm.OwnerFilter]{&s.owners, crm.Owners, crm.OwnerPatch.Apply},
		&textRulesOf[crm.Stage, crm.StagePatch, crm.StageFilter]{&s.stages, crm.Stages, crm.StagePatch.Apply},
		&textRulesOf[crm.Company, crm.CompanyPatch, crm.CompanyFilter]{&s.companies, crm.Companies, crm.CompanyPatch.Apply},
		&textRulesOf[crm.Contact, crm.ContactPatch, crm.ContactFilter]{&s.contacts, crm.Contacts, crm.ContactPatch.Apply},
		&textRulesOf[crm.Deal, crm.DealPatch, crm.DealFilter]{&s.deals, crm.Deals, crm.DealPatch.Apply},
		&textRulesOf[crm.Activity, crm.ActivityPatch, crm.ActivityFilter]{&s.activities, crm.Activities, crm.ActivityPatch.Apply},
		&textRulesOf[crm.Task, crm.TaskPatch, crm.TaskFilter]{&s.tasks, crm.Tasks, crm.TaskPatch.Apply},
		organisationName{},
	}
}

// textParts rebuild the texts of all records.
func (s *Store) textParts() []rebuildPart {
	all := s.textRules()
	parts := make([]rebuildPart, 0, len(all)+1)
	for _, r := range all {
		parts = append(parts, rebuildPart{r.of(), r.batch})
	}
	return append(parts, rebuildPart{crm.EntityAPIKey, rebuildKeyNames})
}

// textRules brings the records of an entity to the rules.
type textRules interface {
	of() (entity string)
	// batch brings the next records to the rules.
	batch(ctx context.Context, x *tx, after *crm.Position) (*crm.Position, error)
	// rewrite brings some records to the rules, as far as they do not collide, and enters
	// which of them do.
	rewrite(ctx context.Context, x *tx, ids []crm.ID) error
}

// textRulesOf implements textRules.
type textRulesOf[T, P, F any] struct {
	table  *table[T, F]
	entity *crm.Entity[T, P, F]
	apply  func(P, *T, *crm.Rules)
}

func (r *textRulesOf[T, P, F]) of() string { return r.table.entity }

func (r *textRulesOf[T, P, F]) batch(ctx context.Context, x *tx, after *crm.Position) (*crm.Position, error) {
	t := r.table
	name := t.entity + ".after"
	st := x.store.statement(name, func() *Statement {
		return &Statement{name, "SELECT " + t.selectList(false) + " FROM " + t.name + " t WHERE t.org_id = $1 AND t.id > $2" + t.notDeleted() + " ORDER BY t.id LIMIT $3"}
	})
	var last crm.ID
	if after != nil {
		last = after.ID
	}
	rows, err := collect(ctx, x.store, x.db, st, t.destinations, x.by.Org, last, int64(crm.MaxLimit))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var ids []crm.ID
	for i := range rows {
		if now := rows[i]; r.normalise(&now) {
			ids = append(ids, t.id(&rows[i]))
		}
	}
	return &crm.Position{ID: t.id(&rows[len(rows)-1])}, r.rewrite(ctx, x, ids)
}

// normalise brings a record to the rules, and reports whether that changed it.
func (r *textRulesOf[T, P, F]) normalise(row *T) bool {
	before := *row
	r.entity.Normalise(row, r.apply)
	return !reflect.DeepEqual(&before, row)
}

func (r *textRulesOf[T, P, F]) rewrite(ctx context.Context, x *tx, ids []crm.ID) error {
	t := r.table
	w := writer[T, F]{x, t}
	rows, err := w.LockForUpdate(ctx, ids)
	if err != nil {
		return err
	}
	changes := make([]crm.Change[T], len(rows))
	for i := range rows {
		changes[i] = crm.Change[T]{Before: rows[i], After: rows[i]}
		r.normalise(&changes[i].After)
	}
	for _, key := range uniqueKeys {
		if t.keys[key] != "" {
			if err := r.settle(ctx, &w, key, ids, changes); err != nil {
				return err
			}
		}
	}
	changes = slices.DeleteFunc(changes, func(c crm.Change[T]) bool { return reflect.DeepEqual(&c.Before, &c.After) })
	if len(changes) == 0 {
		return nil
	}
	args := make([]any, 0, len(t.columns)+1)
	if err := x.rewrite(ctx, t.name, t.writtenColumns(), len(changes), func(i int) []any {
		args = t.values(&changes[i].After, args)
		return args
	}); err != nil {
		return x.store.fault(ctx, err)
	}
	if err := w.updateTerms(ctx, changes); err != nil {
		return err
	}
	x.log(t.entity, nil, crm.OpBulk, crm.Refs{})
	return nil
}

// settle takes the changes of a key back that collide, and enters these; it removes what no
// longer collides. ids are those of the changes, and of records that are gone.
func (r *textRulesOf[T, P, F]) settle(ctx context.Context, w *writer[T, F], key crm.Key, ids []crm.ID, changes []crm.Change[T]) error {
	x, t := w.tx, r.table
	property := r.entity.Property(string(key))
	holders := map[string]crm.ID{}
	var values []string
	for i := range changes {
		if was, is := text(property.Stored(&changes[i].Before)), text(property.Stored(&changes[i].After)); is != was && is != "" {
			values = append(values, is)
		}
	}
	if len(values) > 0 {
		found, err := w.Find(ctx, key, values)
		if err != nil {
			return err
		}
		for _, f := range found {
			holders[f.Key] = f.ID
		}
	}
	others := map[crm.ID]crm.ID{} // by colliding record
	for i := range changes {
		c := &changes[i]
		was, is := property.Stored(&c.Before).(**string), property.Stored(&c.After).(**string)
		if text(was) == text(is) || text(is) == "" {
			continue
		}
		if other, held := holders[**is]; held {
			others[t.id(&c.After)] = other
			*is = *was
			continue
		}
		holders[**is] = t.id(&c.After)
	}
	name := t.entity + ".drop_collisions_" + string(key)
	drop := x.store.statement(name, func() *Statement {
		return &Statement{name, "DELETE FROM address_collisions WHERE org_id = $1 AND entity = '" + t.entity + "' AND member = '" + string(key) +
			"' AND " + x.store.dialect.AnyID("entity_id", 2)}
	})
	free := slices.DeleteFunc(slices.Clone(ids), func(id crm.ID) bool { return others[id] != crm.ID{} })
	if _, err := x.exec(ctx, drop, x.by.Org, x.store.dialect.IDs(free)); err != nil {
		return err
	}
	for id, other := range others {
		if _, err := x.exec(ctx, putCollision, x.by.Org, t.entity, id, string(key), other, x.at); err != nil {
			return err
		}
	}
	return nil
}

// text returns an optional text, "" for none.
func text(stored any) string {
	if p := *stored.(**string); p != nil {
		return *p
	}
	return ""
}

// recheckCollisions brings those records to the rules that no longer collide, since one of the
// two was changed or deleted.
func (s *Store) recheckCollisions(ctx context.Context) error {
	all := s.textRules()
	var last crm.AddressCollision
	for {
		found, err := s.AddressCollisions(ctx, last, crm.MaxLimit)
		if err != nil || len(found) == 0 {
			return err
		}
		for i := 0; i < len(found); {
			last = found[i]
			var ids []crm.ID
			for ; i < len(found) && found[i].Org == last.Org && found[i].Entity == last.Entity; i++ {
				ids = append(ids, found[i].ID)
			}
			ids = slices.Compact(ids)
			last.ID = ids[len(ids)-1]
			k := slices.IndexFunc(all, func(r textRules) bool { return r.of() == last.Entity })
			if k < 0 { // of a newer release
				continue
			}
			if err := s.recheck(ctx, last.Org, all[k], ids); err != nil {
				return err
			}
		}
	}
}

func (s *Store) recheck(ctx context.Context, org crm.ID, r textRules, ids []crm.ID) error {
	leave, err := s.background(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.Write(ctx, crm.Operator(org), crm.InstantOf(time.Now()), func(writing Tx) error {
		t, _ := writing.(*tx) // which Write passes
		return r.rewrite(ctx, t, ids)
	})
}
