package bulk

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// AdoptRow is a row of another system's database that becomes a thing here, with
// its id. What the patch leaves open stays as it is; references are ids in the patch.
type AdoptRow[P any] struct {
	ID    crm.ID
	Patch P
	// When the thing came to be and was last changed there, and, of a deal, when it
	// entered its stage.
	CreatedAt, UpdatedAt, StageChangedAt crm.Field[crm.Instant]
}

// RowDeferred is the verdict on a row that wants a key which another thing has at
// the moment. That one may give it up in a row that is still to come: the row is to
// be adopted again at the end.
const RowDeferred RowVerdict = "deferred"

// AdoptResult tells what became of an adopted row.
type AdoptResult struct {
	Verdict RowVerdict
	Reason  string           // why it was rejected
	Omitted []crm.FieldError // what the row says and breaks a rule: the thing was taken without it
}

// AdoptOwners makes people with the ids that the rows have, or changes them to what
// the rows say, in one transaction; things that are so already are not written.
// Members that break a rule or refer to nothing are left out, and a row without what
// a thing cannot be without is rejected: neither touches the other rows. last says that a row
// whose key is taken is not to be deferred but to be taken without it. The actor
// must be an admin. A person's role changes only between admin and not.
func (s *Service) AdoptOwners(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.OwnerPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Owner, crm.OwnerPatch] {
		return &ownerAdoption{ownerImport: &ownerImport{importTx: b}}
	})
}

// AdoptStages is AdoptOwners for deal stages. A new one whose outcome is not said is
// won or lost if it is called so.
func (s *Service) AdoptStages(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.StagePatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Stage, crm.StagePatch] {
		return &stageAdoption{importTx: b}
	})
}

// AdoptCompanies is AdoptOwners for companies.
func (s *Service) AdoptCompanies(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.CompanyPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Company, crm.CompanyPatch] {
		return &companyAdoption{companyImport: &companyImport{importTx: b}}
	})
}

// AdoptContacts is AdoptOwners for contacts. A row that makes its contact a
// company's primary one ends that for another.
func (s *Service) AdoptContacts(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.ContactPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Contact, crm.ContactPatch] {
		return &contactAdoption{contactImport: &contactImport{importTx: b, primary: map[crm.ID]*crm.Contact{}, ends: map[crm.ID]bool{}}}
	})
}

// AdoptDeals is AdoptOwners for deals. A new one without a stage gets the first. In
// a won or lost stage the status is the stage's, whatever the row says.
func (s *Service) AdoptDeals(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.DealPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Deal, crm.DealPatch] {
		return &dealAdoption{dealImport: &dealImport{importTx: b, last: map[crm.ID]int{}, ends: map[crm.Instant][]crm.ID{}}}
	})
}

// AdoptActivities is AdoptOwners for activities. One of an unknown type is a note.
func (s *Service) AdoptActivities(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.ActivityPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Activity, crm.ActivityPatch] {
		return &activityAdoption{importTx: b}
	})
}

// AdoptTasks is AdoptOwners for tasks. One that its status or its flag calls completed
// is, whatever the other says.
func (s *Service) AdoptTasks(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.TaskPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, func(b *importTx) adoptKind[crm.Task, crm.TaskPatch] {
		return &taskAdoption{importTx: b}
	})
}

// adopt adopts a batch in one transaction. When it collides with what is stored in a
// way that was not seen coming, again and again, it is adopted in halves, down to the
// row that it is about, which is rejected.
func adopt[T, P any](
	ctx context.Context, s *Service, by crm.Actor, rows []AdoptRow[P], last bool, kind func(*importTx) adoptKind[T, P],
) ([]AdoptResult, error) {
	if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
		return nil, err
	}
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return nil, err
	}
	return inHalves(rows, func(rows []AdoptRow[P]) (results []AdoptResult, err error) {
		now := s.clock()
		err = s.store.Write(ctx, by, now, func(tx Tx) error {
			b := &importTx{ctx: ctx, run: &importRun{service: s, by: by, org: org}, tx: tx, by: by, now: now}
			results, err = adoptBatch(b, kind(b), rows, last)
			return err
		})
		return results, err
	})
}

// inHalves does rows together; if they conflict even when tried again, half by half.
func inHalves[R any](rows []R, do func([]R) ([]AdoptResult, error)) ([]AdoptResult, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var err error
	for range batchAttempts {
		var results []AdoptResult
		if results, err = do(rows); err == nil {
			return results, nil
		}
		if crm.CodeOf(err) != crm.CodeConflict {
			return nil, err
		}
	}
	if len(rows) == 1 {
		return []AdoptResult{{Verdict: RowRejected, Reason: err.Error() + " It may have been deleted here."}}, nil
	}
	first, err := inHalves(rows[:len(rows)/2], do)
	if err != nil {
		return first, err
	}
	second, err := inHalves(rows[len(rows)/2:], do)
	return append(first, second...), err
}

// RetireDefaultStages deletes the pipeline that the organisation was made with, if
// it is as it was made and no deal stands in it: an adopted one takes its place.
func (s *Service) RetireDefaultStages(ctx context.Context, by crm.Actor) error {
	if err := by.CheckReference(); err != nil {
		return err
	}
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		page, err := tx.Reads().Stages().Page(ctx, by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: crm.MaxLimit})
		if err != nil {
			return err
		}
		var born []crm.ID
		for _, stage := range page.Rows {
			if stage.Version == 1 && stage.CreatedAt == org.CreatedAt {
				born = append(born, stage.ID)
			}
			if used, err := tx.StageInUse(ctx, stage.ID); err != nil || used {
				return err
			}
		}
		if len(born) == len(page.Rows) { // nothing takes their place
			return nil
		}
		stages, err := tx.Stages().LockForUpdate(ctx, born)
		if err != nil {
			return err
		}
		for _, stage := range stages {
			if err := tx.Stages().Delete(ctx, stage); err != nil {
				return err
			}
		}
		return nil
	})
}
