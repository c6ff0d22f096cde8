package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/files"
)

// finished asks for a job, waits for its end, and returns it. Its events end with it.
func (u user) finished(path string, body object) object {
	u.t.Helper()
	status, header, answer := u.do("POST", path, u.key, body)
	if status != http.StatusAccepted {
		u.t.Fatalf("POST %s: %d, %v", path, status, answer)
	}
	job := header.Get("Location")
	if want := "/api/jobs/" + id(answer["data"].(object)); job != want {
		u.t.Errorf("the Location is %q, want %q", job, want)
	}
	if status, _, events := u.raw("GET", job+"/events", u.key, nil); status != http.StatusOK {
		u.t.Fatalf("the events of the job: %d, %s", status, events)
	}
	return u.get(job)
}

// exported asks for an export, and returns the path of its file.
func (u user) exported(body object) string {
	u.t.Helper()
	job := u.finished("/api/exports", body)
	path, ok := at(job, "result", "downloadUrl").(string)
	if !ok || job["state"] != "done" || at(job, "result", "exportId") != strings.TrimPrefix(path, "/api/exports/") {
		u.t.Fatalf("the job: %v", job)
	}
	return path
}

// exportOf returns the id of the file of an export that a person has asked for.
func (u user) exportOf(owner string) string {
	u.t.Helper()
	person, err := crm.ParseID(owner)
	if err != nil {
		u.t.Fatal(err)
	}
	return u.file(crm.Actor{Org: u.org, User: person, Role: crm.RoleRep}, files.Export)
}

// file makes a file for an actor, and returns its id.
func (u user) file(by crm.Actor, purpose files.Purpose) string {
	u.t.Helper()
	f, err := u.app.Core().Files.Create(u.t.Context(), by, files.New{Purpose: purpose, Name: "a.csv", Media: "text/csv", Keep: time.Hour}, func(w io.Writer) error {
		_, err := io.WriteString(w, "x")
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return f.ID.String()
}

func TestExports(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Exports", crm.RoleManager)
		for i := range 3 {
			u.make("/api/deals", object{"name": fmt.Sprintf("Deal %d", i), "value": i * 100})
		}
		job := u.finished("/api/exports", object{"type": "deals", "filters": object{"minValue": 100}, "columns": []string{"name", "value"}})
		path := at(job, "result", "downloadUrl").(string)
		if r := job["result"].(object); r["recordCount"] != 2.0 || r["format"] != "csv" || r["size"] != 42.0 || job["progress"] != 100.0 {
			t.Errorf("the job: %v", job)
		}
		const want = "name,value\r\nDeal 1,100.00\r\nDeal 2,200.00\r\n"
		for _, from := range []string{path, "/api/jobs/" + id(job) + "/result"} {
			status, header, text := u.raw("GET", from, u.key, nil)
			if status != http.StatusOK || string(text) != want || header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" ||
				!strings.HasPrefix(header.Get("Content-Disposition"), "attachment; filename=deals-") || header.Get("Cache-Control") != "private, no-cache" {
				t.Errorf("%s: %d, %v, %q", from, status, header, text)
			}
		}
		_, header, _ := u.raw("HEAD", path, u.key, nil)
		etag := header.Get("ETag")
		if header.Get("Content-Length") != "42" || len(etag) != 66 {
			t.Errorf("HEAD: %v", header)
		}
		for _, r := range []struct {
			headers []string
			status  int
			text    string
		}{
			{[]string{"Range", "bytes=5-9"}, http.StatusPartialContent, "value"},
			{[]string{"Range", "bytes=-8"}, http.StatusPartialContent, "200.00\r\n"},
			{[]string{"Range", "bytes=5-9", "If-Range", etag}, http.StatusPartialContent, "value"},
			{[]string{"Range", "bytes=5-9", "If-Range", `"other"`}, http.StatusOK, want},
			{[]string{"If-None-Match", etag}, http.StatusNotModified, ""},
		} {
			status, _, text := u.raw("GET", path, u.key, nil, r.headers...)
			if status != r.status || string(text) != r.text {
				t.Errorf("%v: %d, %q", r.headers, status, text)
			}
		}
		status, header, text := u.raw("GET", path, u.key, nil, "Range", "bytes=42-")
		if status != http.StatusRequestedRangeNotSatisfiable || header.Get("Content-Type") != "application/problem+json" || header.Get("Content-Range") != "bytes */42" {
			t.Errorf("beyond the end: %d, %v, %s", status, header, text)
		}

		compressed := u.exported(object{"type": "deals", "format": "ndjson", "gzip": true})
		_, header, text = u.raw("GET", compressed, u.key, nil)
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil || bytes.Count(plain, []byte("\n")) != 3 || header.Get("Content-Encoding") != "" {
			t.Errorf("compressed: %v, %v, %s", err, header, plain)
		}
		if _, _, text := u.raw("GET", u.exported(object{"type": "all", "format": "xlsx"}), u.key, nil); !bytes.HasPrefix(text, []byte("PK")) {
			t.Errorf("a workbook begins with %q", text[:min(4, len(text))])
		}
		old := u.finished("/api/jobs", object{"kind": "data-export", "args": object{"type": "companies", "format": "json", "filters": object{}, "ownerId": nil}})
		if r := old["result"].(object); r["recordCount"] != 0.0 {
			t.Errorf("as old scripts ask: %v", old)
		}
		trail, _ := u.as(crm.RoleAdmin).list("/api/audit?action=data.exported")
		if len(trail) != 4+6 { // a workbook of seven kinds
			t.Errorf("%d entries in the audit trail: %v", len(trail), trail)
		}
	})
}

func TestExportsThatAreInvalid(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Exports", crm.RoleManager)
		for _, bad := range []struct {
			body any
			want string
		}{
			{object{}, "#/type"},
			{object{"type": "people"}, "#/type"},
			{object{"type": "deals", "format": "pdf", "columns": 5}, "#/format #/columns"},
			{object{"type": "deals", "filters": object{"colour": "red", "status": "open"}}, "#/filters/colour #/filters/status"},
			{object{"type": "deals", "columns": []string{"name", "password"}}, "#/columns/1"},
			{object{"type": "all"}, "#/format"},
		} {
			if got := invalid(u.ask(http.StatusUnprocessableEntity, "POST", "/api/exports", bad.body)); got != bad.want {
				t.Errorf("%v: %q, want %q", bad.body, got, bad.want)
			}
		}
		u.ask(http.StatusForbidden, "POST", "/api/exports", object{"type": "audit"})
		if rows, _ := u.list("/api/jobs"); len(rows) != 0 {
			t.Errorf("there are jobs: %v", rows)
		}
	})
}

// TestRightsOfExports: a file is for the one who asked for it and for admins, with the rights that they
// have when it is downloaded.
func TestRightsOfExports(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		admin := newUser(c, "Exports", crm.RoleAdmin)
		person := c.person(admin.org, "Ada Lovelace", "ada@a.example", crm.RoleRep)
		rep := user{c, admin.org, c.keyOf(admin.org, person.ID, crm.RoleRep)}
		admin.make("/api/deals", object{"name": "Other's"})
		rep.make("/api/deals", object{"name": "Own"})
		names := func(text []byte) string {
			rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(rows)
		}
		all := rep.exported(object{"type": "deals", "columns": []string{"name"}})
		link := rep.record(http.StatusOK, "POST", all+"/link", nil)["url"].(string)
		expect := func(what string, by user, path string, want int, contains string) {
			t.Helper()
			status, _, text := by.raw("GET", path, by.key, nil)
			if status != want || !strings.Contains(string(text), contains) {
				t.Errorf("%s: %d, want %d: %s", what, status, want, text)
			}
		}
		anonymous := user{c, admin.org, ""}
		expect("the one who asked", rep, all, http.StatusOK, "Other's")
		expect("an admin", admin, all, http.StatusOK, "Other's")
		expect("another manager", admin.as(crm.RoleManager), all, http.StatusNotFound, "")
		expect("another organisation", newUser(c, "Elsewhere", crm.RoleAdmin), all, http.StatusNotFound, "")
		expect("without credentials", anonymous, all, http.StatusUnauthorized, "")
		expect("by the link", anonymous, link, http.StatusOK, "Other's")
		expect("by a changed link", anonymous, link[:len(link)-1]+"_", http.StatusNotFound, "")
		expect("without a token", anonymous, "/api/downloads", http.StatusNotFound, "")
		rep.ask(http.StatusNotFound, "POST", "/api/exports/"+crm.NewID().String()+"/link", nil)

		admin.ask(http.StatusOK, "PATCH", "/api/organisation", object{"reps_see": "own"})
		expect("who sees less now", rep, all, http.StatusForbidden, "by now you see only your own")
		expect("by the link of one who sees less now", anonymous, link, http.StatusForbidden, "by now you see only your own")
		rep.ask(http.StatusForbidden, "POST", all+"/link", nil)
		own := rep.exported(object{"type": "deals", "columns": []string{"name"}})
		if _, _, text := rep.raw("GET", own, rep.key, nil); names(text) != "[[name] [Own]]" {
			t.Errorf("what a rep exports: %s", text)
		}
		link = rep.record(http.StatusOK, "POST", own+"/link", nil)["url"].(string)
		expect("by the link to one's own", anonymous, link, http.StatusOK, "Own")
		admin.ask(http.StatusOK, "POST", "/api/users/"+person.ID.String()+"/deactivate", nil)
		expect("by the link of one who is deactivated", anonymous, link, http.StatusForbidden, "deactivated")
		expect("an admin", admin, own, http.StatusOK, "Own")

		upload := admin.file(crm.Operator(admin.org), files.Upload)
		expect("what is no export", admin, "/api/exports/"+upload, http.StatusNotFound, "")
	})
}
