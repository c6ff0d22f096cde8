package webhooks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store/enginetest"
	"sixty/internal/webhooks"
)

// invalid returns the fields of an error, with what is wrong with them.
func invalid(err error) string {
	var e *crm.Error
	if !errors.As(err, &e) || e.Code != crm.CodeInvalid {
		return fmt.Sprint(err)
	}
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Field + " " + f.Message
	}
	return strings.Join(texts, "; ")
}

func TestBadEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	url, events := crm.Of(w.server.URL), crm.Of([]string{"*"})
	for want, p := range map[string]webhooks.Patch{
		"url must not be empty; events must contain at least one event":                             {},
		"events must contain at least one event":                                                    {URL: url, Events: crm.Of([]string{})},
		"url must not lead to an address that is private, local, or otherwise not public":           {URL: crm.Of("http://169.254.169.254/"), Events: events},
		"url must be a web address such as https://example.com/hooks":                               {URL: crm.Of("gopher://x"), Events: events},
		"description must be at most 10000 characters long; events must contain at least one event": {URL: url, Description: crm.Of(strings.Repeat("x", 10_001))},
	} {
		if _, err := w.hooks.Create(t.Context(), w.admin, p); invalid(err) != want {
			t.Errorf("%q, want %q", invalid(err), want)
		}
	}
	if _, err := w.hooks.Create(t.Context(), w.admin, webhooks.Patch{URL: url, Events: crm.Of([]string{"deal.created", "deal.won"})}); !strings.HasPrefix(invalid(err), `events must not contain "deal.won": it must be one of *, company.*, company.created,`) {
		t.Error(invalid(err))
	}
	manager := w.admin
	manager.Role = crm.RoleManager
	if _, err := w.hooks.Create(t.Context(), manager, webhooks.Patch{URL: url, Events: events}); crm.CodeOf(err) != crm.CodeForbidden {
		t.Errorf("a manager: %v", err)
	}
	if all, err := w.hooks.List(t.Context(), w.admin); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	for range webhooks.MaxEndpoints {
		w.endpoint("/", "*")
	}
	if _, err := w.hooks.Create(t.Context(), w.admin, webhooks.Patch{URL: url, Events: events}); crm.CodeOf(err) != crm.CodeConflict {
		t.Errorf("one too many: %v", err)
	}
}

// TestLife: an endpoint is changed, stopped, moved back and deleted, each time in the audit trail.
func TestLife(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		e := w.endpoint("/", "company.created", "company.created")
		w.audited(e.ID, accounts.ActionWebhookCreated)
		if diff := cmp.Diff([]string{"company.created"}, e.Events.List()); diff != "" || e.Version != 1 {
			t.Errorf("%+v", e)
		}
		w.company("First")
		w.work()
		patch := webhooks.Patch{Events: crm.Of([]string{"deal.*"}), Description: crm.Of(" ours "), Enabled: crm.Of(false)}
		if _, err := w.hooks.Update(t.Context(), w.admin, e.ID, crm.VersionIn(2), patch); crm.CodeOf(err) != crm.CodePrecondition {
			t.Errorf("another version: %v", err)
		}
		changed, err := w.hooks.Update(t.Context(), w.admin, e.ID, crm.VersionIn(1), patch)
		if err != nil || changed.State != webhooks.Disabled || *changed.StateReason != "An admin has disabled it." || *changed.Description != "ours" || changed.Version != 2 {
			t.Errorf("%+v, %v", changed, err)
		}
		w.audited(e.ID, accounts.ActionWebhookChanged)
		w.company("Second")
		if n := w.work(); n != 0 {
			t.Errorf("%d jobs are run for an endpoint that is disabled", n)
		}
		if _, err := w.hooks.Update(t.Context(), w.admin, e.ID, crm.VersionCondition{}, webhooks.Patch{Events: crm.Of([]string{"*"}), Enabled: crm.Of(true)}); err != nil {
			t.Fatal(err)
		}
		w.work()
		all := w.requests("/")
		if kinds(all) != "company.created company.created" {
			t.Errorf("received %s", kinds(all))
		}
		now := w.get(e.ID)
		for name, since := range map[string]crm.LogPosition{
			"since must be a position of the present epoch, " + e.Epoch:           {Epoch: "ANOTHER234", Seq: 1},
			"since must not be after the last change, " + now.Position().String(): {Seq: 1_000_000},
		} {
			if _, err := w.hooks.Replay(t.Context(), w.admin, e.ID, since); invalid(err) != name {
				t.Errorf("%q, want %q", invalid(err), name)
			}
		}
		if _, err := w.hooks.Replay(t.Context(), w.admin, e.ID, e.Position()); err != nil {
			t.Fatal(err)
		}
		w.work()
		again := w.requests("/")
		if len(again) != 2 || again[0].id != all[0].id || again[1].id != all[1].id || again[0].text != all[0].text {
			t.Errorf("again %+v, first %+v", again, all)
		}
		if err := w.hooks.Delete(t.Context(), w.admin, e.ID, crm.VersionCondition{}); err != nil {
			t.Fatal(err)
		}
		w.audited(e.ID, accounts.ActionWebhookDeleted)
		w.company("Third")
		if n := w.work(); n != 0 {
			t.Errorf("%d jobs are run for an endpoint that is deleted", n)
		}
		if _, err := w.hooks.Get(t.Context(), w.admin, e.ID); crm.CodeOf(err) != crm.CodeNotFound {
			t.Error(err)
		}
	})
}

// TestChangedWhileSending: what an admin does while a request is in flight is not overwritten.
func TestChangedWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	e := w.endpoint("/", "*")
	n := 0
	w.answer("/", func(a http.ResponseWriter, _ received) {
		if n++; n != 2 {
			return
		}
		if _, err := w.hooks.Replay(t.Context(), w.admin, e.ID, e.Position()); err != nil {
			t.Error(err)
		}
		a.WriteHeader(http.StatusInternalServerError) // the failure is of a position that it is no longer at
	})
	w.company("First")
	w.company("Second")
	w.work()
	if got := kinds(w.requests("/")); got != "company.created company.created company.created company.created" || w.get(e.ID).Failures != 0 {
		t.Errorf("received %s", got)
	}
	gone := false
	w.answer("/", func(http.ResponseWriter, received) {
		if gone {
			t.Error("it is sent more after it was deleted")
		}
		gone = true
		if err := w.hooks.Delete(t.Context(), w.admin, e.ID, crm.VersionCondition{}); err != nil {
			t.Error(err)
		}
	})
	w.company("Third")
	w.company("Fourth")
	w.work()
}

// TestRedelivery: a delivery is sent again with the same id and body, and marked. Asked for twice
// at once, it is sent once.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	e, other := w.endpoint("/", "*"), w.endpoint("/other", "task.*")
	w.company("Change")
	w.work()
	first := w.requests("/")[0]
	d := w.deliveries(e.ID)[0]
	if _, err := w.hooks.Redeliver(t.Context(), w.admin, other.ID, d.ID); crm.CodeOf(err) != crm.CodeNotFound {
		t.Errorf("of another endpoint: %v", err)
	}
	job, err := w.hooks.Redeliver(t.Context(), w.admin, e.ID, d.ID)
	again, errAgain := w.hooks.Redeliver(t.Context(), w.admin, e.ID, d.ID)
	if err != nil || errAgain != nil || job.ID != again.ID {
		t.Fatalf("%v, %v, %v, %v", job.ID, again.ID, err, errAgain)
	}
	w.answer("/", status(http.StatusInternalServerError))
	claimed := w.claim()
	if err := w.run(claimed[0]); err == nil || err.Error() != "the endpoint did not accept the request: the status was 500" {
		t.Errorf("the job ends with %v", err)
	}
	w.answer("/", nil)
	if err := w.run(claimed[0]); err != nil {
		t.Error(err)
	}
	all := w.requests("/")
	if len(all) != 2 || all[0].id != first.id || all[1].text != first.text {
		t.Errorf("received %+v, first %+v", all, first)
	}
	log := w.deliveries(e.ID)
	if len(log) != 3 || !log[1].Redelivery || !log[2].Redelivery || log[2].State != webhooks.Succeeded || log[1].State != webhooks.Failed || log[0].Redelivery {
		t.Errorf("%+v", log)
	}
	if e = w.get(e.ID); e.Failures != 0 {
		t.Error("a redelivery that fails is a failure of the endpoint")
	}
}

// TestFeeder: a job is added for each endpoint that is behind, at most one; while the feeder runs,
// as soon as it is told.
func TestFeeder(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		var ends []crm.ID
		for i := range 3 {
			ends = append(ends, w.endpoint(fmt.Sprint("/", i), "*").ID)
		}
		added := func() []string {
			page, err := w.store.Jobs().Page(t.Context(), w.org.Org, crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			keys := make([]string, len(page.Rows))
			for i, j := range page.Rows {
				keys[i] = *j.UniqueKey
			}
			slices.Sort(keys)
			return keys
		}
		feed := func() {
			if err := w.hooks.Feeder.Feed(t.Context(), []crm.ID{w.org.Org}); err != nil {
				t.Fatal(err)
			}
		}
		if feed(); len(added()) != 0 {
			t.Errorf("%s have jobs, and nothing to be sent", added())
		}
		w.company("Change")
		if err := w.hooks.Feeder.Feed(t.Context(), []crm.ID{crm.NewID()}); err != nil || len(added()) != 0 {
			t.Errorf("jobs %s of another organisation, %v", added(), err)
		}
		feed()
		feed() // whatever others do
		var want []string
		for _, id := range ends {
			want = append(want, webhooks.UniqueKey(id))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, added()); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		// A running one counts, too.
		claimed := w.claim()
		if feed(); len(added()) != 3 {
			t.Error("an endpoint has two jobs")
		}
		for _, c := range claimed {
			if err := w.run(c); err != nil {
				t.Error(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			w.hooks.Feeder.Run(ctx)
			close(ended)
		}()
		w.company("Later")
		w.hooks.Feeder.Wake(w.org.Org)
		for len(added()) < 6 { // or the test runs out of time
			runtime.Gosched()
		}
		stop()
		<-ended
	})
}
