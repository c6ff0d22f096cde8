package crm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
)

// DashboardFilter narrows the dashboard's numbers; nil members do not.
type DashboardFilter struct {
	// From and To are UTC days, both included. Won and lost deals count that were
	// closed, activities that took place from one to the other; open deals are as of
	// now. There is nothing from a later day to an earlier one.
	From, To *Date
	OwnerID  *ID // of the deals and activities
}

// Dashboard is a sales team's numbers. Amounts are never summed across currencies.
type Dashboard struct {
	Totals     []CurrencyNumbers `json:"totals" doc:"By currency."`
	ByMonth    []MonthNumbers    `json:"by_month" doc:"What was closed, by month and currency."`
	ByStage    []StageNumbers    `json:"by_stage" doc:"By the stage that deals stand in, in the pipeline's order, and by currency."`
	ByOwner    []OwnerNumbers    `json:"by_owner" doc:"By owner's name and by currency; deals without an owner come last."`
	Activities []ActivityNumbers `json:"activities" doc:"What took place, whatever its status, by type."`
}

// CurrencyNumbers are the numbers of all deals in one currency.
type CurrencyNumbers struct {
	Currency           string `json:"currency" doc:"ISO 4217."`
	WonValue           Money  `json:"won_value" doc:"A deal without a value counts as nothing, here and everywhere."`
	WonCount           int64  `json:"won_count"`
	LostValue          Money  `json:"lost_value"`
	LostCount          int64  `json:"lost_count"`
	OpenValue          Money  `json:"open_value"`
	OpenCount          int64  `json:"open_count"`
	WeightedValue      Money  `json:"weighted_value" doc:"The forecast: of open deals, value × probability ÷ 100, rounded half up for each deal."`
	WinRate            *Ratio `json:"win_rate" doc:"Won ÷ (won + lost), counting deals; null when there are none."`
	AverageWonValue    *Money `json:"average_won_value" doc:"won_value ÷ won_count, rounded half up; null when none was won."`
	AverageDaysToClose *Days  `json:"average_days_to_close" doc:"Of won deals, from the UTC day of created_at to that of closed_at, rounded half up; those that were closed before they were created are left out. Null when there are no others."`
}

// MonthNumbers are the numbers of the deals closed in one month, in one currency.
type MonthNumbers struct {
	Month     Month  `json:"month" doc:"YYYY-MM, in UTC."`
	Currency  string `json:"currency"`
	WonValue  Money  `json:"won_value"`
	WonCount  int64  `json:"won_count"`
	LostCount int64  `json:"lost_count"`
}

// StageNumbers are the numbers of the deals that stand in one stage, open and closed,
// in one currency.
type StageNumbers struct {
	StageID       ID      `json:"stage_id"`
	Name          string  `json:"name"`
	Color         *string `json:"color"`
	OrderPosition int     `json:"order_position"`
	Currency      string  `json:"currency"`
	Count         int64   `json:"count"`
	Value         Money   `json:"value"`
	WeightedValue Money   `json:"weighted_value" doc:"Value × probability ÷ 100, rounded half up for each deal."`
}

// OwnerNumbers are the numbers of one owner's deals, in one currency.
type OwnerNumbers struct {
	OwnerID   *ID    `json:"owner_id" doc:"Null: of the deals without an owner."`
	FullName  string `json:"full_name"`
	Currency  string `json:"currency"`
	WonValue  Money  `json:"won_value"`
	WonCount  int64  `json:"won_count"`
	LostCount int64  `json:"lost_count"`
	OpenValue Money  `json:"open_value"`
	OpenCount int64  `json:"open_count"`
	WinRate   *Ratio `json:"win_rate" doc:"Won ÷ (won + lost), counting deals; null when there are none."`
}

// ActivityNumbers are the numbers of the activities of one type.
type ActivityNumbers struct {
	Type   string `json:"type" enum:"outbound,meeting,proposal,sale,call,email,note" schema:"ActivityType"`
	Count  int64  `json:"count"`
	Amount Money  `json:"amount" doc:"In the organisation's default currency."`
}

// DealGroup sums up deals that are alike in what its first five members say: all of
// them, or some.
type DealGroup struct {
	OwnerID  *ID
	StageID  ID
	Currency string
	Status   string
	Month    *Date // the first day of the month of closing, in UTC; nil for open deals

	Count    int64
	Value    Money
	Weighted Money // value × probability ÷ 100, rounded half up for each deal
	Timed    int64 // those that were not closed before they were created
	Days     int64 // of these, from the UTC day of created_at to that of closed_at
}

// Dashboard returns the numbers of the organisation, or of one owner, as they are at
// one moment.
func (s *Service) Dashboard(ctx context.Context, by Actor, f DashboardFilter) (Dashboard, error) {
	var d Dashboard
	err := s.store.Snapshot(ctx, by, func(r Reads) error {
		sums := newDashboardSums()
		if err := r.DealGroups(ctx, by.Org, f, sums.add); err != nil {
			return err
		}
		if sums.greatest >= math.MaxInt64 {
			return errors.New("the deals' values add up to more than an amount can tell")
		}
		stages, err := byIDs(ctx, r.Stages(), by.Org, summedIDs(sums.stages), func(s *Stage) ID { return s.ID })
		if err != nil {
			return err
		}
		owners, err := byIDs(ctx, r.Owners(), by.Org, summedIDs(sums.owners), func(o *Owner) ID { return o.ID })
		if err != nil {
			return err
		}
		d = Dashboard{Totals: sums.totals(), ByMonth: sums.byMonth(), ByStage: sums.byStage(stages), ByOwner: sums.byOwner(owners)}
		d.Activities, err = r.ActivityNumbers(ctx, by.Org, f)
		return err
	})
	return d, err
}

// byIDs reads records by any number of ids.
func byIDs[T, F any](ctx context.Context, v View[T, F], org ID, ids []ID, id func(*T) ID) (map[ID]T, error) {
	out := make(map[ID]T, len(ids))
	for part := range slices.Chunk(ids, MaxLimit) {
		rows, err := v.ByID(ctx, org, part)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			out[id(&rows[i])] = rows[i]
		}
	}
	return out, nil
}

// dashboardSums adds up groups of deals in the four ways that a dashboard shows them.
// A group is gone once it is added, so that memory goes by what is shown, not by how
// many groups there are.
type dashboardSums struct {
	currencies map[string]*dealSums
	months     map[sumKey[Date]]*dealSums
	stages     map[sumKey[ID]]*dealSums
	owners     map[sumKey[ID]]*dealSums // the zero ID: no owner
	greatest   float64                  // what none of the sums exceeds, about
}

type sumKey[K comparable] struct {
	of       K
	currency string
}

// dealSums are what deals add up to, by their status.
type dealSums struct{ won, lost, open dealSum }

type dealSum struct {
	count           int64
	timed, days     int64
	value, weighted Money
}

func newDashboardSums() *dashboardSums {
	return &dashboardSums{
		currencies: map[string]*dealSums{}, months: map[sumKey[Date]]*dealSums{}, stages: map[sumKey[ID]]*dealSums{}, owners: map[sumKey[ID]]*dealSums{},
	}
}

func (s *dashboardSums) add(g *DealGroup) {
	s.greatest += math.Abs(float64(g.Value))
	sumOf(s.currencies, g.Currency).add(g)
	sumOf(s.stages, sumKey[ID]{g.StageID, g.Currency}).add(g)
	owner := sumKey[ID]{currency: g.Currency}
	if g.OwnerID != nil {
		owner.of = *g.OwnerID
	}
	sumOf(s.owners, owner).add(g)
	if g.Month != nil {
		sumOf(s.months, sumKey[Date]{*g.Month, g.Currency}).add(g)
	}
}

func sumOf[K comparable](m map[K]*dealSums, k K) *dealSums {
	s := m[k]
	if s == nil {
		s = &dealSums{}
		m[k] = s
	}
	return s
}

func (s *dealSums) add(g *DealGroup) {
	sum := &s.open
	switch g.Status {
	case StatusWon:
		sum = &s.won
	case StatusLost:
		sum = &s.lost
	}
	sum.count += g.Count
	sum.timed += g.Timed
	sum.days += g.Days
	sum.value += g.Value
	sum.weighted += g.Weighted
}

// winRate is nil when nothing was won or lost.
func (s *dealSums) winRate() *Ratio {
	closed := s.won.count + s.lost.count
	if closed == 0 {
		return nil
	}
	return new(Ratio(quotient(s.won.count*ratioUnit, closed)))
}

// summedIDs returns the ids, each once, that there are sums of.
func summedIDs(sums map[sumKey[ID]]*dealSums) []ID {
	ids := map[ID]struct{}{}
	for k := range sums {
		ids[k.of] = struct{}{}
	}
	delete(ids, ID{})
	return slices.Collect(maps.Keys(ids))
}

func (s *dashboardSums) totals() []CurrencyNumbers {
	rows := make([]CurrencyNumbers, 0, len(s.currencies))
	for currency, d := range s.currencies {
		row := CurrencyNumbers{
			Currency: currency, WonValue: d.won.value, WonCount: d.won.count, LostValue: d.lost.value, LostCount: d.lost.count,
			OpenValue: d.open.value, OpenCount: d.open.count, WeightedValue: d.open.weighted, WinRate: d.winRate(),
		}
		if d.won.count > 0 {
			row.AverageWonValue = new(Money(quotient(int64(d.won.value), d.won.count)))
		}
		if d.won.timed > 0 {
			row.AverageDaysToClose = new(Days(quotient(d.won.days*dayUnit, d.won.timed)))
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b CurrencyNumbers) int { return cmp.Compare(a.Currency, b.Currency) })
	return rows
}

func (s *dashboardSums) byMonth() []MonthNumbers {
	rows := make([]MonthNumbers, 0, len(s.months))
	for k, d := range s.months {
		rows = append(rows, MonthNumbers{
			Month: Month(k.of), Currency: k.currency,
			WonValue: d.won.value, WonCount: d.won.count, LostCount: d.lost.count,
		})
	}
	slices.SortFunc(rows, func(a, b MonthNumbers) int {
		return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Currency, b.Currency))
	})
	return rows
}

func (s *dashboardSums) byStage(stages map[ID]Stage) []StageNumbers {
	rows := make([]StageNumbers, 0, len(s.stages))
	for k, d := range s.stages {
		stage := stages[k.of]
		rows = append(rows, StageNumbers{
			StageID: k.of, Name: stage.Name, Color: stage.Color, OrderPosition: stage.OrderPosition, Currency: k.currency,
			Count:         d.won.count + d.lost.count + d.open.count,
			Value:         d.won.value + d.lost.value + d.open.value,
			WeightedValue: d.won.weighted + d.lost.weighted + d.open.weighted,
		})
	}
	slices.SortFunc(rows, func(a, b StageNumbers) int {
		return cmp.Or(cmp.Compare(a.OrderPosition, b.OrderPosition), bytes.Compare(a.StageID[:], b.StageID[:]), cmp.Compare(a.Currency, b.Currency))
	})
	return rows
}

func (s *dashboardSums) byOwner(owners map[ID]Owner) []OwnerNumbers {
	type named struct {
		unowned int // 1: comes last
		name    string
		id      ID
		row     OwnerNumbers
	}
	rows := make([]named, 0, len(s.owners))
	for k, d := range s.owners {
		owner := owners[k.of]
		n := named{name: NameKey(owner.FullName), id: k.of, row: OwnerNumbers{
			OwnerID: &k.of, FullName: owner.FullName, Currency: k.currency, WonValue: d.won.value, WonCount: d.won.count,
			LostCount: d.lost.count, OpenValue: d.open.value, OpenCount: d.open.count, WinRate: d.winRate(),
		}}
		if k.of == (ID{}) {
			n.unowned, n.row.OwnerID = 1, nil
		}
		rows = append(rows, n)
	}
	slices.SortFunc(rows, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.unowned, b.unowned), cmp.Compare(a.name, b.name), bytes.Compare(a.id[:], b.id[:]), cmp.Compare(a.row.Currency, b.row.Currency))
	})
	out := make([]OwnerNumbers, len(rows))
	for i := range rows {
		out[i] = rows[i].row
	}
	return out
}
