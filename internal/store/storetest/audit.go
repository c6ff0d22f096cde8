package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// auditTrails hold what was entered, newest first, for their own organisation alone, and
// tell the change log nothing.
func auditTrails(f *fixture) {
	day := crm.Instant((24 * time.Hour).Microseconds())
	var want []accounts.AuditEntry
	for i := range 12 {
		e := accounts.AuditEntry{
			OrgID: f.home.ID, ID: crm.NewID(), At: at(0) + crm.Instant(i/2)*day, Action: accounts.ActionKeyCreated,
			Details: accounts.AuditDetails(fmt.Sprintf(`{"n":"%d"}`, i)),
		}
		if i%3 == 0 {
			e.ActorID, e.Action, e.Target, e.TargetID = &f.home.owner.ID, accounts.ActionUserDeleted, crm.EntityOwner, ptr(crm.NewID())
			e.Address, e.RequestID = "192.0.2.1", "request"
			e.KeyID, e.KeyCreatedBy = &f.home.by.Key, ptr(crm.NewID())
		}
		want = append(want, e)
	}
	before := logEnd(f, f.home.ID)
	for _, e := range want {
		f.write(f.home, 0, func(tx store.Tx) error { return tx.PutAudit(f.Context(), e) })
		theirs := e
		theirs.OrgID, theirs.ActorID = f.away.ID, nil
		f.write(f.away, 0, func(tx store.Tx) error { return tx.PutAudit(f.Context(), theirs) })
		_ = f.fails(f.home, func(tx store.Tx) error { return tx.PutAudit(f.Context(), theirs) })
	}
	if after := logEnd(f, f.home.ID); after != before {
		f.Errorf("the change log grew from %d to %d", before, after)
	}
	slices.SortFunc(want, func(a, b accounts.AuditEntry) int { // ids of one moment descend too
		return -cmp.Or(cmp.Compare(a.At, b.At), slices.Compare(a.ID[:], b.ID[:]))
	})
	first := crm.Date(at(0).Time().Unix() / 86400)
	for name, c := range map[string]struct {
		filter accounts.AuditFilter
		keep   func(accounts.AuditEntry) bool
	}{
		"All":    {accounts.AuditFilter{}, func(accounts.AuditEntry) bool { return true }},
		"Action": {accounts.AuditFilter{Action: crm.Only(string(accounts.ActionUserDeleted))}, func(e accounts.AuditEntry) bool { return e.Action == accounts.ActionUserDeleted }},
		"Actor":  {accounts.AuditFilter{ActorID: crm.Only(f.home.owner.ID)}, func(e accounts.AuditEntry) bool { return e.ActorID != nil }},
		"Key":    {accounts.AuditFilter{KeyID: crm.Only(f.home.by.Key)}, func(e accounts.AuditEntry) bool { return e.KeyID != nil }},
		"Days": {accounts.AuditFilter{From: ptr(first + 1), To: ptr(first + 2)}, func(e accounts.AuditEntry) bool {
			return e.At >= at(0)+day && e.At < at(0)+3*day
		}},
	} {
		fit := slices.DeleteFunc(slices.Clone(want), func(e accounts.AuditEntry) bool { return !c.keep(e) })
		var got []accounts.AuditEntry
		q := crm.List[accounts.AuditFilter]{Filter: c.filter, Sort: accounts.AuditTrail.Sorts.Default, Limit: 3, Count: crm.CountExact}
		for more := true; more; {
			p, err := f.store.Accounts().Audit().Page(f.Context(), f.home.ID, q)
			must(f, p, err)
			if *p.Total != int64(len(fit)) {
				f.Errorf("%s: counted %d of %d", name, *p.Total, len(fit))
			}
			got, q.From, more = append(got, p.Rows...), p.Last, p.HasMore
		}
		if diff := gocmp.Diff(fit, got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
