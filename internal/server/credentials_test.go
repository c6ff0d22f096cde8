package server

import (
	"net/http"
	"testing"
)

func TestCookie(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  string
		sent  bool
	}{
		{nil, "", false},
		{[]string{"s=1"}, "1", true},
		{[]string{"a=0; s=1; s=2"}, "1", true},
		{[]string{"a=0;s=1"}, "1", true},
		{[]string{"a=0", "b=1; s=x=y"}, "x=y", true},
		{[]string{`s="1"`}, "1", true},
		{[]string{`s="`}, `"`, true},
		{[]string{"s="}, "", true},
		{[]string{"s"}, "", true},
		{[]string{"as=1; S=1; =s; ;"}, "", false},
	} {
		r := &http.Request{Header: http.Header{"Cookie": c.lines}}
		if got, sent := cookie(r, "s"); got != c.want || sent != c.sent {
			t.Errorf("%q: %q, %v, want %q, %v", c.lines, got, sent, c.want, c.sent)
		}
	}
}

// A bearer token that is also the anonymous key of the identity provider counts as none. The
// key itself is no credential.
func TestAnonymousKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		authorization string
		keys          []string
		want          string
	}{
		{"Bearer a", nil, "a"},
		{"Bearer a", []string{"b"}, "a"},
		{"Bearer a", []string{"a"}, ""},
		{"bearer  a ", []string{"a"}, ""},
		{"Bearer a", []string{"b", "a"}, ""},
		{"", []string{"a"}, ""},
		{"Bearer ", []string{""}, ""},
	} {
		r := &http.Request{Header: http.Header{"Authorization": {c.authorization}, "Apikey": c.keys}}
		if got := BearerToken(r); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.authorization, c.keys, got, c.want)
		}
	}
}
