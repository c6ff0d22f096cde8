package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// auditTrails hold what was entered, newest first, for their own organisation alone, and
// tell the change log nothing.
func auditTrails(f *fixture) {
	day := crm.Instant((24 * time.Hour).Microseconds())
	var want []crm.AuditEntry
	for i := range 12 {
		e := crm.AuditEntry{
			OrgID: f.home.ID, ID: crm.NewID(), At: at(0) + crm.Instant(i/2)*day, Action: crm.ActionKeyCreated,
			Details: crm.AuditDetails(fmt.Sprintf(`{"n":"%d"}`, i)),
		}
		if i%3 == 0 {
			e.ActorID, e.Action, e.Target, e.TargetID = &f.home.owner.ID, crm.ActionUserDeleted, crm.EntityOwner, ptr(crm.NewID())
			e.Address, e.RequestID = "192.0.2.1", "request"
		}
		want = append(want, e)
	}
	before := logEnd(f, f.home.ID)
	for _, e := range want {
		f.write(f.home, 0, func(tx crm.Tx) error { return tx.PutAudit(f.Context(), e) })
		theirs := e
		theirs.OrgID, theirs.ActorID = f.away.ID, nil
		f.write(f.away, 0, func(tx crm.Tx) error { return tx.PutAudit(f.Context(), theirs) })
		_ = f.fails(f.home, func(tx crm.Tx) error { return tx.PutAudit(f.Context(), theirs) })
	}
	if after := logEnd(f, f.home.ID); after != before {
		f.Errorf("the change log grew from %d to %d", before, after)
	}
	slices.SortFunc(want, func(a, b crm.AuditEntry) int { // ids of one moment descend too
		return -cmp.Or(cmp.Compare(a.At, b.At), slices.Compare(a.ID[:], b.ID[:]))
	})
	first := crm.Date(at(0).Time().Unix() / 86400)
	for name, c := range map[string]struct {
		filter crm.AuditFilter
		keep   func(crm.AuditEntry) bool
	}{
		"All":    {crm.AuditFilter{}, func(crm.AuditEntry) bool { return true }},
		"Action": {crm.AuditFilter{Action: ptr(string(crm.ActionUserDeleted))}, func(e crm.AuditEntry) bool { return e.Action == crm.ActionUserDeleted }},
		"Actor":  {crm.AuditFilter{ActorID: &f.home.owner.ID}, func(e crm.AuditEntry) bool { return e.ActorID != nil }},
		"Days": {crm.AuditFilter{From: ptr(first + 1), To: ptr(first + 2)}, func(e crm.AuditEntry) bool {
			return e.At >= at(0)+day && e.At < at(0)+3*day
		}},
	} {
		fit := slices.DeleteFunc(slices.Clone(want), func(e crm.AuditEntry) bool { return !c.keep(e) })
		var got []crm.AuditEntry
		q := crm.List[crm.AuditFilter]{Filter: c.filter, Sort: crm.AuditTrail.Sorts.Default, Limit: 3, Count: crm.CountExact}
		for more := true; more; {
			p, err := f.store.Reads(crm.Actor{}).Audit().Page(f.Context(), f.home.ID, q)
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
