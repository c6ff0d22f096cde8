package cells

import (
	"strings"
	"testing"
)

func TestEnum(t *testing.T) {
	t.Parallel()
	reads(t, NewReader(Enum, Options{}).Enum, map[string]string{
		"Enterprise ": "enterprise", "No Show": "no_show", "no\u00a0show": "no_show", "No-Show": "no_show", "NO_SHOW": "no_show", "noShow": "no_show", "NoShow": "no_show",
		"follow-up": "follow_up", "DECISION__MAKER": "decision_maker", "DecisionMaker": "decision_maker", "-won-": "won", "LARGE": "large", "51-200": "51_200", "Größe": "größe", "InProgress": "in_progress", " ": "",
	})
}

func TestBool(t *testing.T) {
	t.Parallel()
	reads(t, NewReader(Bool, Options{}).Bool, map[string]string{
		"t": "true", "TRUE": "true", "1": "true", "Yes": "true", "on": "true", "x": "true", "X": "true", "1.0": "true", "Ja": "true", "WAHR": "true", "oui": "true", "VRAI": "true", "Sí": "true", "VERDADERO": "true", "sim": "true", "sì": "true", "VERO": "true", "waar": "true", "✓": "true",
		"f": "false", "False": "false", "0": "false", "no": "false", "off": "false", "n": "false", "nein": "false", "FALSCH": "false", "non": "false", "faux": "false", "falso": "false", "Não": "false", "nee": "false", "ONWAAR": "false",
		"2": "", "maybe": "", "": "", "10": "",
	})
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	r := NewReader(Text, Options{Null: []string{"NULL", "N/A", "#N/A"}})
	for cell, want := range map[string]bool{"": true, " ": true, "\u00a0": true, "\u200b": true, "null": true, " n/a ": true, "#N/A": true, "NULLS": false, "0": false} {
		if r.Empty(cell) != want {
			t.Errorf("%q: %t", cell, !want)
		}
	}
	if NewReader(Text, Options{}).Empty("NULL") {
		t.Error("NULL says nothing, though no option says so")
	}
	if got, err := r.Text(" a\u200b "); got != "a" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDamagedID(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]bool{
		"1.23457E+17": true, "1,23457E+17": true, "1e+15": true, "\u00a09.00E+12": true, "1.2E+100": true,
		"": false, "12E4": false, "1E5": false, "1.23457E-17": false, "123457": false, "12.3E+17": false, "E+17": false, "1.E+17": false, "AE+17": false, "1.2.3E+17": false, "1.23E+1": false, "1.23E+1x": false,
	} {
		if DamagedID(cell) != want {
			t.Errorf("%q: %t", cell, !want)
		}
	}
}

func TestMonths(t *testing.T) {
	t.Parallel()
	seen := map[int]int{}
	for name, m := range months {
		if len(name) > maxMonth || name != strings.ToLower(name) {
			t.Errorf("%q is too long, or not in lower case", name)
		}
		seen[m]++
	}
	for m := 1; m <= 12; m++ {
		if seen[m] < 5 {
			t.Errorf("month %d has %d names", m, seen[m])
		}
	}
	// A name that stands in two lists would mean the month that comes last.
	for name, want := range map[string]int{"mar": 3, "mai": 5, "mei": 5, "ago": 8, "set": 9, "out": 10, "juil": 7, "juin": 6, "giu": 6, "lug": 7, "gen": 1, "ene": 1, "mag": 5, "mrt": 3, "dic": 12} {
		if months[name] != want {
			t.Errorf("%s is %d", name, months[name])
		}
	}
}
