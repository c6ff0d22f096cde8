package bulk

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// loader loads the batches of an import, each in a transaction of its own. While one is
// under way, the next one may be loaded beside it: the database then works for both. That
// must not be seen in how they end, which is as if the second had waited:
//
//   - It begins beside the first only if no row of either has a key of the other's.
//   - It is taken back, and loaded again when the first has ended, unless all its rows are
//     taken, nothing is made for them to refer to, neither by it nor by the first, and no
//     stored thing gives up a key: whatever else either does is nothing to the other.
type loader[T, P any] struct {
	run   *importRun
	begin func(*importTx) importKind[T, P]

	latest, before *loading // the two batches that were begun last; nil: there was none
	patience       int      // how many batches are yet to wait for the one before them
}

// afterVain is how many batches wait after one that was loaded beside another in vain:
// the rows of a file are mostly alike.
const afterVain = 8

// loading is one batch, from its beginning to its end.
type loading struct {
	keys  [][]string      // of its rows
	names map[string]bool // of what they may have made to refer to
	ended chan struct{}   // closed at the end, when what follows is known
	// vain says that it was loaded beside the one before, and taken back.
	vain    bool
	results []RowResult
	err     error
}

func (l *loading) underWay() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// wait waits for the end.
func (l *loading) wait() error {
	if l == nil {
		return nil
	}
	<-l.ended
	return l.err
}

// load implements Load.
func (l *loader[T, P]) load(ctx context.Context, rows []ImportRow[P]) func() ([]RowResult, error) {
	_ = l.before.wait() // who began it is told
	kind := l.begin(&importTx{run: l.run, by: l.run.by, now: l.run.service.clock()})
	keyed := keyRows(kind, l.run.opt.Key, rows)
	earlier, this := l.latest, &loading{
		keys: keyed.values, names: comeDownTo(l.run.opt.CreateMissing, rows), ended: make(chan struct{}),
	}
	l.before, l.latest = earlier, this
	beside := kind.apart() && l.patience == 0 && earlier.underWay() && !shareKeys(earlier.keys, this.keys)
	l.patience = max(0, l.patience-1)
	go func() {
		defer close(this.ended)
		if beside {
			this.results, this.err = l.once(ctx, keyed, earlier)
			if this.vain = errors.Is(this.err, errEarly) || crm.CodeOf(this.err) == crm.CodeConflict; !this.vain {
				return
			}
		}
		if this.err = earlier.wait(); this.err == nil {
			this.results, this.err = l.committed(ctx, keyed)
		}
	}()
	return func() ([]RowResult, error) {
		<-this.ended
		if this.vain {
			l.patience = afterVain
		}
		return this.results, this.err
	}
}

// shareKeys tells whether a row of one batch has a key of one of the other's.
func shareKeys(a, b [][]string) bool {
	type key struct {
		of    int
		value string
	}
	has := make(map[key]bool, len(a))
	for _, row := range a {
		for of, value := range row {
			has[key{of, value}] = value != ""
		}
	}
	return slices.ContainsFunc(b, func(row []string) bool {
		for of, value := range row {
			if has[key{of, value}] {
				return true
			}
		}
		return false
	})
}

// comeDownTo gives the names of what rows refer to, of the kinds that are made when they
// are missing: those that could be made for them.
func comeDownTo[P any](create []Reference, rows []ImportRow[P]) map[string]bool {
	names := map[string]bool{}
	for i := range rows {
		for _, ref := range create {
			text, other := rows[i].Company, rows[i].Fallback.Company
			switch ref {
			case RefOwner:
				text, other = rows[i].Owner, rows[i].Fallback.Owner
			case RefStage:
				text, other = rows[i].Stage, rows[i].Fallback.Stage
			}
			if strings.TrimSpace(other) != "" {
				text = other
			}
			names[crm.NameKey(text)] = true
		}
	}
	return names
}

// errEarly says that rows were loaded too early: what the batch before them does may make
// a difference to them.
var errEarly = errors.New("the batch before must end first")

// once loads rows in one transaction; beside another batch, only if that one makes no
// difference.
func (l *loader[T, P]) once(ctx context.Context, rows keyedRows[P], beside *loading) ([]RowResult, error) {
	var b *importTx
	var results []RowResult
	now := l.run.service.clock()
	err := l.run.service.store.Write(ctx, l.run.by, now, func(tx Tx) (err error) {
		early := beside.underWay()
		b = newImportTx(ctx, l.run, tx, now)
		if results, err = loadRows(b, l.begin, rows); err == nil && early && !b.indifferent(results, beside) {
			err = errEarly
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.refs.learn()
	return results, nil
}

// indifferent tells whether rows fared as they would have after another batch, and it as
// it would have before them.
func (b *importTx) indifferent(results []RowResult, other *loading) bool {
	return !b.gaveUp && !b.refs.dependOn(other.names) &&
		!slices.ContainsFunc(results, func(r RowResult) bool { return r.Verdict == RowRejected })
}

// batchAttempts is how often a batch is tried as a whole: other clients write too, and what a
// batch collided with is seen by the next attempt.
const batchAttempts = 2

// committed loads rows in a transaction of their own. When they collide with
// what is stored in a way that was not seen coming, again and again, they are
// loaded in halves, down to the row that it is about, which is rejected.
func (l *loader[T, P]) committed(ctx context.Context, rows keyedRows[P]) ([]RowResult, error) {
	var err error
	for range batchAttempts {
		var results []RowResult
		if results, err = l.once(ctx, rows, nil); err == nil || crm.CodeOf(err) != crm.CodeConflict {
			return results, err
		}
	}
	if len(rows.rows) == 1 {
		return []RowResult{{Verdict: RowRejected, Reason: err.Error()}}, nil
	}
	half := len(rows.rows) / 2
	first, err := l.committed(ctx, rows.slice(0, half))
	if err != nil {
		return first, err
	}
	second, err := l.committed(ctx, rows.slice(half, len(rows.rows)))
	return append(first, second...), err
}
