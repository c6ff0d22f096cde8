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
