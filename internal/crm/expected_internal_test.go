package crm

import "testing"

func TestExpected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expected Expected
		fits     bool // version 7
	}{
		"Anything": {Expected{}, true},
		"Same":     {OneOf(7), true},
		"OneOf":    {OneOf(6, 7), true},
		"Other":    {OneOf(6, 8), false},
		"Nothing":  {OneOf(), false},
		"NoneOf":   {NoneOf(6, 8), true},
		"NotSame":  {NoneOf(6, 7), false},
	} {
		err := test.expected.check(7)
		if want := map[bool]Code{true: "", false: CodePrecondition}[test.fits]; CodeOf(err) != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
