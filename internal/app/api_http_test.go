package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// connection is a raw connection to a program, on which a test writes what it wants.
type connection struct {
	t   testing.TB
	raw net.Conn
	in  *bufio.Reader
}

// dial opens a connection, which ends with the test.
func (c *client) dial(tb testing.TB) *connection {
	tb.Helper()
	raw := c.connect("127.0.0.1")
	return &connection{tb, raw, bufio.NewReader(raw)}
}

// send writes lines, and what follows them.
func (k *connection) send(rest string, lines ...string) {
	k.t.Helper()
	if _, err := io.WriteString(k.raw, strings.Join(lines, "\r\n")+"\r\n\r\n"+rest); err != nil {
		k.t.Fatal(err)
	}
}

// received is a response that has been read.
type received struct {
	status int
	header http.Header
	closes bool // the connection
	body   string
}

// response reads a response with its body.
func (k *connection) response() received {
	k.t.Helper()
	res, err := http.ReadResponse(k.in, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return received{res.StatusCode, res.Header, res.Close, string(body)}
}

// isClosed reports whether the server has closed the connection, behind what was read.
func (k *connection) isClosed() bool {
	k.t.Helper()
	_, err := k.in.ReadByte()
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// A client that waits for 100 (Continue) gets a final status at once where the header of its
// request decides it, and is asked for the body otherwise (RFC 9110 section 10.1.1).
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Expect", crm.RoleManager)
		company := "/api/companies/" + id(u.make("/api/companies", object{"name": "Acme"}))
		const body = `{"name": "B"}`
		for name, test := range map[string]struct {
			request string
			key     string
			headers []string
			want    int
			header  string // that the response has
		}{
			"NoCredentials":  {"POST /api/companies", "", nil, 401, "WWW-Authenticate"},
			"Scope":          {"POST /api/keys", u.key, nil, 403, ""},
			"Viewer":         {"POST /api/companies", u.as(crm.RoleViewer).key, nil, 403, ""},
			"CrossSite":      {"POST /api/companies", "", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, ""},
			"NoSuchPath":     {"POST /api/nothing", u.key, nil, 404, ""},
			"NoSuchMethod":   {"POST /api/health", u.key, nil, 405, "Allow"},
			"TooLong":        {"POST /api/companies", u.key, []string{"Content-Length: 99999999"}, 413, ""},
			"TooLongEncoded": {"POST /api/companies", u.key, []string{"Content-Length: 99999999", "Content-Encoding: gzip"}, 413, ""},
			"TooLongLogin":   {"POST /api/auth/login", "", []string{"Content-Length: 99999999"}, 413, ""},
			"Text":           {"POST /api/companies", u.key, []string{"Content-Type: text/plain"}, 415, "Accept"},
			"TextOnce":       {"POST /api/companies", u.key, []string{"Content-Type: text/plain", "Idempotency-Key: 1"}, 415, "Accept"},
			"JSONPatch":      {"PATCH " + company, u.key, []string{"Content-Type: application/json-patch+json"}, 415, "Accept-Patch"},
			"UnknownCoding":  {"POST /api/companies", u.key, []string{"Content-Encoding: compress"}, 415, "Accept-Encoding"},
			"Good":           {"POST /api/companies", u.key, nil, 100, ""},
			"GoodOnce":       {"POST /api/companies", u.key, []string{"Idempotency-Key: 2"}, 100, ""},
			"GoodChunked":    {"POST /api/companies", u.key, []string{"Transfer-Encoding: chunked"}, 100, ""},
			"GoodPatch":      {"PATCH " + company, u.key, []string{"Content-Type: application/merge-patch+json"}, 100, ""},
			"GoodLogin":      {"POST /api/auth/login", "", nil, 100, ""},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				k := c.dial(t)
				lines := append([]string{test.request + " HTTP/1.1", "Host: a", "Expect: 100-continue"}, test.headers...)
				if test.key != "" {
					lines = append(lines, "Authorization: Bearer "+test.key)
				}
				all := strings.Join(lines, "\n")
				if !strings.Contains(all, "Content-Type") {
					lines = append(lines, "Content-Type: application/json")
				}
				if chunked := strings.Contains(all, "Transfer-Encoding"); !chunked && !strings.Contains(all, "Content-Length") {
					lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
				}
				k.send("", lines...)
				res := k.response()
				if res.status != test.want || test.header != "" && res.header.Get(test.header) == "" {
					t.Fatalf("%d %v, want %d and %s", res.status, res.header, test.want, test.header)
				}
				switch {
				case test.want != 100:
					if !k.isClosed() { // what the client may still send is no request
						t.Error("the connection remains open")
					}
				case strings.Contains(all, "Transfer-Encoding"):
					k.send("", fmt.Sprintf("%x\r\n%s\r\n0", len(body), body))
				default:
					if _, err := io.WriteString(k.raw, body); err != nil {
						t.Fatal(err)
					}
				}
				if test.want == 100 {
					if res := k.response(); res.status >= 300 && !strings.Contains(test.request, "login") || res.status >= 500 {
						t.Errorf("%d %s", res.status, res.body)
					}
				}
			})
		}
	})
}

// A request with a Transfer-Encoding is the last of its connection: a proxy may have taken its
// Content-Length for its end (RFC 9112 section 6.1).
func TestFramingOfRequests(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	key := "Authorization: Bearer " + newUser(c, "Framing", crm.RoleManager).key
	const post, get = "POST /api/companies HTTP/1.1", "GET /livez HTTP/1.1"
	const chunks, smuggled = "d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n", get + "\r\nHost: a\r\n\r\n"
	for name, test := range map[string]struct {
		lines  []string
		rest   string
		want   int
		closed bool
	}{
		"Length":         {[]string{post, "Host: a", key, "Content-Length: 13"}, `{"name": "A"}`, 201, false},
		"Chunked":        {[]string{post, "Host: a", key, "Transfer-Encoding: chunked"}, chunks, 201, true},
		"Both":           {[]string{post, "Host: a", key, "Content-Length: 23", "Transfer-Encoding: chunked"}, chunks + smuggled, 201, true},
		"BothReversed":   {[]string{post, "Host: a", key, "Transfer-Encoding: chunked", "Content-Length: 23"}, chunks + smuggled, 201, true},
		"BothNotAllowed": {[]string{post, "Host: a", "Content-Length: 23", "Transfer-Encoding: chunked"}, chunks + smuggled, 401, true},
		"OfAGet":         {[]string{get, "Host: a", "Transfer-Encoding: chunked"}, "0\r\n\r\n" + smuggled, 200, true},
		"OfHTTP10":       {[]string{"GET /livez HTTP/1.0", "Connection: keep-alive", "Transfer-Encoding: chunked"}, "0\r\n\r\n" + smuggled, 200, true},
		"Preflight": {[]string{
			"OPTIONS /api/deals HTTP/1.1", "Host: a", "Origin: http://localhost:5173", "Access-Control-Request-Method: GET", "Transfer-Encoding: chunked",
		}, "0\r\n\r\n" + smuggled, 204, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := c.dial(t)
			k.send(test.rest, test.lines...)
			res := k.response()
			if res.status != test.want || res.closes != test.closed {
				t.Errorf("%d %v %s", res.status, res.header, res.body)
			}
			if test.closed {
				if !k.isClosed() {
					t.Error("the connection remains open")
				}
				return
			}
			k.send("", get, "Host: a")
			if res := k.response(); res.status != 200 {
				t.Errorf("the next request: %d", res.status)
			}
		})
	}
}

// A semicolon in a query is a character (RFC 3986 section 3.4), whether it is escaped or not.
func TestSemicolonsInQueries(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Semicolons", crm.RoleManager)
		u.make("/api/companies", object{"name": "Ours", "industry": "a;b"})
		u.make("/api/companies", object{"name": "Other", "industry": "a"})
		for query, want := range map[string]int{
			"industry=a;b": 1, "industry=a%3Bb": 1, "industry=a": 1, "industry=;": 0, "limit=1;limit=2": -1, "": 2,
		} {
			for range 2 { // made, and from the cache
				status, _, answer := u.do("GET", "/api/companies?"+query, u.key, nil)
				if want < 0 && status == http.StatusBadRequest {
					continue
				}
				if rows, _ := answer["data"].([]any); status != http.StatusOK || len(rows) != want {
					t.Errorf("%s: %d, %d rows, want %d: %v", query, status, len(rows), want, answer["error"])
				}
			}
		}
		_, header, _ := u.do("GET", "/api/companies?industry=a;b&limit=1", u.key, nil)
		_, escaped, _ := u.do("GET", "/api/companies?limit=1&industry=a%3bb", u.key, nil)
		if header.Get("ETag") != escaped.Get("ETag") || !strings.Contains(escaped.Get("Cache-Status"), "hit") {
			t.Errorf("the spellings are cached apart: %q, %q", header, escaped)
		}
	})
}

// The instance of a problem is a URI reference to what was asked for (RFC 9457 section 3.1.5).
func TestInstanceOfProblems(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	u := newUser(c, "Instances", crm.RoleViewer)
	for path, want := range map[string]string{
		"/api/nothing":             "/api/nothing",
		"/api/a%20b%2Fc":           "/api/a%20b%2Fc",
		"/api/companies/a%20b":     "/api/companies/a%20b",
		"/api/companies/%C3%A9":    "/api/companies/%C3%A9",
		"/api/[x]|{y}":             "/api/%5Bx%5D%7C%7By%7D",
		"//evil.example/api":       "/.//evil.example/api",
		"/api/companies/%3Cb%3E?x": "/api/companies/%3Cb%3E",
	} {
		for range 2 { // made, and from the cache
			k := c.dial(t)
			k.send("", "GET "+path+" HTTP/1.1", "Host: a", "Authorization: Bearer "+u.key)
			_, got, _ := strings.Cut(k.response().body, `"instance":"`)
			got, _, _ = strings.Cut(got, `"`)
			if got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
			if at, err := url.Parse(got); err != nil || at.Host != "" {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// What a client may call JSON in UTF-8.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	u := newUser(c, "Content types", crm.RoleManager)
	path := "/api/companies/" + id(u.make("/api/companies", object{"name": "Acme"}))
	for media, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "application/json;charset=UTF8": 200, `application/json; charset="us-ascii"`: 200,
		"application/merge-patch+json": 200, "Application/Merge-Patch+JSON; charset=utf8": 200, "application/vnd.acme+json": 200,
		"application/json; charset=latin1": 415, "application/json; charset=utf-16": 415, "application/json-patch+json": 415, "Application/JSON-Patch+json": 415,
		"text/plain": 415, "application/": 415,
	} {
		status, header, body := u.raw("PATCH", path, u.key, object{"name": "Acme"}, "Content-Type", media)
		if status != want || want == 415 && header.Get("Accept-Patch") != "application/merge-patch+json, application/json" {
			t.Errorf("%s: %d %s %v", media, status, body, header)
		}
	}
	if _, header, _ := u.raw("POST", "/api/companies", u.key, "[]", "Content-Type", "application/json-patch+json"); header.Get("Accept") != "application/json" || header.Get("Accept-Patch") != "" {
		t.Errorf("to a POST: %v", header)
	}
	if _, header, _ := u.raw("OPTIONS", path, u.key, nil); header.Get("Accept-Patch") == "" {
		t.Errorf("to OPTIONS: %v", header)
	}
}

// The answers of probes are of now.
func TestProbesAreNotStored(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/readyz?for=reads": 200, "/readyz?for=x": 422, "/api/health": 200} {
		if status, header, _ := c.raw("GET", path, "", nil); status != want || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, Cache-Control: %s", path, status, header.Get("Cache-Control"))
		}
	}
}

// What is told once is not told again: an Idempotency-Key cannot be kept, and is not ignored.
func TestSecretsTakeNoIdempotencyKey(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	u := newUser(c, "Secrets", crm.RoleAdmin)
	body := object{"name": "once", "role": "viewer"}
	before, _ := u.list("/api/keys")
	status, _, answer := u.raw("POST", "/api/keys", u.key, body, "Idempotency-Key", "1")
	if status != http.StatusBadRequest || !strings.Contains(string(answer), "Idempotency-Key is not accepted here") {
		t.Errorf("%d %s", status, answer)
	}
	if after, _ := u.list("/api/keys"); len(after) != len(before) {
		t.Errorf("there are %d keys, before %d", len(after), len(before))
	}
	u.make("/api/keys", body)
}

// A contact is added to a deal once with If-None-Match: *, and with If-Match: * it must be there.
func TestConditionsOnNewDealContacts(t *testing.T) {
	t.Parallel()
	const ok, precondition = http.StatusOK, http.StatusPreconditionFailed
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "New deal contacts", crm.RoleManager)
		deal := "/api/deals/" + id(u.make("/api/deals", object{"name": "A"}))
		contact := deal + "/contacts/" + id(u.make("/api/contacts", object{"first_name": "A"}))
		role := object{"role": "champion"}
		u.must(precondition, "PUT", contact, role, "If-Match", "*")
		before := u.must(ok, "GET", deal, nil)
		u.must(ok, "PUT", contact, role, "If-None-Match", "*", "If-Match", before)
		u.must(precondition, "PUT", contact, object{"role": "blocker"}, "If-None-Match", "*")
		u.must(ok, "PUT", contact, object{"role": "influencer"}, "If-Match", "*")
		rows, _ := u.list(deal + "/contacts")
		if len(rows) != 1 || rows[0]["role"] != "influencer" {
			t.Errorf("%v", rows)
		}
		other := deal + "/contacts/" + id(u.make("/api/contacts", object{"first_name": "B"}))
		u.must(precondition, "PUT", other, role, "If-None-Match", "*", "If-Match", before) // the deal has changed
		u.must(ok, "PUT", other, role, "If-None-Match", "*")
		u.must(ok, "DELETE", other, nil, "If-Match", "*")
		u.must(ok, "PUT", other, role, "If-None-Match", "*")
	})
}

// A stream is not changed by proxies, and goes on behind the id in the query where there is no
// header, which takes precedence.
func TestEventsBehindAnIDInTheQuery(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Event ids", crm.RoleAdmin)
		_, ready := u.begin("", "ready")
		for range 3 {
			u.make("/api/companies", object{"name": "A"})
		}
		first := func(query, header string) (http.Header, string) {
			r := u.request("GET", "/api/events"+query, u.key, nil)
			if header != "" {
				r.Header.Set("Last-Event-ID", header)
			}
			res, err := c.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			line, err := bufio.NewReader(res.Body).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			return res.Header, strings.TrimSpace(line)
		}
		later := fmt.Sprint(ready.seq + 2)
		header, line := first("?lastEventId="+fmt.Sprint(ready.seq+1), "")
		if cached := header.Get("Cache-Control"); !strings.Contains(cached, "no-transform") || !strings.Contains(cached, "no-cache") {
			t.Errorf("Cache-Control: %s", cached)
		}
		if !strings.HasSuffix(line, "."+fmt.Sprint(ready.seq+1)) {
			t.Errorf("begins with %s", line)
		}
		if _, line := first("?lastEventId="+fmt.Sprint(ready.seq+1), later); !strings.HasSuffix(line, "."+later) {
			t.Errorf("with both: begins with %s", line)
		}
		if status, _, answer := u.do("GET", "/api/events?lastEventId=x", u.key, nil); status != http.StatusBadRequest || !strings.Contains(fmt.Sprint(answer["detail"]), "lastEventId") {
			t.Errorf("%d %v", status, answer)
		}
	})
}

// The metrics are at both paths, for the same callers.
func TestMetricsUnderAPI(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	u := newUser(c, "Metrics", crm.RoleAdmin)
	for _, path := range []string{"/metrics", "/api/metrics"} {
		if status, _, body := c.raw("GET", path, "", nil); status != http.StatusOK || !strings.Contains(string(body), "# HELP ") {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
		if status, _, _ := c.raw("GET", path, "", nil, "X-Forwarded-For", "192.0.2.1"); status != http.StatusUnauthorized {
			t.Errorf("%s of another host: %d", path, status)
		}
		if status, _, _ := c.raw("GET", path, u.as(crm.RoleManager).key, nil, "X-Forwarded-For", "192.0.2.1"); status != http.StatusForbidden {
			t.Errorf("%s of a manager: %d", path, status)
		}
	}
}

// A proxy on the same host that forwards all of /api does not publish the metrics in production.
func TestMetricsUnderAPIInProduction(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.Env = config.Production })
	u := newUser(c, "Metrics", crm.RoleAdmin)
	for _, x := range []struct {
		path, key string
		want      int
	}{{"/metrics", "", http.StatusOK}, {"/api/metrics", "", http.StatusUnauthorized}, {"/api/metrics", u.key, http.StatusOK}} {
		if status, _, _ := c.raw("GET", x.path, x.key, nil); status != x.want {
			t.Errorf("%s: %d, want %d", x.path, status, x.want)
		}
	}
}
