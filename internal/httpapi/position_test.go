package httpapi

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sixty/internal/crm"
	"sixty/internal/cursor"
)

func TestPositionsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kinds := []keyKind{keyNumber, keyText, keyRank}
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		number := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}))
		want := crm.Position{ID: crm.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Inclusive: rapid.Bool().Draw(t, "inclusive")}
		switch kind {
		case keyText:
			want.Text = rapid.String().Draw(t, "key")
		case keyRank:
			want.Rank, want.Number = number.Draw(t, "rank"), number.Draw(t, "key")
		case keyNumber:
			want.Number = number.Draw(t, "key")
		}
		got, err := unsealed(sealed(want, kind), kind)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		for _, other := range kinds {
			if _, err := unsealed(sealed(want, kind), other); other != kind && err == nil {
				t.Fatal("a key of one kind is parsed as another")
			}
		}
	})
}

func TestPageCursors(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	scope := cursor.Scope{List: "deals", Sort: "value"}
	first, last, from := crm.Position{Number: 1, ID: crm.ID{15: 1}}, crm.Position{Number: 2, ID: crm.ID{15: 2}}, crm.Position{Number: 3, ID: crm.ID{15: 3}}
	turned := from
	turned.Inclusive = true
	for name, test := range map[string]struct {
		from               *crm.Position
		page               crm.Page[crm.Deal]
		wantNext, wantPrev *crm.Position
	}{
		"Whole":         {nil, crm.Page[crm.Deal]{First: &first, Last: &last}, nil, nil},
		"Middle":        {&from, crm.Page[crm.Deal]{First: &first, Last: &last, HasMore: true, HasPrevious: true}, &last, &first},
		"Empty":         {nil, crm.Page[crm.Deal]{}, nil, nil},
		"RowsVanished":  {&from, crm.Page[crm.Deal]{HasPrevious: true}, nil, &turned},
		"VanishedTwice": {&turned, crm.Page[crm.Deal]{HasMore: true}, &from, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := crm.List[crm.DealFilter]{From: test.from, Sort: crm.Sort{Field: "value"}}
			next, previous, err := pageCursors(a.Sealer, scope, q, test.page)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				token string
				want  *crm.Position
			}{{next, test.wantNext}, {previous, test.wantPrev}} {
				var got *crm.Position
				if c.token != "" {
					p, err := openCursor(a.Sealer, scope, q.Sort, c.token)
					if err != nil {
						t.Fatal(err)
					}
					got = &p
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}

func TestCursorMessages(t *testing.T) {
	t.Parallel()
	seen := map[string]error{}
	for _, err := range []error{cursor.ErrMalformed, cursor.ErrUnknownKey, cursor.ErrForeign} {
		text := cursorMessage(err)
		if other, ok := seen[text]; ok {
			t.Errorf("%v and %v have the same message", err, other)
		}
		seen[text] = err
	}
}

func TestPageLinkKeepsTheOtherParameters(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("/api/deals?status=won&cursor=old&direction=forward&q=%3Ca%3E&&x=1")
	if err != nil {
		t.Fatal(err)
	}
	want := `</api/deals?status=won&q=%3Ca%3E&x=1&direction=backward&cursor=new>; rel="prev"`
	if got := pageLink(u, "new", "backward", "prev"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A client may send what has no place in a header.
	u.RawQuery = "q=<>\"é"
	if got := pageLink(u, "new", "forward", "next"); strings.Count(got, "<") != 1 || strings.Count(got, ">") != 1 || strings.Count(got, `"`) != 2 {
		t.Errorf("the address runs out of its brackets: %s", got)
	}
}
