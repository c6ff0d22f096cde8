package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/demo"
)

// counts are how many rows of each kind an organisation has.
func (c *client) counts(key string) map[string]any {
	c.t.Helper()
	counts := map[string]any{}
	for _, kind := range []string{"companies", "contacts", "deals", "activities", "tasks"} {
		status, _, answer := c.do(http.MethodGet, "/api/"+kind+"?limit=1&count=exact", key, nil)
		if status != http.StatusOK {
			c.t.Fatalf("%s: %d %v", kind, status, answer)
		}
		counts[kind] = answer["meta"].(map[string]any)["totalCount"]
	}
	return counts
}

func TestDemo(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		core, dir := c.app.Core(), t.TempDir()
		first, err := core.Demo(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"companies": 120.0, "contacts": 400.0, "deals": 600.0, "activities": 1500.0, "tasks": 240.0}
		if d := cmp.Diff(want, c.counts(first.Key)); d != "" {
			t.Error(d)
		}
		status, _, answer := c.do(http.MethodGet, "/api/user", first.Key, nil)
		if user, _ := answer["data"].(map[string]any); status != http.StatusOK || user["id"] != first.Admin.ID.String() || user["is_admin"] != true {
			t.Errorf("the key is not the admin's: %d %v", status, answer)
		}
		admin := &browser{client: c}
		admin.logIn(*first.Admin.Email, first.Password)
		expect(t, admin.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": first.Admin.ID.String()})
		info, err := os.Stat(filepath.Join(dir, "demo-api-key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key's file: %v, %v; want mode 0600", info.Mode(), err)
		}

		again, err := core.Demo(t.Context(), dir)
		if err != nil || again.Key != first.Key || again.Password != "" || again.Organisation != first.Organisation {
			t.Errorf("a second run does not find the first one's data: %+v, %v", again.Organisation, err)
		}
		elsewhere, err := core.Demo(t.Context(), t.TempDir())
		if err != nil || elsewhere.Key == first.Key || elsewhere.Organisation != first.Organisation {
			t.Errorf("a run without the key's file: %+v, %v", elsewhere.Organisation, err)
		}
		by := crm.Operator(first.Organisation.ID)
		if _, err := core.Accounts.UpdateOrganisation(t.Context(), by, crm.VersionCondition{}, crm.OrganisationPatch{KeyMaxDays: crm.Of(30)}); err != nil {
			t.Fatal(err)
		}
		if elsewhere, err = core.Demo(t.Context(), t.TempDir()); err != nil {
			t.Fatalf("where keys must expire: %v", err)
		}
		if d := cmp.Diff(want, c.counts(elsewhere.Key)); d != "" {
			t.Errorf("the data is not what it was: %s", d)
		}
		if keys, err := core.Keys.List(t.Context(), by); err != nil || len(keys) != 3 || keys[1].RevokedAt == nil || keys[2].RevokedAt != nil || keys[2].ExpiresAt == nil {
			t.Errorf("the lost key was not revoked: %+v, %v", keys, err)
		}
	})
}

func TestDemoLeavesOtherDataAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Acme", "Demo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := boot(t, "sqlite")
			org := c.organisation(name)
			c.person(org.ID, "Ann Own", "ann@own.example", crm.RoleAdmin)
			if _, err := c.app.Core().Demo(t.Context(), t.TempDir()); err == nil {
				t.Error("it took a user's own data for the demonstration")
			}
			orgs, err := c.app.Core().Accounts.Organisations(t.Context())
			if err != nil || len(orgs) != 1 {
				t.Errorf("it made an organisation all the same: %+v, %v", orgs, err)
			}
			if d := cmp.Diff(map[string]any{"companies": 0.0, "contacts": 0.0, "deals": 0.0, "activities": 0.0, "tasks": 0.0}, c.counts(c.key(org.ID, crm.RoleViewer))); d != "" {
				t.Error(d)
			}
		})
	}
}

// Filling goes on where the organisation's rows end, and past what was deleted.
func TestFillAgain(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Fill")
		by, store := crm.Operator(org.ID), c.app.Core().Store
		plan := demo.Plan{Amounts: demo.Amounts{People: 8, Companies: 300, Contacts: 700, Deals: 900, Activities: 50, Tasks: 40}, Seed: 5, Now: time.Now()}
		done, err := demo.Fill(t.Context(), store.Bulk(), by, plan)
		if err != nil || done != plan.Amounts {
			t.Fatalf("Fill: %+v, %v", done, err)
		}
		page, err := store.Reads(crm.Actor{}).Companies().Page(t.Context(), org.ID, crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, company := range page.Rows {
			if err := c.app.Core().Service.DeleteCompany(t.Context(), by, company.ID, crm.VersionCondition{}); err != nil {
				t.Fatal(err)
			}
		}
		// The same plan a moment later, when its numbers overlap with those in use.
		plan.Now = plan.Now.Add(time.Second)
		done, err = demo.Fill(t.Context(), store.Bulk(), by, plan)
		plan.People = 0 // there are people now
		if err != nil || done != plan.Amounts {
			t.Fatalf("Fill again: %+v, %v", done, err)
		}
		want := map[string]any{"companies": 593.0, "contacts": 1400.0, "deals": 1800.0, "activities": 100.0, "tasks": 80.0}
		if d := cmp.Diff(want, c.counts(c.key(org.ID, crm.RoleViewer))); d != "" {
			t.Error(d)
		}
	})
}

func TestFilledDealsKeepTheirHistory(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("History")
		now := time.Date(2026, 3, 18, 15, 30, 0, 0, time.UTC)
		plan := demo.Plan{Amounts: demo.Amounts{People: 3, Companies: 20, Contacts: 90, Deals: 300}, Seed: 5, Now: now, Whole: true}
		if _, err := demo.Fill(t.Context(), c.app.Core().Store.Bulk(), crm.Operator(org.ID), plan); err != nil {
			t.Fatal(err)
		}
		r := c.app.Core().Store.Reads(crm.Actor{})
		deals, err := r.Deals().Page(t.Context(), org.ID, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 300})
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]crm.ID, len(deals.Rows))
		changed := map[crm.Instant]int{}
		for i, d := range deals.Rows {
			ids[i] = d.ID
			changed[d.UpdatedAt]++
			moves, err := r.StageHistory(t.Context(), org.ID, d.ID)
			if err != nil || len(moves) == 0 {
				t.Fatalf("deal %s: %d stays in stages, %v", d.ID, len(moves), err)
			}
			if last := moves[len(moves)-1]; last.StageID != d.StageID || last.ExitedAt != nil || moves[0].EnteredAt != d.CreatedAt {
				t.Errorf("deal %+v\nhas another history: %+v", d, moves)
			}
		}
		if len(changed) < 290 {
			t.Errorf("300 deals were changed at only %d times", len(changed))
		}
		contacts, err := r.DealContacts(t.Context(), org.ID, ids)
		if err != nil || len(contacts) == 0 {
			t.Errorf("no deal has further contacts: %v", err)
		}
	})
}

// The key of the cursors is the database's, so cursors outlive the program.
func TestCursorsOutliveTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same := func(cfg *config.Config) { cfg.DataDir = dir }
	first := boot(t, "sqlite", same)
	demo, err := first.app.Core().Demo(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, page := first.do(http.MethodGet, "/api/deals?limit=5", demo.Key, nil)
	cursor := page["pagination"].(map[string]any)["nextCursor"].(string)
	second := boot(t, "sqlite", same)
	if status, _, answer := second.do(http.MethodGet, "/api/deals?limit=5&cursor="+cursor, demo.Key, nil); status != http.StatusOK {
		t.Errorf("another process refuses the cursor: %d %v", status, answer)
	}
	other := boot(t, "sqlite", same, func(cfg *config.Config) { cfg.PaginationKeys = []config.Secret{"configured, and another one"} })
	if status, _, _ := other.do(http.MethodGet, "/api/deals?limit=5&cursor="+cursor, demo.Key, nil); status != http.StatusBadRequest {
		t.Errorf("with another key configured: %d, want 400", status)
	}
}
