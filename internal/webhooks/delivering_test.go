package webhooks_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/crm/crmtest"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
	"sixty/internal/webhooks"
)

func TestDeclarations(t *testing.T) {
	t.Parallel()
	t.Run("Delivery", crmtest.Declared(webhooks.Deliveries))
}

// day does a day's work: changes of every kind.
func (w *world) day() {
	w.Helper()
	ctx := w.Context()
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	for i := range 40 {
		c := w.company(fmt.Sprint("Company ", i))
		_, err := w.service.UpdateCompany(ctx, w.admin, c.ID, crm.VersionCondition{}, crm.CompanyPatch{Phone: crm.Of("1")})
		must(err)
		d, err := w.service.CreateDeal(ctx, w.admin, crm.DealPatch{Name: crm.Of(fmt.Sprint("Deal ", i)), CompanyID: crm.Of(c.ID)})
		must(err)
		if i%4 == 0 { // which changes the deal, too
			must(w.service.DeleteCompany(ctx, w.admin, c.ID, crm.VersionCondition{}))
		}
		if i%5 == 0 {
			must(w.service.DeleteDeal(ctx, w.admin, d.ID, crm.VersionCondition{}))
		}
		if i%10 == 0 {
			must(w.store.Write(ctx, w.admin, crm.InstantOf(w.clock()), func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) }))
		}
	}
}

// TestEveryChange: each endpoint receives each change that it asks for, once, in the order of the
// log, and every request is accepted by the Standard Webhooks library.
func TestEveryChange(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		start, err := w.service.Changes(t.Context(), w.org, crm.LogPosition{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string][]string{
			"/all": {"*"}, "/deals": {"deal.created", "deal.updated", "deal.deleted"}, "/companies": {"company.*"}, "/deleted": {"company.deleted", "deal.deleted"},
			"/tasks": {"task.*"},
		}
		ends := map[string]webhooks.Endpoint{}
		for path, events := range asked {
			ends[path] = w.endpoint(path, events...)
		}
		w.day()
		page, err := w.service.Changes(t.Context(), w.org, start.Last, 1000)
		if err != nil || page.HasMore {
			t.Fatal(err)
		}
		w.work()
		for path, events := range asked {
			var want, got []string
			for _, c := range page.Entries {
				kind := c.Entity + "." + string(c.Op)
				if slices.ContainsFunc(events, func(e string) bool {
					return e == "*" || e == kind || e == c.Entity+".*" || c.Op == crm.OpBulk && strings.HasPrefix(e, c.Entity+".")
				}) {
					want = append(want, fmt.Sprintf("%s %s.%s.%d", kind, ends[path].ID, page.Last.Epoch, c.Seq))
				}
			}
			for _, r := range w.requests(path) {
				got = append(got, r.Type+" "+r.id)
				if !strings.HasSuffix(r.id, fmt.Sprint(".", r.Data.Seq)) || r.Data.Record != nil {
					t.Errorf("%s has the id %s", r.text, r.id)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || path != "/tasks" && len(got) < 10 {
				t.Errorf("%s received (-want +got):\n%s", path, diff)
			}
			if e := w.get(ends[path].ID); e.Position() != page.Last || e.Failures != 0 {
				t.Errorf("%s is at %s of %s", path, e.Position(), page.Last)
			}
			if all := w.deliveries(ends[path].ID); len(all) != len(got) {
				t.Errorf("%s has a log of %d deliveries", path, len(all))
			}
		}
		if n := w.work(); n != 0 {
			t.Errorf("%d jobs have nothing to do", n)
		}
	})
}

// TestIncludedRecords: the record is as it is at delivery.
func TestIncludedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	e := w.endpoint("/", "company.*")
	if _, err := w.hooks.Update(t.Context(), w.admin, e.ID, crm.VersionCondition{}, webhooks.Patch{Include: crm.Of(true)}); err != nil {
		t.Fatal(err)
	}
	c, gone := w.company("Old"), w.company("Gone")
	if _, err := w.service.UpdateCompany(t.Context(), w.admin, c.ID, crm.VersionCondition{}, crm.CompanyPatch{Name: crm.Of("New")}); err != nil {
		t.Fatal(err)
	}
	if err := w.service.DeleteCompany(t.Context(), w.admin, gone.ID, crm.VersionCondition{}); err != nil {
		t.Fatal(err)
	}
	w.work()
	for _, r := range w.requests("/") {
		switch record := string(r.Data.Record); *r.Data.ID {
		case c.ID:
			if !strings.Contains(record, `"name":"New"`) || *r.Data.Version != 2 {
				t.Errorf("%s has the record %s", r.text, record)
			}
		default:
			if record != "null" || r.Data.Version != nil {
				t.Errorf("%s has the record %s", r.text, record)
			}
		}
	}
}

// TestFailingForAnHour: an endpoint that responds with 500 is tried again with growing pauses, and
// then receives everything in order, the failed request with the same id.
func TestFailingForAnHour(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		e := w.endpoint("/", "company.created")
		w.company("First")
		w.company("Second")
		w.answer("/", status(http.StatusInternalServerError))
		var pauses []time.Duration
		for range 3 {
			w.work()
			failing := w.get(e.ID)
			pauses = append(pauses, time.Duration(*failing.RetryAt-crm.InstantOf(w.clock()))*time.Microsecond)
			if failing.State != webhooks.Enabled || *failing.LastError != "the status was 500" {
				t.Fatalf("%+v", failing)
			}
			if w.work() != 0 {
				t.Fatal("it is tried before its time")
			}
			w.advance(pauses[len(pauses)-1] + time.Second)
			w.due()
		}
		for i, want := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute} {
			if d := want - pauses[i]; d < 0 || d > time.Second {
				t.Errorf("the pause %d is %s", i, pauses[i])
			}
		}
		w.answer("/", nil)
		w.work()
		all := w.requests("/")
		if got := kinds(all); got != "company.created company.created company.created company.created company.created" || len(all) != 5 {
			t.Fatalf("received %s", got)
		}
		if all[0].id != all[3].id || all[0].text != all[3].text || all[4].id == all[3].id {
			t.Errorf("received %+v", all)
		}
		if e = w.get(e.ID); e.Failures != 0 || e.FailingSince != nil || e.RetryAt != nil || e.LastError != nil || e.DeliveredAt == nil {
			t.Errorf("after it: %+v", e)
		}
		var log []string
		for _, d := range w.deliveries(e.ID) {
			log = append(log, fmt.Sprint(d.Attempt, " ", d.State, " ", *d.Status))
		}
		if diff := cmp.Diff([]string{"1 failed 500", "2 failed 500", "3 failed 500", "4 succeeded 200", "1 succeeded 200"}, log); diff != "" {
			t.Errorf("the log of deliveries (-want +got):\n%s", diff)
		}
	})
}

// due makes the jobs that wait for their time due: the database's clock is not the test's.
func (w *world) due() {
	w.Helper()
	page, err := w.store.Jobs().Page(w.Context(), w.org.Org, crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 100, Filter: jobs.Filter{State: crm.Only(string(jobs.Scheduled))}})
	if err != nil {
		w.Fatal(err)
	}
	for _, j := range page.Rows { // the Feeder adds them again
		if _, err := w.store.Jobs().Cancel(w.Context(), w.admin, j.ID); err != nil {
			w.Fatal(err)
		}
	}
}

// TestFailingForADay: the endpoint is disabled, the admins are told, and what it has missed is sent
// once it is enabled.
func TestFailingForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	e := w.endpoint("/", "*")
	w.company("Missed")
	w.answer("/", status(http.StatusBadGateway))
	began, attempts := w.clock(), 0
	for w.get(e.ID).State == webhooks.Enabled {
		w.work()
		if attempts++; attempts > 20 {
			t.Fatal("it is never disabled")
		}
		if retry := w.get(e.ID).RetryAt; retry != nil {
			w.advance(retry.Time().Sub(w.clock()) + time.Second)
		}
		w.due()
	}
	if took := w.clock().Sub(began); took < 24*time.Hour || took > 24*time.Hour+time.Minute || attempts != 8 || w.disabled.Load() != 1 {
		t.Errorf("disabled after %s and %d attempts; told %d times", took, attempts, w.disabled.Load())
	}
	if e = w.get(e.ID); e.State != webhooks.Disabled || *e.StateReason != "It has failed for a day, the last time because the status was 502." || w.work() != 0 {
		t.Errorf("%+v", e)
	}
	w.audited(e.ID, accounts.ActionWebhookDisabled)
	w.answer("/", nil)
	w.requests("/")
	if _, err := w.hooks.Enable(t.Context(), w.admin, e.ID); err != nil {
		t.Fatal(err)
	}
	w.work()
	if got := kinds(w.requests("/")); got != "company.created" {
		t.Errorf("received %s", got)
	}
}

// audited checks that the last entry of the audit trail is of an endpoint.
func (w *world) audited(id crm.ID, want accounts.Action) {
	w.Helper()
	p, err := w.accounts.AuditTrail(w.Context(), w.admin, crm.List[accounts.AuditFilter]{Sort: accounts.AuditTrail.Sorts.Default, Limit: 1})
	if err != nil || len(p.Rows) != 1 || p.Rows[0].Action != want || *p.Rows[0].TargetID != id || strings.Contains(string(p.Rows[0].Details), "whsec_") {
		w.Errorf("the audit trail ends with %+v, %v", p.Rows, err)
	}
}

// TestSpecialResponses: 410 disables at once, Retry-After is honoured, a redirect fails.
func TestSpecialResponses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	gone, busy, moved := w.endpoint("/gone", "*"), w.endpoint("/busy", "*"), w.endpoint("/moved", "*")
	w.answer("/gone", status(http.StatusGone))
	w.answer("/busy", func(a http.ResponseWriter, _ received) {
		a.Header().Set("Retry-After", "90")
		a.WriteHeader(http.StatusServiceUnavailable)
	})
	w.answer("/moved", func(a http.ResponseWriter, _ received) {
		a.Header().Set("Location", w.server.URL+"/inside")
		a.WriteHeader(http.StatusTemporaryRedirect)
	})
	w.company("Change")
	w.work()
	if e := w.get(gone.ID); e.State != webhooks.Disabled || *e.StateReason != "It has responded with 410 Gone." {
		t.Errorf("%+v", e)
	}
	if e := w.get(busy.ID); e.RetryAt.Time().Sub(w.clock()) < 89*time.Second {
		t.Errorf("%+v", e)
	}
	if e := w.get(moved.ID); e.Failures != 1 || *e.LastError != "redirects are not followed: the status was 307" || len(w.requests("/inside")) > 0 {
		t.Errorf("%+v", e)
	}
}

// TestKilledInTheMiddle: a run whose lease is lost stores nothing more; the next one goes on where
// it was, so that nothing is lost, the order is kept, and repeats have the same id.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		e := w.endpoint("/", "*")
		for i := range 6 {
			w.company(fmt.Sprint(i))
		}
		if err := w.hooks.Feeder.Feed(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		first := w.claim()[0]
		n := 0
		w.answer("/", func(http.ResponseWriter, received) {
			if n++; n == 3 { // the lease is returned, as a sweep does with one that has expired
				if err := w.store.Jobs().End(t.Context(), first.Lease, jobs.Outcome{State: jobs.Ready, Unused: true}); err != nil {
					t.Error(err)
				}
			}
		})
		if err := w.run(first); !errors.Is(err, jobs.ErrLeaseLost) {
			t.Fatalf("the run ends with %v", err)
		}
		if n := len(w.deliveries(e.ID)); n != 2 {
			t.Errorf("%d deliveries are stored", n)
		}
		w.work()
		all := w.requests("/")
		if len(all) != 7 || all[2].id != all[3].id || all[2].text != all[3].text {
			t.Errorf("received %+v", all)
		}
		for i := range 6 {
			r := slices.Delete(slices.Clone(all), 2, 3)[i]
			if i > 0 && r.Data.Seq != slices.Delete(slices.Clone(all), 2, 3)[i-1].Data.Seq+1 {
				t.Errorf("received %+v", all)
			}
		}
	})
}

// TestRotation: for a day, requests are signed with both secrets.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	e := w.endpoint("/", "*")
	rotated, err := w.hooks.Rotate(t.Context(), w.admin, e.ID)
	if err != nil || rotated.Secret == e.Secret {
		t.Fatalf("%+v, %v", rotated, err)
	}
	w.audited(e.ID, accounts.ActionWebhookRotated)
	for _, secret := range []string{e.Secret, rotated.Secret} {
		w.know("/", secret)
		w.company("Change")
		w.work()
	}
	w.advance(25 * time.Hour)
	w.company("Change")
	w.work() // with the new one alone
	if n := len(w.requests("/")); n != 3 || len(w.unsigned) > 0 {
		t.Errorf("%d requests; not signed: %s", n, w.unsigned)
	}
	w.know("/", e.Secret)
	w.company("Change")
	w.work()
	if len(w.unsigned) != 1 {
		t.Error("the old secret still signs")
	}
	w.unsigned = nil
}

// TestCreatorLosesTheRole: the endpoint pauses, says so, and goes on when another admin enables it.
func TestCreatorLosesTheRole(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		other := w.newAdmin("grace@example.com")
		e := w.endpoint("/", "company.*")
		w.company("Before")
		w.work()
		demote := func(tx store.Tx) error {
			was, err := crm.LockOne(t.Context(), tx.Owners(), w.admin.User, "user")
			if err != nil {
				return err
			}
			is := was
			is.Role = crm.RoleManager
			return tx.Owners().Update(t.Context(), []crm.Change[crm.Owner]{{Before: was, After: is}})
		}
		if err := w.store.Write(t.Context(), other, 1, demote); err != nil {
			t.Fatal(err)
		}
		if _, err := w.service.CreateCompany(t.Context(), other, crm.CompanyPatch{Name: crm.Of("After")}); err != nil {
			t.Fatal(err)
		}
		w.work()
		if got := kinds(w.requests("/")); got != "company.created" {
			t.Errorf("received %s", got)
		}
		w.admin = other
		paused := w.get(e.ID)
		if paused.State != webhooks.Paused || *paused.StateReason != "Its creator is no longer an active admin. It goes on when another admin enables it." {
			t.Errorf("%+v", paused)
		}
		w.audited(e.ID, accounts.ActionWebhookPaused)
		if e, err := w.hooks.Update(t.Context(), other, e.ID, crm.VersionCondition{}, webhooks.Patch{Enabled: crm.Of(true)}); err != nil || *e.CreatedBy != other.User {
			t.Fatalf("%+v, %v", e, err)
		}
		w.work()
		if got := kinds(w.requests("/")); got != "company.created" {
			t.Errorf("then received %s", got)
		}
	})
}

// TestLogDoesNotContinue: when the next changes are pruned, or the log has a new epoch, the endpoint
// is told, and goes on from there.
func TestLogDoesNotContinue(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		w := newWorld(t, engine)
		e := w.endpoint("/", "company.created", "deal.*")
		w.company("Pruned")
		w.advance(time.Hour)
		kept := crm.InstantOf(w.clock())
		w.company("Kept")
		if _, err := w.store.PruneLog(t.Context(), kept, 100); err != nil {
			t.Fatal(err)
		}
		w.work()
		all := w.requests("/")
		if kinds(all) != "resync company.created" || all[0].Data.Reason != "pruned" || !slices.Equal(all[0].Data.Entities, []string{"company", "deal"}) {
			t.Fatalf("received %+v", all)
		}
		if at, ok := crm.ParseLogPosition(all[0].Data.Position); !ok || at.Seq+1 != all[1].Data.Seq || all[0].id != e.ID.String()+"."+all[0].Data.Position+".resync" {
			t.Errorf("received %+v", all)
		}
		w.company("Pruned, too")
		w.advance(time.Hour)
		if _, err := w.store.PruneLog(t.Context(), crm.InstantOf(w.clock()), 100); err != nil {
			t.Fatal(err)
		}
		w.work()
		if all = w.requests("/"); kinds(all) != "resync" || all[0].Data.Reason != "pruned" {
			t.Errorf("received %+v", all)
		}
		w.company("Of the old epoch")
		if err := w.store.BeginEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.work()
		if all = w.requests("/"); kinds(all) != "resync" || all[0].Data.Reason != "epoch" {
			t.Errorf("received %+v", all)
		}
		w.company("Of the new epoch")
		w.work()
		if all = w.requests("/"); kinds(all) != "company.created" {
			t.Errorf("received %+v", all)
		}
	})
}
