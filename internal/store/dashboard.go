package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// A dashboard is read from the sums that the database keeps (see migration 14): those of
// months, and those of days where only part of a month is asked for.

// periods is a range of periods that have sums.
type periods struct {
	period   string    // its kind
	from, to *crm.Date // the first days of the first period and of the last; nil for no bound
}

// The kinds of periods.
const (
	openPeriod  = "open" // no period: open deals
	monthPeriod = "month"
	dayPeriod   = "day"
)

// periodsOf cuts the days of a dashboard into the fewest periods.
func periodsOf(f crm.DashboardFilter) []periods {
	var days []periods
	months := periods{period: monthPeriod}
	if f.From != nil {
		first, next := monthOf(*f.From)
		if *f.From != first {
			last := next - 1
			if f.To != nil {
				last = min(last, *f.To)
			}
			days = append(days, periods{dayPeriod, f.From, &last})
			first = next
		}
		months.from = &first
	}
	if f.To != nil {
		first, next := monthOf(*f.To)
		last := first
		if *f.To != next-1 {
			if months.from == nil || *months.from <= first {
				days = append(days, periods{dayPeriod, &first, f.To})
			}
			last, _ = monthOf(first - 1)
		}
		months.to = &last
	}
	if months.from == nil || months.to == nil || *months.from <= *months.to {
		days = append(days, months)
	}
	return days
}

// monthOf returns the first day of a day's month, and of the next one.
func monthOf(d crm.Date) (first, next crm.Date) {
	first = crm.Date(crm.MonthOf(d))
	return first, crm.Date(crm.MonthOf(first + 31))
}

// sumsStatement returns the statement that reads columns of a table of sums for ranges of
// periods, and its arguments; wrap completes the query.
func (r *reader) sumsStatement(table, columns string, org crm.ID, f crm.DashboardFilter, all []periods, wrap func(query string) *Statement) (*Statement, []any) {
	b := newWhere(org)
	addIf(&b, "t.owner_id =", r.owner)
	addIf(&b, "t.owner_id =", f.OwnerID)
	owned := slices.Clip(b.where)
	var queries []string
	for _, p := range all {
		b.where = owned
		addIf(&b, "t.begins >=", p.from)
		addIf(&b, "t.begins <=", p.to)
		queries = append(queries, "SELECT "+columns+" FROM "+table+" t WHERE t.org_id = $1 AND t.period = '"+p.period+"'"+string(b.where))
	}
	query := strings.Join(queries, "\nUNION ALL\n")
	return r.store.statement(query, func() *Statement { return wrap(query) }), b.args
}

// DealGroups implements crm.Reads.
func (r *reader) DealGroups(ctx context.Context, org crm.ID, f crm.DashboardFilter, each func(*crm.DealGroup)) error {
	if isNoOwner(f) {
		return nil
	}
	const columns = "t.begins, t.currency, t.status, t.stage_id, t.owner_id, t.deals, t.value_high, t.value_low, t.weighted_high, t.weighted_low, t.deals - t.early, t.days - t.early_days"
	all := append(periodsOf(f), periods{period: openPeriod})
	st, args := r.sumsStatement("deal_sums", columns, org, f, all, func(text string) *Statement { return &Statement{"dashboard.deals", text} })
	var g crm.DealGroup
	var owner crm.ID
	var begins *crm.Date
	var value, weighted twoParts
	dest := []any{&begins, &g.Currency, &g.Status, &g.StageID, &owner, &g.Count, &value.high, &value.low, &weighted.high, &weighted.low, &g.Timed, &g.Days}
	return r.store.query(ctx, r.of(org), st, args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		g.OwnerID, g.Month = nil, nil
		if owner != (crm.ID{}) {
			g.OwnerID = &owner
		}
		if g.Status != crm.StatusActive {
			month := crm.Date(crm.MonthOf(*begins))
			g.Month = &month
		}
		var err error
		if g.Value, err = value.sum(); err != nil {
			return false, err
		}
		if g.Weighted, err = weighted.sum(); err != nil {
			return false, err
		}
		each(&g)
		return true, nil
	})
}

// twoParts is an amount that may overflow one number.
type twoParts struct{ high, low int64 }

const highUnit = 1_000_000

var errOverflow = errors.New("a sum overflows an amount")

func (p twoParts) sum() (crm.Money, error) {
	high, low := p.high+p.low/highUnit, p.low%highUnit
	if most := int64(math.MaxInt64/highUnit - 1); high > most || high < -most {
		return 0, errOverflow
	}
	return crm.Money(high*highUnit + low), nil
}

// ActivityNumbers implements crm.Reads.
func (r *reader) ActivityNumbers(ctx context.Context, org crm.ID, f crm.DashboardFilter) ([]crm.ActivityNumbers, error) {
	all := periodsOf(f)
	if isNoOwner(f) || len(all) == 0 {
		return nil, nil
	}
	d := r.store.dialect
	st, args := r.sumsStatement("activity_sums", "t.type, t.activities, t.amount_high, t.amount_low", org, f, all, func(text string) *Statement {
		return &Statement{"dashboard.activities", "SELECT type, " + d.SumBig("activities") + ", " + d.SumBig("amount_high") + ", " + d.SumBig("amount_low") +
			" FROM (" + text + ") s GROUP BY type ORDER BY type"}
	})
	var numbers []crm.ActivityNumbers
	var a crm.ActivityNumbers
	var amount twoParts
	dest := []any{&a.Type, &a.Count, &amount.high, &amount.low}
	err := r.store.query(ctx, r.of(org), st, args, func(rows Rows) (bool, error) {
		err := rows.Scan(dest...)
		if err != nil {
			return false, err
		}
		a.Amount, err = amount.sum()
		numbers = append(numbers, a)
		return true, err
	})
	return numbers, err
}

// isNoOwner reports whether a dashboard is asked for the zero id, which the sums have for
// records without an owner and which is no user's.
func isNoOwner(f crm.DashboardFilter) bool { return f.OwnerID != nil && *f.OwnerID == crm.ID{} }
