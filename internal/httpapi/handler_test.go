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

func TestHealth(t *testing.T) {
	t.Parallel()
	sick := apiOver(t, noDeals, func(o *testOptions) {
		o.Health = func(context.Context) error { return errors.New("no route to 10.0.0.1") }
	})
	for path, want := range map[string]string{
		"/api/health": `{"status":"healthy"}`, "/readyz": `{"status":"ready"}`, "/livez": `{"status":"alive"}`,
	} {
		res := answerTo(t, apiOver(t, noDeals), "GET", path)
		if res.Code != http.StatusOK || res.Body.String() != want {
			t.Errorf("%s: %d %s", path, res.Code, res.Body)
		}
		res = answerTo(t, sick, "GET", path)
		if path == "/livez" {
			if res.Code != http.StatusOK {
				t.Errorf("%s: %d while the database is away", path, res.Code)
			}
			continue
		}
		if status, detail := problemIn(t, res); status != 503 || strings.Contains(detail, "10.0.0.1") {
			t.Errorf("%s: %d %s", path, status, detail)
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
