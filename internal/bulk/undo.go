package bulk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sixty/internal/crm"
)

// Undone is what the undo of an import has done so far.
type Undone struct {
	Deleted  int64 `json:"deleted"`  // records that the import had created
	Restored int64 `json:"restored"` // records that are as they were before the import
	Kept     int64 `json:"kept"`     // records that are as the import, or someone after it, has left them
	// Left are records that were kept, the first maxLeft of them.
	Left []Left `json:"left"`

	Steps int `json:"steps"` // that were made, of Total
	Total int `json:"total"`
}

// Left is a record that an undo has kept.
type Left struct {
	Entity string `json:"entity"`
	ID     crm.ID `json:"id"`
	Reason string `json:"reason"`
}

// maxLeft bounds the records that an undo lists.
const maxLeft = 1000

// Why records are kept.
const (
	leftChanged  = "it was changed since"
	leftReferred = "other records refer to it"
	leftSignsIn  = "other records refer to it, or it can sign in"
	leftAdmin    = "only admins delete people and change their roles"
	leftLast     = "it is the last active admin"
	leftSelf     = "it is the person who undoes the import"
	leftStage    = "the stage that it was in is deleted"
	leftRole     = "roles and deactivations of people are not undone"
)

// undoOrder is the order in which entities are undone: records come before those that they refer to.
var undoOrder = []string{crm.EntityTask, crm.EntityActivity, crm.EntityDeal, crm.EntityContact, crm.EntityCompany, crm.EntityOwner, crm.EntityStage}

// silentAfter is when an import or an undo without a job, of which nothing was heard for so long, counts
// as interrupted.
const silentAfter = 15 * time.Minute

// BeginUndo makes an import one that is being undone, by a job or, if that is nil, by the caller.
// jobEnded reports whether a job has ended. Errors: CodeNotFound; CodeConflict for an import that is
// running, or being undone, or undone, or too old.
func (s *Service) BeginUndo(ctx context.Context, by crm.Actor, id crm.ID, job *crm.ID, jobEnded func(context.Context, crm.ID) (bool, error)) (out Import, err error) {
	if err := mayImport(by); err != nil {
		return Import{}, err
	}
	now := s.clock()
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		i, err := tx.LockImport(ctx, id)
		if err != nil {
			return err
		}
		if err := undoable(ctx, i, now, jobEnded); err != nil {
			return err
		}
		i.State, i.UndoJobID = ImportUndoing, job
		out = i
		return tx.UpdateImport(ctx, i)
	})
	return out, err
}

// undoable returns why an import cannot be undone now.
func undoable(ctx context.Context, i Import, now crm.Instant, jobEnded func(context.Context, crm.ID) (bool, error)) error {
	ended := func(job *crm.ID, since crm.Instant) (bool, error) {
		if job == nil {
			return now-since > crm.Instant(silentAfter.Microseconds()), nil
		}
		return jobEnded(ctx, *job)
	}
	if i.CreatedAt < now-crm.Instant(UndoTime.Microseconds()) {
		return crm.Conflict(fmt.Sprintf("The import began on %s: it can be undone for %d days, and what its records were like before is kept no longer.",
			i.CreatedAt, int(UndoTime.Hours()/24)))
	}
	switch i.State {
	case ImportUndone:
		return crm.Conflict("The import is undone. That cannot be undone: import the files again.")
	case ImportRunning:
		if ok, err := ended(i.JobID, i.CreatedAt); err != nil || !ok {
			return orConflict(err, "The import is running: wait until it has ended, or cancel its job.")
		}
	case ImportUndoing:
		if i.UndoJobID == nil {
			return nil // its steps exclude each other
		}
		if ok, err := ended(i.UndoJobID, 0); err != nil || !ok {
			return orConflict(err, fmt.Sprintf("The import is being undone, by the job %s.", i.UndoJobID))
		}
	}
	return nil
}

func orConflict(err error, message string) error {
	if err != nil {
		return err
	}
	return crm.Conflict(message)
}

// Undo undoes an import for which BeginUndo was called: it deletes what the import created, and puts
// back what it changed, but for the records that were changed since, or that others refer to. It
// goes on where it was interrupted. progress is called after each step, and may be nil.
func (s *Service) Undo(ctx context.Context, by crm.Actor, id crm.ID, progress func(Undone)) (Undone, error) {
	if err := mayImport(by); err != nil {
		return Undone{}, err
	}
	i, err := s.store.Import(ctx, by.Org, id)
	if err != nil {
		return Undone{}, err
	}
	u := &undoing{service: s, by: by, id: id, run: crm.NewID()}
	if err := i.Undo.Decode(&u.done); err != nil {
		return Undone{}, err
	}
	if i.State == ImportUndone {
		return u.done, nil
	}
	steps, err := u.plan(ctx)
	if err != nil {
		return Undone{}, err
	}
	if u.done.Total != 0 && u.done.Total != len(steps) {
		return Undone{}, crm.Conflict("What the records were like before the import is no longer kept.")
	}
	for at := u.done.Steps; at < len(steps); at++ {
		if ctx.Err() != nil {
			return u.done, context.Cause(ctx)
		}
		if err := u.do(ctx, steps[at], at, len(steps)); err != nil {
			return u.done, err
		}
		if progress != nil {
			progress(u.done)
		}
	}
	return u.done, s.endUndo(ctx, by, id, u.done)
}

// endUndo sets that an import is undone.
func (s *Service) endUndo(ctx context.Context, by crm.Actor, id crm.ID, done Undone) error {
	now := s.clock()
	text, err := crm.EncodeJSON(done)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		i, err := tx.LockImport(ctx, id)
		if err != nil {
			return err
		}
		if i.State == ImportUndone {
			return nil
		}
		i.State, i.UndoneAt, i.Undo = ImportUndone, &now, text
		return tx.UpdateImport(ctx, i)
	})
}

// undoing is one run of an undo.
type undoing struct {
	service *Service
	by      crm.Actor
	id, run crm.ID // of the import, and of what the change log has of the undo
	done    Undone

	batches []crm.ID // that have changed records
	recent  []decoded
	touched *touched // of the entity that is being undone
}

// decoded is what a transaction has changed, decoded.
type decoded struct {
	batch  int
	images Images
}

// maxDecoded is how many of them are held.
const maxDecoded = 3

func (u *undoing) images(ctx context.Context, batch int) (Images, error) {
	if i := slices.IndexFunc(u.recent, func(d decoded) bool { return d.batch == batch }); i >= 0 {
		return u.recent[i].images, nil
	}
	images, err := u.service.store.BatchImages(ctx, u.by.Org, u.id, u.batches[batch])
	if err != nil {
		return Images{}, err
	}
	if len(u.recent) == maxDecoded {
		u.recent = slices.Delete(u.recent, 0, 1)
	}
	u.recent = append(u.recent, decoded{batch, images})
	return images, nil
}

// undoStep is what one transaction undoes.
type undoStep struct {
	entity  string
	created []crm.ID // records to be deleted; or
	batch   int      // whose records are to be put back
}

// plan returns the steps of an undo, which are the same whenever it is asked for.
func (u *undoing) plan(ctx context.Context) (steps []undoStep, err error) {
	records, err := u.service.store.ImportedRecords(ctx, u.by.Org, u.id)
	if err != nil {
		return nil, err
	}
	if u.batches, err = u.service.store.ImageBatches(ctx, u.by.Org, u.id); err != nil {
		return nil, err
	}
	for _, entity := range undoOrder {
		for i := len(records) - 1; i >= 0; i-- {
			if r := records[i]; r.Entity == entity && r.Op == crm.OpCreated {
				steps = append(steps, undoStep{entity: entity, created: r.IDs})
			}
		}
		changed := slices.ContainsFunc(records, func(r ImportedRecords) bool { return r.Entity == entity && r.Op == crm.OpUpdated })
		for batch := range u.batches {
			if changed {
				steps = append(steps, undoStep{entity: entity, batch: batch})
			}
		}
	}
	return steps, nil
}

// do makes a step in one transaction.
func (u *undoing) do(ctx context.Context, step undoStep, at, total int) error {
	if err := u.touch(ctx, step.entity); err != nil {
		return err
	}
	var done Undone
	now := u.service.clock()
	err := u.service.store.Write(ctx, u.by, now, func(tx Tx) error {
		i, err := tx.LockImport(ctx, u.id)
		if err != nil {
			return err
		}
		done = Undone{}
		if err := i.Undo.Decode(&done); err != nil {
			return err
		}
		if i.State != ImportUndoing || done.Steps != at {
			return crm.Conflict("The import is being undone by another process.")
		}
		done.Total, done.Steps = total, at+1
		tx.BeginImport(u.run)
		b := &undoTx{undoing: u, ctx: ctx, tx: tx, now: now, done: &done}
		if err := b.step(step); err != nil {
			return err
		}
		if i.Undo, err = crm.EncodeJSON(done); err != nil {
			return err
		}
		return tx.UpdateImport(ctx, i)
	})
	if err == nil {
		u.done = done
	}
	return err
}

// undoTx is the transaction of a step.
type undoTx struct {
	*undoing
	ctx  context.Context
	tx   Tx
	now  crm.Instant
	done *Undone
}

// leave notes a record that is kept.
func (b *undoTx) leave(entity string, id crm.ID, reason string) {
	b.done.Kept++
	if len(b.done.Left) < maxLeft {
		b.done.Left = append(b.done.Left, Left{entity, id, reason})
	}
}

func (b *undoTx) step(s undoStep) error {
	switch s.entity {
	case crm.EntityTask:
		return undoOne(b, tasks, s)
	case crm.EntityActivity:
		return undoOne(b, activities, s)
	case crm.EntityDeal:
		return undoOne(b, deals, s)
	case crm.EntityContact:
		return undoOne(b, contacts, s)
	case crm.EntityCompany:
		return undoOne(b, companies, s)
	case crm.EntityOwner:
		return undoOne(b, owners, s)
	default:
		return undoOne(b, stages, s)
	}
}

func undoOne[T, P any](b *undoTx, d *declared[T, P], s undoStep) error {
	if s.created != nil {
		return undoCreated(b, d, s)
	}
	return undoChanged(b, d, s)
}

func (d *declared[T, P]) version(t *T) int64 { return *d.properties["version"].Stored(t).(*int64) }
