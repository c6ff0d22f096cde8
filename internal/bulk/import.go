package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ImportRow is a row of somebody else's data: what it says of a thing, and of the
// things that it refers to. A member that it leaves open (no Set, no text) changes
// nothing.
type ImportRow[P any] struct {
	// Patch holds the members; a row with an Unread one is rejected. References in
	// it are ignored: they are resolved from the texts below.
	Patch P
	// ID is what the row is recognised by when the key is KeyID, and the id of the
	// thing that it makes; otherwise it is ignored.
	ID crm.Field[crm.ID]
	// CreatedAt is when the thing came to be; unlike a client, an import may say.
	CreatedAt crm.Field[crm.Instant]
	// UpdatedAt is when a thing that the row makes was last changed. One that exists
	// is changed by the import, and at its time.
	UpdatedAt crm.Field[crm.Instant]
	// StageChangedAt is when a deal entered the stage that the row puts it into.
	StageChangedAt crm.Field[crm.Instant]
	// What the row refers to, in whatever way the row names it: by id, external_id,
	// e-mail address (people) or name, the first that leads anywhere.
	Company, Owner, Stage, Contact, Deal string
	// Fallback names the same things once more, for a row that gives an id and a name: it
	// counts where the text above leads to nothing that exists.
	Fallback References
}

// References are the texts by which a row refers to other things.
type References struct{ Company, Owner, Stage, Contact, Deal string }

// Reference is a kind of thing that rows refer to.
type Reference string

// The kinds of references.
const (
	RefCompany Reference = "company"
	RefOwner   Reference = "owner"
	RefStage   Reference = "stage"
	RefContact Reference = "contact"
	RefDeal    Reference = "deal"
)

// The references of each kind of row that an import can be told to make when they
// are missing.
var (
	CompanyReferences = []Reference{RefOwner}
	ContactReferences = []Reference{RefCompany, RefOwner}
	DealReferences    = []Reference{RefCompany, RefOwner, RefStage}

	ActivityReferences = []Reference{RefCompany, RefOwner}
)

// The keys by which each kind of row can be recognised, the surest first.
//
// A row that is recognised by its id is a copy of a thing of this program, and
// says all of it: a deal without a company label has none, and a status that is not
// its stage's is taken, since a client may have set both in turn.
var (
	CompanyKeys = []crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyDomain, crm.KeyName}
	ContactKeys = []crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyEmail, crm.KeyName}
	DealKeys    = []crm.Key{crm.KeyID, crm.KeyExternalID, crm.KeyName}
	OwnerKeys   = []crm.Key{crm.KeyEmail, crm.KeyName}

	ActivityKeys = []crm.Key{crm.KeyID, crm.KeyExternalID}
)

// ImportOptions say how rows are understood.
type ImportOptions struct {
	// Key is the member by which a row's thing is recognised: the row changes the
	// thing that has the row's value, and makes one when there is none.
	Key crm.Key
	// CreateMissing are the references that are made when they are missing:
	// companies and people of that name (reps), and stages, as the last ones of the
	// pipeline. Without, the row is rejected.
	CreateMissing []Reference
	// StageOutcomes are the outcomes of stages that are made, by name in any case.
	// Those that are called won, closed won or signed, lost or closed lost need not
	// be named; all others are open. Stages that exist keep theirs.
	StageOutcomes map[string]crm.Outcome
	// DryRun finds out what would happen, exactly, and then takes it all back.
	// What the import touches is locked meanwhile.
	DryRun bool
}

// RowVerdict is what became of a row.
type RowVerdict string

// The verdicts.
const (
	RowCreated   RowVerdict = "created"
	RowUpdated   RowVerdict = "updated"
	RowUnchanged RowVerdict = "unchanged" // the thing was already as the row says; nothing was written
	RowRejected  RowVerdict = "rejected"
)

// RowResult tells what became of a row.
type RowResult struct {
	Verdict RowVerdict
	Reason  string      // why it was rejected, everything at once
	Missing []Reference // whose absence is among the reasons, although they could be made
}

// Load begins to load one batch of rows and gives what waits for its end, with a result
// for each row. All batches end as if their rows had been loaded one by one, in the order
// of the calls; a row that cannot be taken is rejected and does not touch the others. When
// a batch fails, its results are those of the rows that were loaded nevertheless, which
// are its first ones.
//
// It is for use by one goroutine, which leaves the rows alone until the batch has ended,
// begins the next one before it waits for the last one, if it likes, and waits for all.
type Load[P any] func(ctx context.Context, rows []ImportRow[P]) (wait func() ([]RowResult, error))

// ImportCompanies lets feed load companies. The actor must be a manager or an
// admin, and an admin to make people. feed is run once more when a rehearsal was
// disturbed and begins anew.
func (s *Service) ImportCompanies(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.CompanyPatch]) error) error {
	return importAll(ctx, s, by, opt, CompanyKeys, CompanyReferences, newCompanyImport, feed)
}

// ImportContacts is ImportCompanies for contacts.
func (s *Service) ImportContacts(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ContactPatch]) error) error {
	return importAll(ctx, s, by, opt, ContactKeys, ContactReferences, newContactImport, feed)
}

// ImportDeals is ImportCompanies for deals. What a row leaves open of a new deal is
// as in CreateDeal. It enters its stage when it is closed, if it is, and else when
// it is created.
func (s *Service) ImportDeals(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.DealPatch]) error) error {
	return importAll(ctx, s, by, opt, DealKeys, DealReferences, newDealImport, feed)
}

// ImportActivities is ImportCompanies for activities. What a row leaves open of a new
// activity is as in CreateActivity, but its date is when it was created, if the row
// says that.
func (s *Service) ImportActivities(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.ActivityPatch]) error) error {
	return importAll(ctx, s, by, opt, ActivityKeys, ActivityReferences, newActivityImport, feed)
}

// ImportOwners is ImportCompanies for people; the actor must be an admin.
func (s *Service) ImportOwners(ctx context.Context, by crm.Actor, opt ImportOptions, feed func(Load[crm.OwnerPatch]) error) error {
	if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
		return err
	}
	return importAll(ctx, s, by, opt, OwnerKeys, nil, newOwnerImport, feed)
}

// importRun is one import, from its first batch to its last.
type importRun struct {
	service  *Service
	by       crm.Actor
	opt      ImportOptions
	outcomes map[string]crm.Outcome // of stages that are made, by NameKey
	org      crm.Organisation
	known    knownReferences
}

func importAll[T, P any](
	ctx context.Context, s *Service, by crm.Actor, opt ImportOptions, keys []crm.Key, refs []Reference,
	begin func(*importTx) importKind[T, P], feed func(Load[P]) error,
) error {
	if !by.WritesAll() {
		return crm.Forbidden("Only managers and admins may import.")
	}
	if slices.Contains(opt.CreateMissing, RefOwner) {
		if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
			return err
		}
	}
	if err := opt.check(keys, refs); err != nil {
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
	start := func() *importRun {
		return &importRun{service: s, by: by, opt: opt, outcomes: outcomes, org: org}
	}
	if opt.DryRun {
		now := s.clock()
		return s.store.DryRun(ctx, by, now, func(tx Tx) error {
			run := start() // what is learnt in a rehearsal holds in its transaction only
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
			r.Add("create_missing", "must be empty: these rows refer to nothing")
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
	ctx context.Context, run *importRun, tx Tx, now crm.Instant, begin func(*importTx) importKind[T, P], rows []ImportRow[P],
) ([]RowResult, error) {
	b := newImportTx(ctx, run, tx, now)
	keyed := keyRows(begin(b), run.opt.Key, rows)
	results, err := loadRows(b, begin, keyed)
	if err == nil {
		b.refs.learn()
	}
	return results, err
}

// disturbed says that another client changed what a batch had just found: the
// batch must be tried again.
func disturbed(what string) error {
	return crm.Conflict(fmt.Sprintf("Another client changed the same %s at the same moment. Try again.", what))
}
