package cursor_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sixty/internal/cursor"
)

const testSecret = "a secret for tests only"

var (
	testScope = cursor.Scope{
		Organisation: [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		List:         "deals",
		Filters:      "stageId=7&status=active",
		Sort:         "-updated_at",
	}
	testPosition = cursor.Position{
		Key:       []byte("2026-01-02T03:04:05.000006Z"),
		ID:        [16]byte{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
		Inclusive: true,
	}
)

func newSealer(tb testing.TB, secrets ...string) *cursor.Sealer {
	tb.Helper()
	s, err := cursor.NewSealer(secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func seal(tb testing.TB, s *cursor.Sealer, scope cursor.Scope, at cursor.Position) string {
	tb.Helper()
	token, err := s.Seal(scope, at)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func equal(a, b cursor.Position) bool {
	return bytes.Equal(a.Key, b.Key) && a.ID == b.ID && a.Inclusive == b.Inclusive
}

func drawID(t *rapid.T, label string) [16]byte {
	return [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
}

func drawScope(t *rapid.T, label string) cursor.Scope {
	return cursor.Scope{
		Organisation: drawID(t, label+" organisation"),
		List:         rapid.String().Draw(t, label+" list"),
		Filters:      rapid.String().Draw(t, label+" filters"),
		Sort:         rapid.String().Draw(t, label+" sort"),
	}
}

func drawPosition(t *rapid.T) cursor.Position {
	return cursor.Position{
		Key:       rapid.SliceOfN(rapid.Byte(), 0, cursor.MaxKeyLen).Draw(t, "key"),
		ID:        drawID(t, "id"),
		Inclusive: rapid.Bool().Draw(t, "inclusive"),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s, twin := newSealer(t, testSecret), newSealer(t, testSecret)
	rapid.Check(t, func(t *rapid.T) {
		scope, at := drawScope(t, "own"), drawPosition(t)
		token, err := s.Seal(scope, at)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("%q needs escaping in a query", token)
		}
		got, err := twin.Open(scope, token)
		if err != nil || !equal(got, at) {
			t.Fatalf("got %+v, %v; want %+v", got, err, at)
		}
		again, err := twin.Seal(scope, at)
		if err != nil || again != token {
			t.Fatalf("sealed twice: %q, then %q, %v", token, again, err)
		}
		if other := drawScope(t, "other"); other != scope {
			if _, err := s.Open(other, token); !errors.Is(err, cursor.ErrForeign) {
				t.Fatalf("opened in another scope: %v", err)
			}
		}
	})
}

// The tokens come from a second implementation, written from the package comment. Cursors do
// not expire, so a change of the format or of the derivation needs a new version byte.
func TestFormatIsStable(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	for _, tt := range []struct {
		name  string
		scope cursor.Scope
		at    cursor.Position
		want  string
	}{
		{
			"Full", testScope, testPosition,
			"AarQWnfNMI6kqFXeZCr69pUtMWpbX9SSvJ-iU1wBGcOv66Tey-HfCyi4Gcu6RTYV45X1Tro4-qTwHXO_5piPFsvmOcbajBX39WY8GryNWrS_B7wPlu_HcZcsfnMgCrfUJQ",
		},
		{
			"NoFiltersNoKey",
			cursor.Scope{Organisation: testScope.Organisation, List: "companies", Sort: "name"},
			cursor.Position{ID: testPosition.ID},
			"AarQWnexudMfkMpNS4Jdwgb2ai60jIbl3l1Ph_k2zobI0FNSdGkWRedAkELZF-I2lBi__K17owVu1Ex0BDiwR1R6eknKdf5ruIS6sF58NF3lIHKWA7Ezj3jCqjj7YrLouw",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := seal(t, s, tt.scope, tt.at); got != tt.want {
				t.Errorf("sealed\ngot  %s\nwant %s", got, tt.want)
			}
			got, err := s.Open(tt.scope, tt.want)
			if err != nil || !equal(got, tt.at) {
				t.Errorf("opened: got %+v, %v; want %+v", got, err, tt.at)
			}
		})
	}
}

func TestKeyLength(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	longest := cursor.Position{Key: bytes.Repeat([]byte{0xff}, cursor.MaxKeyLen)}
	token := seal(t, s, testScope, longest)
	if len(token) != 2860 {
		t.Errorf("the longest cursor has %d characters, Seal's comment says 2,860", len(token))
	}
	if got, err := s.Open(testScope, token); err != nil || !equal(got, longest) {
		t.Errorf("the longest key does not open: %v", err)
	}
	longest.Key = append(longest.Key, 0)
	if _, err := s.Seal(testScope, longest); !errors.Is(err, cursor.ErrKeyTooLong) {
		t.Errorf("got %v, want ErrKeyTooLong", err)
	}
}

func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	token := seal(t, s, testScope, testPosition)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		want := cursor.ErrForeign
		switch {
		case i == 0:
			want = cursor.ErrMalformed // the version
		case i <= 4:
			want = cursor.ErrUnknownKey // the key id
		}
		for bit := range 8 {
			altered := bytes.Clone(raw)
			altered[i] ^= 1 << bit
			if _, err := s.Open(testScope, base64.RawURLEncoding.EncodeToString(altered)); !errors.Is(err, want) {
				t.Errorf("byte %d, bit %d: got %v, want %v", i, bit, err, want)
			}
		}
	}
	for i := range token {
		for bit := range 8 {
			altered := []byte(token)
			altered[i] ^= 1 << bit
			if _, err := s.Open(testScope, string(altered)); !isSentinel(err) {
				t.Errorf("character %d, bit %d: got %v, want an error", i, bit, err)
			}
		}
	}
}

// Replacing the key id by that of another configured key does not bypass authentication.
func TestSwappedKeyID(t *testing.T) {
	t.Parallel()
	const other = "another secret for tests"
	s := newSealer(t, testSecret, other)
	raw, err := base64.RawURLEncoding.DecodeString(seal(t, s, testScope, testPosition))
	if err != nil {
		t.Fatal(err)
	}
	donor, err := base64.RawURLEncoding.DecodeString(seal(t, newSealer(t, other), testScope, testPosition))
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[1:5], donor[1:5])
	if _, err := s.Open(testScope, base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, cursor.ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
}

func TestScopeIsBound(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	scope := func(list, filters, sort string) cursor.Scope {
		return cursor.Scope{Organisation: testScope.Organisation, List: list, Filters: filters, Sort: sort}
	}
	another := testScope
	another.Organisation[15] ^= 1
	for _, tt := range []struct {
		name       string
		made, used cursor.Scope
	}{
		{"Organisation", testScope, another},
		{"List", testScope, scope("contacts", testScope.Filters, testScope.Sort)},
		{"Filters", testScope, scope(testScope.List, "stageId=8&status=active", testScope.Sort)},
		{"FiltersDropped", testScope, scope(testScope.List, "", testScope.Sort)},
		{"Sort", testScope, scope(testScope.List, testScope.Filters, "updated_at")},
		{"BoundaryOfListAndFilters", scope("ab", "c", ""), scope("a", "bc", "")},
		{"BoundaryOfFiltersAndSort", scope("l", "ab", "c"), scope("l", "a", "bc")},
		{"EmptyMemberMoves", scope("a", "", "b"), scope("a", "b", "")},
		{"LengthAsText", scope("a", "\x01b", ""), scope("a\x01b", "", "")},
		{"BeyondOneByteOfLength", scope(strings.Repeat("a", 128), "b", ""), scope(strings.Repeat("a", 127), "ab", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := seal(t, s, tt.made, testPosition)
			if got, err := s.Open(tt.made, token); err != nil || !equal(got, testPosition) {
				t.Errorf("in its own scope: got %+v, %v", got, err)
			}
			if got, err := s.Open(tt.used, token); !errors.Is(err, cursor.ErrForeign) || !equal(got, cursor.Position{}) {
				t.Errorf("in another scope: got %+v, %v; want ErrForeign", got, err)
			}
			// Equal nonces of different messages would reveal the plaintext.
			other := seal(t, s, tt.used, testPosition)
			if nonce(t, token) == nonce(t, other) {
				t.Error("two scopes share a nonce")
			}
		})
	}
}

func TestEveryFieldOfAPositionCounts(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	key, id, inclusive := testPosition, testPosition, testPosition
	key.Key = append(bytes.Clone(key.Key), 0) // differs from the padding in length alone
	id.ID[0] ^= 1
	inclusive.Inclusive = false
	seen := map[string]bool{}
	for _, at := range []cursor.Position{testPosition, key, id, inclusive} {
		token := seal(t, s, testScope, at)
		if got, err := s.Open(testScope, token); err != nil || !equal(got, at) {
			t.Errorf("got %+v, %v; want %+v", got, err, at)
		}
		seen[nonce(t, token)] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 positions have %d nonces", len(seen))
	}
}

func nonce(tb testing.TB, token string) string {
	tb.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw[5:17])
}

func TestPaddingHidesLength(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	// The flags, the id and the length take 19 bytes of the first block of 64.
	for _, tt := range []struct{ from, to, chars int }{
		{0, 45, 130},
		{46, 109, 215},
		{110, 173, 300},
	} {
		for n := tt.from; n <= tt.to; n++ {
			at := cursor.Position{Key: bytes.Repeat([]byte("k"), n)}
			if got := len(seal(t, s, testScope, at)); got != tt.chars {
				t.Errorf("a key of %d bytes: a cursor of %d characters, want %d", n, got, tt.chars)
			}
		}
	}
}

func TestOpenRejectsMalformedTokens(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	token := seal(t, s, testScope, testPosition)
	n := len(token)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	// 97 bytes end in a character of which four bits are unused: the lenient
	// decoder takes this spelling for the same bytes.
	respelled := token[:n-1] + string(token[n-1]+1)
	if same, err := base64.RawURLEncoding.DecodeString(respelled); err != nil || !bytes.Equal(same, raw) {
		t.Fatalf("%q is no second spelling of %q", respelled, token)
	}
	for _, tt := range []struct{ name, token string }{
		{"Empty", ""},
		{"Word", "next"},
		{"Number", "50"},
		{"OneCharacterShort", token[:n-1]},
		{"OneByteShort", base64.RawURLEncoding.EncodeToString(raw[:len(raw)-1])},
		{"OneByteLong", base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw), 0))},
		{"OnlyZeros", strings.Repeat("A", n)},
		{"OnlyNUL", strings.Repeat("\x00", n)},
		{"NotUTF8", strings.Repeat("\xff", n)},
		{"NotASCII", strings.Repeat("ü", n/2)},
		{"Padded", token + "=="},
		{"StandardAlphabet", strings.Repeat("+/", n/2)},
		{"LineEndAfter", token + "\n"},
		{"LineEndInside", token[:40] + "\r\n" + token[40:]},
		{"SpaceBefore", " " + token},
		{"UnusedBitsSet", respelled},
		{"Twice", token + token},
		{"LongerThanAny", strings.Repeat(token, 30)},
		{"Huge", strings.Repeat("A", 1<<20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Open(testScope, tt.token)
			if !errors.Is(err, cursor.ErrMalformed) || !equal(got, cursor.Position{}) {
				t.Errorf("got %+v, %v; want ErrMalformed", got, err)
			}
		})
	}
}

// Workspaces are pooled: results must not change when the workspace is used again, nor may
// earlier contents have an effect.
func TestResultsAreNotShared(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret)
	long := testScope
	long.Filters = strings.Repeat("f", 1<<20)
	longToken := seal(t, s, long, testPosition)
	token := seal(t, s, testScope, testPosition)
	first, err := s.Open(testScope, token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		at := cursor.Position{Key: bytes.Repeat([]byte{byte(i)}, 27), ID: [16]byte{byte(i)}}
		if got, err := s.Open(testScope, seal(t, s, testScope, at)); err != nil || !equal(got, at) {
			t.Fatalf("got %+v, %v; want %+v", got, err, at)
		}
	}
	if !equal(first, testPosition) {
		t.Errorf("an opened position became %+v", first)
	}
	if seal(t, s, testScope, testPosition) != token || seal(t, s, long, testPosition) != longToken {
		t.Error("a cursor depends on what was sealed before")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newSealer(t, testSecret, "another secret for tests")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			scope := testScope
			scope.Organisation[0] = byte(worker)
			for i := range 200 {
				at := cursor.Position{Key: fmt.Appendf(nil, "%d/%d", worker, i), ID: [16]byte{byte(i)}, Inclusive: i%2 == 0}
				token, err := s.Seal(scope, at)
				if err != nil {
					t.Errorf("seal: %v", err)
					return
				}
				got, err := s.Open(scope, token)
				if err != nil || !equal(got, at) {
					t.Errorf("got %+v, %v; want %+v", got, err, at)
					return
				}
			}
		})
	}
	wg.Wait()
}

func isSentinel(err error) bool {
	return errors.Is(err, cursor.ErrMalformed) || errors.Is(err, cursor.ErrUnknownKey) || errors.Is(err, cursor.ErrForeign)
}
