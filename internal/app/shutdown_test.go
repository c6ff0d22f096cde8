package app_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// dial opens a connection.
func dial(t *testing.T, address string) (net.Conn, error) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	return dialer.DialContext(t.Context(), "tcp", address)
}

// slowRequest is a request on a connection of its own that is sent bit by bit.
type slowRequest struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (c *client) slowRequest(t *testing.T) *slowRequest {
	t.Helper()
	conn, err := dial(t, c.app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &slowRequest{t, conn, bufio.NewReader(conn)}
}

func (s *slowRequest) send(format string, args ...any) {
	s.t.Helper()
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n")
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// begin starts to create a company, and returns when the server waits for the body: the
// request is in flight.
func (s *slowRequest) begin(key, body string) {
	s.t.Helper()
	s.send("POST /api/companies HTTP/1.1\nHost: test\nAuthorization: Bearer %s\nContent-Type: application/json\nContent-Length: %d\nExpect: 100-continue\n\n", key, len(body))
	line, err := s.r.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		s.t.Fatalf("the server does not wait for the body: %q, %v", line, err)
	}
	if _, err := s.r.ReadString('\n'); err != nil {
		s.t.Fatal(err)
	}
}

// answer reads the response's status and whether the connection stays open.
func (s *slowRequest) answer() (status int, closes bool) {
	s.t.Helper()
	res, err := http.ReadResponse(s.r, nil)
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)); err != nil {
		s.t.Fatalf("half an answer: %v", err)
	}
	return res.StatusCode, res.Close
}

// refused waits until the server accepts no connections.
func (c *client) refused(t *testing.T) {
	t.Helper()
	eventually(t, "the server stops accepting", func() bool {
		conn, err := dial(t, c.app.Addr())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// eventually polls until yes returns true.
func eventually(tb testing.TB, what string, yes func() bool) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-deadline.C:
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

// ended waits for Run's end.
func (c *client) ended(t *testing.T) {
	t.Helper()
	select {
	case err := <-c.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
}

func TestRequestsInFlightFinishAtShutdown(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Drain")
		key := c.key(org.ID, crm.RoleManager)
		body := `{"name":"Made while shutting down"}`
		request := c.slowRequest(t)
		request.begin(key, body)
		c.stop()
		c.refused(t)
		request.send("%s", body)
		if status, closes := request.answer(); status != http.StatusCreated || !closes {
			t.Errorf("the request in flight: status %d, connection closes: %t; want 201, true", status, closes)
		}
		c.ended(t)
		companies, err := c.app.Core().Service.Companies(t.Context(), crm.Operator(org.ID), crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 1})
		if err != nil || len(companies.Rows) != 1 {
			t.Errorf("the company of the request in flight is not there: %+v, %v", companies.Rows, err)
		}
	})
}

// From the signal on, readiness fails; requests are served, on new and on kept connections,
// until the delay ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.DrainDelay = config.Optional{Duration: time.Hour, Given: true} })
	key := c.key(c.organisation("Drain").ID, crm.RoleManager)
	kept := c.slowRequest(t)
	get := "GET /api/user HTTP/1.1\nHost: test\nAuthorization: Bearer " + key + "\n\n"
	kept.send("%s", get)
	if status, closes := kept.answer(); status != http.StatusOK || closes {
		t.Errorf("before: status %d, connection closes: %t", status, closes)
	}
	c.stop()
	eventually(t, "readiness fails", func() bool {
		status, _, _ := c.do(http.MethodGet, "/readyz", "", nil)
		return status == http.StatusServiceUnavailable
	})
	for name, request := range map[string]*slowRequest{"a kept connection": kept, "a new connection": c.slowRequest(t)} {
		request.send("%s", get)
		if status, closes := request.answer(); status != http.StatusOK || !closes {
			t.Errorf("%s: status %d, connection closes: %t", name, status, closes)
		}
	}
	c.app.EndDrain()
	c.refused(t)
	c.ended(t)
}

func TestRequestsAreCancelledAfterTheShutdownTimeout(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.ShutdownTimeout = 20 * time.Millisecond })
	request := c.slowRequest(t)
	request.begin(c.key(c.organisation("Cut").ID, crm.RoleManager), `{"name":"Never sent"}`)
	c.stop()
	c.ended(t)
	if _, err := request.r.ReadByte(); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestCloseWithoutRun(t *testing.T) {
	t.Parallel()
	a := newApp(t, "sqlite")
	for range 2 {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if conn, err := dial(t, a.Addr()); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}
