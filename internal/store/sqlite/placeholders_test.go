package sqlite

import "testing"

func TestPositional(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1":                       "SELECT 1",
		"a = $1 AND b IN ($2, $3)":       "a = ? AND b IN (?, ?)",
		"a = $1 OR b = $1":               "a = $1 OR b = $1",
		"a = $2 AND b = $1":              "a = $2 AND b = $1",
		"a = $12":                        "a = $12",
		"VALUES ($1,$2,$3,$4,$5),($6)":   "VALUES (?,?,?,?,?),(?)",
		"$1 $2 $3 $4 $5 $6 $7 $8 $9 $10": "? ? ? ? ? ? ? ? ? ?",
	} {
		if got := positional(text); got != want {
			t.Errorf("positional(%q) = %q, want %q", text, got, want)
		}
	}
}
