package server

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/cache"
)

func TestRepresentations(t *testing.T) {
	t.Parallel()
	a := answering(t)
	for _, path := range []string{"/api/deals", aDeal} {
		plain := ask(t, a, "GET", path)
		hash := cache.HashOf(plain.Body.Bytes())
		version := map[string]string{"/api/deals": "", aDeal: "7."}[path]
		for _, encoding := range []string{"", encodingBrotli, encodingZstd, encodingGzip} {
			t.Run(path+encoding, func(t *testing.T) {
				t.Parallel()
				suffix := map[bool]string{true: "", false: "-" + encoding}[encoding == ""]
				want := `"` + version + hash + suffix + `"`
				res := ask(t, a, "GET", path, "Accept-Encoding", encoding)
				if got, err := decoded(encoding, res.Body.Bytes()); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
					t.Errorf("the body differs, %v", err)
				}
				h := res.Header()
				if h.Get("ETag") != want || h.Get("Content-Encoding") != encoding || h.Get("Vary") == "" || !varies(h, "Accept-Encoding") {
					t.Errorf("want the tag %s, got %v", want, h)
				}

				head := ask(t, a, "HEAD", path, "Accept-Encoding", encoding)
				if head.Code != http.StatusOK || head.Body.Len() != 0 {
					t.Errorf("HEAD is a %d with %d bytes", head.Code, head.Body.Len())
				}
				if diff := cmp.Diff(stable(h), stable(head.Header())); diff != "" {
					t.Errorf("headers (-GET +HEAD):\n%s", diff)
				}

				for _, method := range []string{"GET", "HEAD"} {
					again := ask(t, a, method, path, "Accept-Encoding", encoding, "If-None-Match", h.Get("ETag"))
					if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
						t.Errorf("%s again is a %d with %d bytes", method, again.Code, again.Body.Len())
					}
					// RFC 9110 section 15.4.5: what guides caches, and nothing of the body.
					left := stable(h)
					for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Type", "Link"} {
						left.Del(name)
					}
					if diff := cmp.Diff(left, stable(again.Header())); diff != "" {
						t.Errorf("headers of 304 (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

// stable returns the headers of a response that do not differ between requests.
func stable(h http.Header) http.Header {
	h = maps.Clone(h)
	h.Del(requestIDHeader)
	h.Del("Server-Timing")
	return h
}

func TestConditions(t *testing.T) {
	t.Parallel()
	a := answering(t)
	tag := ask(t, a, "GET", aDeal).Header().Get("ETag")
	zipped := strings.TrimSuffix(tag, `"`) + `-gzip"`
	for name, test := range map[string]struct {
		headers []string
		want    int
	}{
		"NoneMatch":            {[]string{"If-None-Match", `"other"`}, 200},
		"Match":                {[]string{"If-None-Match", tag}, 304},
		"WeakMatch":            {[]string{"If-None-Match", "W/" + tag}, 304},
		"AnyMatch":             {[]string{"If-None-Match", "*"}, 304},
		"HundredTags":          {[]string{"If-None-Match", strings.Repeat(`"other", `, 100) + tag}, 304},
		"Unreadable":           {[]string{"If-None-Match", strings.Trim(tag, `"`)}, 200},
		"OtherEncoding":        {[]string{"If-None-Match", zipped}, 200},
		"SameEncoding":         {[]string{"If-None-Match", zipped, "Accept-Encoding", "gzip"}, 304},
		"EncodedNow":           {[]string{"If-None-Match", tag, "Accept-Encoding", "gzip"}, 200},
		"Required":             {[]string{"If-Match", tag}, 200},
		"RequiredAny":          {[]string{"If-Match", "*"}, 200},
		"RequiredOther":        {[]string{"If-Match", `"other"`}, 412},
		"RequiredWeak":         {[]string{"If-Match", "W/" + tag}, 412},
		"RequiredAndUnchanged": {[]string{"If-Match", tag, "If-None-Match", tag}, 304},
		"RequirementFirst":     {[]string{"If-Match", `"other"`, "If-None-Match", tag}, 412},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := ask(t, a, "GET", aDeal, test.headers...)
			if res.Code != test.want {
				t.Errorf("got %d, want %d", res.Code, test.want)
			}
			if test.want == 412 {
				problemIn(t, res)
			}
		})
	}
}

// Short responses and problems are not encoded, and do not vary by encoding.
func TestUnencodedResponses(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil)
	for path, want := range map[string]int{"/api/deals": 200, "/livez": 200, "/api/deals/x": 404, "/api/nothing": 404} {
		res := ask(t, a, "GET", path, "Accept-Encoding", browserAccepts)
		h := res.Header()
		if res.Code != want || h.Get("Content-Encoding") != "" || varies(h, "Accept-Encoding") {
			t.Errorf("%s: %d %v", path, res.Code, h)
		}
		if tagged := h.Get("ETag") != ""; tagged != (want == 200) {
			t.Errorf("%s: a %d with the tag %q", path, res.Code, h.Get("ETag"))
		}
	}
}

// A cached encoding is sent, and not compressed anew.
func TestCachedEncodingsAreSent(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil)
	rep := &representation{
		body: make([]byte, encodeFrom), hash: "0123456789abcdef", contentType: a.values.json, link: "<x>",
		encoded: encodedOnce{"zstd": func() []byte { return []byte("cached zstd") }},
	}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Accept-Encoding", "zstd")
	w := httptest.NewRecorder()
	a.respond(w, r, rep)
	want := http.Header{
		"Content-Encoding": {"zstd"}, "Content-Length": {"11"}, "Content-Type": {"application/json"},
		"Etag": {`"0123456789abcdef-zstd"`}, "Link": {"<x>"}, "Vary": {"Accept-Encoding"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" || w.Body.String() != "cached zstd" {
		t.Errorf("%s (-want +got):\n%s", w.Body, diff)
	}
}

// Header values that responses share are not changed by adding to one response's.
func TestSharedHeaderValuesAreNotChanged(t *testing.T) {
	t.Parallel()
	const home = "http://localhost:5173"
	a := newServer(t, nil, func(o *Options) { o.FrontendOrigins = []string{home} })
	first := ask(t, a, "GET", "/api/deals", "Origin", home).Header()
	want := stable(first.Clone())
	for name := range first {
		first.Add(name, "more")
	}
	if diff := cmp.Diff(want, stable(ask(t, a, "GET", "/api/deals", "Origin", home).Header())); diff != "" {
		t.Errorf("the next response's headers (-want +got):\n%s", diff)
	}
}

// BenchmarkRespond sends a cached response in each form.
func BenchmarkRespond(b *testing.B) {
	a := newServer(b, nil)
	body := dealsJSON(50)
	cached := a.compressor.compress(encodingBrotli, body)
	rep := &representation{
		body: body, hash: cache.HashOf(body), contentType: a.values.json, link: "<x>",
		encoded: encodedOnce{encodingBrotli: func() []byte { return cached }},
	}
	for name, headers := range map[string]http.Header{
		"Unencoded": {},
		"Encoded":   {"Accept-Encoding": {browserAccepts}},
		"Unchanged": {"Accept-Encoding": {browserAccepts}, "If-None-Match": {`"other", ` + entityTag(0, rep.hash, encodingBrotli)}},
	} {
		b.Run(name, func(b *testing.B) {
			r := &http.Request{Method: http.MethodGet, Header: headers}
			w := &discard{header: http.Header{}}
			vary := []string{"Authorization"}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				w.header["Vary"] = vary
				a.respond(w, r, rep)
			}
		})
	}
}
