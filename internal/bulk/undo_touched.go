package bulk

import (
	"cmp"
	"context"
	"slices"

	"sixty/internal/crm"
)

// touched knows what an import has done to the records of an entity, in 40 bytes for each time that
// it has created or changed one.
type touched struct {
	entity string
	list   []touch // by record, and then by version
}

// touch is a transaction that has changed a record, or created it.
type touch struct {
	id       crm.ID
	version  int64 // before
	changes  int64 // by how many it has risen
	batch    int32
	isCreate bool
}

// touch reads what the import has done to an entity, if it has changed any of its records.
func (u *undoing) touch(ctx context.Context, entity string) error {
	if u.touched != nil && u.touched.entity == entity {
		return nil
	}
	t := &touched{entity: entity}
	for batch := range u.batches {
		images, err := u.images(ctx, batch)
		if err != nil {
			return err
		}
		for _, image := range images.Records[entity] {
			t.list = append(t.list, touch{id: image.ID, version: image.Version, changes: image.Changes, batch: int32(batch)})
		}
	}
	if len(t.list) > 0 {
		records, err := u.service.store.ImportedRecords(ctx, u.by.Org, u.id)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Entity == entity && r.Op == crm.OpCreated {
				for _, id := range r.IDs {
					t.list = append(t.list, touch{id: id, changes: 1, isCreate: true})
				}
			}
		}
		slices.SortFunc(t.list, func(a, b touch) int {
			return cmp.Or(crm.CompareIDs(a.id, b.id), cmp.Compare(a.version, b.version))
		})
	}
	u.touched = t
	return nil
}

// of returns what the import has done to a record.
func (t *touched) of(id crm.ID) []touch {
	from, _ := slices.BinarySearchFunc(t.list, id, func(x touch, id crm.ID) int { return crm.CompareIDs(x.id, id) })
	to := from
	for to < len(t.list) && t.list[to].id == id {
		to++
	}
	if from == to {
		return []touch{{id: id, changes: 1, isCreate: true}}
	}
	return t.list[from:to]
}

// left returns the version in which the import has left a record; false if others changed it in
// between.
func left(touches []touch) (version int64, alone bool) {
	for i, t := range touches {
		if i > 0 && t.version != version {
			return 0, false
		}
		version = t.version + t.changes
	}
	return version, true
}
