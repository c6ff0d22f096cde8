package cursor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sixty/internal/cursor"
)

func TestNewSealer(t *testing.T) {
	t.Parallel()
	many := make([]string, 17)
	for i := range many {
		many[i] = fmt.Sprintf("one of many secrets %d", i)
	}
	for _, tt := range []struct {
		name    string
		secrets []string
		want    string // part of the error; none if empty
	}{
		{"OK", []string{"a secret of some length"}, ""},
		{"OKShortest", []string{"0123456789abcdef"}, ""},
		{"OKMost", many[:16], ""},
		{"ErrNone", nil, "no key"},
		{"ErrTooMany", many, "17 keys given, at most 16"},
		{"ErrEmpty", []string{""}, "key 1 of 1: shorter than 16 bytes"},
		{"ErrTooShort", []string{"a secret of some length", "0123456789abcde"}, "key 2 of 2: shorter than 16 bytes"},
		{"ErrDuplicate", []string{many[0], many[1], many[0]}, "keys 1 and 3 are equal"},
		// Found by search: both derive the key id 4bacc4bf.
		{"ErrSameKeyID", []string{"a secret for tests 23227", "a secret for tests 54789"}, "keys 1 and 2 have the same key id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := cursor.NewSealer(tt.secrets...)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no error", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want one with %q", err, tt.want)
			}
			for _, secret := range tt.secrets {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("error %q contains a secret", err)
				}
			}
		})
	}
}

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	a, b := cursor.GenerateKey(), cursor.GenerateKey()
	if a == b {
		t.Fatal("two generated keys are equal")
	}
	if len(a) != 64 || strings.Trim(a, "0123456789abcdef") != "" {
		t.Error("a generated key is not 64 hexadecimal digits")
	}
	if _, err := cursor.NewSealer(a, b); err != nil {
		t.Errorf("generated keys are rejected: %v", err)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	const older, newer = "the older secret of two", "the newer secret of two"
	before, rotated, after := newSealer(t, older), newSealer(t, newer, older), newSealer(t, newer)
	old := seal(t, before, testScope, testPosition)
	fresh := seal(t, rotated, testScope, testPosition)

	if old == fresh {
		t.Error("the first key does not seal")
	}
	if got := seal(t, after, testScope, testPosition); got != fresh {
		t.Error("the cursor depends on keys other than the first")
	}
	for _, tt := range []struct {
		name   string
		sealer *cursor.Sealer
		token  string
		want   error
	}{
		{"OldKeySecond", rotated, old, nil},
		{"NewKeyFirst", rotated, fresh, nil},
		{"OldKeyRemoved", after, old, cursor.ErrUnknownKey},
		{"NewKeyNotYetKnown", before, fresh, cursor.ErrUnknownKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.sealer.Open(testScope, tt.token)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if tt.want == nil && !equal(got, testPosition) {
				t.Errorf("got %+v, want %+v", got, testPosition)
			}
		})
	}
}
