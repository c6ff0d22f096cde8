package bulk

import (
	"context"
	"slices"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ImportRow is a row of a file: the members of a record, and the records that it refers to. A
// member that it leaves open (no Set, no text) is not changed.
type ImportRow[P any] struct {
	// Number is the row's place among all rows of the import, those included that are passed over.
	Number int64
	// Patch holds the members; a row with DecodeErrors is rejected. References in it are
	// ignored: they are resolved from the texts below.
	Patch P
	// ID is what the row's record is found by when KeyID is a key, and the id of the
	// record that it creates; otherwise it is ignored.
	ID crm.Field[crm.ID]
	// CreatedAt is when the record was created; unlike a client, an import may set it.
	CreatedAt crm.Field[crm.Instant]
	// UpdatedAt is when a record that the row creates was last changed. One that exists is
	// changed now, by the import.
	UpdatedAt crm.Field[crm.Instant]
	// StageChangedAt is when a deal entered the stage that the row puts it into.
	StageChangedAt crm.Field[crm.Instant]
	// ClosedAtIfClosed is closed_at of a deal that is won or lost, unless the row says that by itself;
	// it says nothing of an active one. Many systems have one date for both.
	ClosedAtIfClosed crm.Field[crm.Instant]
	// References are by id, external_id, domain (companies), e-mail address (people) or name: the
	// first of these that a record has. Null references of other systems, which are ids of zeros,
	// say nothing.
	References
	// Fallback names the same records once more, for a row with an id and a name: it counts
	// where no record is found for the text above.
	Fallback References
	// IDs says which of the References are ids of another system. A record that is created for
	// one has it as external_id, and the Fallback as its name; without one, the id.
	IDs ReferenceSet
	// FurtherContacts are contacts of a deal beside its primary one, by what references are by;
	// they are ids if that of the primary one is. Those that are not on the deal yet are added as
	// stakeholders.
	FurtherContacts []string
}

// Reference is a type of record that rows refer to.
type Reference string

// The kinds of references.
const (
	RefCompany Reference = "company"
	RefOwner   Reference = "owner"
	RefStage   Reference = "stage"
	RefContact Reference = "contact"
	RefDeal    Reference = "deal"
	RefCreator Reference = "created_by" // of a task, who is a person as its RefOwner is: the one it is assigned to
)

// ReferenceSet is a set of references.
type ReferenceSet uint8

// With returns the set with one more.
func (s ReferenceSet) With(ref Reference) ReferenceSet { return s | setOf(ref) }

// Has reports whether a reference is in the set.
func (s ReferenceSet) Has(ref Reference) bool { return s&setOf(ref) != 0 }

func setOf(ref Reference) ReferenceSet { return 1 << slices.Index(allReferences, ref) }

// References are texts that stand for the records that a row refers to; "" is none.
type References struct{ Company, Owner, Stage, Contact, Deal, Creator string }

// Of returns where the text for a type of record is.
func (r *References) Of(ref Reference) *string {
	switch ref {
	case RefCompany:
		return &r.Company
	case RefOwner:
		return &r.Owner
	case RefStage:
		return &r.Stage
	case RefContact:
		return &r.Contact
	case RefCreator:
		return &r.Creator
	default:
		return &r.Deal
	}
}

// Importable says how rows of a kind can be imported.
//
// A row with an id as its key is a complete copy of a record of this program: a deal without
// a company label has none, and a status that is not its stage's is valid, since a client may
// have set both in turn.
type Importable struct {
	Keys       []crm.Key   // by which the record of a row can be found, the surest first
	References []Reference // that can be created when they are missing
}

// The kinds of rows.
var (
	CompanyRows  = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyDomain, crm.KeyName}, []Reference{RefOwner}}
	ContactRows  = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyEmail, crm.KeyName}, []Reference{RefCompany, RefOwner}}
	DealRows     = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyName}, []Reference{RefCompany, RefContact, RefOwner, RefStage}}
	ActivityRows = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID}, []Reference{RefCompany, RefContact, RefOwner}}
	TaskRows     = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID, KeyTitle}, []Reference{RefCompany, RefContact, RefOwner}}
	StageRows    = Importable{[]crm.Key{crm.KeyID, crm.KeyName}, nil}
	OwnerRows    = Importable{[]crm.Key{crm.KeyExternalID, crm.KeyEmail, crm.KeyName}, nil}
)

// ImportOptions say how rows are understood.
type ImportOptions struct {
	// Keys are the members by which a row's record is found: the first that the row has. The row
	// changes the record that has the row's value, and creates one when there is none. KeyID can
	// only be the first.
	Keys []crm.Key
	// CreateMissing are the references that are created when they are missing: companies,
	// contacts and people of that name (reps), and stages, as the last ones of the pipeline.
	// Otherwise the row is rejected.
	CreateMissing []Reference
	// StageOutcomes are the outcomes of stages that are created, by name in any case. The others
	// get the OutcomeOf their names. Stages that exist keep theirs.
	StageOutcomes map[string]crm.Outcome
	// Lenient takes rows without the optional members that are wrong, and tells so.
	Lenient bool
	// DryRun runs the import and then rolls it back. What it touches is locked meanwhile.
	DryRun bool
	// Record says as what the import is recorded, if it is no dry run; nil: it is not. One that
	// was recorded and interrupted goes on behind the rows that it has loaded.
	Record *Recording
}

// RowVerdict is the outcome of a row.
type RowVerdict string

// The verdicts.
const (
	RowCreated   RowVerdict = "created"
	RowUpdated   RowVerdict = "updated"
	RowUnchanged RowVerdict = "unchanged" // the record was already as the row says; nothing was written
	RowRejected  RowVerdict = "rejected"
)

// RowResult is the outcome of a row, with its reasons.
type RowResult struct {
	Verdict RowVerdict       `json:"verdict"`
	Reason  string           `json:"reason,omitempty"`  // why it was rejected, everything at once
	Wrong   []crm.FieldError `json:"wrong,omitempty"`   // the reasons one by one; none of a row that could not be loaded
	Missing []Reference      `json:"missing,omitempty"` // which are missing, which is among the reasons, but could be created
	// Omitted are the members that are wrong, without which a lenient import took the row.
	Omitted []crm.FieldError `json:"omitted,omitempty"`
}

// Load begins to load one batch of rows. wait waits for its end and returns a result for each
// row. All batches end as if their rows had been loaded one by one, in the order of the calls;
// a rejected row does not affect the others. When a batch fails, its results are those of the
// rows that were loaded nevertheless, which are its first ones.
//
// It is for use by one goroutine. It must not change the rows until the batch has ended, may
// begin the next batch before it waits for the last one, and must wait for all.
type Load[P any] func(ctx context.Context, rows []ImportRow[P]) (wait func() ([]RowResult, error))

// Report is what an import tells beside the results of its rows.
type Report struct {
	// Created are the records that were created because rows refer to them, by kind.
	Created []CreatedReferences
	// Consistency is the consistency token of the import: what is read with it includes all that
	// was loaded. It is "" for a dry run.
	Consistency string
}

// CreatedReferences are the records of a kind that were created because rows refer to them.
type CreatedReferences struct {
	Kind  Reference          `json:"kind"`
	Count int64              `json:"count"`
	First []CreatedReference `json:"first"` // at most maxCreatedTold
}

// CreatedReference is a record that was created because a row refers to it.
type CreatedReference struct {
	Name       string      `json:"name"`
	ExternalID string      `json:"external_id,omitempty"` // which it was referred to by; also its name, if no row says that
	Outcome    crm.Outcome `json:"outcome,omitempty"`     // of a stage
	Guessed    bool        `json:"guessed,omitempty"`     // the outcome is that of its name, not one of the StageOutcomes
}

// maxCreatedTold bounds the records that a report names.
const maxCreatedTold = 20

// ImportCompanies lets feed load companies. The actor must be a manager or an admin, and an
// admin to create people. feed is run once more when a dry run was disturbed and begins anew.
// The report is also of an import that fails.
func (s *Service) ImportCompanies(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.CompanyPatch]) error) (Report, error) {
	return importAll(ctx, s, by, opt, CompanyRows, newCompanies, feed)
}

// ImportContacts is ImportCompanies for contacts.
func (s *Service) ImportContacts(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ContactPatch]) error) (Report, error) {
	return importAll(ctx, s, by, opt, ContactRows, newContacts, feed)
}

// ImportDeals is ImportCompanies for deals. What a row leaves open of a new deal is
// as in CreateDeal. It enters its stage when it is closed, if it is, and else when
// it is created.
func (s *Service) ImportDeals(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.DealPatch]) error) (Report, error) {
	return importAll(ctx, s, by, opt, DealRows, newDeals, feed)
}

// ImportActivities is ImportCompanies for activities. What a row leaves open of a new
// activity is as in CreateActivity, but its date is when it was created, if the row
// says that.
func (s *Service) ImportActivities(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ActivityPatch]) error) (Report, error) {
	return importAll(ctx, s, by, opt, ActivityRows, newActivities, feed)
}

// ImportTasks is ImportCompanies for tasks. What a row leaves open of a new task is as in
// CreateTask.
func (s *Service) ImportTasks(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.TaskPatch]) error) (Report, error) {
	return importAll(ctx, s, by, opt, TaskRows, newTasks, titled(opt.Keys, feed))
}

// ImportStages is ImportCompanies for deal stages. New ones without a position come after all
// others, in the order of their rows.
func (s *Service) ImportStages(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.StagePatch]) error) (Report, error) {
	if err := by.CheckReference(); err != nil {
		return Report{}, err
	}
	return importAll(ctx, s, by, opt, StageRows, newStages, feed)
}

// ImportOwners is ImportCompanies for people; the actor must be an admin.
func (s *Service) ImportOwners(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.OwnerPatch]) error) (Report, error) {
	if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
		return Report{}, err
	}
	return importAll(ctx, s, by, opt, OwnerRows, newOwners, feed)
}
