package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// run is one import or adoption, from its first batch to its last.
type run struct {
	id       crm.ID
	service  *Service
	by       crm.Actor
	opt      ImportOptions
	keys     []crm.Key              // of the options, as they are stored
	outcomes map[string]crm.Outcome // of stages that are created, by NameKey
	org      crm.Organisation
	known    knownReferences
	created  createdReferences

	recording *Recording   // nil: it is not recorded
	loaded    []LoadedRows // before it was interrupted
}

// isCopy reports whether a row is a complete copy of a record, which it is found by the id of.
func (r *run) isCopy(id crm.Field[crm.ID]) bool { return id.Set && r.keys[0] == crm.KeyID }

func importAll[T, P any](
	ctx context.Context, s *Service, by crm.Actor, opt ImportOptions, rows Importable,
	begin func(*batchTx) kind[T, P], feed func(Load[P]) error,
) (Report, error) {
	if err := mayImport(by); err != nil {
		return Report{}, err
	}
	if slices.Contains(opt.CreateMissing, RefOwner) {
		if err := accounts.RequireAdmin(by, "manage people and keys"); err != nil {
			return Report{}, err
		}
	}
	if err := opt.check(rows.Keys, rows.References); err != nil {
		return Report{}, err
	}
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return Report{}, err
	}
	outcomes := make(map[string]crm.Outcome, len(opt.StageOutcomes))
	for name, outcome := range opt.StageOutcomes {
		outcomes[crm.NameKey(name)] = outcome
	}
	start := func() *run {
		known := knownReferences{RefCompany: {}, RefOwner: {}, RefStage: {}, RefContact: {}, RefDeal: {}}
		return &run{id: crm.NewID(), service: s, by: by, opt: opt, keys: storedKeys(opt.Keys), outcomes: outcomes, org: org, known: known}
	}
	if opt.DryRun {
		now := s.clock()
		var report Report
		err := s.store.DryRun(ctx, by, now, func(tx Tx) error {
			run := start() // what a dry run learns is valid in its transaction only
			defer func() { report = run.created.report() }()
			return feed(func(ctx context.Context, rows []ImportRow[P]) func() ([]RowResult, error) {
				results, err := loadWithin(ctx, run, tx, now, begin, rows)
				return func() ([]RowResult, error) { return results, err }
			})
		})
		return report, err
	}
	run := start()
	if err := run.record(ctx); err != nil {
		return Report{}, err
	}
	err = feed((&loader[T, P]{run: run, begin: begin}).load)
	report := run.created.report()
	report.Consistency = s.consistency(ctx, by.Org)
	return report, err
}

// record enters the import if it is to be recorded, and reads what it has loaded already.
func (r *run) record(ctx context.Context) (err error) {
	if r.opt.Record == nil {
		return nil
	}
	r.recording, r.id = r.opt.Record, r.opt.Record.Import.ID
	if err := r.service.BeginImport(ctx, r.by, r.recording.Import); err != nil {
		return err
	}
	r.loaded, err = r.service.store.LoadedRows(ctx, r.by.Org, r.id, r.recording.Part)
	return err
}

// consistency returns the consistency token of what has been committed. When that cannot be
// read, the token leads to the database, which knows.
func (s *Service) consistency(ctx context.Context, org crm.ID) string {
	var at crm.LogPosition
	if ends, err := s.store.LogEnds(context.WithoutCancel(ctx), []crm.ID{org}); err == nil {
		at = crm.LogPosition{Epoch: ends.Epoch, Seq: ends.Seqs[org]}
	}
	return at.ConsistencyToken(org)
}

func (o ImportOptions) check(keys []crm.Key, refs []Reference) error {
	var r crm.Rules
	for i, key := range o.Keys {
		switch {
		case !slices.Contains(keys, key):
			r.Add("key", "must be of %s, and not %s", joined(keys), key)
		case slices.Contains(o.Keys[:i], key):
			r.Add("key", "must be named once: %s", key)
		case key == crm.KeyID && i > 0:
			r.Add("key", "must name the id first")
		}
	}
	if len(o.Keys) == 0 {
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
	keyed := keyRows(begin(b), run.keys, rows)
	results, err := loadRows(b, begin, keyed)
	if err == nil {
		b.learn()
	}
	return results, err
}

// disturbed says that another client changed a record after the batch had found it: the batch
// must be tried again.
func disturbed(what string) error {
	return crm.Conflict(fmt.Sprintf("Another client changed the same %s at the same moment. Try again.", what))
}
