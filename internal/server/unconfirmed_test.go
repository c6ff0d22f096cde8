package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/crm"
)

// outcomes are the outcomes of transactions, by their numbers: a seq, or 0 for one that was
// rolled back.
type outcomes struct {
	*crm.Service
	mu    sync.Mutex
	known map[string]int64
	asked int
}

func (o *outcomes) CommitOutcome(_ context.Context, t crm.Transaction) (crm.LogPosition, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	seq, ok := o.known[t.Number]
	if !ok {
		return crm.LogPosition{}, crm.CommitUnknown(&crm.UnknownCommit{Transaction: t, Cause: errors.New("not known yet")})
	}
	return crm.LogPosition{Epoch: "E", Seq: seq}, nil
}

func (o *outcomes) set(number string, seq int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[number] = seq
}

// sharedMap is a Shared.
type sharedMap struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (m *sharedMap) Get(_ context.Context, key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok
}

func (m *sharedMap) Set(key string, value []byte, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
}

// unconfirmedServer is a server whose first write has an unknown outcome.
type unconfirmedServer struct {
	*Server
	outcomes *outcomes
	runs     int
	unknown  bool // the next write's outcome is
	fails    error
}

func newUnconfirmedServer(t *testing.T, shared Shared) *unconfirmedServer {
	t.Helper()
	u := &unconfirmedServer{outcomes: &outcomes{Service: crm.NewService(nil, time.Now), known: map[string]int64{}}, unknown: true}
	u.Server = newServer(t, func(c *Call) error {
		u.runs++
		if u.unknown {
			of := crm.Transaction{Org: c.Actor.Org, Number: "7"}
			commit := &crm.UnknownCommit{Transaction: of, Cause: context.DeadlineExceeded, Wait: func(ctx context.Context) (crm.LogPosition, error) {
				return u.outcomes.CommitOutcome(ctx, of)
			}}
			if !commit.Keep(c.Context) {
				return crm.CommitUnknown(commit)
			}
			if u.fails != nil {
				return u.fails
			}
		}
		c.Location = aDeal
		c.Out = append(c.Out, `{"data":{"run":`+string(rune('0'+u.runs))+`},"error":null}`...)
		return nil
	}, func(o *Options) { o.Writes, o.Shared, o.Seal = u.outcomes, shared, "a secret" })
	return u
}

func (u *unconfirmedServer) post(path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	return w
}

func wantUnknown(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var p ProblemBody
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || p.Code != string(crm.CodeCommitUnknown) || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d with Retry-After %q: %s; want a 503 of code %s", w.Code, w.Header().Get("Retry-After"), w.Body, crm.CodeCommitUnknown)
	}
}

func wantRun(t *testing.T, w *httptest.ResponseRecorder, run string) {
	t.Helper()
	if body := `{"data":{"run":` + run + `},"error":null}`; w.Code != http.StatusCreated || w.Body.String() != body || w.Header().Get("Location") != aDeal {
		t.Errorf("%d %s at %q, want the response of run %s", w.Code, w.Body, w.Header().Get("Location"), run)
	}
}

func TestRepeatOfUnconfirmedWrite(t *testing.T) {
	t.Parallel()
	const path, body = "/api/deals?a=b", `{"name":"Order"}`
	first := func(t *testing.T, shared Shared) *unconfirmedServer {
		t.Helper()
		u := newUnconfirmedServer(t, shared)
		wantUnknown(t, u.post(path, body))
		u.unknown = false
		return u
	}
	t.Run("Committed", func(t *testing.T) {
		t.Parallel()
		u := first(t, nil)
		wantUnknown(t, u.post(path, body))
		u.outcomes.set("7", 12)
		w := u.post(path, body)
		wantRun(t, w, "1")
		if token := w.Header().Get(consistencyHeader); !strings.HasSuffix(token, ".12") {
			t.Errorf("the token is %q, want the position 12", token)
		}
		if u.runs != 1 {
			t.Errorf("it has run %d times", u.runs)
		}
		wantRun(t, u.post(path, body), "2") // the outcome is known: this is another write
	})
	t.Run("RolledBack", func(t *testing.T) {
		t.Parallel()
		u := first(t, nil)
		u.outcomes.set("7", 0)
		wantRun(t, u.post(path, body), "2")
	})
	t.Run("Other", func(t *testing.T) {
		t.Parallel()
		u := first(t, nil)
		u.outcomes.set("7", 12)
		wantRun(t, u.post("/api/deals?a=c", body), "2")
		wantRun(t, u.post(path, `{"name":"Other"}`), "3")
	})
	t.Run("WithoutResponse", func(t *testing.T) {
		t.Parallel()
		u := newUnconfirmedServer(t, nil)
		u.fails = errors.New("not readable")
		wantUnknown(t, u.post(path, body))
		u.unknown = false
		u.outcomes.set("7", 12)
		if w := u.post(path, body); w.Code != http.StatusConflict || u.runs != 1 {
			t.Errorf("%d %s, after %d runs; want 409 after 1", w.Code, w.Body, u.runs)
		}
	})
	t.Run("AtAnotherInstance", func(t *testing.T) {
		t.Parallel()
		shared := &sharedMap{values: map[string][]byte{}}
		first(t, shared)
		other := newUnconfirmedServer(t, shared)
		other.unknown = false
		wantUnknown(t, other.post(path, body))
		other.outcomes.set("7", 12)
		wantRun(t, other.post(path, body), "1")
		if other.runs != 0 {
			t.Errorf("it has run %d times, want 0", other.runs)
		}
		wantRun(t, other.post(path, body), "1") // the outcome is known: this is another write
	})
	t.Run("Forged", func(t *testing.T) {
		t.Parallel()
		shared := &sharedMap{values: map[string][]byte{}}
		first(t, shared)
		for _, value := range shared.values {
			value[len(value)-10]++
		}
		other := newUnconfirmedServer(t, shared)
		other.unknown = false
		other.outcomes.set("7", 12)
		wantRun(t, other.post(path, body), "1")
		if other.runs != 1 {
			t.Errorf("with a forged response it has run %d times, want 1", other.runs)
		}
	})
	t.Run("Evicted", func(t *testing.T) {
		t.Parallel()
		u := first(t, nil)
		for range maxUnconfirmed {
			u.unconfirmed.add(&unconfirmedWrite{until: time.Now().Add(time.Minute)})
		}
		if n := len(u.unconfirmed.all); n != maxUnconfirmed {
			t.Errorf("%d are kept, want %d", n, maxUnconfirmed)
		}
		wantRun(t, u.post(path, body), "2")
	})
}
