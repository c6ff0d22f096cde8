package httpapi

import (
	"net/http"
	"reflect"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

func (a *API) dashboard() operation {
	a.schemas.thing("Dashboard", reflect.TypeFor[crm.Dashboard]())
	read := query[crm.DashboardFilter]{
		optional("from", "Only deals closed and activities that took place on this UTC day or later. Open deals are as of now, whatever the days.",
			dateKind(), func(f *crm.DashboardFilter) **crm.Date { return &f.From }),
		optional("to", "Only deals closed and activities that took place on this UTC day or earlier.",
			dateKind(), func(f *crm.DashboardFilter) **crm.Date { return &f.To }),
		optional("ownerId", "Only deals and activities of this owner.",
			idKind(), func(f *crm.DashboardFilter) **crm.ID { return &f.OwnerID }),
	}
	read[2].alias = snake("ownerId")
	return operation{
		method: http.MethodGet, path: "/api/dashboard", id: "getDashboard", tag: "Dashboard",
		cost:    server.Expensive("statistics of all deals and activities"),
		caching: server.Cached(cache.Frequent, crm.EntityDeal, crm.EntityActivity, crm.EntityStage, crm.EntityOwner, crm.EntityOrganisation),
		summary: "Read revenue, pipeline, weighted forecast and win rate",
		description: "Every amount stands beside its currency; amounts in different currencies are never summed. " +
			"What there is nothing of is not listed.",
		query:  read.document(),
		answer: a.schemas.envelope("Dashboard"), problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		run: func(c *call) error {
			var f crm.DashboardFilter
			flaws, malformed := read.read(c.Request.URL.RawQuery, &f)
			if f.From != nil && f.To != nil && *f.From > *f.To {
				flaws = append(flaws, server.InQuery("to", "must not be before from"))
			}
			if len(flaws) > 0 {
				return server.InvalidQuery(flaws, malformed)
			}
			d, err := a.service.Dashboard(c.Context, c.Actor, f)
			if err != nil {
				return err
			}
			answerOne(c, &d, appendDashboard)
			return nil
		},
	}
}

// optional declares a parameter that is nil when it is not given.
func optional[A, V any](name, doc string, k kind[V], at func(*A) **V) parameter[A] {
	return parameter[A]{
		name: name, doc: doc, schema: k.schema,
		read: func(dst *A, value string) error {
			v, err := k.parse(value)
			if err == nil {
				*at(dst) = &v
			}
			return err
		},
	}
}

func appendDashboard(b []byte, d *crm.Dashboard) []byte {
	b = appendRows(append(b, `{"totals":`...), d.Totals, appendCurrencyNumbers)
	b = appendRows(append(b, `,"by_month":`...), d.ByMonth, appendMonthNumbers)
	b = appendRows(append(b, `,"by_stage":`...), d.ByStage, appendStageNumbers)
	b = appendRows(append(b, `,"by_owner":`...), d.ByOwner, appendOwnerNumbers)
	b = appendRows(append(b, `,"activities":`...), d.Activities, appendActivityNumbers)
	return append(b, '}')
}

func appendCurrencyNumbers(b []byte, n *crm.CurrencyNumbers) []byte {
	b = appendString(append(b, `{"currency":`...), n.Currency)
	b = appendMoney(append(b, `,"won_value":`...), n.WonValue)
	b = appendInt(append(b, `,"won_count":`...), n.WonCount)
	b = appendMoney(append(b, `,"lost_value":`...), n.LostValue)
	b = appendInt(append(b, `,"lost_count":`...), n.LostCount)
	b = appendMoney(append(b, `,"open_value":`...), n.OpenValue)
	b = appendInt(append(b, `,"open_count":`...), n.OpenCount)
	b = appendMoney(append(b, `,"weighted_value":`...), n.WeightedValue)
	b = appendOptional(append(b, `,"win_rate":`...), n.WinRate, appendRatio)
	b = appendOptional(append(b, `,"average_won_value":`...), n.AverageWonValue, appendMoney)
	b = appendOptional(append(b, `,"average_days_to_close":`...), n.AverageDaysToClose, appendDays)
	return append(b, '}')
}

func appendMonthNumbers(b []byte, n *crm.MonthNumbers) []byte {
	b, _ = n.Month.AppendText(append(b, `{"month":"`...)) // never an error
	b = appendString(append(b, `","currency":`...), n.Currency)
	b = appendMoney(append(b, `,"won_value":`...), n.WonValue)
	b = appendInt(append(b, `,"won_count":`...), n.WonCount)
	b = appendInt(append(b, `,"lost_count":`...), n.LostCount)
	return append(b, '}')
}

func appendStageNumbers(b []byte, n *crm.StageNumbers) []byte {
	b = appendID(append(b, `{"stage_id":`...), n.StageID)
	b = appendString(append(b, `,"name":`...), n.Name)
	b = appendText(append(b, `,"color":`...), n.Color)
	b = appendInt(append(b, `,"order_position":`...), n.OrderPosition)
	b = appendString(append(b, `,"currency":`...), n.Currency)
	b = appendInt(append(b, `,"count":`...), n.Count)
	b = appendMoney(append(b, `,"value":`...), n.Value)
	b = appendMoney(append(b, `,"weighted_value":`...), n.WeightedValue)
	return append(b, '}')
}

func appendOwnerNumbers(b []byte, n *crm.OwnerNumbers) []byte {
	b = appendOptional(append(b, `{"owner_id":`...), n.OwnerID, appendID)
	b = appendString(append(b, `,"full_name":`...), n.FullName)
	b = appendString(append(b, `,"currency":`...), n.Currency)
	b = appendMoney(append(b, `,"won_value":`...), n.WonValue)
	b = appendInt(append(b, `,"won_count":`...), n.WonCount)
	b = appendInt(append(b, `,"lost_count":`...), n.LostCount)
	b = appendMoney(append(b, `,"open_value":`...), n.OpenValue)
	b = appendInt(append(b, `,"open_count":`...), n.OpenCount)
	b = appendOptional(append(b, `,"win_rate":`...), n.WinRate, appendRatio)
	return append(b, '}')
}

func appendActivityNumbers(b []byte, n *crm.ActivityNumbers) []byte {
	b = appendString(append(b, `{"type":`...), n.Type)
	b = appendInt(append(b, `,"count":`...), n.Count)
	b = appendMoney(append(b, `,"amount":`...), n.Amount)
	return append(b, '}')
}

func appendRatio(b []byte, r crm.Ratio) []byte {
	b, _ = r.AppendText(b) // never an error
	return b
}

func appendDays(b []byte, d crm.Days) []byte {
	b, _ = d.AppendText(b) // never an error
	return b
}
