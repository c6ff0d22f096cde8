package bulk

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// AdoptRow is a row of another system's database that becomes a record here, with its id.
// Members that the patch leaves open are not changed; references are ids in the patch.
type AdoptRow[P any] struct {
	ID    crm.ID
	Patch P
	// When the record was created and last changed there, and, of a deal, when it
	// entered its stage.
	CreatedAt, UpdatedAt, StageChangedAt crm.Field[crm.Instant]
}

// RowDeferred is the verdict on a row with a key that another record has at the moment. A
// later row may change that record: the deferred row is to be adopted again at the end.
const RowDeferred RowVerdict = "deferred"

// AdoptResult is the outcome of an adopted row.
type AdoptResult struct {
	Verdict RowVerdict
	Reason  string           // why it was rejected
	Omitted []crm.FieldError // the members that break a rule: the record was written without them
}

// AdoptOwners creates people with the ids of the rows, or changes them to what the rows say,
// in one transaction; people who are so already are not written. Members that break a rule or
// refer to no record are left out, and a row without a required member is rejected: neither
// affects the other rows. last means that a row whose key another record has is not deferred
// but written without the key. The actor must be an admin. A person's role changes only
// between admin and not.
func (s *Service) AdoptOwners(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.OwnerPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newOwners)
}

// AdoptStages is AdoptOwners for deal stages. The outcome of a new one without any follows
// from its name.
func (s *Service) AdoptStages(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.StagePatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newStages)
}

// AdoptCompanies is AdoptOwners for companies.
func (s *Service) AdoptCompanies(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.CompanyPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newCompanies)
}

// AdoptContacts is AdoptOwners for contacts. A row that makes its contact a company's primary
// one ends that for another.
func (s *Service) AdoptContacts(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.ContactPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newContactAdoption)
}

// AdoptDeals is AdoptOwners for deals. A new one without a stage gets the first. In
// a won or lost stage the status is the stage's, whatever the row says.
func (s *Service) AdoptDeals(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.DealPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newDeals)
}

// AdoptActivities is AdoptOwners for activities. One of an unknown type is a note.
func (s *Service) AdoptActivities(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.ActivityPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newActivities)
}

// AdoptTasks is AdoptOwners for tasks. One whose status or flag is completed is completed.
func (s *Service) AdoptTasks(ctx context.Context, by crm.Actor, rows []AdoptRow[crm.TaskPatch], last bool) ([]AdoptResult, error) {
	return adopt(ctx, s, by, rows, last, newTasks)
}

func adopt[T, P any](
	ctx context.Context, s *Service, by crm.Actor, rows []AdoptRow[P], last bool, begin func(*batchTx) kind[T, P],
) ([]AdoptResult, error) {
	return adoptInHalves(ctx, s, by, rows, func(b *batchTx, rows []AdoptRow[P]) ([]AdoptResult, error) {
		return adoptBatch(b, begin(b), rows, last)
	})
}

// adoptInHalves adopts a batch in one transaction, or in halves: see inHalves.
func adoptInHalves[R any](ctx context.Context, s *Service, by crm.Actor, rows []R, batch func(*batchTx, []R) ([]AdoptResult, error)) ([]AdoptResult, error) {
	if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
		return nil, err
	}
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return nil, err
	}
	run := &run{id: crm.NewID(), service: s, by: by, org: org}
	return inHalves(0, len(rows), func(from, to int) (results []AdoptResult, err error) {
		now := s.clock()
		err = s.store.Write(ctx, by, now, func(tx Tx) error {
			tx.BeginImport(run.id)
			results, err = batch(&batchTx{ctx: ctx, run: run, tx: tx, by: by, now: now}, rows[from:to])
			return err
		})
		if err != nil {
			return nil, err
		}
		return results, nil
	}, func(err error) AdoptResult {
		return AdoptResult{Verdict: RowRejected, Reason: err.Error() + " It may have been deleted here."}
	})
}

// RetireDefaultStages deletes the pipeline that the organisation was created with, if it is
// unchanged and no deal is in it: an adopted one replaces it.
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
