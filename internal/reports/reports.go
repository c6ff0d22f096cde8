// Package reports makes reports of an organisation's deals and activities. A report is one value,
// made from the use cases with the rights of its actor; each format writes the same value, so that
// the numbers agree.
package reports

import (
	"context"
	"slices"
	"strings"
	"time"

	"sixty/internal/crm"
)

// A Kind is a kind of report.
type Kind string

// The kinds.
const (
	Pipeline    Kind = "pipeline"    // the open deals, as of now
	Performance Kind = "performance" // what was won and lost
	Activity    Kind = "activity"    // what took place
)

// Kinds lists them.
var Kinds = []Kind{Pipeline, Performance, Activity}

// A Format is how a report is written.
type Format string

// The formats.
const (
	JSON Format = "json"
	CSV  Format = "csv"
	XLSX Format = "xlsx"
	HTML Format = "html"
)

// Formats lists them.
var Formats = []Format{JSON, CSV, XLSX, HTML}

// The named periods, each relative to a day, in UTC.
const (
	LastWeek  = "last_week" // from Monday to Sunday
	LastMonth = "last_month"
	ThisMonth = "this_month" // up to the day
)

// Periods lists them.
var Periods = []string{LastWeek, LastMonth, ThisMonth}

// A Period is from one day to another, both included; nil: from the beginning, or up to now.
type Period struct{ From, To *crm.Date }

// PeriodOf returns a named period, relative to a day.
func PeriodOf(name string, day crm.Date) Period {
	t := day.Time()
	first := crm.DateOf(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
	switch name {
	case LastWeek:
		monday := day - crm.Date((int(t.Weekday())+6)%7)
		return Period{new(monday - 7), new(monday - 1)}
	case LastMonth:
		return Period{new(crm.DateOf(first.Time().AddDate(0, -1, 0))), new(first - 1)}
	case ThisMonth:
		return Period{&first, &day}
	}
	return Period{}
}

// before returns the period of the same length before it; false if it has no beginning or no end.
func (p Period) before() (Period, bool) {
	if p.From == nil || p.To == nil || *p.To < *p.From {
		return Period{}, false
	}
	return Period{new(*p.From - (*p.To - *p.From + 1)), new(*p.From - 1)}, true
}

// String returns the period for people.
func (p Period) String() string {
	switch {
	case p.From == nil && p.To == nil:
		return "all time"
	case p.From == nil:
		return "up to " + p.To.String()
	case p.To == nil:
		return "from " + p.From.String()
	}
	return p.From.String() + " to " + p.To.String()
}

// A Report is what its formats write.
type Report struct {
	Kind         Kind
	Organisation string
	Currency     string // the organisation's
	Period       Period
	OwnerID      *crm.ID
	Owner        string // the name; "" for all
	// Own: the actor sees only what is theirs.
	Own      bool
	Now      crm.Instant
	Sections []Section
}

// Title returns what the report is called.
func (r *Report) Title() string {
	return strings.ToUpper(string(r.Kind)[:1]) + string(r.Kind)[1:] + " report"
}

// FileName returns the name of a file with the report.
func (r *Report) FileName(f Format) string {
	name := string(r.Kind) + "-report"
	for _, day := range []*crm.Date{r.Period.From, r.Period.To} {
		if day != nil {
			name += "-" + day.String()
		}
	}
	return name + "." + string(f)
}

// A Section is a table of the report.
type Section struct {
	Name    string // in JSON, as in the dashboard
	Title   string
	Columns []Column
	Rows    [][]any // a string, int64, crm.Money, crm.Ratio, crm.Days, crm.Month, or nil
	Chart   *Chart
}

// A Column is a column of a section.
type Column struct{ Name, Title string }

// A Chart shows a column of a section as bars, one group for each currency.
type Chart struct {
	Label, Value string   // names of columns
	Colors       []string // of the rows; nil: all alike
	Columns      bool     // the bars stand, as of a time series
}

// Params are what a report is made of.
type Params struct {
	Kind    Kind
	Period  Period
	OwnerID *crm.ID
	Now     crm.Instant
}

// mostDeals is how many deals a report lists.
const mostDeals = 10

// Build makes a report with what its actor sees. CodeNotFound if there is no such owner.
func Build(ctx context.Context, service *crm.Service, by crm.Actor, p Params) (*Report, error) {
	org, err := service.Organisation(ctx, by)
	if err != nil {
		return nil, err
	}
	r := &Report{Kind: p.Kind, Organisation: org.Name, Currency: org.DefaultCurrency, Period: p.Period, OwnerID: p.OwnerID, Own: by.OwnerScope() != nil, Now: p.Now}
	if p.OwnerID != nil {
		owner, err := service.Owner(ctx, by, *p.OwnerID)
		if err != nil {
			return nil, err
		}
		r.Owner = owner.FullName
	}
	d, err := service.Dashboard(ctx, by, crm.DashboardFilter{From: p.Period.From, To: p.Period.To, OwnerID: p.OwnerID})
	if err != nil {
		return nil, err
	}
	switch p.Kind {
	case Pipeline:
		err = r.pipeline(ctx, service, by, d)
	case Performance:
		err = r.performance(ctx, service, by, d)
	case Activity:
		err = r.activity(ctx, service, by, d)
	}
	return r, err
}

func (r *Report) pipeline(ctx context.Context, service *crm.Service, by crm.Actor, d crm.Dashboard) error {
	r.Period = Period{} // open deals are as of now
	totals := Section{Name: "totals", Title: "Open deals", Columns: []Column{{"currency", "Currency"}, {"open_count", "Deals"}, {"open_value", "Value"}, {"weighted_value", "Weighted"}}}
	for _, t := range d.Totals {
		totals.Rows = append(totals.Rows, []any{t.Currency, t.OpenCount, t.OpenValue, t.WeightedValue})
	}
	stages := Section{Name: "by_stage", Title: "By stage", Columns: []Column{{"name", "Stage"}, {"currency", "Currency"}, {"count", "Deals"}, {"value", "Value"}, {"weighted_value", "Weighted"}}, Chart: &Chart{Label: "name", Value: "value"}}
	for _, s := range d.ByStage {
		stages.Rows = append(stages.Rows, []any{s.Name, s.Currency, s.Count, s.Value, s.WeightedValue})
		stages.Chart.Colors = append(stages.Chart.Colors, color(s.Color))
	}
	owners := Section{Name: "by_owner", Title: "By owner", Columns: []Column{{"full_name", "Owner"}, {"currency", "Currency"}, {"open_count", "Deals"}, {"open_value", "Value"}}, Chart: &Chart{Label: "full_name", Value: "open_value"}}
	for _, o := range d.ByOwner {
		if o.OpenCount > 0 {
			owners.Rows = append(owners.Rows, []any{ownerName(o), o.Currency, o.OpenCount, o.OpenValue})
		}
	}
	deals, err := r.deals(ctx, service, by, "The largest open deals", crm.DealFilter{Status: crm.Only(crm.StatusActive)})
	r.Sections = []Section{totals, stages, owners, deals}
	return err
}

func (r *Report) performance(ctx context.Context, service *crm.Service, by crm.Actor, d crm.Dashboard) error {
	totals := Section{Name: "totals", Title: "Won and lost", Columns: []Column{
		{"currency", "Currency"}, {"won_count", "Won"}, {"won_value", "Won value"}, {"lost_count", "Lost"}, {"lost_value", "Lost value"}, {"win_rate", "Win rate"},
		{"average_won_value", "Average won"}, {"average_days_to_close", "Days to close"},
	}}
	for _, t := range d.Totals {
		totals.Rows = append(totals.Rows, []any{t.Currency, t.WonCount, t.WonValue, t.LostCount, t.LostValue, known(t.WinRate), known(t.AverageWonValue), known(t.AverageDaysToClose)})
	}
	months := Section{Name: "by_month", Title: "By month", Columns: []Column{{"month", "Month"}, {"currency", "Currency"}, {"won_count", "Won"}, {"won_value", "Won value"}, {"lost_count", "Lost"}}, Chart: &Chart{Label: "month", Value: "won_value", Columns: true}}
	for _, m := range d.ByMonth {
		months.Rows = append(months.Rows, []any{m.Month, m.Currency, m.WonCount, m.WonValue, m.LostCount})
	}
	owners := Section{Name: "by_owner", Title: "By owner", Columns: []Column{{"full_name", "Owner"}, {"currency", "Currency"}, {"won_count", "Won"}, {"won_value", "Won value"}, {"lost_count", "Lost"}, {"win_rate", "Win rate"}}, Chart: &Chart{Label: "full_name", Value: "won_value"}}
	for _, o := range d.ByOwner {
		if o.WonCount+o.LostCount > 0 {
			owners.Rows = append(owners.Rows, []any{ownerName(o), o.Currency, o.WonCount, o.WonValue, o.LostCount, known(o.WinRate)})
		}
	}
	deals, err := r.deals(ctx, service, by, "The largest deals won", crm.DealFilter{Status: crm.Only(crm.StatusWon), ClosedFrom: span(r.Period.From), ClosedTo: span(r.Period.To)})
	r.Sections = []Section{totals, months, owners, deals}
	return err
}

func (r *Report) activity(ctx context.Context, service *crm.Service, by crm.Actor, d crm.Dashboard) error {
	s := Section{Name: "activities", Title: "By type", Columns: []Column{{"type", "Type"}, {"count", "Activities"}, {"amount", "Amount, " + r.Currency}}, Chart: &Chart{Label: "type", Value: "count"}}
	period, hasEarlier := r.Period.before()
	var earlier crm.Dashboard
	if hasEarlier {
		var err error
		if earlier, err = service.Dashboard(ctx, by, crm.DashboardFilter{From: period.From, To: period.To, OwnerID: r.OwnerID}); err != nil {
			return err
		}
		s.Columns = append(s.Columns, Column{"count_before", "Period before"})
	}
	for _, a := range d.Activities {
		row := []any{a.Type, a.Count, a.Amount}
		if hasEarlier {
			row = append(row, countOf(earlier.Activities, a.Type))
		}
		s.Rows = append(s.Rows, row)
	}
	r.Sections = []Section{s}
	return nil
}

func countOf(all []crm.ActivityNumbers, kind string) int64 {
	if i := slices.IndexFunc(all, func(a crm.ActivityNumbers) bool { return a.Type == kind }); i >= 0 {
		return all[i].Count
	}
	return 0
}

// deals lists the largest deals of a filter.
func (r *Report) deals(ctx context.Context, service *crm.Service, by crm.Actor, title string, f crm.DealFilter) (Section, error) {
	s := Section{Name: "deals", Title: title, Columns: []Column{{"name", "Deal"}, {"company", "Company"}, {"value", "Value"}, {"currency", "Currency"}, {"expected_close_date", "Expected"}}}
	if r.OwnerID != nil {
		f.OwnerID = crm.Only(*r.OwnerID)
	}
	page, err := service.Deals(ctx, by, crm.List[crm.DealFilter]{Filter: f, Sort: crm.Sort{Field: "value", Desc: true}, Limit: mostDeals})
	if err != nil {
		return s, err
	}
	for _, d := range page.Rows {
		var day any
		if d.ExpectedCloseDate != nil {
			day = d.ExpectedCloseDate.String()
		}
		s.Rows = append(s.Rows, []any{d.Name, known(d.Company), known(d.Value), d.Currency, day})
	}
	return s, nil
}

// span returns a day as filters on instants have it.
func span(d *crm.Date) *crm.Span {
	if d == nil {
		return nil
	}
	return &crm.Span{First: d.Instant(), Last: (*d + 1).Instant() - 1}
}

// known returns the value of a pointer, or nil.
func known[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func ownerName(o crm.OwnerNumbers) string {
	if o.OwnerID == nil {
		return "No owner"
	}
	return o.FullName
}

// color returns a stage's colour if it is one.
func color(c *string) string {
	if c == nil || len(*c) != 7 || (*c)[0] != '#' || strings.Trim((*c)[1:], "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return *c
}
