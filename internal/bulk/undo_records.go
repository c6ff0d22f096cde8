package bulk

import (
	"encoding/json"
	"fmt"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// undoCreated deletes records that the import has created.
func undoCreated[T, P any](b *undoTx, d *declared[T, P], s undoStep) error {
	var admins []crm.ID
	if s.entity == crm.EntityOwner {
		var err error
		if admins, err = b.tx.LockAdmins(b.ctx); err != nil {
			return err
		}
	}
	rows, err := d.table(b.tx).LockForUpdate(b.ctx, s.created)
	if err != nil || len(rows) == 0 {
		return err
	}
	referred, err := b.tx.Referred(b.ctx, s.entity, s.created)
	if err != nil {
		return err
	}
	var deleted []T
	for i := range rows {
		t := &rows[i]
		id := d.id(t)
		version, alone := left(b.touched.of(id))
		switch {
		case !alone || d.version(t) != version:
			b.leave(s.entity, id, leftChanged)
		case referred[id] && s.entity == crm.EntityOwner:
			b.leave(s.entity, id, leftSignsIn)
		case referred[id]:
			b.leave(s.entity, id, leftReferred)
		case s.entity == crm.EntityOwner && b.by.Role != crm.RoleAdmin:
			b.leave(s.entity, id, leftAdmin)
		case s.entity == crm.EntityOwner && id == b.by.User:
			b.leave(s.entity, id, leftSelf)
		case s.entity == crm.EntityOwner && accounts.LastAdmin(id, admins):
			b.leave(s.entity, id, leftLast)
		default:
			deleted = append(deleted, *t)
		}
	}
	if len(deleted) == 0 {
		return nil
	}
	if err := d.table(b.tx).Delete(b.ctx, deleted...); err != nil {
		return err
	}
	b.done.Deleted += int64(len(deleted))
	if s.entity != crm.EntityOwner {
		return nil
	}
	for i := range deleted {
		id := d.id(&deleted[i])
		err := accounts.Audit(b.ctx, b.tx, b.by, b.now, accounts.AuditEvent{Action: accounts.ActionUserDeleted, Target: crm.EntityOwner, TargetID: &id})
		if err != nil {
			return err
		}
	}
	return nil
}

// undoChanged puts back the records that a transaction of the import was the last one to change.
func undoChanged[T, P any](b *undoTx, d *declared[T, P], s undoStep) error {
	images, err := b.images(b.ctx, s.batch)
	if err != nil {
		return err
	}
	var ids []crm.ID
	for _, image := range images.Records[s.entity] {
		touches := b.touched.of(image.ID)
		if last := touches[len(touches)-1]; !touches[0].isCreate && int(last.batch) == s.batch {
			ids = append(ids, image.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := d.table(b.tx).LockForUpdate(b.ctx, ids)
	if err != nil {
		return err
	}
	var changes []crm.Change[T]
	for i := range rows {
		before := rows[i]
		id := d.id(&before)
		touches := b.touched.of(id)
		if version, alone := left(touches); !alone || d.version(&before) != version {
			b.leave(s.entity, id, leftChanged)
			continue
		}
		after := before
		if err := putBack(b, d, s.entity, touches, &after); err != nil {
			return err
		}
		reason, err := checkPutBack(b, d, &before, &after)
		if err != nil {
			return err
		}
		if reason != "" {
			b.leave(s.entity, id, reason)
			continue
		}
		*d.updated(&after) = b.now
		changes = append(changes, crm.Change[T]{Before: before, After: after})
	}
	if len(changes) == 0 {
		return nil
	}
	if err := d.table(b.tx).Update(b.ctx, changes); err != nil {
		return err
	}
	b.done.Restored += int64(len(changes))
	if s.entity != crm.EntityDeal {
		return nil
	}
	restored := make([]crm.ID, len(changes))
	for i := range changes {
		restored[i] = d.id(&changes[i].After)
	}
	return b.putBackDeals(restored)
}

// putBack sets the members that the import has changed to what they were before it.
func putBack[T, P any](b *undoTx, d *declared[T, P], entity string, touches []touch, t *T) error {
	set := map[string]bool{}
	for _, touch := range touches {
		images, err := b.images(b.ctx, int(touch.batch))
		if err != nil {
			return err
		}
		for _, image := range images.Records[entity] {
			if image.ID != touch.id {
				continue
			}
			for column, text := range image.Before {
				property := d.properties[column]
				if set[column] || property == nil || column == "updated_at" {
					continue
				}
				set[column] = true
				if err := json.Unmarshal(text, property.Stored(t)); err != nil {
					return fmt.Errorf("the %s of a %s before an import: %w", column, entity, err)
				}
			}
		}
	}
	return nil
}

// checkPutBack returns why a record cannot be put back, "" if it can. References to records that
// were deleted since are cleared.
func checkPutBack[T, P any](b *undoTx, d *declared[T, P], before, after *T) (reason string, err error) {
	for _, key := range d.unique {
		value := d.key(after, key)
		if value == "" || value == d.key(before, key) {
			continue
		}
		found, err := d.table(b.tx).Find(b.ctx, key, []string{value})
		if err != nil {
			return "", err
		}
		for _, f := range found {
			if f.ID != d.id(after) {
				return fmt.Sprintf("its %s is now that of another one", key), nil
			}
		}
	}
	for _, ref := range d.referring {
		is := ref.id(after)
		if is == nil || !crm.Differ(ref.id(before), is) {
			continue
		}
		exists, err := b.exists(ref.kind, *is)
		if err != nil {
			return "", err
		}
		if exists {
			continue
		}
		optional, ok := ref.property.Stored(after).(**crm.ID)
		if !ok {
			return leftStage, nil
		}
		*optional = nil
	}
	switch t := any(after).(type) {
	case *crm.Contact:
		return "", b.onePrimary(t)
	case *crm.Owner:
		was, _ := any(before).(*crm.Owner)
		switch {
		case b.by.Role != crm.RoleAdmin:
			return leftAdmin, nil
		case was.Role != t.Role || crm.Differ(was.DeactivatedAt, t.DeactivatedAt):
			return leftRole, nil
		}
	}
	return "", nil
}

// exists locks a record that is referred to, and reports whether it is there.
func (b *undoTx) exists(kind Reference, id crm.ID) (bool, error) {
	lock := map[Reference]func() ([]crm.ID, error){
		RefCompany: func() ([]crm.ID, error) { return b.tx.Companies().LockForShare(b.ctx, []crm.ID{id}) },
		RefOwner:   func() ([]crm.ID, error) { return b.tx.Owners().LockForShare(b.ctx, []crm.ID{id}) },
		RefStage:   func() ([]crm.ID, error) { return b.tx.Stages().LockForShare(b.ctx, []crm.ID{id}) },
		RefContact: func() ([]crm.ID, error) { return b.tx.Contacts().LockForShare(b.ctx, []crm.ID{id}) },
		RefDeal:    func() ([]crm.ID, error) { return b.tx.Deals().LockForShare(b.ctx, []crm.ID{id}) },
	}[kind]
	held, err := lock()
	return len(held) > 0, err
}

// onePrimary clears the primary flag of a contact whose company has another primary one, or is gone.
func (b *undoTx) onePrimary(c *crm.Contact) error {
	if !c.IsPrimary {
		return nil
	}
	if c.CompanyID == nil {
		c.IsPrimary = false
		return nil
	}
	primary, err := b.tx.LockPrimaryContacts(b.ctx, *c.CompanyID)
	for _, p := range primary {
		if p.ID != c.ID {
			c.IsPrimary = false
		}
	}
	return err
}

// putBackDeals takes off deals what the import has added beside their members.
func (b *undoTx) putBackDeals(ids []crm.ID) error {
	moves, contacts := map[crm.ID][]crm.ID{}, map[crm.ID][]crm.ID{}
	for _, id := range ids {
		for _, touch := range b.touched.of(id) {
			images, err := b.images(b.ctx, int(touch.batch))
			if err != nil {
				return err
			}
			if added := images.Moves[id]; len(added) > 0 {
				moves[id] = append(moves[id], added...)
			}
			if added := images.Contacts[id]; len(added) > 0 {
				contacts[id] = append(contacts[id], added...)
			}
		}
	}
	if err := b.tx.UndoStageMoves(b.ctx, moves); err != nil {
		return err
	}
	return b.tx.UndoDealContacts(b.ctx, contacts)
}
