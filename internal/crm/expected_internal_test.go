package crm

import "testing"

func TestExpected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expected VersionCondition
		fits     bool // version 7
	}{
		"Anything": {VersionCondition{}, true},
		"Same":     {VersionIn(7), true},
		"OneOf":    {VersionIn(6, 7), true},
		"Other":    {VersionIn(6, 8), false},
		"Nothing":  {VersionIn(), false},
		"NoneOf":   {VersionNotIn(6, 8), true},
		"New":      {(VersionCondition{}).New(), false},
		"Existing": {VersionIn(7).Existing(), true},
		"NotSame":  {VersionNotIn(6, 7), false},
	} {
		err := test.expected.Check(7)
		if want := map[bool]Code{true: "", false: CodePrecondition}[test.fits]; CodeOf(err) != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
