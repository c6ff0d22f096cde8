package app_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/crm"
)

// cachedResponse is a response with its Cache-Status (RFC 9211).
type cachedResponse struct {
	status int
	header http.Header
	body   string

	said   string // the whole of Cache-Status
	hit    bool
	fwd    string // why the answer was made anew
	stored bool
	ttl    int // in seconds; -1 for none
	detail string
}

// cached sends a request, with names and values of headers by turns, and parses Cache-Status.
func (u user) cached(method, path string, headers ...string) cachedResponse {
	u.t.Helper()
	status, header, body := u.raw(method, path, u.key, nil, headers...)
	k := cachedResponse{status: status, header: header, body: string(body), said: header.Get("Cache-Status"), ttl: -1}
	cache, parameters, _ := strings.Cut(k.said, "; ")
	if cache != "sixty" {
		u.t.Fatalf("%s %s: %d, Cache-Status %q", method, path, status, k.said)
	}
	for p := range strings.SplitSeq(parameters, "; ") {
		switch name, value, _ := strings.Cut(p, "="); name {
		case "hit":
			k.hit = true
		case "fwd":
			k.fwd = value
		case "stored":
			k.stored = true
		case "ttl":
			var err error
			if k.ttl, err = strconv.Atoi(value); err != nil {
				u.t.Errorf("Cache-Status %q", k.said)
			}
		case "detail":
			k.detail = value
		}
	}
	if k.hit == (k.fwd != "") {
		u.t.Errorf("%s %s: Cache-Status %q says both or nothing", method, path, k.said)
	}
	return k
}

// looked is cached, but repeats the request while the cache is bypassed: on a busy machine
// the change log may not be confirmed for a second.
func (u user) looked(method, path string, headers ...string) (k cachedResponse) {
	u.t.Helper()
	eventually(u.t, "the cache is asked", func() bool {
		k = u.cached(method, path, headers...)
		return k.fwd != "bypass"
	})
	return k
}

// hits sends a request that must be a hit.
func (u user) hits(path string, headers ...string) cachedResponse {
	u.t.Helper()
	k := u.looked("GET", path, headers...)
	if !k.hit {
		u.t.Errorf("GET %s is no hit: %s", path, k.said)
	}
	return k
}

// misses sends a request that must be a miss, and is cached from now on.
func (u user) misses(path string, headers ...string) cachedResponse {
	u.t.Helper()
	k := u.looked("GET", path, headers...)
	if k.hit || !k.stored {
		u.t.Errorf("GET %s is no miss that is stored: %s", path, k.said)
	}
	return k
}

// fill requests all paths, so that they are cached.
func (u user) fill(paths ...string) {
	u.t.Helper()
	for _, path := range paths {
		eventually(u.t, path+" is kept", func() bool { return u.cached("GET", path).hit })
	}
}

// clock is a clock that a test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// A response is cached for its tier's lifetime, less a tenth at most.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var clock clock
			u := newUser(run(t, newAppBy(t, clock.now, engine)), "Lifetimes", crm.RoleManager)
			for _, tier := range []struct {
				path, name string
				seconds    int
			}{{"/api/user", "session", 60}, {"/api/deals", "frequent", 300}, {"/api/deal-stages", "static", 3600}} {
				first := u.misses(tier.path)
				if first.detail != tier.name || first.ttl > tier.seconds || first.ttl < tier.seconds*9/10-1 {
					t.Errorf("%s: %s", tier.path, first.said)
				}
				clock.advance(10 * time.Second)
				again := u.hits(tier.path)
				if again.detail != tier.name || again.ttl > first.ttl-9 || again.body != first.body {
					t.Errorf("%s was %q, and is %q", tier.path, first.said, again.said)
				}
				clock.advance(time.Duration(again.ttl+1) * time.Second)
				u.misses(tier.path)
			}
		})
	}
}

// The cache responds to every form of request for a cached representation.
func TestHits(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Hits", crm.RoleManager)
		owner := u.get("/api/user")["id"].(string)
		u.make("/api/deals", object{"name": "Ä b", "value": 10})
		path := "/api/deals?ownerId=" + owner + "&search=" + url.QueryEscape("ä b")
		first := u.misses(path)
		if !strings.Contains(first.body, "Ä b") || first.header.Get("Server-Timing") == "" {
			t.Errorf("%v\n%s", first.header, first.body)
		}
		for _, spelling := range []string{
			"/api/deals?search=%c3%a4%20b&ownerId=" + owner, "/api/deals?&limit=&utm_source=1&%6FwnerId=" + owner + "&search=%C3%A4+b&search=%C3%A4+b",
		} {
			if again := u.hits(spelling); again.body != first.body || again.header.Get("ETag") != first.header.Get("ETag") {
				t.Errorf("%s is another answer: %s", spelling, again.body)
			}
		}
		if head := u.looked("HEAD", path); !head.hit || head.status != http.StatusOK || head.body != "" {
			t.Errorf("HEAD: %d, %s", head.status, head.said)
		}
		if same := u.hits(path, "If-None-Match", first.header.Get("ETag")); same.status != http.StatusNotModified || same.body != "" {
			t.Errorf("If-None-Match: %d, %s", same.status, same.said)
		}
		// Users of an organisation share responses, except those about themselves.
		other := u.as(crm.RoleViewer)
		if theirs := other.hits(path); theirs.body != first.body {
			t.Errorf("another caller reads %s", theirs.body)
		}
		u.fill("/api/user")
		if self := other.misses("/api/user"); strings.Contains(self.body, owner) {
			t.Errorf("another caller is %s", self.body)
		}
		if foreign := newUser(c, "Another organisation", crm.RoleManager).misses(path); strings.Contains(foreign.body, "Ä b") {
			t.Errorf("another organisation reads %s", foreign.body)
		}
	})
}

// A path with an escaped query is another path.
func TestEscapedQueriesInPaths(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Paths", crm.RoleManager)
	path := "/api/deals/" + id(u.make("/api/deals", object{"name": "A"}))
	u.fill(path + "?includeRelationships=true")
	if k := u.looked("GET", path+"%3FincludeRelationships=true"); k.hit || k.status != http.StatusNotFound {
		t.Errorf("%d, %s", k.status, k.said)
	}
}

// A 404 is cached like any response, until the record exists.
func TestNotFoundIsCached(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Absent", crm.RoleManager)
		absent := "/api/companies/" + crm.NewID().String()
		first := u.misses(absent)
		if again := u.hits(absent); first.status != http.StatusNotFound || again.status != http.StatusNotFound || again.body != first.body ||
			again.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d and then %d: %s", first.status, again.status, again.body)
		}
		company := u.make("/api/companies", object{"name": "Deleted"})
		path := "/api/companies/" + id(company)
		u.fill(path, "/api/companies")
		u.hits(absent)
		u.ask(http.StatusOK, "DELETE", path, nil)
		if k := u.misses(path); k.status != http.StatusNotFound {
			t.Errorf("what is deleted is a %d: %s", k.status, k.body)
		}
		if k := u.misses("/api/companies"); strings.Contains(k.body, id(company)) {
			t.Errorf("what is deleted is listed: %s", k.body)
		}
		u.hits(absent)
		if nothing := u.looked("GET", "/api/companies/none"); nothing.status != http.StatusNotFound || nothing.stored {
			t.Errorf("what is no id is a %d: %s", nothing.status, nothing.said)
		}
	})
}

func TestErrorsAreNotCached(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Errors", crm.RoleManager)
	for path, want := range map[string]int{
		"/api/deals?limit=0":         http.StatusUnprocessableEntity,
		"/api/deals?limit=few":       http.StatusBadRequest,
		"/api/deals?limit=1&limit=2": http.StatusBadRequest,
		"/api/deals?limit=%zz":       http.StatusBadRequest,
	} {
		for range 2 {
			if k := u.looked("GET", path); k.status != want || k.hit || k.stored {
				t.Errorf("%s: %d, %s", path, k.status, k.said)
			}
		}
	}
}

// Malformed request headers do not affect the cache.
func TestMalformedHeadersAndTheCache(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Nonsense", crm.RoleManager)
	u.make("/api/companies", object{"name": "A", "description": strings.Repeat("long enough to be encoded ", 100)})
	u.fill("/api/companies")
	plain := u.hits("/api/companies", "Accept-Encoding", "identity")
	for _, accepted := range []string{"nonsense", ";;;,,,;q=", "br;q=x", "*;q=0", "gzip;q=2", strings.Repeat("a,", 1000)} {
		k := u.hits("/api/companies", "Accept-Encoding", accepted)
		if k.status != http.StatusOK || k.header.Get("Content-Encoding") != "" || k.body != plain.body {
			t.Errorf("Accept-Encoding %.30q: %d, %s", accepted, k.status, k.header.Get("Content-Encoding"))
		}
	}
	tags := strings.Repeat(`"x", W/"y",`, 50)
	for _, accepted := range []string{"identity", "br", "zstd", "gzip"} {
		k := u.hits("/api/companies", "Accept-Encoding", accepted, "If-None-Match", tags)
		if k.status != http.StatusOK || k.body == "" {
			t.Errorf("%s, 100 tags that are not: %d", accepted, k.status)
		}
		if same := u.hits("/api/companies", "Accept-Encoding", accepted, "If-None-Match", tags+k.header.Get("ETag")); same.status != http.StatusNotModified {
			t.Errorf("%s, 100 tags and the one that is: %d", accepted, same.status)
		}
	}
	// only-if-cached is a hit or a 504.
	u.hits("/api/companies", "Cache-Control", "max-age=60, Only-If-Cached")
	for _, path := range []string{"/api/companies?limit=7", "/api/companies?limit=7"} {
		status, header, answer := u.raw("GET", path, u.key, nil, "Cache-Control", "only-if-cached")
		if status != http.StatusGatewayTimeout || header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(answer), "only-if-cached") {
			t.Errorf("%s, only if it is kept: %d %s", path, status, answer)
		}
	}
	for _, control := range []string{"stale-if-error", "stale-if-error=-1", "stale-if-error=x,,=", "max-age=0"} {
		u.hits("/api/companies", "Cache-Control", control)
	}
}
