package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sixty/internal/crm"
)

// Checking the kept sums against the records that they are of: one organisation at a time, the deals
// of a stage or the activities of a type in one snapshot, in pages. Nothing is locked. What differs
// is a defect, and is rebuilt.

const (
	// sumsAgain is the time after which sums are checked again even if nothing has changed.
	sumsAgain = 24 * time.Hour
	// sumsPause is the time for each record of an organisation before its sums are checked again
	// although it has changed: reading one takes some microseconds.
	sumsPause = 20 * time.Millisecond
	// sumsPage is the number of records that a statement reads.
	sumsPage = 5000
	// sumsTold bounds the differences that are returned of an organisation.
	sumsTold = 20
)

// A sumRow tells the sums of a stage, or of a type of activities, apart.
type sumRow struct {
	period           string
	begins           crm.Date
	owner            crm.ID
	currency, status string
}

func (r sumRow) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s, owner %s, %s %s", r.period, r.begins.Time().Format(time.DateOnly), r.owner, r.currency, r.status), ", ")
}

// sumNumbers are the numbers of a row of deal_sums in the order of dealSums.numbers, or of
// activity_sums.
type sumNumbers [8]int64

func (n *sumNumbers) add(m sumNumbers) {
	for i := range m {
		n[i] += m[i]
	}
}

// checkedSums describes a table of sums.
type checkedSums struct {
	table, entity string
	numbers       []string
	parts, kept   *Statement
	// page reads records of a part after a position, and adds them to the sums.
	page func(ctx context.Context, s *Store, db Querier, org crm.ID, part any, after *sumPosition, sums map[sumRow]sumNumbers) (int, error)
}

type sumPosition struct {
	at crm.Instant
	id crm.ID
}

// beforeAll is before any record.
var beforeAll = crm.InstantOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)) - 1

var (
	sumStages = &Statement{"sum_check.stages", `SELECT id FROM deal_stages WHERE org_id = $1 UNION SELECT stage_id FROM deal_sums WHERE org_id = $1`}
	keptDeals = &Statement{"sum_check.deal_sums", `SELECT period, begins, owner_id, currency, status, deals, value_high, value_low, weighted_high, weighted_low, days, early, early_days
FROM deal_sums WHERE org_id = $1 AND stage_id = $2`}
	keptActivities = &Statement{"sum_check.activity_sums", `SELECT period, begins, owner_id, '', '', activities, amount_high, amount_low, 0, 0, 0, 0, 0
FROM activity_sums WHERE org_id = $1 AND type = $2`}
	summedDeals = &Statement{"sum_check.deals", `SELECT t.updated_at, t.id, t.owner_id, t.currency, t.status, t.value, t.probability, t.created_at, t.closed_at
FROM deals t WHERE t.org_id = $1 AND t.stage_id = $2 AND t.deleted_at IS NULL AND (t.updated_at, t.id) > ($3, $4) ORDER BY t.updated_at, t.id LIMIT $5`}
	summedActivities = &Statement{"sum_check.activities", `SELECT t.date, t.id, t.owner_id, t.amount
FROM activities t WHERE t.org_id = $1 AND t.type = $2 AND t.deleted_at IS NULL AND (t.date, t.id) > ($3, $4) ORDER BY t.date, t.id LIMIT $5`}
	sumsDue = &Statement{"sum_check.due", `SELECT o.id, o.log_seq FROM organisations o LEFT JOIN sum_checks c ON c.org_id = o.id
WHERE c.org_id IS NULL OR c.at < $1 AND (c.at < $2 OR c.seq <> o.log_seq AND c.due_at < $1) ORDER BY c.at IS NOT NULL, c.at, o.id LIMIT $3`}
	putSumCheck = &Statement{"sum_check.put", `INSERT INTO sum_checks (org_id, seq, at, due_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (org_id) DO UPDATE SET seq = excluded.seq, at = excluded.at, due_at = excluded.due_at`}
)

var allCheckedSums = []checkedSums{
	{"deal_sums", crm.EntityDeal, []string{"deals", "value_high", "value_low", "weighted_high", "weighted_low", "days", "early", "early_days"}, sumStages, keptDeals, sumDealPage},
	{"activity_sums", crm.EntityActivity, []string{"activities", "amount_high", "amount_low"}, nil, keptActivities, sumActivityPage},
}

// SumsDue returns organisations whose sums were not checked since an instant and are to be: because
// they have changed, or because it was long ago; at most limit, those first that were checked
// the longest ago.
func (s *Store) SumsDue(ctx context.Context, since crm.Instant, limit int) ([]crm.SumsDue, error) {
	return collect(ctx, s, s.service(), sumsDue, func(d *crm.SumsDue) []any { return []any{&d.Org, &d.Seq} },
		since, since-crm.Instant(sumsAgain.Microseconds()), int64(limit))
}

// SumsAreRebuilt reports whether the sums are about to be rebuilt, so that they may be wrong.
func (s *Store) SumsAreRebuilt(ctx context.Context) (bool, error) {
	state, err := s.derivedState(ctx, s.service(), "sums")
	return state.position != nil || state.version < sumsVersion, err
}

// CheckSums checks an organisation's sums, rebuilds those that are wrong, and notes when that was.
func (s *Store) CheckSums(ctx context.Context, due crm.SumsDue) (crm.SumCheck, error) {
	var found crm.SumCheck
	for i := range allCheckedSums {
		sums := &allCheckedSums[i]
		parts, err := s.sumParts(ctx, sums, due.Org)
		if err != nil {
			return found, err
		}
		for _, part := range parts {
			wrong, err := s.checkSumsOf(ctx, sums, due.Org, part, &found)
			if err != nil {
				return found, err
			}
			if wrong {
				if err := s.mendSums(ctx, sums, due.Org, part); err != nil {
					return found, err
				}
			}
		}
	}
	now, err := s.Now(ctx)
	if err != nil {
		return found, err
	}
	pause := min(time.Duration(found.Records)*sumsPause, sumsAgain)
	return found, s.execInService(ctx, putSumCheck, due.Org, due.Seq, now, now+crm.Instant(pause.Microseconds()))
}

// sumParts returns the stages, or the types.
func (s *Store) sumParts(ctx context.Context, sums *checkedSums, org crm.ID) (parts []any, err error) {
	if sums.parts == nil {
		for _, name := range crm.Activities.Enum("type") {
			parts = append(parts, name)
		}
		return parts, nil
	}
	ids, err := collect(ctx, s, s.of(org), sums.parts, func(id *crm.ID) []any { return []any{id} }, org)
	for _, id := range ids {
		parts = append(parts, id)
	}
	return parts, err
}

// checkSumsOf compares the sums of a part, when requests leave room for it.
func (s *Store) checkSumsOf(ctx context.Context, sums *checkedSums, org crm.ID, part any, found *crm.SumCheck) (wrong bool, err error) {
	leave, err := s.background(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	snap, err := s.engine.Snapshot(ctx, Scope{Org: org})
	if err != nil {
		return false, final(s.fault(ctx, err))
	}
	defer func() { _ = snap.Close() }() // nothing was written
	kept := map[sumRow]sumNumbers{}
	var row sumRow
	var n sumNumbers
	var begins *crm.Date // never nil
	dest := []any{&row.period, &begins, &row.owner, &row.currency, &row.status, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7]}
	err = s.query(ctx, snap, sums.kept, []any{org, part}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		row.begins = *begins
		kept[row] = n
		return true, nil
	})
	if err != nil {
		return false, final(err)
	}
	truth := make(map[sumRow]sumNumbers, len(kept))
	for after := (&sumPosition{at: beforeAll}); ; {
		read, err := sums.page(ctx, s, snap, org, part, after, truth)
		found.Records += int64(read)
		if err != nil {
			return false, final(err)
		}
		if read < sumsPage {
			break
		}
	}
	differing := found.Differing
	for row, was := range kept {
		if _, ok := truth[row]; !ok {
			differ(found, sums, org, part, row, was, sumNumbers{})
		}
	}
	for row, is := range truth {
		if kept[row] != is {
			differ(found, sums, org, part, row, kept[row], is)
		}
	}
	return found.Differing > differing, nil
}

// differ notes a difference.
func differ(c *crm.SumCheck, sums *checkedSums, org crm.ID, part any, row sumRow, kept, is sumNumbers) {
	c.Differing++
	if len(c.Differences) == sumsTold {
		return
	}
	numbers := func(n sumNumbers) string {
		var b strings.Builder
		for i, name := range sums.numbers {
			fmt.Fprintf(&b, "%s %d ", name, n[i])
		}
		return strings.TrimSpace(b.String())
	}
	c.Differences = append(c.Differences, crm.SumDifference{Organisation: org, Sum: sums.table, Of: fmt.Sprintf("%v, %s", part, row), Kept: numbers(kept), True: numbers(is)})
}

// mendSums rebuilds the sums of a part. Answers that were made from them are no longer valid.
func (s *Store) mendSums(ctx context.Context, sums *checkedSums, org crm.ID, part any) error {
	return s.Write(ctx, crm.Operator(org), crm.InstantOf(time.Now()), func(writing Tx) error {
		t, _ := writing.(*tx) // which Write passes
		t.log(sums.entity, nil, crm.OpBulk, crm.Refs{})
		return t.rebuildSums(ctx, sums.table, part)
	})
}

// sumDealPage adds up deals as migrations 14 and 22 do.
func sumDealPage(ctx context.Context, s *Store, db Querier, org crm.ID, part any, after *sumPosition, sums map[sumRow]sumNumbers) (n int, err error) {
	var d crm.Deal
	var created crm.Instant
	dest := []any{&after.at, &after.id, &d.OwnerID, &d.Currency, &d.Status, &d.Value, &d.Probability, &created, &d.ClosedAt}
	err = s.query(ctx, db, summedDeals, []any{org, part, after.at, after.id, int64(sumsPage)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		n++
		var value, weighted int64
		if d.Value != nil {
			value = int64(*d.Value)
			weighted = (value*int64(d.Probability) + 50) / 100
		}
		is := sumNumbers{1, value / highUnit, value % highUnit, weighted / highUnit, weighted % highUnit}
		row := sumRow{period: openPeriod, currency: d.Currency, status: d.Status}
		if d.OwnerID != nil {
			row.owner = *d.OwnerID
		}
		if d.ClosedAt == nil {
			addSum(sums, row, is)
			return true, nil
		}
		closed := crm.DateOf(d.ClosedAt.Time())
		is[5] = int64(closed) - int64(crm.DateOf(created.Time()))
		if *d.ClosedAt < created {
			is[6], is[7] = 1, is[5]
		}
		addPeriods(sums, row, closed, is)
		return true, nil
	})
	return n, err
}

// sumActivityPage adds up activities as migration 14 does.
func sumActivityPage(ctx context.Context, s *Store, db Querier, org crm.ID, part any, after *sumPosition, sums map[sumRow]sumNumbers) (n int, err error) {
	var a crm.Activity
	dest := []any{&after.at, &after.id, &a.OwnerID, &a.Amount}
	err = s.query(ctx, db, summedActivities, []any{org, part, after.at, after.id, int64(sumsPage)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		n++
		var amount int64
		if a.Amount != nil {
			amount = int64(*a.Amount)
		}
		var row sumRow
		if a.OwnerID != nil {
			row.owner = *a.OwnerID
		}
		addPeriods(sums, row, crm.DateOf(after.at.Time()), sumNumbers{1, amount / highUnit, amount % highUnit})
		return true, nil
	})
	return n, err
}

// addPeriods adds to the sums of a day and of its month.
func addPeriods(sums map[sumRow]sumNumbers, row sumRow, day crm.Date, n sumNumbers) {
	row.period, row.begins = dayPeriod, day
	addSum(sums, row, n)
	row.period, row.begins = monthPeriod, crm.Date(crm.MonthOf(day))
	addSum(sums, row, n)
}

func addSum(sums map[sumRow]sumNumbers, row sumRow, n sumNumbers) {
	sum := sums[row]
	sum.add(n)
	sums[row] = sum
}
