package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// events is a stream of events that a client reads.
type events struct {
	t    testing.TB
	body io.ReadCloser
	r    *bufio.Reader
	last string // the id of the last event
}

// event is one of them; the name of a comment starts with a colon.
type event struct {
	id, name string
	data     object
	seq      int // of data
}

// follow opens a stream, after the event of an id if it is not "".
func (u user) follow(after string) *events {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 3*patience)
	req := u.request("GET", "/api/events", u.key, nil, "Accept", "text/event-stream").WithContext(ctx)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := u.http.Do(req) //nolint:bodyclose // events.close does
	if err != nil {
		cancel()
		u.t.Fatal(err)
	}
	s := &events{t: u.t, body: res.Body, r: bufio.NewReader(res.Body), last: after}
	u.t.Cleanup(func() { s.close(); cancel() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		u.t.Fatalf("%d, %v", res.StatusCode, res.Header)
	}
	return s
}

// begin is follow, and reads the first event, which must have the name.
func (u user) begin(after, name string) (*events, event) {
	u.t.Helper()
	s := u.follow(after)
	first := s.next()
	if first.name != name || first.id == "" {
		u.t.Fatalf("the stream begins with %+v, want %s", first, name)
	}
	return s, first
}

func (s *events) close() { _ = s.body.Close() }

// next returns the next event, which must arrive.
func (s *events) next() event {
	s.t.Helper()
	e, err := s.read()
	if err != nil {
		s.t.Fatalf("the stream breaks off: %v", err)
	}
	return e
}

func (s *events) read() (e event, err error) {
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return e, err
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "":
			if e.id != "" {
				s.last = e.id
			}
			return e, nil
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				s.t.Errorf("%q: %v", line, err)
			}
			if n, ok := e.data["seq"].(float64); ok {
				e.seq = int(n)
			}
		default:
			e.name = name
		}
	}
}

// changes reads the changes from first to last, which must have no gap.
func (s *events) changes(first, last int) []event {
	s.t.Helper()
	var all []event
	for want := first; want <= last; want++ {
		e := s.next()
		if e.name == "" || strings.HasPrefix(e.name, ":") {
			want-- // a heartbeat
			continue
		}
		if e.name != "change" || e.seq != want || !strings.HasSuffix(e.id, "."+strconv.Itoa(want)) {
			s.t.Fatalf("want change %d, got %+v", want, e)
		}
		all = append(all, e)
	}
	return all
}

// end returns the seq of the last change.
func (u user) end() int {
	u.t.Helper()
	_, last, more, _ := u.changes("?limit=1000")
	at, ok := crm.ParseLogPosition(last)
	if !ok || at.Epoch == "" || more {
		u.t.Fatalf("the log's end is %q (%t)", last, more)
	}
	return int(at.Seq)
}

// A stream has the same changes as the change log while it is open, and none of other
// organisations.
func TestEvents(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u, foreign := newUser(c, "Events", crm.RoleAdmin), newUser(c, "Foreign", crm.RoleManager)
		before := u.end()
		s, ready := u.as(crm.RoleAdmin).begin("", "ready")
		begun := u.end() // including the other admin's key
		if ready.seq != begun || begun <= before {
			t.Errorf("the stream is ready at %d, and the log ends at %d", ready.seq, begun)
		}
		theirs, _ := foreign.begin("", "ready")
		foreign.ours()
		u.ours()
		end := u.end()
		var told []object
		for _, e := range s.changes(begun+1, end) {
			told = append(told, e.data)
		}
		rows, _, _, _ := u.changes(fmt.Sprintf("?since=%d", begun))
		if got, want := fmt.Sprint(told), fmt.Sprint(rows); got != want {
			t.Errorf("the stream tells\n%s\nand the log\n%s", got, want)
		}
		if first := theirs.next(); first.data["actor_id"] == told[0]["actor_id"] {
			t.Errorf("another caller receives %v", first)
		}
	})
}

// Streams of two instances have the writes of both, in one order.
func TestEventsOfEveryInstance(t *testing.T) {
	t.Parallel()
	const writes = 30
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			a, b := instances(t, engine, false)
			here := newUser(a, "Instances", crm.RoleManager)
			there := user{b, here.org, here.key}
			s, ready := here.begin("", "ready")
			r, _ := there.begin(ready.id, "ready")
			var writing sync.WaitGroup
			for _, u := range []user{here, there} {
				writing.Go(func() {
					for i := range writes {
						u.write(t.Context(), "POST", "/api/companies", object{"name": fmt.Sprint("Company ", i)})
					}
				})
			}
			told, toldThere := s.changes(ready.seq+1, ready.seq+2*writes), r.changes(ready.seq+1, ready.seq+2*writes)
			writing.Wait()
			if fmt.Sprint(told) != fmt.Sprint(toldThere) {
				t.Errorf("one stream tells\n%v\nthe other\n%v", told, toldThere)
			}
		})
	}
}

func TestEventsRejected(t *testing.T) {
	t.Parallel()
	u := newUser(boot(t, "sqlite"), "Refuse", crm.RoleViewer)
	for _, after := range []string{"x", "-1", "a.1.5", "a.b", ".1", "a.", "a.-1", "1.99999999999999999999", strings.Repeat("9", 100)} {
		status, header, body := u.raw("GET", "/api/events", u.key, nil, "Last-Event-ID", after)
		if status != http.StatusBadRequest || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("Last-Event-ID %q: %d, %s", after, status, body)
		}
	}
	for _, key := range []string{"", "nonsense"} {
		if status, _, _ := u.raw("GET", "/api/events", key, nil); status != http.StatusUnauthorized {
			t.Errorf("with the key %q: %d", key, status)
		}
	}
	if status, header, body := u.raw("HEAD", "/api/events", u.key, nil); status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" || len(body) > 0 {
		t.Errorf("HEAD: %d, %v", status, header)
	}
}

// A principal and an organisation have a number of streams; those that end make room.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.StreamsPerPrincipal, cfg.StreamsPerOrganisation = 1, 2 })
	u := newUser(c, "Bounded", crm.RoleAdmin)
	other := u.as(crm.RoleRep)
	rejected := func(by user) {
		t.Helper()
		status, header, answer := c.do("GET", "/api/events", by.key, nil)
		if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || strings.Contains(answer["detail"].(string), "database") {
			t.Errorf("%d, %v, %v", status, header, answer)
		}
	}
	first, _ := u.begin("", "ready")
	rejected(u)
	_, _ = other.begin("", "ready")
	rejected(u.as(crm.RoleViewer)) // the organisation has two
	stranger := newUser(c, "Stranger", crm.RoleRep)
	_, _ = stranger.begin("", "ready")
	first.close()
	eventually(t, "a stream that has ended makes room", func() bool {
		res, err := u.http.Do(u.request("GET", "/api/events", u.key, nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// Streams do not delay a shutdown: they get an end event.
func TestEventsEndAtShutdown(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.ShutdownTimeout = time.Hour })
	u := newUser(c, "Shutdown", crm.RoleManager)
	var all []*events
	for range 20 {
		s, _ := u.begin("", "ready")
		all = append(all, s)
	}
	c.stop()
	for _, s := range all {
		e := s.next()
		for e.name == "change" { // of before: the stream may begin a little behind the log's end
			e = s.next()
		}
		if e.name != "end" {
			t.Errorf("%+v", e)
		}
	}
	c.ended(t)
}

// A client that keeps reading gets every change of a burst.
func TestEventsOfABurst(t *testing.T) {
	t.Parallel()
	const rounds, kinds, each = 5, 3, 100 // changes of one transaction: more than a stream buffers
	eachEngine(t, func(t *testing.T, c *client) {
		u, other := newUser(c, "Burst", crm.RoleManager), newUser(c, "Calm", crm.RoleManager)
		s, ready := u.begin("", "ready")
		quick, begun := other.begin("", "ready")
		at := ready.seq
		for range rounds {
			u.insert(t, each)
			s.changes(at+1, at+kinds*each)
			at += kinds * each
		}
		other.make("/api/companies", object{"name": "Told"})
		quick.changes(begun.seq+1, begun.seq+1)
	})
}

// insert writes so many companies, contacts and tasks in one transaction.
func (u user) insert(t *testing.T, n int) {
	t.Helper()
	ctx, now := t.Context(), crm.InstantOf(time.Now())
	var companies []crm.Company
	var contacts []crm.Contact
	var tasks []crm.Task
	for range n {
		first := "A"
		companies = append(companies, crm.Company{OrgID: u.org, ID: crm.NewID(), Name: "A", CreatedAt: now, UpdatedAt: now, Version: 1})
		contacts = append(contacts, crm.Contact{OrgID: u.org, ID: crm.NewID(), FirstName: &first, FullName: first, CreatedAt: now, UpdatedAt: now, Version: 1})
		tasks = append(tasks, crm.Task{OrgID: u.org, ID: crm.NewID(), Title: "A", Priority: "low", Status: crm.TaskPending, TaskType: "call", CreatedAt: now, UpdatedAt: now, Version: 1})
	}
	err := u.app.Core().Store.Write(ctx, crm.Operator(u.org), now, func(tx store.Tx) error {
		if err := tx.Companies().Insert(ctx, companies); err != nil {
			return err
		}
		if err := tx.Contacts().Insert(ctx, contacts); err != nil {
			return err
		}
		return tx.Tasks().Insert(ctx, tasks)
	})
	if err != nil {
		t.Fatal(err)
	}
}
