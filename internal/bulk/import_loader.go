package bulk

import (
	"context"
	"errors"
	"slices"

	"sixty/internal/crm"
)

// loader loads the batches of an import, each in a transaction of its own. While one is
// running, the next one may be loaded concurrently, so that the database works for both. The
// outcome must be the same as if the second had waited:
//
//   - It begins concurrently only if no row of either has a key of the other's.
//   - It is rolled back, and loaded again when the first has ended, unless none of its rows is
//     rejected, neither batch creates records for references, and no stored record gives up a
//     key: then neither affects the other.
type loader[T, P any] struct {
	run   *run
	begin func(*batchTx) kind[T, P]

	latest, before *loading // the two batches that were begun last; nil: there was none
	waits          int      // how many batches are yet to wait for the one before them
}

// waitsAfterFailure is how many batches wait after one that was loaded concurrently and rolled
// back: the rows of a file are mostly alike.
const waitsAfterFailure = 8

// loading is one batch, from its beginning to its end.
type loading struct {
	keys  identities      // of its rows
	names map[string]bool // of the references that may be created for them
	ended chan struct{}   // closed at the end, when what follows is known
	// rolledBack is true when it was loaded concurrently with the one before, and rolled back.
	rolledBack bool
	results    []RowResult
	err        error
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
	_ = l.before.wait() // its caller gets the error
	kind := l.begin(&batchTx{run: l.run, by: l.run.by, now: l.run.service.clock()})
	keyed := keyRows(kind, l.run.keys, rows)
	earlier, this := l.latest, &loading{
		keys: keyed.identities(), names: creatableNames(l.run.opt.CreateMissing, rows), ended: make(chan struct{}),
	}
	l.before, l.latest = earlier, this
	resumes := someLoaded(l.run, rows)
	beside := !resumes && kind.independent() && l.waits == 0 && earlier.underWay() && !earlier.keys.meet(this.keys)
	l.waits = max(0, l.waits-1)
	go func() {
		defer close(this.ended)
		if beside {
			this.results, this.err = l.once(ctx, keyed, earlier)
			if this.rolledBack = errors.Is(this.err, errTooEarly) || crm.CodeOf(this.err) == crm.CodeConflict; !this.rolledBack {
				return
			}
		}
		if this.err = earlier.wait(); this.err != nil {
			return
		}
		if resumes {
			this.results, this.err = l.resume(ctx, keyed)
		} else {
			this.results, this.err = l.committed(ctx, keyed)
		}
	}()
	return func() ([]RowResult, error) {
		<-this.ended
		if this.rolledBack {
			l.waits = waitsAfterFailure
		}
		return this.results, this.err
	}
}

// identities are what the rows of a batch may have in common with those of another.
type identities struct {
	keys    []crm.Key
	uniques int        // how many of the keys are unique
	values  [][]string // of the rows, by key
	by      []int      // which of the keys the rows are found by
}

// identities returns those of rows.
func (k keyedRows[P]) identities() identities { return identities{k.keys, k.uniques, k.values, k.by} }

// usedKeys adds the keys that rows are found by.
func (a identities) usedKeys(used map[int]bool) {
	for _, by := range a.by {
		if by >= 0 {
			used[by] = true
		}
	}
}

// meet reports whether rows of two batches of an import may be about the same record, or one may
// take a key of the other's. Rows that are found by different keys may always be.
func (a identities) meet(b identities) bool {
	used := map[int]bool{}
	a.usedKeys(used)
	if b.usedKeys(used); len(used) > 1 {
		return true
	}
	for at := range a.keys {
		if at >= a.uniques && !used[at] {
			continue
		}
		has := make(map[string]bool, len(a.values))
		for _, row := range a.values {
			has[row[at]] = row[at] != ""
		}
		if slices.ContainsFunc(b.values, func(row []string) bool { return has[row[at]] }) {
			return true
		}
	}
	return false
}

// creatableNames returns the names of the rows' references that are created when they are
// missing.
func creatableNames[P any](create []Reference, rows []ImportRow[P]) map[string]bool {
	names := map[string]bool{}
	for i := range rows {
		for _, ref := range alsoCreators(create) {
			for _, text := range []string{*rows[i].Of(ref), *rows[i].Fallback.Of(ref)} {
				if text = referenceText(text); text != "" {
					names[identityOf(ref, text)] = true
				}
			}
			if ref == RefContact {
				for _, text := range rows[i].FurtherContacts {
					names[identityOf(ref, referenceText(text))] = true
				}
			}
		}
	}
	return names
}

// errTooEarly says that rows were loaded too early: the batch before them may affect them.
var errTooEarly = errors.New("the batch before must end first")

// once loads rows in one transaction; concurrently with another batch, only if neither affects
// the other.
func (l *loader[T, P]) once(ctx context.Context, rows keyedRows[P], beside *loading) ([]RowResult, error) {
	var b *batchTx
	var results []RowResult
	now := l.run.service.clock()
	err := l.run.service.store.Write(ctx, l.run.by, now, func(tx Tx) (err error) {
		early := beside.underWay()
		b = newBatchTx(ctx, l.run, tx, now)
		if results, err = loadRows(b, l.begin, rows); err != nil {
			return err
		}
		if early && !b.isIndependent(results, beside) {
			return errTooEarly
		}
		return record(b, rows.rows, results)
	})
	if err != nil {
		return nil, err
	}
	b.learn()
	return results, nil
}

// isIndependent reports whether the results are the same as after another batch, and the
// other's the same as before this one.
func (b *batchTx) isIndependent(results []RowResult, other *loading) bool {
	return !b.gaveUp && !b.refs.dependOn(other.names) &&
		!slices.ContainsFunc(results, func(r RowResult) bool { return r.Verdict == RowRejected })
}

// committed loads rows in a transaction of their own, or in halves: see inHalves.
func (l *loader[T, P]) committed(ctx context.Context, rows keyedRows[P]) ([]RowResult, error) {
	return inHalves(0, len(rows.rows), func(from, to int) ([]RowResult, error) {
		return l.once(ctx, rows.slice(from, to), nil)
	}, func(err error) RowResult { return RowResult{Verdict: RowRejected, Reason: err.Error()} })
}
