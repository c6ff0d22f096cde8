package cursor_test

import (
	"errors"
	"testing"

	"sixty/internal/cursor"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	const first, second = "the first secret of tests", "the second secret of tests"
	s := newSealer(t, first)
	before, err := s.Seal(cursor.Scope{}, cursor.Position{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace("short"); err == nil {
		t.Error("a short secret is accepted")
	}
	for _, c := range []struct {
		secrets []string
		want    error
	}{{[]string{second, first}, nil}, {[]string{second}, cursor.ErrUnknownKey}} {
		if err := s.Replace(c.secrets...); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(cursor.Scope{}, before); !errors.Is(err, c.want) {
			t.Errorf("with %d secrets: %v, want %v", len(c.secrets), err, c.want)
		}
	}
}
