package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// lockAdmins returns the active admins of the organisation alone.
func lockAdmins(f *fixture) {
	o := f.home
	people := []crm.Owner{o.newOwner("Admin"), o.newOwner("Second"), o.newOwner("Rep"), o.newOwner("Service"), o.newOwner("Gone"), o.newOwner("Deleted")}
	for i := range people {
		people[i].Role = crm.RoleAdmin
	}
	people[2].Role, people[3].Service, people[4].DeactivatedAt = crm.RoleRep, true, ptr(at(1))
	insert(f, o, owners(), people...)
	remove(f, o, owners(), 2, people[5].ID)
	want := []crm.ID{people[0].ID, people[1].ID}
	if o.owner.Role == crm.RoleAdmin {
		want = append(want, o.owner.ID)
	}
	slices.SortFunc(want, func(a, b crm.ID) int { return slices.Compare(a[:], b[:]) })
	f.write(o, 3, func(tx store.Tx) error {
		got, err := tx.LockAdmins(f.Context())
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

// transfers transfers all that a user owns, and nothing that is another's, deleted, or of
// another organisation. The change log names each record, and the deals
// of a contact are in the order of their changes.
func transfers(f *fixture) {
	o, ctx := f.home, f.Context()
	from, to := o.newOwner("From"), o.newOwner("To")
	insert(f, o, owners(), from, to)
	there := f.away.newOwner("Elsewhere")
	there.ID = from.ID
	insert(f, f.away, owners(), there)
	foreign := f.away.newDeal("Theirs")
	foreign.OwnerID = &there.ID
	insert(f, f.away, deals(), foreign)

	const n = 120 // more than are logged one by one
	firms := give(n, o.newCompany, func(c *crm.Company) **crm.ID { return &c.OwnerID }, from.ID)
	firms[1].OwnerID = &o.owner.ID
	insert(f, o, companies(), firms...)
	remove(f, o, companies(), 2, firms[0].ID)
	persons := give(2, o.newContact, func(c *crm.Contact) **crm.ID { return &c.OwnerID }, from.ID)
	insert(f, o, contacts(), persons...)
	chances := give(n, o.newDeal, func(d *crm.Deal) **crm.ID { return &d.OwnerID }, from.ID)
	for i := range chances {
		chances[i].PrimaryContactID = &persons[0].ID
	}
	chances[0].OwnerID = &o.owner.ID
	insert(f, o, deals(), chances...)
	done := give(3, func(string) crm.Activity { return o.newActivity("call") }, func(a *crm.Activity) **crm.ID { return &a.OwnerID }, from.ID)
	insert(f, o, activities(), done...)
	todo := give(1, o.newTask, func(t *crm.Task) **crm.ID { return &t.AssignedTo }, from.ID)
	todo[0].CreatedBy = &from.ID
	insert(f, o, tasks(), todo...)

	f.write(o, 3, func(tx store.Tx) error {
		for limit, want := range map[int64]int64{1000: n - 2 + 2 + n - 1 + 3 + 1, 2: 2 + 2 + 2 + 2 + 1} {
			if got, err := tx.CountOwned(ctx, from.ID, limit); err != nil || got != want {
				f.Errorf("up to %d of each kind: %d records, %v, want %d", limit, got, err, want)
			}
		}
		return nil
	})
	hand := func(n int) (got accounts.TransferredRecords) {
		f.Helper()
		f.write(o, n, func(tx store.Tx) error {
			var err error
			got, err = tx.TransferOwnership(ctx, from.ID, to.ID)
			return err
		})
		return got
	}
	before := len(changeLog(f, o))
	if diff := cmp.Diff(accounts.TransferredRecords{Companies: n - 2, Contacts: 2, Deals: n - 1, Activities: 3, Tasks: 1}, hand(9)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	told := map[string]int{}
	for _, e := range changeLog(f, o)[before:] {
		lost := e.Refs["lost_by"]
		if stays := e.Entity == "task"; e.Op != "updated" || !slices.Equal(e.Refs["owner_id"], []crm.ID{from.ID, to.ID}) || !stays && !slices.Equal(lost, []crm.ID{from.ID}) || stays && len(lost) > 0 {
			f.Errorf("%+v", e)
		}
		told[e.Entity]++
	}
	if diff := cmp.Diff(map[string]int{"company": n - 2, "contact": 2, "deal": n - 1, "activity": 3, "task": 1}, told); diff != "" {
		f.Errorf("the change log (-want +got):\n%s", diff)
	}
	if c := get(f, o, companies(), firms[2].ID); *c.OwnerID != to.ID || c.Version != 2 || c.UpdatedAt != at(9) {
		f.Errorf("a company: %+v", c)
	}
	if c := get(f, o, companies(), firms[1].ID); *c.OwnerID != o.owner.ID || c.Version != 1 {
		f.Errorf("another's company: %+v", c)
	}
	if t := get(f, o, tasks(), todo[0].ID); *t.AssignedTo != to.ID || *t.CreatedBy != from.ID {
		f.Errorf("a task: %+v", t)
	}
	if d := get(f, f.away, deals(), foreign.ID); *d.OwnerID != there.ID {
		f.Errorf("another organisation's deal: %+v", d)
	}
	p, err := f.store.Reads(o.by).Deals().Page(ctx, o.ID, crm.List[crm.DealFilter]{
		Filter: crm.DealFilter{ContactID: crm.Only(persons[0].ID)}, Sort: crm.Deals.Sorts.Default, Limit: crm.MaxLimit,
	})
	rows := must(f, p, err).Rows
	if len(rows) != n || rows[n-1].ID != chances[0].ID || *rows[0].OwnerID != to.ID || rows[0].UpdatedAt != at(9) {
		f.Errorf("%d deals of the contact, the last is %+v", len(rows), rows[len(rows)-1])
	}
	before = len(changeLog(f, o))
	if got := hand(10); got != (accounts.TransferredRecords{}) || len(changeLog(f, o)) != before {
		f.Errorf("there was more: %+v", got)
	}
	f.write(o, 11, func(tx store.Tx) error {
		used, err := tx.OwnerInUse(ctx, from.ID)
		if used {
			f.Error("something is left")
		}
		return err
	})
}

// transfersWhole transfers nothing when the request is cancelled halfway.
func transfersWhole(f *fixture) {
	o := f.home
	from, to := o.newOwner("From"), o.newOwner("To")
	insert(f, o, owners(), from, to)
	firms := give(2, o.newCompany, func(c *crm.Company) **crm.ID { return &c.OwnerID }, from.ID)
	insert(f, o, companies(), firms...)
	todo := give(2, o.newTask, func(t *crm.Task) **crm.ID { return &t.AssignedTo }, from.ID)
	insert(f, o, tasks(), todo...)
	before := len(changeLog(f, o))

	gone := errors.New("the request has gone")
	ctx, cancel := context.WithCancelCause(f.Context())
	defer cancel(nil)
	s := store.New(f.opener(f.T, patience), store.Options{Observe: func(_ context.Context, e store.StatementEvent) {
		if e.Name == "activity.transfer" {
			cancel(gone)
		}
	}})
	defer func() { _ = s.Close() }()
	err := s.Write(ctx, o.by, at(9), func(tx store.Tx) error {
		n, err := tx.TransferOwnership(ctx, from.ID, to.ID)
		if n != (accounts.TransferredRecords{}) {
			f.Errorf("it reports the transfer of %+v", n)
		}
		return err
	})
	if !errors.Is(err, gone) {
		f.Errorf("%v, want %v", err, gone)
	}
	if c := get(f, o, companies(), firms[0].ID); *c.OwnerID != from.ID || c.Version != 1 || c.UpdatedAt != at(0) {
		f.Errorf("a company: %+v", c)
	}
	if t := get(f, o, tasks(), todo[0].ID); *t.AssignedTo != from.ID {
		f.Errorf("a task: %+v", t)
	}
	if n := len(changeLog(f, o)) - before; n != 0 {
		f.Errorf("%d entries of the change log", n)
	}
	works(f, f.store)
}

// give creates n records of an owner.
func give[T any](n int, build func(string) T, owner func(*T) **crm.ID, who crm.ID) []T {
	rows := make([]T, n)
	for i := range rows {
		rows[i] = build("Thing")
		*owner(&rows[i]) = &who
	}
	return rows
}

// auditPruned removes what is old from every organisation's audit trail.
func auditPruned(f *fixture) {
	for i := range 3 {
		for _, o := range []tenant{f.home, f.away} {
			f.write(o, i, func(tx store.Tx) error {
				return tx.PutAudit(f.Context(), accounts.AuditEntry{OrgID: o.ID, ID: crm.NewID(), At: at(i), Action: accounts.ActionSignedIn, Details: "{}"})
			})
		}
	}
	pruned(f, "audit", f.store.PruneAudit, []pruning{{0, 100, 0}, {3, 0, 0}, {2, 3, 3}, {2, 100, 1}, {2, 100, 0}})
	for _, o := range []tenant{f.home, f.away} {
		p, err := f.store.Accounts().Audit().Page(f.Context(), o.ID, crm.List[accounts.AuditFilter]{Sort: accounts.AuditTrail.Sorts.Default, Limit: 10})
		if rows := must(f, p, err).Rows; len(rows) != 1 || rows[0].At != at(2) {
			f.Errorf("what is left is %+v", rows)
		}
	}
}

// signInsPruned removes sessions and tickets that have expired, without a word in the
// change log.
func signInsPruned(f *fixture) {
	ctx := f.Context()
	for _, o := range []tenant{f.home, f.away} {
		f.write(o, 1, func(tx store.Tx) error {
			for i := range 3 {
				if err := tx.PutSession(ctx, o.newSession(o.owner.ID, i)); err != nil { // until i + 1000
					return err
				}
			}
			return tx.PutOneTimeToken(ctx, accounts.OneTimeToken{OrgID: o.ID, UserID: o.owner.ID, Purpose: accounts.PurposeReset, Hash: o.ID[:], ExpiresAt: at(1001)})
		})
	}
	before := len(changeLog(f, f.home))
	pruned(f, "sign-ins", f.store.PruneExpiredCredentials, []pruning{{1000, 100, 0}, {1002, 0, 0}, {1002, 3, 3}, {1002, 100, 3}, {1002, 100, 0}})
	if n := len(changeLog(f, f.home)) - before; n != 0 {
		f.Errorf("%d entries of the change log", n)
	}
	for _, o := range []tenant{f.home, f.away} {
		all, err := f.store.Sessions(ctx, o.ID, o.owner.ID)
		if all := must(f, all, err); len(all) != 1 || all[0].ExpiresAt != at(1002) {
			f.Errorf("what is left is %+v", all)
		}
		if _, err := f.store.OneTimeToken(ctx, o.ID[:]); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("the ticket is there: %v", err)
		}
	}
}

// pruning is a call, and how many it removes.
type pruning struct{ before, limit, want int }

func pruned(f *fixture, what string, call func(context.Context, crm.Instant, int) (int64, error), all []pruning) {
	f.Helper()
	for _, c := range all {
		n, err := call(f.Context(), at(c.before), c.limit)
		if must(f, n, err) != int64(c.want) {
			f.Errorf("%s: %d are removed from before %d with a limit of %d, want %d", what, n, c.before, c.limit, c.want)
		}
	}
}
