package changes_test

import (
	"slices"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// write makes a random write through a service and describes it.
func (w *world) write(s services) string {
	w.Helper()
	var what string
	var err error
	switch n := w.r.IntN(100); {
	case n < 20:
		what, err = w.create(s, w.r.IntN(7))
	case n < 70:
		what, err = w.update(s)
	case n < 80:
		what, err = w.remove(s)
	case n < 90:
		deal, contact := w.any(w.deals), w.any(w.contacts)
		what = named("a contact on a deal", deal, contact)
		_, err = s.PutDealContact(w.Context(), w.by, deal, contact, crm.VersionCondition{}, one(w, "champion", "blocker"))
	case n < 95:
		deal, contact := w.any(w.deals), w.any(w.contacts)
		what = named("a contact off a deal", deal, contact)
		err = s.DeleteDealContact(w.Context(), w.by, deal, contact, crm.VersionCondition{})
	case n < 97:
		what, err = "many deals", w.updateMany()
	case n < 98:
		what, err = w.transferOwnership(s)
	default:
		what, err = "a cleared cache", s.accounts.ClearCache(w.Context(), w.by, []string{one(w, crm.EntityCache, crm.EntityDeal)})
	}
	if w.rejected(what, err) {
		what += " (rejected)"
	}
	return what
}

// fill creates some records of each type.
func (w *world) fill() {
	w.Helper()
	for kind, n := range []int{3, 4, 5, 0, 8, 6, 8} {
		for range n {
			if what, err := w.create(w.here, kind); err != nil {
				w.Fatalf("%s: %v", what, err)
			}
		}
	}
}

// create creates a record of a type in w.all, unless there are many.
func (w *world) create(s services, kind int) (string, error) {
	ctx, ids := w.Context(), w.all()[kind]
	if len(*ids) > 10 {
		return w.update(s)
	}
	var id crm.ID
	var err error
	switch kind {
	case 0:
		o, failed := s.accounts.CreateOwner(ctx, w.by, crm.OwnerPatch{FirstName: crm.Of(w.word())})
		id, err = o.ID, failed
	case 1:
		c, failed := s.CreateCompany(ctx, w.by, w.companyPatch())
		id, err = c.ID, failed
	case 2:
		c, failed := s.CreateContact(ctx, w.by, w.contactPatch())
		id, err = c.ID, failed
	case 3:
		st, failed := s.CreateStage(ctx, w.by, crm.StagePatch{Name: crm.Of(w.word())})
		id, err = st.ID, failed
	case 4:
		d, failed := s.CreateDeal(ctx, w.by, w.dealPatch())
		id, err = d.ID, failed
	case 5:
		a, failed := s.CreateActivity(ctx, w.by, w.activityPatch())
		id, err = a.ID, failed
	default:
		t, failed := s.CreateTask(ctx, w.by, w.taskPatch())
		id, err = t.ID, failed
	}
	if err == nil {
		*ids = append(*ids, id)
	}
	return named("a created record", kind, id), err
}

func (w *world) update(s services) (string, error) {
	ctx, whatever := w.Context(), crm.VersionCondition{}
	var id crm.ID
	var what string
	var err error
	switch w.r.IntN(11) {
	case 0, 1:
		what, id = "an updated company", w.any(w.companies)
		_, err = s.UpdateCompany(ctx, w.by, id, whatever, w.companyPatch())
	case 2, 3:
		what, id = "an updated contact", w.any(w.contacts)
		_, err = s.UpdateContact(ctx, w.by, id, whatever, w.contactPatch())
	case 4, 5, 6:
		what, id = "an updated deal", w.any(w.deals)
		_, err = s.UpdateDeal(ctx, w.by, id, whatever, w.dealPatch())
	case 7:
		what, id = "an updated stage", w.any(w.stages)
		_, err = s.UpdateStage(ctx, w.by, id, whatever, crm.StagePatch{Name: crm.Of(w.word())})
	case 8:
		what, id = "an updated activity", w.any(w.activities)
		_, err = s.UpdateActivity(ctx, w.by, id, whatever, w.activityPatch())
	case 9:
		what, id = "a deactivated owner", w.any(w.owners)
		_, err = s.accounts.DeactivateOwner(ctx, w.by, id)
	default:
		what, id = "an updated task", w.any(w.tasks)
		_, err = s.UpdateTask(ctx, w.by, id, whatever, w.taskPatch())
	}
	return named(what, id), err
}

// transferOwnership transfers all records of an owner, which is one entry in the log.
func (w *world) transferOwnership(s services) (string, error) {
	from, to := w.any(w.owners), w.any(w.owners)
	_, err := s.accounts.TransferOwnership(w.Context(), w.by, from, to)
	return named("an ownership transfer from", from), err
}

func (w *world) remove(s services) (string, error) {
	ctx, whatever := w.Context(), crm.VersionCondition{}
	kind := w.r.IntN(7)
	ids := w.all()[kind]
	i := w.r.IntN(len(*ids))
	id := (*ids)[i]
	var err error
	switch kind {
	case 0:
		err = s.accounts.DeleteOwner(ctx, w.by, id)
	case 1:
		err = s.DeleteCompany(ctx, w.by, id, whatever)
	case 2:
		err = s.DeleteContact(ctx, w.by, id, whatever)
	case 3:
		err = s.DeleteStage(ctx, w.by, id, whatever)
	case 4:
		err = s.DeleteDeal(ctx, w.by, id, whatever)
	case 5:
		err = s.DeleteActivity(ctx, w.by, id, whatever)
	default:
		err = s.DeleteTask(ctx, w.by, id, whatever)
	}
	if err == nil {
		*ids = slices.Delete(*ids, i, i+1)
		(*ids)[0] = id
	}
	return named("a deleted record", kind, id), err
}

// updateMany changes so many records at once that the log does not list them.
func (w *world) updateMany() error {
	return w.store.Write(w.Context(), w.by, crm.InstantOf(w.now), func(tx store.Tx) error {
		for range 101 {
			deals, err := tx.Deals().LockForUpdate(w.Context(), w.deals)
			if err != nil || len(deals) == 0 {
				return err
			}
			d := deals[w.r.IntN(len(deals))]
			after := d
			after.Name, after.UpdatedAt = w.word(), crm.InstantOf(w.now)
			if err := tx.Deals().Update(w.Context(), []crm.Change[crm.Deal]{{Before: d, After: after}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) companyPatch() crm.CompanyPatch {
	return crm.CompanyPatch{Name: crm.Of(w.word()), Industry: crm.Of(w.word()), OwnerID: w.maybe(w.owners)}
}

func (w *world) contactPatch() crm.ContactPatch {
	p := crm.ContactPatch{
		FirstName: crm.Of(w.word()), LastName: crm.Of(w.word()), Title: crm.Of(w.word()),
		CompanyID: w.maybe(w.companies), OwnerID: w.maybe(w.owners),
	}
	p.IsPrimary = crm.Of(!p.CompanyID.Null && w.r.IntN(2) == 0)
	return p
}

func (w *world) dealPatch() crm.DealPatch {
	p := crm.DealPatch{
		Name: crm.Of(w.word()), Value: crm.Of(crm.Money(w.r.IntN(2000))), Currency: crm.Of(one(w, "GBP", "EUR")),
		CompanyID: w.maybe(w.companies), PrimaryContactID: w.maybe(w.contacts), OwnerID: w.maybe(w.owners),
		ExpectedCloseDate: crm.Of(crm.DateOf(w.day())),
	}
	if w.r.IntN(2) == 0 {
		p.StageID = crm.Of(w.any(w.stages[1:]))
	}
	return p
}

func (w *world) activityPatch() crm.ActivityPatch {
	return crm.ActivityPatch{
		Type: crm.Of(one(w, "call", "email", "meeting")), Status: crm.Of(one(w, "pending", "completed")),
		Amount: crm.Of(crm.Money(w.r.IntN(100))), Date: crm.Of(crm.Moment(crm.InstantOf(w.day()))),
		ContactID: w.maybe(w.contacts), CompanyID: w.maybe(w.companies), DealID: w.maybe(w.deals), OwnerID: w.maybe(w.owners),
	}
}

func (w *world) taskPatch() crm.TaskPatch {
	p := crm.TaskPatch{
		Title: crm.Of(w.word()), Status: crm.Of(one(w, crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted)),
		DueDate: crm.Of(crm.Moment(crm.InstantOf(w.day()))), AssignedTo: w.maybe(w.owners),
		ContactID: w.maybe(w.contacts), CompanyID: w.maybe(w.companies), DealID: w.maybe(w.deals),
	}
	if w.r.IntN(4) == 0 {
		p.DueDate = crm.Null[crm.Moment]()
	}
	return p
}
