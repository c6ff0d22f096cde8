package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ImportRow is a row of a file: the members of a record, and the records that it refers to. A
// member that it leaves open (no Set, no text) is not changed.
type ImportRow[P any] struct {
	// Patch holds the members; a row with DecodeErrors is rejected. References in it are
	// ignored: they are resolved from the texts below.
	Patch P
	// ID is what the row's record is found by when the key is KeyID, and the id of the
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
	// References are by id, external_id, e-mail address (people) or name: the first of these
	// that a record has.
	References
	// Fallback names the same records once more, for a row with an id and a name: it counts
	// where no record is found for the text above.
	Fallback References
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
)

// References are texts that stand for the records that a row refers to; "" is none.
type References struct{ Company, Owner, Stage, Contact, Deal string }

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
	DealRows     = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyName}, []Reference{RefCompany, RefOwner, RefStage}}
	ActivityRows = Importable{[]crm.Key{crm.KeyID, crm.KeyExternalID}, []Reference{RefCompany, RefOwner}}
	OwnerRows    = Importable{[]crm.Key{crm.KeyEmail, crm.KeyName}, nil}
)

// ImportOptions say how rows are understood.
type ImportOptions struct {
	// Key is the member by which a row's record is found: the row changes the record that
	// has the row's value, and creates one when there is none.
	Key crm.Key
	// CreateMissing are the references that are created when they are missing: companies and
	// people of that name (reps), and stages, as the last ones of the pipeline. Otherwise the
	// row is rejected.
	CreateMissing []Reference
	// StageOutcomes are the outcomes of stages that are created, by name in any case.
	// Those that are called won, closed won or signed, lost or closed lost need not
	// be named; all others are open. Stages that exist keep theirs.
	StageOutcomes map[string]crm.Outcome
	// DryRun runs the import and then rolls it back. What it touches is locked meanwhile.
	DryRun bool
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
	Verdict RowVerdict
	Reason  string      // why it was rejected, everything at once
	Missing []Reference // which are missing, which is among the reasons, but could be created
}

// Load begins to load one batch of rows. wait waits for its end and returns a result for each
// row. All batches end as if their rows had been loaded one by one, in the order of the calls;
// a rejected row does not affect the others. When a batch fails, its results are those of the
// rows that were loaded nevertheless, which are its first ones.
//
// It is for use by one goroutine. It must not change the rows until the batch has ended, may
// begin the next batch before it waits for the last one, and must wait for all.
type Load[P any] func(ctx context.Context, rows []ImportRow[P]) (wait func() ([]RowResult, error))

// ImportCompanies lets feed load companies. The actor must be a manager or an admin, and an
// admin to create people. feed is run once more when a dry run was disturbed and begins anew.
func (s *Service) ImportCompanies(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.CompanyPatch]) error) error {
	return importAll(ctx, s, by, opt, CompanyRows, newCompanies, feed)
}

// ImportContacts is ImportCompanies for contacts.
func (s *Service) ImportContacts(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ContactPatch]) error) error {
	return importAll(ctx, s, by, opt, ContactRows, newContacts, feed)
}

// ImportDeals is ImportCompanies for deals. What a row leaves open of a new deal is
// as in CreateDeal. It enters its stage when it is closed, if it is, and else when
// it is created.
func (s *Service) ImportDeals(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.DealPatch]) error) error {
	return importAll(ctx, s, by, opt, DealRows, newDeals, feed)
}

// ImportActivities is ImportCompanies for activities. What a row leaves open of a new
// activity is as in CreateActivity, but its date is when it was created, if the row
// says that.
func (s *Service) ImportActivities(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ActivityPatch]) error) error {
	return importAll(ctx, s, by, opt, ActivityRows, newActivities, feed)
}

// ImportOwners is ImportCompanies for people; the actor must be an admin.
func (s *Service) ImportOwners(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.OwnerPatch]) error) error {
	if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
		return err
	}
	return importAll(ctx, s, by, opt, OwnerRows, newOwners, feed)
}

// run is one import or adoption, from its first batch to its last.
type run struct {
	id       crm.ID
	service  *Service
	by       crm.Actor
	opt      ImportOptions
	outcomes map[string]crm.Outcome // of stages that are created, by NameKey
	org      crm.Organisation
	known    knownReferences
}

func importAll[T, P any](
	ctx context.Context, s *Service, by crm.Actor, opt ImportOptions, rows Importable,
	begin func(*batchTx) kind[T, P], feed func(Load[P]) error,
) error {
	if !by.WritesAll() {
		return crm.Forbidden("Only managers and admins may import.")
	}
	if slices.Contains(opt.CreateMissing, RefOwner) {
		if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
			return err
		}
	}
	if err := opt.check(rows.Keys, rows.References); err != nil {
		return err
	}
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return err
	}
	outcomes := make(map[string]crm.Outcome, len(opt.StageOutcomes))
	for name, outcome := range opt.StageOutcomes {
		outcomes[crm.NameKey(name)] = outcome
	}
	start := func() *run {
		known := knownReferences{RefCompany: {}, RefOwner: {}, RefStage: {}, RefContact: {}, RefDeal: {}}
		return &run{id: crm.NewID(), service: s, by: by, opt: opt, outcomes: outcomes, org: org, known: known}
	}
	if opt.DryRun {
		now := s.clock()
		return s.store.DryRun(ctx, by, now, func(tx Tx) error {
			run := start() // what a dry run learns is valid in its transaction only
			return feed(func(ctx context.Context, rows []ImportRow[P]) func() ([]RowResult, error) {
				results, err := loadWithin(ctx, run, tx, now, begin, rows)
				return func() ([]RowResult, error) { return results, err }
			})
		})
	}
	return feed((&loader[T, P]{run: start(), begin: begin}).load)
}

func (o ImportOptions) check(keys []crm.Key, refs []Reference) error {
	var r crm.Rules
	if !slices.Contains(keys, o.Key) {
		r.Add("key", "must be one of %s", joined(keys))
	}
	for _, ref := range o.CreateMissing {
		switch {
		case slices.Contains(refs, ref):
		case len(refs) == 0:
			r.Add("create_missing", "must be empty: these rows have no references")
		default:
			r.Add("create_missing", "must be of %s, and not %s", joined(refs), ref)
		}
	}
	for name, outcome := range o.StageOutcomes {
		if !slices.Contains(crm.Stages.Enum("outcome"), string(outcome)) {
			r.Add("stage_outcome", "of %s must be one of %s", name, strings.Join(crm.Stages.Enum("outcome"), ", "))
		}
	}
	return r.Err()
}

func joined[S ~string](values []S) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// loadWithin loads rows in a transaction that the caller commits, or does not.
func loadWithin[T, P any](
	ctx context.Context, run *run, tx Tx, now crm.Instant, begin func(*batchTx) kind[T, P], rows []ImportRow[P],
) ([]RowResult, error) {
	b := newBatchTx(ctx, run, tx, now)
	keyed := keyRows(begin(b), run.opt.Key, rows)
	results, err := loadRows(b, begin, keyed)
	if err == nil {
		b.refs.learn()
	}
	return results, err
}

// disturbed says that another client changed a record after the batch had found it: the batch
// must be tried again.
func disturbed(what string) error {
	return crm.Conflict(fmt.Sprintf("Another client changed the same %s at the same moment. Try again.", what))
}
