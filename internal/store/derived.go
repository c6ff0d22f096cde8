package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"sixty/internal/crm"
)

// Data that is computed from other tables (the index of searches, the sums), and the form that
// texts are stored in, are kept up to date by each transaction, and rebuilt when their version
// changes or an operator asks. A rebuild is a series of small transactions, each of which also
// stores the position that it has reached, so that it is resumed after an interruption, by any
// instance.

// The versions of the derived data. A new one means that what is stored was computed
// otherwise, and has to be rebuilt.
const (
	searchVersion = 2
	sumsVersion   = 2
	textVersion   = 1
)

// writtenVersion says what a release writes of all of them, the text of records included. It
// rises with any of the versions.
const writtenVersion = 4

// derivedData describes one of them.
type derivedData struct {
	name    string
	version int64
	// parts rebuild an organisation, one after the other.
	parts []rebuildPart
}

// A rebuildPart rebuilds the next batch of an organisation after a position, and returns
// the position reached; nil when there is nothing left.
type rebuildPart struct {
	entity string
	batch  func(ctx context.Context, t *tx, after *crm.Position) (*crm.Position, error)
}

func (s *Store) derivedData() []derivedData {
	return []derivedData{
		{"text", textVersion, s.textParts()}, // first, because others are derived from it
		{"search", searchVersion, []rebuildPart{searchPart(&s.companies), searchPart(&s.contacts), searchPart(&s.deals)}},
		{"sums", sumsVersion, []rebuildPart{{crm.EntityDeal, rebuildDealSums}, {crm.EntityActivity, rebuildActivitySums}}},
	}
}

// rebuildPosition is how far a rebuild has come.
type rebuildPosition struct {
	Org   crm.ID        `json:"org"`
	Part  int           `json:"part"`
	After *crm.Position `json:"after,omitempty"`
}

// derivedState is a row of the table derived_data.
type derivedState struct {
	version, target int64
	position        *string // nil: no rebuild is in progress
}

func (d *derivedState) destinations() []any { return []any{&d.version, &d.target, &d.position} }

var (
	derivedByName = &Statement{"derived.get", `SELECT version, target, position FROM derived_data WHERE name = $1`}
	startRebuild  = &Statement{"derived.start", `UPDATE derived_data SET target = $2, position = '' WHERE name = $1`}
	moveRebuild   = &Statement{"derived.move", `UPDATE derived_data SET position = $2 WHERE name = $1`}
	endRebuild    = &Statement{"derived.end", `UPDATE derived_data SET version = $2, position = NULL WHERE name = $1`}
	nextOrg       = &Statement{"derived.organisation", `SELECT id FROM organisations WHERE id >= $1 ORDER BY id LIMIT 2`}
)

// ErrOlderInstance says that a rebuild waits for instances that run an older release.
var ErrOlderInstance = errors.New("an instance of an older release is running, which would write its own version of what is rebuilt")

// Reindex rebuilds all derived data, also where its version is the current one.
func (s *Store) Reindex(ctx context.Context) error {
	for _, d := range s.derivedData() {
		if err := s.execInService(ctx, startRebuild, d.name, d.version); err != nil {
			return err
		}
	}
	return s.RebuildDerived(ctx)
}

// RebuildDerived rebuilds the derived data of an old version, resumes rebuilds that were
// interrupted, and indexes the deals that wait for it. Several instances may do so at once: they take turns. It returns
// ErrOlderInstance if it has to wait for an instance of an older release.
func (s *Store) RebuildDerived(ctx context.Context) error {
	for _, d := range s.derivedData() {
		for {
			state, err := s.derivedState(ctx, s.service(), d.name)
			if err != nil {
				return err
			}
			if state.position == nil && state.version >= d.version || state.target > d.version {
				break
			}
			if older, err := s.olderInstance(ctx); err != nil {
				return err
			} else if older {
				return ErrOlderInstance
			}
			if state.position == nil || state.target != d.version {
				err = s.execInService(ctx, startRebuild, d.name, d.version)
			} else {
				err = s.rebuildBatch(ctx, d, state)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := s.ReindexPending(ctx); err != nil {
		return err
	}
	return s.recheckCollisions(ctx)
}

func (s *Store) derivedState(ctx context.Context, db Querier, name string) (derivedState, error) {
	rows, err := collect(ctx, s, db, derivedByName, (*derivedState).destinations, name)
	if err != nil || len(rows) == 0 {
		return derivedState{}, err
	}
	return rows[0], nil
}

// rebuildBatch runs one transaction of a rebuild, unless another instance has done so since
// the state was read.
func (s *Store) rebuildBatch(ctx context.Context, d derivedData, state derivedState) error {
	leave, err := s.background(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var at rebuildPosition
	if *state.position != "" {
		if err := json.Unmarshal([]byte(*state.position), &at); err != nil {
			return err
		}
	}
	orgs, err := collect(ctx, s, s.service(), nextOrg, func(id *crm.ID) []any { return []any{id} }, at.Org)
	if err != nil {
		return err
	}
	if len(orgs) > 0 && orgs[0] != at.Org {
		at = rebuildPosition{Org: orgs[0]}
	}
	if len(orgs) == 0 || at.Part >= len(d.parts) && len(orgs) == 1 {
		return s.execInService(ctx, endRebuild, d.name, d.version)
	}
	if at.Part >= len(d.parts) {
		at = rebuildPosition{Org: orgs[1]}
	}
	return s.Write(ctx, crm.Operator(at.Org), crm.InstantOf(time.Now()), func(writing Tx) error {
		t, _ := writing.(*tx) // which Write passes
		locked, err := t.lockDerived(ctx, d.name)
		if err != nil || locked.position == nil || *locked.position != *state.position {
			return err
		}
		next := at
		part := d.parts[at.Part]
		if next.After, err = part.batch(ctx, t, at.After); err != nil {
			return err
		}
		if next.After == nil {
			next.Part++
			if locked.version < d.version { // answers that were incomplete are no longer valid
				t.log(part.entity, nil, crm.OpBulk, crm.Refs{})
			}
		}
		position, err := json.Marshal(next)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, moveRebuild, d.name, string(position))
		return err
	})
}

func (t *tx) lockDerived(ctx context.Context, name string) (derivedState, error) {
	st := t.store.statement("derived.lock", func() *Statement {
		return &Statement{"derived.lock", "SELECT t.version, t.target, t.position FROM derived_data t WHERE t.name = $1" + t.store.dialect.ForUpdate()}
	})
	rows, err := collect(ctx, t.store, t.db, st, (*derivedState).destinations, name)
	if err != nil || len(rows) == 0 {
		return derivedState{}, err
	}
	return rows[0], nil
}

// searchPart rebuilds the index of searches for an entity, from what was changed first to
// what was changed last: what changes meanwhile is met again.
func searchPart[T, F any](t *table[T, F]) rebuildPart {
	return rebuildPart{t.entity, func(ctx context.Context, x *tx, after *crm.Position) (*crm.Position, error) {
		q := crm.List[F]{Sort: crm.Sort{Field: "updated_at"}, Limit: crm.MaxLimit, From: after}
		p, err := page(ctx, x.store, x.db, t, x.by.Org, nil, q)
		if err != nil || len(p.Rows) == 0 {
			return nil, err
		}
		w := writer[T, F]{x, t}
		ids := make([]crm.ID, len(p.Rows))
		for i := range p.Rows {
			ids[i] = t.id(&p.Rows[i])
		}
		slices.SortFunc(ids, crm.CompareIDs)
		rows, err := w.LockForUpdate(ctx, ids)
		if err != nil {
			return nil, err
		}
		if err := w.deleteTerms(ctx, ids); err != nil {
			return nil, err
		}
		if err := w.insertTerms(ctx, len(rows), func(i int) *T { return &rows[i] }); err != nil || !p.HasMore {
			return nil, err
		}
		return p.Last, nil
	}}
}

var (
	nextStage = &Statement{"derived.stage", `SELECT id FROM deal_stages WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT 1`}
)

// rebuildDealSums rebuilds the sums of the deals in one stage.
func rebuildDealSums(ctx context.Context, t *tx, after *crm.Position) (*crm.Position, error) {
	var last crm.ID
	if after != nil {
		last = after.ID
	}
	stages, err := collect(ctx, t.store, t.db, nextStage, func(id *crm.ID) []any { return []any{id} }, t.by.Org, last)
	if err != nil || len(stages) == 0 {
		return nil, err
	}
	return &crm.Position{ID: stages[0]}, t.rebuildSums(ctx, "deal_sums", stages[0])
}

// rebuildActivitySums rebuilds the sums of the activities of one type.
func rebuildActivitySums(ctx context.Context, t *tx, after *crm.Position) (*crm.Position, error) {
	types := crm.Activities.Enum("type")
	i := 0
	if after != nil {
		i = slices.Index(types, after.Text) + 1
	}
	if i == len(types) {
		return nil, nil
	}
	return &crm.Position{Text: types[i]}, t.rebuildSums(ctx, "activity_sums", types[i])
}

func (t *tx) rebuildSums(ctx context.Context, table string, of any) error {
	for _, sql := range t.store.dialect.RebuildSums(table) {
		if _, err := t.exec(ctx, &Statement{table + ".rebuild", sql}, t.by.Org, of); err != nil {
			return err
		}
	}
	return nil
}
