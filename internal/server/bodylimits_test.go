package server

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// largeBody is the bound of the test's operation.
const largeBody = 3 * maxBody

// withLargeBodies returns a server with an operation whose bodies may be longer than usual.
func withLargeBodies(t *testing.T, run func(*Call) error) *Server {
	t.Helper()
	s := newServer(t, nil)
	s.Register(&Operation{
		ID: "large", Method: "POST", Path: "/api/large/{id}", HasBody: true, MaxBody: largeBody, Scope: crm.ScopeRead,
		Run: func(c *Call) error {
			if _, err := ReadJSON(c.Request); err != nil {
				return err
			}
			return run(c)
		},
	})
	return s
}

// sendLarge sends a body to the operation, or to another path.
func sendLarge(t *testing.T, s *Server, path string, body io.Reader, encoding string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", path, body)
	r.Header.Set("Authorization", "Bearer key")
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	received := 0
	s := withLargeBodies(t, func(*Call) error {
		received++
		return nil
	})
	text := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	const path = "/api/large/1"
	for _, test := range []struct {
		name, path, text string
		want             int
	}{
		{"Small", path, text(100), 200},
		{"AboveTheUsual", path, text(maxBody + 1), 200},
		{"Largest", path, text(largeBody), 200},
		{"TooLarge", path, text(largeBody + 1), 413},
		{"OtherOperation", "/api/deals", text(maxBody + 1), 413},
	} {
		if got := sendLarge(t, s, test.path, strings.NewReader(test.text), ""); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
		if got := sendLarge(t, s, test.path, struct{ io.Reader }{strings.NewReader(test.text)}, ""); got != test.want { // of unknown length
			t.Errorf("%s in chunks: %d, want %d", test.name, got, test.want)
		}
		for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
			if got := sendLarge(t, s, test.path, bytes.NewReader(encodedWith(t, encoding, strings.NewReader(test.text))), encoding); got != test.want {
				t.Errorf("%s as %s: %d, want %d", test.name, encoding, got, test.want)
			}
		}
	}
	if received != 3*5 {
		t.Errorf("%d bodies were received", received)
	}
}

// Only so many large bodies are held at once; small ones are received anyway.
func TestLargeBodiesAreBounded(t *testing.T) {
	t.Parallel()
	begun, end, ended := make(chan struct{}, largeBodies), make(chan struct{}), make(chan int, largeBodies)
	s := withLargeBodies(t, func(c *Call) error {
		if c.Request.PathValue("id") == "wait" {
			begun <- struct{}{}
			<-end
		}
		return nil
	})
	large := func() io.Reader { return strings.NewReader(`"` + strings.Repeat("x", maxBody) + `"`) }
	for range largeBodies {
		go func() { ended <- sendLarge(t, s, "/api/large/wait", large(), "") }()
	}
	for range largeBodies {
		<-begun
	}
	if got := sendLarge(t, s, "/api/large/1", large(), ""); got != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", got)
	}
	if got := sendLarge(t, s, "/api/large/1", strings.NewReader(`"x"`), ""); got != http.StatusOK {
		t.Errorf("a small one: %d", got)
	}
	close(end)
	for range largeBodies {
		if got := <-ended; got != http.StatusOK {
			t.Errorf("it ends with %d", got)
		}
	}
	if got := sendLarge(t, s, "/api/large/1", large(), ""); got != http.StatusOK {
		t.Errorf("afterwards: %d", got)
	}
}
