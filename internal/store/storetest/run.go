// Package storetest defines what the storage port must do: every engine passes Run.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Engine is an engine as its package opens it: with its migrations, and with what its
// tests add.
type Engine interface {
	store.Engine
	Migrate(ctx context.Context) error
	// AsOwner runs statements as the owner of the tables, in one transaction.
	AsOwner(ctx context.Context, statements ...string) error
	// Checks returns the text of a table's CHECK constraints.
	Checks(ctx context.Context, table string) (string, error)
}

// Opener opens an engine on one and the same database each time that it is called.
// A statementTimeout of 0 is the engine's default.
type Opener func(tb testing.TB, statementTimeout time.Duration) Engine

// patience is the time that a statement may take where time is not under test: tests
// run on busy machines, and slowed down by the race detector.
const patience = time.Minute

// maxAtOnce bounds the cases that run at the same time, and with them the
// databases and connections in use.
const maxAtOnce = 4

// Run holds an engine to the definition of the port. database makes an empty
// database for every case, which lives as long as the case. With names, only those cases run.
func Run(t *testing.T, database func(tb testing.TB) Opener, only ...string) {
	t.Helper()
	ran := 0
	slots := make(chan struct{}, maxAtOnce)
	for _, c := range []struct {
		name string
		run  func(f *fixture)
	}{
		{"RoundTrip", roundTrips},
		{"Bulk", bulkLoads},
		{"Update", updates},
		{"DealContactText", dealContactText},
		{"ScanCompanies", func(f *fixture) { scans(f, companyList(f)) }},
		{"ScanContacts", func(f *fixture) { scans(f, contactList(f)) }},
		{"ScanDeals", func(f *fixture) { scans(f, dealList(f)) }},
		{"ScanStages", func(f *fixture) { scans(f, stageList(f)) }},
		{"ScanOwners", func(f *fixture) { scans(f, ownerList(f)) }},
		{"ScanActivities", func(f *fixture) { scans(f, activityList(f)) }},
		{"ScanTasks", func(f *fixture) { scans(f, taskList(f)) }},
		{"ScanByID", scansByID},
		{"ScanGaps", func(f *fixture) { scans(f, gapList(f)) }},
		{"PositionsDeals", func(f *fixture) { positions(f, dealList(f)) }},
		{"PositionsTasks", func(f *fixture) { positions(f, taskList(f)) }},
		{"FilterCompanies", func(f *fixture) { filters(f, companyList(f)) }},
		{"FilterContacts", func(f *fixture) { filters(f, contactList(f)) }},
		{"FilterDeals", func(f *fixture) { filters(f, dealList(f)) }},
		{"FilterActivities", func(f *fixture) { filters(f, activityList(f)) }},
		{"FilterTasks", func(f *fixture) { filters(f, taskList(f)) }},
		{"MixedCompanies", func(f *fixture) { mixed(f, companyList(f)) }},
		{"MixedContacts", func(f *fixture) { mixed(f, contactList(f)) }},
		{"MixedDeals", func(f *fixture) { mixed(f, dealList(f)) }},
		{"MixedActivities", func(f *fixture) { mixed(f, activityList(f)) }},
		{"MixedTasks", func(f *fixture) { mixed(f, taskList(f)) }},
		{"TaskStatuses", taskStatuses},
		{"Checks", checks},
		{"EmptyList", emptyList},
		{"IsolatedReads", isolatedReads},
		{"IsolatedWrites", isolatedWrites},
		{"ForeignRows", foreignRows},
		{"Unique", uniqueKeys},
		{"UniqueOrganisation", uniqueOrganisation},
		{"References", references},
		{"ReferencesInBulk", referencesInBulk},
		{"Rollback", rollback},
		{"DryRun", dryRun},
		{"Panic", panics},
		{"OwnWrites", ownWrites},
		{"AuditTrail", auditTrails},
		{"AuditPruned", auditPruned},
		{"Webhooks", webhookRows},
		{"WebhooksBehind", webhooksBehind},
		{"Outbox", outboxes},
		{"OutboxJoins", outboxJoins},
		{"OutboxPruned", outboxPruned},
		{"Files", filesOfOrganisations},
		{"AtomicJoins", atomicJoins},
		{"AtomicFails", atomicFails},
		{"AtomicRetried", atomicRetried},
		{"IdempotentReplay", idempotentReplay},
		{"IdempotentFailure", idempotentFailure},
		{"IdempotentConcurrent", idempotentConcurrent},
		{"AnswersPruned", answersPruned},
		{"Snapshot", snapshots},
		{"SnapshotEnds", snapshotEnds},
		{"LogEntries", logEntries},
		{"LogBulk", logBulk},
		{"LogCleared", logCleared},
		{"LogImport", logImport},
		{"LogSilence", logSilence},
		{"LogOrder", logOrder},
		{"LogReads", logReads},
		{"LogGrowth", logGrowth},
		{"LogTails", logTails},
		{"LogEpoch", logOfEpochs},
		{"LogOfOrganisations", logOfOrganisations},
		{"LogAnnounced", announcements},
		{"LogPruned", logPruned},
		{"LogPrunedWithin", logPrunedWithin},
		{"LogWatched", watches},
		{"CommitsHeard", commitsHeard},
		{"CommitUnknown", commitUnknown},
		{"CommitUnchanged", commitUnchanged},
		{"CommitsAccountedFor", commitsAccountedFor},
		{"ClearCompany", clearCompany},
		{"ClearContact", clearContact},
		{"ClearWork", clearWork},
		{"ClearWhileWriting", clearWhileWriting},
		{"ClearPrimaryContacts", clearPrimaryContacts},
		{"DealContacts", dealContacts},
		{"DealContactOrder", dealContactOrder},
		{"NewDealContacts", newDealContacts},
		{"StageHistory", stageHistory},
		{"InUse", inUse},
		{"CompanyStats", companyStats},
		{"OwnerStats", ownerStats},
		{"CompanyTotals", companyTotals},
		{"ContactTotals", contactTotals},
		{"Dashboard", dashboards},
		{"Sums", sums},
		{"SumsTooGreat", sumsTooGreat},
		{"SumsOfMany", sumsOfMany},
		{"SumsRebuilt", sumsRebuilt},
		{"SumsChecked", sumsChecked},
		{"SumsCheckedBeside", sumsCheckedBeside},
		{"Purged", purgedRecords},
		{"PurgedReferences", purgedReferences},
		{"PurgedSums", purgedSums},
		{"PurgedUsers", purgedUsers},
		{"Find", finds},
		{"LockMany", lockMany},
		{"LockCrosswise", lockCrosswise},
		{"LostUpdate", lostUpdate},
		{"LockForShare", lockForShare},
		{"Search", searches},
		{"SearchCompanies", func(f *fixture) {
			searchLists(f, companyList(f), "acme", func(c *crm.Company) bool { return acmes(c.Name) })
		}},
		{"SearchContacts", func(f *fixture) {
			searchLists(f, contactList(f), "acme", func(c *crm.Contact) bool { return acmes(c.FullName) })
		}},
		{"SearchDeals", func(f *fixture) {
			searchLists(f, dealList(f), "acme", func(d *crm.Deal) bool { return acmes(d.Name) })
		}},
		{"SearchKeepsUp", searchKeepsUp},
		{"SearchConfined", searchConfined},
		{"SearchLimit", searchLimit},
		{"SearchSortLimit", searchSortLimit},
		{"SearchesLinks", searchesLinks},
		{"SearchPending", searchPending},
		{"SearchLinksConcurrently", searchLinksConcurrently},
		{"SearchRebuilt", searchRebuilt},
		{"TextRebuilt", textRebuilt},
		{"AccountTextRebuilt", accountTextRebuilt},
		{"TextRebuildInterrupted", textRebuildInterrupted},
		{"OwnedReads", ownedReads},
		{"OwnedWrites", ownedWrites},
		{"Organisations", organisations},
		{"OrganisationSettings", organisationSettings},
		{"APIKeys", apiKeys},
		{"APIKeysInUse", apiKeysInUse},
		{"OldAPIKeys", oldAPIKeys},
		{"Passwords", passwords},
		{"Sessions", sessions},
		{"Identities", identities},
		{"Operators", operators},
		{"Bindings", bindings},
		{"OneTimeTokens", oneTimeTokens},
		{"SignInsPruned", signInsPruned},
		{"LockAdmins", lockAdmins},
		{"TransferOwnership", transfers},
		{"TransferOwnershipWhole", transfersWhole},
		{"Observer", observes},
		{"Setting", settings},
		{"CancelledBefore", cancelledBefore},
		{"CancelledWaiting", cancelledWaiting},
		{"CancelledAnywhere", cancelledAnywhere},
		{"OutOfTime", outOfTime},
		{"Migrate", migrations},
		{"TwoEngines", twoEngines},
	} {
		if len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		ran++
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			c.run(newFixture(t, database))
		})
	}
	if len(only) > 0 && ran != len(only) {
		t.Errorf("%d cases of %d ran", ran, len(only))
	}
}

// A fixture is what a case runs on: a migrated database with two organisations.
type fixture struct {
	*testing.T
	database   func(testing.TB) Opener
	opener     Opener
	engine     Engine
	store      *store.Store
	home, away tenant
}

// A tenant is an organisation with one owner, who acts in it, and one stage.
type tenant struct {
	crm.Organisation
	by    crm.Actor
	owner crm.Owner
	stage crm.Stage
}

func newFixture(t *testing.T, database func(testing.TB) Opener) *fixture {
	t.Helper()
	f := &fixture{T: t, database: database, opener: database(t)}
	f.engine, f.store = f.open(patience)
	if err := f.engine.Migrate(t.Context()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	f.home, f.away = f.tenant("Home"), f.tenant("Away")
	return f
}

// open opens another engine on the case's database, and a store over it.
func (f *fixture) open(statementTimeout time.Duration) (Engine, *store.Store) {
	f.Helper()
	e := f.opener(f.T, statementTimeout)
	s := store.New(e, store.Options{})
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Errorf("close: %v", err)
		}
	})
	return e, s
}

// sub runs a part of a case, on the case's database.
func (f *fixture) sub(name string, run func(f *fixture)) {
	f.Run(name, func(t *testing.T) {
		part := *f
		part.T = t
		run(&part)
	})
}

func (f *fixture) tenant(name string) tenant {
	f.Helper()
	o := tenant{Organisation: crm.Organisation{ID: crm.NewID(), Name: name, DefaultCurrency: "GBP", RepsSee: crm.RepsSeeAll, CreatedAt: at(0)}}
	o.owner = o.newOwner("Ada")
	o.stage = o.newStage("Lead")
	o.by = crm.Actor{Org: o.ID, User: o.owner.ID, Role: crm.RoleAdmin, Key: crm.NewID()}
	f.write(o, 0, func(tx store.Tx) error {
		if err := tx.PutOrganisation(f.Context(), o.Organisation); err != nil {
			return err
		}
		if err := tx.Owners().Insert(f.Context(), []crm.Owner{o.owner}); err != nil {
			return err
		}
		return tx.Stages().Insert(f.Context(), []crm.Stage{o.stage})
	})
	return o
}

// at returns an instant that ascends with n.
func at(n int) crm.Instant {
	return crm.InstantOf(time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC).Add(time.Duration(n) * time.Second))
}

// write runs a transaction of a tenant's owner that must succeed.
func (f *fixture) write(o tenant, n int, fn func(tx store.Tx) error) {
	f.Helper()
	if err := f.store.Write(f.Context(), o.by, at(n), fn); err != nil {
		f.Fatalf("write: %v", err)
	}
}

// fails runs a transaction that must fail.
func (f *fixture) fails(o tenant, fn func(tx store.Tx) error) error {
	f.Helper()
	err := f.store.Write(f.Context(), o.by, at(1), fn)
	if err == nil {
		f.Fatal("the transaction succeeded")
	}
	return err
}

// must ends the test when something that is not under test fails.
func must[T any](f *fixture, v T, err error) T {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	return v
}
