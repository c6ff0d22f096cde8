package load

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
)

func TestCacheStatus(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]struct {
		hit  bool
		tier string
	}{
		"":                                     {false, ""},
		"sixty; hit; ttl=299; detail=frequent": {true, "frequent"},
		`sixty; hit; detail="static"`:          {true, "static"},
		"sixty; fwd=miss; collapsed; detail=session":  {false, "session"},
		"sixty; fwd=bypass":                           {false, ""},
		"sixty; fwd=miss, edge; hit; ttl=1":           {true, ""},
		"edge; hit, sixty; fwd=miss; detail=frequent": {false, "frequent"},
		"hit; fwd=miss":                               {false, ""},
	} {
		if hit, tier := IsHit(field), Tier(field); hit != want.hit || tier != want.tier {
			t.Errorf("%q: hit %v, tier %q", field, hit, tier)
		}
	}
}

// Conn finds the end of each kind of response, so that the next one is read from its start.
func TestConn(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 3*readBuffer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" || r.Header.Get("Accept-Encoding") != "br" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/kept":
			w.Header().Set("Cache-Status", "sixty; hit")
			_, _ = w.Write([]byte("kept"))
		case "/large":
			w.Header().Set("Content-Length", "98304")
			_, _ = w.Write([]byte(large))
		case "/chunked":
			_, _ = w.Write([]byte(large))
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write([]byte(large))
		case "/unchanged":
			w.WriteHeader(http.StatusNotModified)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	c, err := Dial(addr, time.Now().Add(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		for path, want := range map[string]Answer{
			"/kept": {200, true}, "/large": {200, false}, "/chunked": {200, false}, "/unchanged": {304, false}, "/busy": {503, false}, "/": {200, false},
		} {
			if got, err := c.Do(Request(addr, path, "key", "Accept-Encoding", "br")); err != nil || got != want {
				t.Errorf("%s: %+v, %v, want %+v", path, got, err, want)
			}
		}
	}
	// A loop counts hits and rejections.
	target := Target{addr, [][]byte{Request(addr, "/kept", "key", "Accept-Encoding", "br"), Request(addr, "/busy", "key", "Accept-Encoding", "br")}}
	r, err := Open(t.Context(), target, 2, 200, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Took)+r.Rejected != 40 || r.Rejected == 0 || len(r.Hits) != len(r.Took) {
		t.Errorf("%d responses, %d hits, %d rejected, of 40", len(r.Took), len(r.Hits), r.Rejected)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	if _, err := w.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for encoding, body := range map[string][]byte{"": []byte("text"), "identity": []byte("text"), "br": b.Bytes()} {
		if got, err := Decode(encoding, body); err != nil || string(got) != "text" {
			t.Errorf("%s: %q, %v", encoding, got, err)
		}
	}
	for _, encoding := range []string{"br", "gzip", "zstd", "unheard-of"} {
		if got, err := Decode(encoding, []byte("text")); err == nil {
			t.Errorf("%s: %q of invalid input", encoding, got)
		}
	}
}
