package crm

import (
	"encoding/json"
	"testing"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"0.0000": Ratio(0), "0.6315": Ratio(6315), "1.0000": Ratio(10_000), "0.0001": Ratio(1),
		"0.00": Days(0), "47.25": Days(4725), "-0.05": Days(-5), "-1.50": Days(-150),
		`"2017-06"`: MonthOf(Date(17_347)), `"1969-12"`: MonthOf(Date(-1)), `"1970-01"`: MonthOf(Date(30)),
	} {
		if got, err := json.Marshal(v); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

func TestQuotient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, by, want int64 }{
		{0, 3, 0}, {1, 2, 1}, {1, 3, 0}, {2, 3, 1}, {5, 2, 3}, {-1, 2, 0}, {-3, 2, -1}, {-2, 3, -1}, {-1, 3, 0}, {-5, 4, -1},
		{1<<63 - 1, 1<<63 - 1, 1}, {1<<63 - 1, 2, 1 << 62},
	} {
		if got := quotient(c.n, c.by); got != c.want {
			t.Errorf("%d ÷ %d = %d, want %d", c.n, c.by, got, c.want)
		}
	}
}
