package transfer_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"sixty/internal/crm"
)

// dealLayout tells how to read the totals of the deals from a file, independently of the
// presets.
type dealLayout struct {
	file     string
	status   func(row map[string]string) string // "": the row is passed over
	value    func(row map[string]string) string
	currency func(row map[string]string) string
}

func cell(name string) func(map[string]string) string {
	return func(row map[string]string) string { return row[name] }
}

// byWord returns a status by words in a cell.
func byWord(name, won, lost string) func(map[string]string) string {
	return func(row map[string]string) string {
		switch cell := strings.ToLower(row[name]); {
		case strings.Contains(cell, won):
			return crm.StatusWon
		case strings.Contains(cell, lost):
			return crm.StatusLost
		}
		return crm.StatusActive
	}
}

var dealLayouts = map[string]dealLayout{
	"hubspot": {"hubspot-crm-exports-all-deals.csv", byWord("Deal Stage", "won", "lost"), cell("Amount"), cell("Currency")},
	"salesforce": {"Opportunity.csv", func(row map[string]string) string {
		switch {
		case row["IsDeleted"] == "1":
			return ""
		case row["IsWon"] == "1":
			return crm.StatusWon
		case row["IsClosed"] == "1":
			return crm.StatusLost
		}
		return crm.StatusActive
	}, cell("Amount"), cell("CurrencyIsoCode")},
	"pipedrive": {"deals-1234.csv", func(row map[string]string) string {
		if row["Deal - Status"] == "Deleted" {
			return ""
		}
		return byWord("Deal - Status", "won", "lost")(row)
	}, cell("Deal - Value"), cell("Deal - Currency of Value")},
	"zoho": {"Deals_001.csv", byWord("Stage", "won", "lost"), cell("Amount"), cell("Currency")},
	"dynamics": {"All Opportunities.xlsx", byWord("Status", "won", "lost"), func(row map[string]string) string {
		if row["Status"] == "Won" && row["Actual Revenue"] != "" {
			return row["Actual Revenue"]
		}
		return row["Est. Revenue"]
	}, func(row map[string]string) string {
		return map[string]string{"Euro": "EUR", "Pound Sterling": "GBP", "US Dollar": "USD", "Danish Krone": "DKK"}[row["Currency"]]
	}},
	"twenty": {"opportunities.json", func(row map[string]string) string {
		if row["deletedAt"] != "" {
			return ""
		}
		return byWord("stage", "customer", "lost")(row)
	}, cell("value"), cell("currency")},
}

// sums returns the value of deals by currency, and their number by status.
func (l dealLayout) sums(t *testing.T, dir string) (value map[string]string, status map[string]int) {
	t.Helper()
	sums := map[string]crm.Money{}
	status = map[string]int{}
	for _, row := range rowsOf(t, filepath.Join(dir, l.file)) {
		s := l.status(row)
		if s == "" {
			continue
		}
		status[s]++
		if v := l.value(row); v != "" {
			amount, err := crm.ParseMoney(v)
			if err != nil {
				t.Fatalf("%s: %v", v, err)
			}
			sums[l.currency(row)] += amount
		}
	}
	value = map[string]string{}
	for currency, sum := range sums {
		value[currency] = sum.String()
	}
	return value, status
}

// rowsOf reads a file by means of its own.
func rowsOf(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	var table [][]string
	switch filepath.Ext(path) {
	case ".json":
		var objects []struct {
			Stage     string  `json:"stage"`
			DeletedAt *string `json:"deletedAt"`
			Amount    struct {
				Micros   *int64 `json:"amountMicros"`
				Currency string `json:"currencyCode"`
			} `json:"amount"`
		}
		if err := json.Unmarshal([]byte(read(t, path)), &objects); err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			row := map[string]string{"stage": o.Stage, "currency": o.Amount.Currency}
			if o.DeletedAt != nil {
				row["deletedAt"] = *o.DeletedAt
			}
			if o.Amount.Micros != nil {
				row["value"] = fmt.Sprintf("%d.%06d", *o.Amount.Micros/1e6, *o.Amount.Micros%1e6)
			}
			rows = append(rows, row)
		}
		return rows
	case ".xlsx":
		book, err := excelize.OpenFile(path, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		if table, err = book.GetRows(book.GetSheetName(0)); err != nil {
			t.Fatal(err)
		}
	default:
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if table, err = csv.NewReader(f).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cells := range table[1:] {
		row := map[string]string{}
		for i, c := range cells {
			row[table[0][i]] = c
		}
		rows = append(rows, row)
	}
	return rows
}
