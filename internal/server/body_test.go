package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// request returns a request with a body of unknown length.
func request(body, contentType string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(body)))
	r.Header.Set("Content-Type", contentType)
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, maxBody)
	return r
}

// read returns the members of a request's body.
func read(r *http.Request) (map[string]json.RawMessage, error) {
	text, err := ReadJSON(r)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	err = EachMember(text, func(name string, value json.RawMessage) bool {
		members[name] = value
		return true
	})
	return members, err
}

func TestRejectedBodies(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for name, test := range map[string]struct {
		body, contentType string
		want              int
	}{
		"Empty":             {"", "application/json", 400},
		"Blank":             {" \n", "application/json", 400},
		"NotJSON":           {"name=x", "application/json", 400},
		"Unfinished":        {`{"name":"x"`, "application/json", 400},
		"Trailing":          {`{"name":"x"} {}`, "application/json", 400},
		"TrailingComma":     {`{"name":"x",}`, "application/json", 400},
		"Array":             {`[]`, "application/json", 400},
		"Null":              {`null`, "application/json", 400},
		"String":            {`"x"`, "application/json", 400},
		"NotUTF8":           {"{\"name\":\"\xff\"}", "application/json", 400},
		"HalfACharacter":    {`{"name":"\ud83d"}`, "application/json", 400},
		"OtherHalf":         {`{"name":"x\uDE00"}`, "application/json", 400},
		"HalvesTurned":      {`{"name":"\ude00\ud83d"}`, "application/json", 400},
		"HalfAndAHalf":      {`{"name":"\ud83d\ud83d\ude00"}`, "application/json", 400},
		"HalfInAName":       {`{"\ud83d":1}`, "application/json", 400},
		"TooDeep":           {nested(maxDepth), "application/json", 400},
		"EndlesslyDeep":     {strings.Repeat("[", maxBody), "application/json", 400},
		"TooLarge":          {`{"name":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", 413},
		"Form":              {"name=x", "application/x-www-form-urlencoded", 415},
		"Text":              {"{}", "text/plain", 415},
		"JSONInLatin1":      {"{}", "application/json; charset=iso-8859-1", 415},
		"BadContentType":    {"{}", ";;", 415},
		"TextThatEndsAlike": {"{}", "text/x+json", 415},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(request(test.body, test.contentType))
			if got := ProblemOf(err).Status; got != test.want {
				t.Errorf("got %d (%v), want %d", got, err, test.want)
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x","value":1e2}`, `{"a":[{"b":"\ud800"}]}`, `{"name":1,"name":2}`, `[`, "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := read(request(text, "application/json"))
		if err == nil {
			return
		}
		if status := ProblemOf(err).Status; status != 400 && status != 413 {
			t.Errorf("%q: %d, %v", text, status, err)
		}
	})
}

// Pairs of surrogates are decoded in every notation; an escaped backslash starts no
// surrogate.
func TestSurrogates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`\ud83d\ude00`: "😀", `\uD83D\uDE00\u00e9`: "😀é", `😀`: "😀", `\\ud83d`: `\ud83d`, `\ufffd`: "\ufffd", `\\\ud83d\ude00`: `\😀`, `\ue000\"`: "\ue000\"",
	} {
		members, err := read(request(`{"name":"`+text+`"}`, "application/json"))
		var got string
		if err == nil {
			err = json.Unmarshal(members["name"], &got)
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	_, err := read(request(`{"name":"ab\uDC01"}`, "application/json"))
	if err == nil || !strings.Contains(err.Error(), `\uDC01, at byte 12`) {
		t.Errorf("the message has no offset: %v", err)
	}
}
