package app_test

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/crm"
)

// A client that reconnects with the id of the last event misses nothing: while others write,
// after a restart of the server, and on another instance.
func TestEventsResume(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		const rounds, each = 10, 5
		u := newUser(c, "Resume", crm.RoleAdmin)
		s, ready := u.begin("", "ready")
		at := ready.seq
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := range rounds * each {
				u.write(t.Context(), "POST", "/api/companies", object{"name": fmt.Sprint("Company ", i)})
			}
		})
		for range rounds {
			s.changes(at+1, at+each)
			at += each
			s.close()
			s, _ = u.begin(s.last, "ready")
		}
		writing.Wait()
		u.as(crm.RoleViewer) // is a change too
		s.changes(at+1, u.end())
		if number, _ := u.begin(strconv.Itoa(at), "ready"); len(number.changes(at+1, u.end())) == 0 {
			t.Error("without the name of the log, the number is not understood")
		}
	})
}

func TestEventsResumeAfterARestart(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			a, b := instances(t, engine, false)
			u := newUser(a, "Restart", crm.RoleManager)
			s, ready := u.begin("", "ready")
			u.make("/api/companies", object{"name": "Before"})
			s.changes(ready.seq+1, ready.seq+1)
			a.stop()
			if e := s.next(); e.name != "end" || !strings.Contains(fmt.Sprint(e.data["reason"]), "shuts down") {
				t.Errorf("the stream ends with %+v", e)
			}
			if e, err := s.read(); !errors.Is(err, io.EOF) {
				t.Errorf("after its end there is %+v, %v", e, err)
			}
			a.ended(t)
			u.client = b
			u.make("/api/companies", object{"name": "Meanwhile"})
			again, _ := u.begin(s.last, "ready")
			u.make("/api/companies", object{"name": "After"})
			again.changes(ready.seq+2, ready.seq+3)
		})
	}
}

// A client that continues from another log, from beyond its end or from before the retained
// log gets a reset, and then later changes.
func TestEventsReset(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Reset", crm.RoleManager)
		s, ready := u.begin("", "ready")
		epoch, _, _ := strings.Cut(ready.id, ".")
		u.make("/api/companies", object{"name": "Kept"})
		s.changes(ready.seq+1, ready.seq+1)
		at := ready.seq + 1
		for name, after := range map[string]string{"AnotherLog": "X" + ready.id, "BeyondTheEnd": epoch + ".4711", "NotKept": epoch + ".1"} {
			if name == "NotKept" {
				if n, err := c.app.Core().Store.PruneLog(t.Context(), crm.InstantOf(time.Now().Add(time.Hour)), 1000); err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
			s := u.follow(after)
			e := s.next()
			if e.name == "ready" {
				e = s.next()
			}
			if e.name != "reset" || e.seq != at || e.id != epoch+"."+strconv.Itoa(at) {
				t.Errorf("%s: %+v, want a reset to %d", name, e, at)
			}
			u.make("/api/companies", object{"name": name})
			at++
			s.changes(at, at)
		}
	})
}
