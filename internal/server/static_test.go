package server

import (
	"net/http"
	"strings"
	"testing"
)

// The encodings of a file are the same file, and a client that has it need not load it again.
func TestFilesAreCompressed(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	text := strings.Repeat("a line of text\n", 500)
	content := func() ([]byte, error) { return []byte(text), nil }
	s.HandleFile(File{Path: "/style.css", ContentType: "text/css", Content: content})
	s.HandleFile(File{Path: "/picture.png", ContentType: "image/png", Compact: true, Content: content})
	for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
		res := responseTo(t, s, "GET", "/style.css", "Accept-Encoding", encoding)
		if got := res.Header().Get("Content-Encoding"); got != encoding {
			t.Fatalf("Content-Encoding = %q", got)
		}
		if decoded, err := decoded(encoding, res.Body.Bytes()); err != nil || string(decoded) != text {
			t.Errorf("%s: the file differs, %v", encoding, err)
		}
		again := responseTo(t, s, "GET", "/style.css", "Accept-Encoding", encoding, "If-None-Match", res.Header().Get("ETag"))
		if again.Code != http.StatusNotModified {
			t.Errorf("%s: again it is a %d", encoding, again.Code)
		}
	}
	if picture := responseTo(t, s, "GET", "/picture.png", "Accept-Encoding", "gzip"); picture.Header().Get("Content-Encoding") != "" {
		t.Error("a picture is compressed twice")
	}
}
