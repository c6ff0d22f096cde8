package app_test

import (
	"path/filepath"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
)

// Deals that were too many for the transaction that renamed their company are indexed by the running
// program; until then searches of deals are truncated.
func TestWaitingDealsAreIndexed(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var cfg config.Config
			u := newUser(boot(t, engine, func(c *config.Config) { cfg = *c }), "Renaming", crm.RoleManager)
			acme := u.make("/api/companies", object{"name": "Acme"})
			for _, name := range []string{"First", "Second", "Third"} {
				u.make("/api/deals", object{"name": name, "company_id": id(acme)})
			}
			var database store.Engine
			var err error
			if engine == "sqlite" {
				database, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(cfg.DataDir, "sixty.db")})
			} else {
				database, err = postgres.Open(t.Context(), postgres.Options{URL: cfg.DatabaseURL.Reveal(), MaxConns: 2})
			}
			if err != nil {
				t.Fatal(err)
			}
			other := store.New(database, store.Options{ReindexedAtOnce: 1})
			defer func() { _ = other.Close() }()
			company, err := crm.ParseID(id(acme))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := crm.NewService(other.CRM(), time.Now).UpdateCompany(t.Context(), crm.Operator(u.org), company, crm.VersionCondition{}, crm.CompanyPatch{Name: crm.Of("Renamed")}); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(time.Minute)
			for {
				rows, answer := u.list("/api/deals?search=renamed&sort=name")
				truncated := at(answer, "meta").(object)["truncated"] == true
				if len(rows) == 3 && !truncated {
					break
				}
				if !truncated && len(rows) > 0 || time.Now().After(deadline) {
					t.Fatalf("found %s, truncated %t", mapped(rows, "name"), truncated)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}
