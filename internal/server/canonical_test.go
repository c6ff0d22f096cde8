package server

import "testing"

func TestCanonical(t *testing.T) {
	t.Parallel()
	k := []string{"a", "b", "search"}
	for raw, want := range map[string]string{
		"":                     "",
		"a=1":                  "a=1",
		"a=1&b=2":              "a=1&b=2",
		"b=2&a=1":              "a=1&b=2",
		"b=2&a=1&a=1":          "a=1&b=2",
		"a=1&a=2":              "a=1&a=2", // the operation rejects it
		"a=&b=2":               "b=2",
		"b=2&other=3":          "b=2",
		"other=3":              "",
		"search=J%C3%B6rg+M":   "search=J%C3%B6rg+M",
		"search=J%c3%b6rg%20M": "search=J%C3%B6rg+M",
		"search=%61":           "search=a",
		"%61=1":                "a=1",
		"a=%zz":                "a=%zz",
		"a=1;b=2":              "a=1%3Bb%3D2",
		"search=a;b&a=1":       "a=1&search=a%3Bb",
		"search=a%3bb":         "search=a%3Bb",
		"other=a;b&a=1":        "a=1",
		"a;b=1":                "",
		"search=a%26b%3D1&a=1": "a=1&search=a%26b%3D1",
		"search=%00&a=1":       "a=1&search=%00",
		"&&a=1&":               "a=1",
	} {
		if got := CanonicalQuery(k, raw); got != want {
			t.Errorf("%q becomes %q, want %q", raw, got, want)
		}
	}
}
