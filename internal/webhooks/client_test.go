package webhooks

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sixty/internal/servertest"
)

// local allows requests to this host.
func local() *Guard { return &Guard{HTTP: true, Addresses: prefixes("127.0.0.0/8", "::1/128")} }

func newTestClient(tb testing.TB, guard *Guard) *Client {
	tb.Helper()
	c := NewClient(guard, nil)
	tb.Cleanup(c.Close)
	return c
}

// TestSignature: the Standard Webhooks library accepts what is signed, by each of the secrets.
func TestSignature(t *testing.T) {
	t.Parallel()
	old, current := newSecret(), newSecret()
	if len(current) < len(secretPrefix)+32 || old == current {
		t.Fatalf("secrets %s, %s", old, current)
	}
	var got http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(receiver.Close)
	r := newTestClient(t, local()).send(t.Context(), receiver.URL, "id.EPOCH.1", []string{current, old}, time.Now(), []byte(`{"type":"test"}`))
	if r.status != http.StatusOK || r.failure != "" {
		t.Fatalf("%+v", r)
	}
	for _, secret := range []string{current, old} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(body, got); err != nil {
			t.Errorf("the library rejects the signature: %v", err)
		}
		if err := verifier.Verify(append(body, ' '), got); err == nil {
			t.Error("the library accepts another body")
		}
	}
	want := http.Header{
		"Accept-Encoding": nil, "Content-Type": {"application/json"}, "User-Agent": {"sixty"}, "Webhook-Id": {"id.EPOCH.1"}, "Content-Length": {"15"},
		"Webhook-Timestamp": got["Webhook-Timestamp"], "Webhook-Signature": got["Webhook-Signature"],
	}
	delete(want, "Accept-Encoding")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the header (-want +got):\n%s", diff)
	}
}

// responses is a receiver with a behaviour for each path.
func responses(tb testing.TB) (receiver *httptest.Server, followed *atomic.Int64) {
	tb.Helper()
	followed = new(atomic.Int64)
	mux := http.NewServeMux()
	// The end of a connection is noticed once the body is read.
	read := func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	mux.HandleFunc("/{status}", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.PathValue("status"))
		w.Header().Set("Retry-After", r.URL.Query().Get("after"))
		w.Header().Set("Location", "/followed")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "status "+r.PathValue("status")+"\x00\xff")
	})
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, r *http.Request) {
		read(r)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("é", 10_000)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		read(r)
		<-r.Context().Done()
	})
	mux.HandleFunc("/broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/trickle", func(w http.ResponseWriter, r *http.Request) {
		read(r)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	receiver = httptest.NewServer(mux)
	tb.Cleanup(receiver.Close)
	return receiver, followed
}

func TestResponses(t *testing.T) {
	t.Parallel()
	receiver, followed := responses(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		url  string
		want response
	}{
		{receiver.URL + "/204", response{status: 204}},
		{receiver.URL + "/200", response{status: 200, body: "status 200"}},
		{receiver.URL + "/302", response{status: 302, body: "status 302", failure: "redirects are not followed: the status was 302"}},
		{receiver.URL + "/410", response{status: 410, body: "status 410", failure: "the status was 410"}},
		{receiver.URL + "/500?after=60", response{status: 500, body: "status 500", failure: "the status was 500"}},
		{receiver.URL + "/503?after=60", response{status: 503, body: "status 503", failure: "the status was 503", retryAfter: time.Minute}},
		{receiver.URL + "/429?after=86400000", response{status: 429, body: "status 429", failure: "the status was 429", retryAfter: maxRetryAfter}},
		{receiver.URL + "/429?after=-1", response{status: 429, body: "status 429", failure: "the status was 429"}},
		{receiver.URL + "/503?after=Sun,%2001%20Mar%202026%2009:02:00%20GMT", response{status: 503, body: "status 503", failure: "the status was 503", retryAfter: 2 * time.Minute}},
		{receiver.URL + "/long", response{status: 200, body: strings.Repeat("é", maxAnswer/2)}},
		{receiver.URL + "/broken", response{failure: "the connection failed"}},
		{receiver.URL + "/silent", response{failure: "there was no response within 10s"}},
		{receiver.URL + "/trickle", response{status: 200, failure: "the response ended early"}},
		{gone.URL, response{failure: "the connection was refused"}},
		{encrypted.URL, response{failure: "the server's certificate is not valid for the host"}},
		{strings.Replace(receiver.URL, "http:", "https:", 1) + "/200", response{failure: "the connection could not be encrypted"}},
		{"http://nowhere.example:8000/", response{failure: "the host's name could not be resolved"}},
		{"http://10.0.0.1:8000/", response{failure: "the address is not public"}},
		{"http://ada@example.com:8000/", response{failure: "the URL must not contain a user or a password"}},
	} {
		t.Run(c.url[strings.LastIndexByte(c.url, '/')+1:], func(t *testing.T) {
			t.Parallel()
			guard := local()
			guard.Resolver = testNames
			client := newTestClient(t, guard)
			if strings.HasSuffix(c.url, "/silent") || strings.HasSuffix(c.url, "/trickle") {
				client.limit = 50 * time.Millisecond // ends only what never would
			}
			got := client.send(t.Context(), c.url, "id", []string{newSecret()}, now, []byte("{}"))
			got.took = 0
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(response{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Cleanup(func() {
		if n := followed.Load(); n > 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

// TestVerifiedTLS: a certificate of the right host and a trusted authority is accepted.
func TestVerifiedTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := servertest.Certify(t, dir, "127.0.0.1")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.ServeTLS(listener, dir+"/cert.pem", dir+"/key.pem") }()
	client := NewClient(&Guard{Addresses: prefixes("127.0.0.1/32")}, roots)
	t.Cleanup(client.Close)
	if r := client.send(t.Context(), "https://"+listener.Addr().String()+"/", "id", nil, time.Now(), nil); r.status != http.StatusAccepted || r.failure != "" {
		t.Errorf("%+v", r)
	}
}

// rebinding is a Resolver that returns other addresses each time, the last ones for ever.
type rebinding struct {
	looks atomic.Int64
	all   [][]netip.Addr
}

func (r *rebinding) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return r.all[min(int(r.looks.Add(1)), len(r.all))-1], nil
}

// TestRebinding: a name that has a public address when it is set up, and that of this host when a
// request is sent, leads nowhere; nor does a connection to an address that was not checked.
func TestRebinding(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(receiver.Close)
	here := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	public := []netip.Addr{netip.MustParseAddr("93.184.215.14")}
	port := receiver.URL[strings.LastIndexByte(receiver.URL, ':'):]
	for name, spelling := range map[string][]netip.Addr{"IPv4": here, "Mapped": {netip.MustParseAddr("::ffff:127.0.0.1")}, "Among others": append(public[:1:1], here...)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			guard := &Guard{HTTP: true, Resolver: &rebinding{all: [][]netip.Addr{public, spelling}}}
			url, violation := guard.Check(t.Context(), "http://rebinding.example"+port+"/")
			if violation != "" {
				t.Fatal(violation)
			}
			if r := newTestClient(t, guard).send(t.Context(), url, "id", nil, time.Now(), nil); r.failure != errForbidden.Error() || r.status != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Cleanup(func() {
		if n := reached.Load(); n > 0 {
			t.Errorf("%d requests have reached this host", n)
		}
	})
}

// TestConnection: the address that a connection is really made to is checked.
func TestConnection(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(receiver.Close)
	guard := &Guard{HTTP: true}
	address := receiver.Listener.Addr().String()
	if _, err := (&net.Dialer{Control: guard.control("example.com")}).DialContext(t.Context(), "tcp", address); err == nil {
		t.Error("a connection to this host is made")
	}
	allowed := &Guard{HTTP: true, Hosts: []string{"example.com"}}
	conn, err := (&net.Dialer{Control: allowed.control("example.com")}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
