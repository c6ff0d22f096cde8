package stale

import (
	"encoding/json"
	"fmt"
	"math"
)

// amount is an amount of money in whole units.
type amount int64

// UnmarshalJSON parses 12.00 as 12.
func (a *amount) UnmarshalJSON(b []byte) error {
	var f float64 // exact for what these are
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f != math.Trunc(f) {
		return fmt.Errorf("%s is not a whole amount", b)
	}
	*a = amount(f)
	return nil
}

// numbers are the fields with counts and sums of deals, under all their names.
type numbers struct {
	ID      string `json:"id"`
	StageID string `json:"stage_id"`
	OwnerID string `json:"owner_id"`

	DealsCount *int64  `json:"dealsCount"`
	DealsValue *amount `json:"dealsValue"`
	OpenDeals  *int64  `json:"openDeals"`
	OpenValue  *amount `json:"openValue"`

	TotalDeals      *int64  `json:"totalDeals"`
	ActiveDeals     *int64  `json:"activeDeals"`
	TotalDealsValue *amount `json:"totalDealsValue"`

	DealCount  *int64  `json:"deal_count"`
	TotalValue *amount `json:"total_value"`

	Count     *int64  `json:"count"`
	Value     *amount `json:"value"`
	OpenCount *int64  `json:"open_count"`
	AllOpen   *amount `json:"open_value"`
}

// sums returns the fields that are present, as sums over the matching deals. All deals here are
// open, so sums over open and over all deals are equal.
func (n *numbers) sums(what string, fits func(State) bool) []Sum {
	var sums []Sum
	for name, got := range map[string]*int64{
		"dealsCount": n.DealsCount, "openDeals": n.OpenDeals, "totalDeals": n.TotalDeals, "activeDeals": n.ActiveDeals,
		"deal_count": n.DealCount, "count": n.Count, "open_count": n.OpenCount,
	} {
		if got != nil {
			sums = append(sums, Sum{name + " of " + what, *got, Deal, func(s State) int64 {
				if fits(s) {
					return 1
				}
				return 0
			}})
		}
	}
	for name, got := range map[string]*amount{
		"dealsValue": n.DealsValue, "openValue": n.OpenValue, "totalDealsValue": n.TotalDealsValue,
		"total_value": n.TotalValue, "value": n.Value, "open_value": n.AllOpen,
	} {
		if got != nil {
			sums = append(sums, Sum{name + " of " + what, int64(*got), Deal, func(s State) int64 {
				if fits(s) {
					return s.Value
				}
				return 0
			}})
		}
	}
	return sums
}

// rows returns the sums of a list's rows.
func rows(body []byte, what string, of func(id string) func(State) bool) ([]Sum, error) {
	var list struct{ Data []numbers }
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var sums []Sum
	for _, n := range list.Data {
		sums = append(sums, n.sums(what+" "+n.ID, of(n.ID))...)
	}
	return sums, nil
}

func companyRows(body []byte) ([]Sum, error) {
	return rows(body, "company", func(id string) func(State) bool {
		return func(s State) bool { return s.Company == id }
	})
}

func ownerRows(body []byte) ([]Sum, error) {
	return rows(body, "owner", func(id string) func(State) bool {
		return func(s State) bool { return s.Owner == id }
	})
}

// totals returns the sums of one record.
func totals(what string, fits func(State) bool) func([]byte) ([]Sum, error) {
	return func(body []byte) ([]Sum, error) {
		var one struct{ Data numbers }
		err := json.Unmarshal(body, &one)
		return one.Data.sums(what, fits), err
	}
}

func companyTotals(id string) func([]byte) ([]Sum, error) {
	return totals("the company", func(s State) bool { return s.Company == id })
}

func contactTotals(id string) func([]byte) ([]Sum, error) {
	return totals("the contact", func(s State) bool { return s.Contact == id })
}

// dashboard returns the dashboard's sums over the matching deals.
func dashboard(fits func(State) bool) func([]byte) ([]Sum, error) {
	return func(body []byte) ([]Sum, error) {
		var d struct {
			Data struct {
				Totals  []numbers `json:"totals"`
				ByStage []numbers `json:"by_stage"`
				ByOwner []numbers `json:"by_owner"`
			}
		}
		if err := json.Unmarshal(body, &d); err != nil {
			return nil, err
		}
		if len(d.Data.Totals) == 0 { // no deal, no currency
			d.Data.Totals = []numbers{{OpenCount: new(int64), AllOpen: new(amount)}}
		}
		var sums []Sum
		for _, n := range d.Data.Totals {
			sums = append(sums, n.sums("all", fits)...)
		}
		for _, n := range d.Data.ByStage {
			sums = append(sums, n.sums("stage "+n.StageID, func(s State) bool { return fits(s) && s.Stage == n.StageID })...)
		}
		for _, n := range d.Data.ByOwner {
			sums = append(sums, n.sums("owner "+n.OwnerID, func(s State) bool { return fits(s) && s.Owner == n.OwnerID })...)
		}
		return sums, nil
	}
}
