package cells

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// surveyed returns the survey of a column.
func surveyed(t Type, o Options, column ...string) *Survey {
	s := NewSurvey(t, o)
	for i, cell := range column {
		s.Observe(cell, i)
	}
	return s
}

// outcome is what came of reading a cell: the value, after "~" if it is inexact, or "" for
// what is rejected. Each message must show the cell.
func outcome[V any](t *testing.T, cell string, v V, err error) string {
	t.Helper()
	if err == nil {
		return fmt.Sprint(v)
	}
	if !strings.Contains(err.Error(), shownAs(cell)) {
		t.Errorf("%q: the message %q does not show it", cell, err)
	}
	if near := (*Inexact)(nil); errors.As(err, &near) {
		return "~" + fmt.Sprint(v)
	}
	return ""
}

// reads holds a function against cells.
func reads[V any](t *testing.T, read func(string) (V, error), cases map[string]string) {
	t.Helper()
	for cell, want := range cases {
		v, err := read(cell)
		if got := outcome(t, strings.TrimSpace(cell), v, err); got != want {
			t.Errorf("%q is %q (%v), want %q", cell, got, err, want)
		}
	}
}

// fails holds a function against cells that it rejects, and a part of the reason.
func fails[V any](t *testing.T, read func(string) (V, error), cases map[string]string) {
	t.Helper()
	for cell, want := range cases {
		if v, err := read(cell); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v; want an error with %q", cell, v, err, want)
		}
	}
}

// tells holds what a survey decided and noted against what is expected: the format, and each
// note's count, lines and text.
func tells(t *testing.T, s *Survey, format string, notes ...string) {
	t.Helper()
	if got := s.Format(); got != format {
		t.Errorf("the format is %q, want %q", got, format)
	}
	got := s.Notes()
	for i := range max(len(got), len(notes)) {
		switch {
		case i >= len(got):
			t.Errorf("there is no note %q", notes[i])
		case i >= len(notes) || !strings.HasPrefix(fmt.Sprintf("%d %v %s", got[i].Count, got[i].Lines, got[i].Text), notes[i]):
			t.Errorf("note %d is %d %v %s", i, got[i].Count, got[i].Lines, got[i].Text)
		}
	}
}

// shownAs is a cell as messages show it.
func shownAs(cell string) string { return fmt.Sprintf("%q", shortened(cell)) }
