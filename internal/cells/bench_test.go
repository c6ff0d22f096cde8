package cells

import "testing"

// BenchmarkObserve is what a survey costs for a cell of a column.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		name  string
		kind  Type
		cells []string
	}{
		{"Text", Text, []string{"Acme Limited"}},
		{"Money", Money, []string{"1250.50", "99", "100000.00"}},
		{"GroupedMoney", Money, []string{"£1,250.50", "£99.00"}},
		{"Percent", Percent, []string{"50", "25"}},
		{"ISODate", Date, []string{"2024-02-29", "2024-12-31"}},
		{"ISOInstant", Instant, []string{"2024-02-29T10:00:00Z", "2024-12-31T23:59:59Z"}},
		{"UsualDate", Date, []string{"2/29/2024", "12/31/2024"}},
		{"MonthName", Date, []string{"29 Feb 2024", "31 dez. 2024"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			s := NewSurvey(c.kind, Options{})
			for i := 0; b.Loop(); i++ {
				s.Observe(c.cells[i%len(c.cells)], i)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	b.Run("Money", func(b *testing.B) {
		b.ReportAllocs()
		r := NewReader(Money, Options{})
		for b.Loop() {
			if _, err := r.Money("1250.50"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Instant", func(b *testing.B) {
		b.ReportAllocs()
		r := NewReader(Instant, Options{})
		for b.Loop() {
			if _, err := r.Instant("2024-02-29T10:00:00Z"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
