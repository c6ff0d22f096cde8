package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// answerTo returns the response to a request without a body.
func answerTo(t *testing.T, h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// problemIn parses a response that must be a problem, and checks what every problem has.
func problemIn(t *testing.T, res *httptest.ResponseRecorder) (status int, detail string) {
	t.Helper()
	text := res.Body.Bytes()
	if got := res.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q in %s", got, text)
	}
	var p struct {
		server.ProblemBody
		Data any `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if p.Status != res.Code || p.Title != server.StatusText(p.Status) || p.Type != "about:blank" || p.Error != p.Detail || p.Detail == "" || p.Data != nil || p.Instance == "" {
		t.Errorf("the problem's members are inconsistent: %s", text)
	}
	return p.Status, p.Detail
}

func noDeals(context.Context) (crm.Page[crm.Deal], error) { return crm.Page[crm.Deal]{}, nil }

// fakeHealth is a Health that is as a test has it.
type fakeHealth struct {
	readable, writable error
	warnings           []string
}

func (h fakeHealth) Readable(context.Context) error { return h.readable }
func (h fakeHealth) Writable(context.Context) error { return h.writable }
func (h fakeHealth) Warnings() []string             { return h.warnings }

func TestHealth(t *testing.T) {
	t.Parallel()
	gone := errors.New("no route to 10.0.0.1")
	readOnly := crm.Unavailable(gone)
	readOnly.Message = "The database accepts no writes."
	for name, c := range map[string]struct {
		health Health
		want   map[string]string // by path: the body, or of a 503 its detail
	}{
		"None": {nil, map[string]string{"/api/health": `{"status":"healthy"}`, "/readyz": `{"status":"ready"}`, "/readyz?for=reads": `{"status":"ready"}`}},
		"Gone": {fakeHealth{readable: gone, writable: gone}, map[string]string{
			"/api/health": "The program cannot", "/readyz": "The program cannot", "/readyz?for=reads": "The program cannot",
		}},
		"ReadOnly": {fakeHealth{writable: readOnly}, map[string]string{
			"/api/health": readOnly.Message, "/readyz": readOnly.Message, "/readyz?for=reads": `{"status":"ready"}`,
		}},
		"Warnings": {fakeHealth{warnings: []string{`a "b"`, "c"}}, map[string]string{
			"/api/health": `{"status":"degraded","problems":["a \"b\"","c"]}`, "/readyz": `{"status":"ready"}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := apiOver(t, noDeals, func(o *testOptions) { o.Health = c.health })
			c.want["/livez"] = `{"status":"alive"}`
			for path, want := range c.want {
				res := answerTo(t, a, "GET", path)
				if strings.HasPrefix(want, "{") {
					if res.Code != http.StatusOK || res.Body.String() != want {
						t.Errorf("%s: %d %s", path, res.Code, res.Body)
					}
					continue
				}
				status, detail := problemIn(t, res)
				if status != http.StatusServiceUnavailable || !strings.HasPrefix(detail, want) || strings.Contains(detail, "10.0.0.1") || res.Header().Get("Retry-After") == "" {
					t.Errorf("%s: %d %s", path, status, detail)
				}
			}
		})
	}
	for query, want := range map[string]int{"for=writing": http.StatusUnprocessableEntity, "for=reads&for=writes": http.StatusBadRequest, "_=1": http.StatusOK} {
		if res := answerTo(t, apiOver(t, noDeals), "GET", "/readyz?"+query); res.Code != want {
			t.Errorf("%s: %d %s", query, res.Code, res.Body)
		}
	}
}

func TestListIsOneWriteOfKnownLength(t *testing.T) {
	t.Parallel()
	a := apiOver(t, func(context.Context) (crm.Page[crm.Deal], error) { return dealsPage(50), nil })
	w := &counter{ResponseRecorder: httptest.NewRecorder()}
	a.ServeHTTP(w, listDeals(t))
	if w.writes != 1 || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d writes, Content-Length %s of %d", w.writes, w.Header().Get("Content-Length"), w.Body.Len())
	}
	if got := w.Header().Values("Link"); len(got) != 1 || !strings.Contains(got[0], `rel="next"`) {
		t.Errorf("Link = %q", got)
	}
}

type counter struct {
	*httptest.ResponseRecorder
	writes int
}

func (c *counter) Write(b []byte) (int, error) {
	c.writes++
	return c.ResponseRecorder.Write(b)
}
