package storetest

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// dashboards are what comes out when every deal and activity is looked at one by one,
// whatever narrows them.
func dashboards(f *fixture) {
	w := newDashboardWorld(f)
	days := []*crm.Date{nil}
	for _, day := range []string{"0001-01-01", "1969-12-31", "1970-01-01", "2026-01-31", "2026-02-01", "2026-02-28", "9999-12-31"} {
		d, err := crm.ParseDate(day)
		days = append(days, ptr(must(f, d, err)))
	}
	owners := []*crm.ID{nil, &w.owners[0].ID, &f.away.owner.ID, ptr(crm.NewID())}
	service := crm.NewService(f.store.CRM(), time.Now)
	for _, from := range days {
		for _, to := range days {
			for i, owner := range owners {
				filter := crm.DashboardFilter{From: from, To: to, OwnerID: owner}
				d, err := service.Dashboard(f.Context(), f.home.by, filter)
				got := lines(must(f, d, err))
				if diff := cmp.Diff(w.lines(filter), got); diff != "" {
					f.Fatalf("from %v to %v of owner %d (-want +got):\n%s", from, to, i, diff)
				}
				if i > 1 && len(got) > 0 {
					f.Errorf("a user who owns nothing here has numbers: %q", got)
				}
			}
		}
	}
	third := f.tenant("Empty")
	d, err := service.Dashboard(f.Context(), third.by, crm.DashboardFilter{})
	if got := lines(must(f, d, err)); len(got) > 0 {
		f.Errorf("an empty organisation has numbers: %q", got)
	}
}

// dashboardWorld is what dashboards are tried on.
type dashboardWorld struct {
	stages     []crm.Stage
	owners     []crm.Owner
	deals      []crm.Deal
	activities []crm.Activity
	moments    []crm.Instant // on either side of a day's, a month's and an age's end
}

var dashboardValues = []crm.Money{0, 1, 2, 49, 50, 51, 99, 12_345, crm.MaxMoney}

// vary changes the fields of a deal that a dashboard reads.
func (w *dashboardWorld) vary(m maker, d *crm.Deal) {
	chances := []int{0, 1, 25, 33, 50, 75, 99, 100}
	d.StageID, d.Currency = w.stages[m.IntN(len(w.stages))].ID, []string{"GBP", "EUR", "JPY"}[m.IntN(3)]
	d.Value, d.Probability, d.CreatedAt = some(m, dashboardValues), chances[m.IntN(len(chances))], w.moments[m.IntN(len(w.moments))]
	d.OwnerID = w.owner(m)
	d.Status, d.ClosedAt = []string{crm.StatusActive, crm.StatusWon, crm.StatusLost}[m.IntN(3)], nil
	if d.Status != crm.StatusActive {
		d.ClosedAt = &w.moments[m.IntN(len(w.moments))]
	}
}

// varyActivity does the same for an activity.
func (w *dashboardWorld) varyActivity(m maker, a *crm.Activity) {
	a.Type, a.Amount = []string{"call", "meeting", "sale"}[m.IntN(3)], some(m, dashboardValues)
	a.OwnerID, a.Date = w.owner(m), w.moments[m.IntN(len(w.moments))]
}

// owner returns one of the owners, or nil.
func (w *dashboardWorld) owner(m maker) *crm.ID {
	if owner := some(m, w.owners); owner != nil {
		return &owner.ID
	}
	return nil
}

func newDashboardWorld(f *fixture) *dashboardWorld {
	f.Helper()
	m, o, w := newMaker(), f.home, &dashboardWorld{}
	for i, name := range []string{"Lead", "Offer", "Offer", "Won"} {
		s := o.newStage(name)
		s.OrderPosition, s.Color = max(i, 1), some(m, []string{"#000000"}) // the first two share a position
		w.stages = append(w.stages, s)
	}
	for _, name := range []string{"Zoë", "ada", "Ada", "Bob"} {
		w.owners = append(w.owners, o.newOwner(name))
	}
	insert(f, o, stages(), w.stages...)
	insert(f, o, owners(), w.owners...)
	for _, text := range []string{
		"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z", "2026-01-31T23:59:59.999999Z",
		"2026-02-01T00:00:00Z", "2026-02-15T12:00:00Z", "2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
	} {
		at, err := crm.ParseInstant(text)
		w.moments = append(w.moments, must(f, at, err))
	}
	for range listSize {
		d := o.newDeal("Deal")
		w.vary(m, &d)
		w.deals = append(w.deals, d)
		a := o.newActivity("call")
		w.varyActivity(m, &a)
		w.activities = append(w.activities, a)
	}
	insert(f, o, deals(), w.deals...)
	insert(f, o, activities(), w.activities...)
	// What is deleted does not count, nor what others have.
	gone := listSize / 10
	remove(f, o, deals(), 2, idsOf(deals(), w.deals[:gone])...)
	remove(f, o, activities(), 2, idsOf(activities(), w.activities[:gone])...)
	w.deals, w.activities = w.deals[gone:], w.activities[gone:]
	theirs, their := f.away.newDeal("Theirs"), f.away.newActivity("call")
	theirs.Value, theirs.OwnerID, their.OwnerID = ptr(crm.Money(7)), &f.away.owner.ID, &f.away.owner.ID
	insert(f, f.away, deals(), theirs)
	insert(f, f.away, activities(), their)
	return w
}

// pile is a pile of deals.
type pile []crm.Deal

func (p pile) of(status string) pile {
	return slices.DeleteFunc(slices.Clone(p), func(d crm.Deal) bool { return d.Status != status })
}

func (p pile) value() *big.Rat {
	sum := new(big.Rat)
	for _, d := range p {
		if d.Value != nil {
			sum.Add(sum, big.NewRat(int64(*d.Value), 100))
		}
	}
	return sum
}

func (p pile) weighted() *big.Rat {
	sum := new(big.Rat)
	for _, d := range p {
		if d.Value != nil {
			sum.Add(sum, halfUp(big.NewRat(int64(*d.Value)*int64(d.Probability), 100*100), 2))
		}
	}
	return sum
}

// timed returns those that were not closed before they were created.
func (p pile) timed() pile {
	return slices.DeleteFunc(slices.Clone(p), func(d crm.Deal) bool { return d.ClosedAt != nil && *d.ClosedAt < d.CreatedAt })
}

func (p pile) days() *big.Rat {
	sum := new(big.Rat)
	for _, d := range p {
		midnight := func(at crm.Instant) int64 { return at.Time().Truncate(24 * time.Hour).Unix() }
		sum.Add(sum, big.NewRat(midnight(*d.ClosedAt)-midnight(d.CreatedAt), 24*60*60))
	}
	return sum
}

// halfUp rounds to so many decimal places.
func halfUp(r *big.Rat, places int) *big.Rat {
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
	r = new(big.Rat).Mul(r, unit)
	r.Add(r, big.NewRat(1, 2))
	// Of big.Int's divisions, Div rounds down when the divisor is positive.
	return new(big.Rat).Quo(new(big.Rat).SetInt(new(big.Int).Div(r.Num(), r.Denom())), unit)
}

func over(r *big.Rat, n, places int) string {
	if n == 0 {
		return "null"
	}
	return halfUp(new(big.Rat).Quo(r, big.NewRat(int64(n), 1)), places).FloatString(places)
}

func money(r *big.Rat) string { return r.FloatString(2) }

func (p pile) winRate() string {
	won := len(p.of(crm.StatusWon))
	return over(big.NewRat(int64(won), 1), won+len(p.of(crm.StatusLost)), 4)
}

// lines returns the numbers line by line, in the order of the dashboard.
func (w *dashboardWorld) lines(f crm.DashboardFilter) []string {
	in := func(at crm.Instant) bool {
		return (f.From == nil || !at.Time().Before(f.From.Time())) && (f.To == nil || at.Time().Before(f.To.Time().AddDate(0, 0, 1)))
	}
	piles := map[string]pile{} // by what they are sorted by, and then how the line begins
	put := func(d crm.Deal, format string, args ...any) {
		key := fmt.Sprintf(format, args...)
		piles[key] = append(piles[key], d)
	}
	for _, d := range w.deals {
		if f.OwnerID != nil && !is(d.OwnerID, *f.OwnerID) || d.ClosedAt != nil && !in(*d.ClosedAt) {
			continue
		}
		put(d, "1|%s|%[1]s", d.Currency)
		if d.ClosedAt != nil {
			put(d, "2|%s %s|%[1]s %[2]s", d.ClosedAt.Time().Format("2006-01"), d.Currency)
		}
		stage := w.stages[slices.IndexFunc(w.stages, func(s crm.Stage) bool { return s.ID == d.StageID })]
		put(d, "3|%d %s %s|%[2]s %[4]s %[5]s %[6]d %[3]s", stage.OrderPosition, stage.ID, d.Currency, stage.Name, text(stage.Color), stage.OrderPosition)
		if d.OwnerID == nil {
			put(d, "4|1 %s|unowned  %[1]s", d.Currency)
			continue
		}
		owner := w.owners[slices.IndexFunc(w.owners, func(o crm.Owner) bool { return is(d.OwnerID, o.ID) })]
		put(d, "4|0 %s %s %s|%[2]s %[4]s %[3]s", crm.NameKey(owner.FullName), owner.ID, d.Currency, owner.FullName)
	}
	var keys []string
	for k := range piles {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var all []string
	for _, k := range keys {
		p, head := piles[k], k[strings.LastIndexByte(k, '|')+1:]
		won, lost, open := p.of(crm.StatusWon), p.of(crm.StatusLost), p.of(crm.StatusActive)
		switch k[0] {
		case '1':
			all = append(all, row(head, money(won.value()), len(won), money(lost.value()), len(lost), money(open.value()), len(open),
				money(open.weighted()), p.winRate(), over(won.value(), len(won), 2), over(won.timed().days(), len(won.timed()), 2)))
		case '2':
			all = append(all, row(head, money(won.value()), len(won), len(lost)))
		case '3':
			all = append(all, row(head, len(p), money(p.value()), money(p.weighted())))
		case '4':
			all = append(all, row(head, money(won.value()), len(won), len(lost), money(open.value()), len(open), p.winRate()))
		}
	}
	for _, kind := range []string{"call", "meeting", "sale"} {
		n, sum := 0, new(big.Rat)
		for _, a := range w.activities {
			if a.Type != kind || !in(a.Date) || f.OwnerID != nil && !is(a.OwnerID, *f.OwnerID) {
				continue
			}
			n++
			if a.Amount != nil {
				sum.Add(sum, big.NewRat(int64(*a.Amount), 100))
			}
		}
		if n > 0 {
			all = append(all, row(kind, n, money(sum)))
		}
	}
	return all
}

// lines writes a dashboard down as the model does.
func lines(d crm.Dashboard) []string {
	var all []string
	for _, n := range d.Totals {
		all = append(all, row(n.Currency, n.WonValue, n.WonCount, n.LostValue, n.LostCount, n.OpenValue, n.OpenCount,
			n.WeightedValue, wire(n.WinRate), wire(n.AverageWonValue), wire(n.AverageDaysToClose)))
	}
	for _, n := range d.ByMonth {
		all = append(all, row(fmt.Sprintf("%s %s", n.Month, n.Currency), n.WonValue, n.WonCount, n.LostCount))
	}
	for _, n := range d.ByStage {
		all = append(all, row(fmt.Sprintf("%s %s %s %d %s", n.StageID, n.Name, text(n.Color), n.OrderPosition, n.Currency),
			n.Count, n.Value, n.WeightedValue))
	}
	for _, n := range d.ByOwner {
		owner := "unowned"
		if n.OwnerID != nil {
			owner = n.OwnerID.String()
		}
		all = append(all, row(fmt.Sprintf("%s %s %s", owner, n.FullName, n.Currency), n.WonValue, n.WonCount, n.LostCount, n.OpenValue, n.OpenCount, wire(n.WinRate)))
	}
	for _, n := range d.Activities {
		all = append(all, row(n.Type, n.Count, n.Amount))
	}
	return all
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// wire returns a number as it is on the wire.
func wire[T interface{ AppendText([]byte) ([]byte, error) }](v *T) string {
	if v == nil {
		return "null"
	}
	b, _ := (*v).AppendText(nil) // never an error
	return string(b)
}

// row joins columns.
func row(columns ...any) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = fmt.Sprint(c)
	}
	return strings.Join(parts, " ")
}
