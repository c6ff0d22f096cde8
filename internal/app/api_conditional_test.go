package app_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sixty/internal/crm"
)

// tagged sends a request, with names and values of headers by turns, and returns status and
// ETag.
func (u user) tagged(method, path string, body any, headers ...string) (status int, tag string) {
	u.t.Helper()
	status, header, _ := u.raw(method, path, u.key, body, headers...)
	return status, header.Get("ETag")
}

// must is tagged for a request that must have the status.
func (u user) must(want int, method, path string, body any, headers ...string) (tag string) {
	u.t.Helper()
	status, tag := u.tagged(method, path, body, headers...)
	if status != want {
		u.t.Fatalf("%s %s with %q: %d, want %d", method, path, headers, status, want)
	}
	return tag
}

// Of two users who have read the same record, the second to write gets a 412, and the first
// change is not lost: for every kind of record.
func TestNoLostUpdate(t *testing.T) {
	t.Parallel()
	const ok, gone, precondition = http.StatusOK, http.StatusNotFound, http.StatusPreconditionFailed
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Lost update", crm.RoleManager)
		long := strings.Repeat("so long that it is sent encoded ", 100)
		for _, kind := range []struct {
			path               string
			body, first, other object
		}{
			{"/api/companies", object{"name": "A", "description": long}, object{"phone": "1"}, object{"phone": "2"}},
			{"/api/contacts", object{"first_name": "A"}, object{"phone": "1"}, object{"phone": "2"}},
			{"/api/deals", object{"name": "A", "description": long}, object{"value": 1}, object{"value": 2}},
			{"/api/deal-stages", object{"name": "A"}, object{"color": "#000000"}, object{"color": "#ffffff"}},
			{"/api/stages", object{"name": "B"}, object{"color": "#000000"}, object{"color": "#ffffff"}},
			{"/api/activities", object{"type": "call", "description": long}, object{"quantity": 1}, object{"quantity": 2}},
			{"/api/tasks", object{"title": "A", "due_date": "2001-01-01"}, object{"notes": "1"}, object{"notes": "2"}},
		} {
			t.Run(kind.path, func(t *testing.T) {
				u := u.in(t)
				status, header, _ := u.raw("POST", kind.path, u.key, kind.body, "Accept-Encoding", "identity")
				path, made := header.Get("Location"), header.Get("ETag")
				if status != http.StatusCreated || made == "" {
					t.Fatalf("%d, %v", status, header)
				}
				if read := u.must(ok, "GET", path, nil, "Accept-Encoding", "identity"); read != made {
					t.Errorf("made as %s, read as %s", made, read)
				}
				encoded := u.must(ok, "GET", path, nil, "Accept-Encoding", "br")
				// Both have read it, one of them encoded; the first to write succeeds.
				changed := u.must(ok, "PATCH", path, kind.first, "If-Match", encoded, "Accept-Encoding", "identity")
				if read := u.must(ok, "GET", path, nil, "Accept-Encoding", "identity"); read != changed || read == made {
					t.Errorf("made as %s, changed as %s, read as %s", made, changed, read)
				}
				for _, method := range []string{"PATCH", "PUT", "DELETE"} {
					var body any
					if method != "DELETE" {
						body = kind.other
					}
					u.must(precondition, method, path, body, "If-Match", made)
					u.must(precondition, method, path, body, "If-Match", "W/"+changed)
					u.must(precondition, method, path, body, "If-None-Match", "*")
					u.must(http.StatusBadRequest, method, path, body, "If-Match", strings.Trim(changed, `"`))
					// Other failures take precedence (RFC 9110 section 13.2.1).
					u.as(crm.RoleViewer).must(http.StatusForbidden, method, path, body, "If-Match", made)
					u.must(gone, method, kind.path+"/"+crm.NewID().String(), body, "If-Match", made)
				}
				expect(t, u.get(path), kind.first)
				// A change without an effect keeps the tag.
				if same := u.must(ok, "PATCH", path, kind.first, "If-Match", `"x", `+changed, "Accept-Encoding", "identity"); same != changed {
					t.Errorf("the tag was %s and is %s", changed, same)
				}
				// The response to a PUT has no tag (section 9.3.4).
				if tag := u.must(ok, "PUT", path, kind.other, "If-Match", "*"); tag != "" {
					t.Errorf("a PUT is tagged %s", tag)
				}
				expect(t, u.get(path), kind.other)
				now := u.must(ok, "GET", path, nil)
				u.must(ok, "DELETE", path, nil, "If-Match", now)
				u.must(gone, "DELETE", path, nil, "If-Match", now)
			})
		}
	})
}

// The settings and the API keys, which have no version column, are changed on conditions, too.
func TestConditionsWithoutVersionColumn(t *testing.T) {
	t.Parallel()
	const ok, precondition = http.StatusOK, http.StatusPreconditionFailed
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Conditional settings", crm.RoleAdmin)
		const settings = "/api/organisation"
		first := u.must(ok, "GET", settings, nil)
		second := u.must(ok, "PATCH", settings, object{"reps_see": "own"}, "If-Match", first)
		u.must(precondition, "PATCH", settings, object{"reps_see": "everything"}, "If-Match", first)
		if read := u.must(ok, "GET", settings, nil); read != second || read == first {
			t.Errorf("tagged %s, then %s, and read as %s", first, second, read)
		}
		u.must(ok, "PATCH", settings, object{"reps_see": "everything"}, "If-Match", second)
		key := "/api/keys/" + id(u.make("/api/keys", object{"name": "conditional", "role": "viewer"}))
		u.must(precondition, "DELETE", key, nil, "If-Match", second)
		u.must(ok, "DELETE", key, nil, "If-Match", u.must(ok, "GET", key, nil))
	})
}

// A deal's further contacts are part of the deal: its tag changes with them.
func TestDealContactsChangeTheDeal(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Deal contacts", crm.RoleManager)
		deal := "/api/deals/" + id(u.make("/api/deals", object{"name": "A"}))
		contact := deal + "/contacts/" + id(u.make("/api/contacts", object{"first_name": "A"}))
		before := u.must(http.StatusOK, "GET", deal, nil)
		u.must(http.StatusOK, "PUT", contact, object{"role": "champion"}, "If-Match", before)
		u.must(http.StatusPreconditionFailed, "PUT", contact, object{"role": "blocker"}, "If-Match", before)
		u.must(http.StatusPreconditionFailed, "DELETE", contact, nil, "If-Match", before)
		after := u.must(http.StatusOK, "GET", deal, nil)
		u.must(http.StatusOK, "DELETE", contact, nil, "If-Match", after)
	})
}

// Several users increment one number, each from what they have read. On a 412 they read
// again; no accepted increment is lost.
func TestConcurrentIncrements(t *testing.T) {
	t.Parallel()
	const people, each, most = 4, 5, 200
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Increments", crm.RoleManager)
		path := "/api/activities/" + id(u.make("/api/activities", object{"type": "call", "quantity": 1}))
		var refused int
		var mu sync.Mutex
		var everyone sync.WaitGroup
		for range people {
			everyone.Go(func() {
				done := 0
				for try := 0; done < each && try < most; try++ {
					quantity, tag := u.quantity(path)
					switch status := u.count(path, quantity+1, tag); status {
					case http.StatusOK:
						done++
					case http.StatusPreconditionFailed:
						mu.Lock()
						refused++
						mu.Unlock()
					default:
						t.Errorf("a PATCH is a %d", status)
						return
					}
				}
			})
		}
		everyone.Wait()
		if got := u.get(path)["quantity"]; got != float64(1+people*each) {
			t.Errorf("%d increments were accepted (and %d refused) and the quantity is %v", people*each, refused, got)
		}
	})
}

// quantity reads an activity's, from a goroutine that may not end the test.
func (u user) quantity(path string) (n int, tag string) {
	res, err := http.DefaultClient.Do(u.request("GET", path, u.key, nil))
	if err != nil {
		u.t.Error(err)
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	_, after, found := strings.Cut(string(text), `"quantity":`)
	digits, _, _ := strings.Cut(after, ",")
	n, malformed := strconv.Atoi(digits)
	if err != nil || !found || malformed != nil {
		u.t.Errorf("%v in %s", err, text)
	}
	return n, res.Header.Get("ETag")
}

// count writes an activity's quantity, from such a goroutine.
func (u user) count(path string, n int, tag string) (status int) {
	res, err := http.DefaultClient.Do(u.request("PATCH", path, u.key, object{"quantity": n}, "If-Match", tag))
	if err != nil {
		u.t.Error(err)
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

// Every read can be revalidated, sent as HEAD, and encoded.
func TestRepresentationsOfEveryRead(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Representations", crm.RoleAdmin)
		ours := u.ours()
		encoded := 0
		for _, op := range c.document().operations() {
			if op.method != http.MethodGet || op.open || uncachedReads[op.path] != "" && op.path != "/api/changes" && op.path != "/api/contacts/{id}/tasks" {
				continue // statistics change with every request
			}
			path := op.path
			for _, kind := range pathIDs(t, op.path) {
				path = strings.Replace(path, "{id}", ours[kind], 1)
			}
			t.Run(op.path, func(t *testing.T) {
				u := u.in(t)
				for _, accepted := range []string{"identity", "gzip"} {
					status, header, body := u.raw("GET", path, u.key, nil, "Accept-Encoding", accepted)
					if status != http.StatusOK || header.Get("ETag") == "" || header.Get("Content-Length") != strconv.Itoa(len(body)) {
						t.Fatalf("%d, %d bytes, %v", status, len(body), header)
					}
					if header.Get("Content-Encoding") == "gzip" {
						encoded++
						if _, err := gzip.NewReader(bytes.NewReader(body)); err != nil {
							t.Error(err)
						}
					}
					if header.Get("Cache-Control") != "private, no-cache" {
						t.Errorf("Cache-Control = %q", header.Get("Cache-Control"))
					}
					status, alike, _ := u.raw("HEAD", path, u.key, nil, "Accept-Encoding", accepted)
					for _, name := range []string{"ETag", "Content-Length", "Content-Type", "Content-Encoding", "Vary", "Cache-Control", "Link"} {
						if got, want := fmt.Sprint(alike.Values(name)), fmt.Sprint(header.Values(name)); status != http.StatusOK || got != want {
							t.Errorf("HEAD is a %d with the %s %s, want %s", status, name, got, want)
						}
					}
					status, unchanged, rest := u.raw("GET", path, u.key, nil, "Accept-Encoding", accepted, "If-None-Match", header.Get("ETag"))
					if status != http.StatusNotModified || len(rest) != 0 || unchanged.Get("ETag") != header.Get("ETag") || unchanged.Get("Cache-Control") == "" {
						t.Errorf("again it is a %d with %d bytes and %v", status, len(rest), unchanged)
					}
				}
			})
		}
		if encoded < 3 {
			t.Errorf("only %d answers were long enough to be encoded", encoded)
		}
	})
}

func TestEncodedRequests(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Encoded", crm.RoleManager)
		var body bytes.Buffer
		z := gzip.NewWriter(&body)
		if _, err := z.Write([]byte(`{"name":"Sent encoded"}`)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		u.must(http.StatusCreated, "POST", "/api/companies", body.Bytes(), "Content-Encoding", "gzip")
		if rows, _ := u.list("/api/companies"); len(rows) != 1 || rows[0]["name"] != "Sent encoded" {
			t.Errorf("the companies are %v", rows)
		}
		u.must(http.StatusBadRequest, "POST", "/api/companies", body.Bytes()[:20], "Content-Encoding", "gzip")
		status, header, _ := u.raw("POST", "/api/companies", u.key, body.Bytes(), "Content-Encoding", "compress")
		if status != http.StatusUnsupportedMediaType || header.Get("Accept-Encoding") != "br, zstd, gzip" {
			t.Errorf("%d, Accept-Encoding %q", status, header.Get("Accept-Encoding"))
		}
	})
}
