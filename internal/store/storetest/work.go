package storetest

import (
	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Activities and tasks: their variants, their lists, and what they alone do.

func activityVariants(o tenant, r refs) []crm.Activity {
	full := crm.Activity{
		OrgID: o.ID, ID: crm.NewID(), Type: "meeting", Status: "pending", Priority: ptr("high"), Description: ptr("about it all"),
		Amount: ptr(crm.Money(123_456)), Quantity: ptr(7), Date: at(3), ContactID: &r.contact.ID, CompanyID: &r.company.ID,
		DealID: &r.deal.ID, OwnerID: &r.owner.ID, ExternalID: ptr("A-1"), CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	long, odd := full, full
	long.ID, long.Description, long.ExternalID, long.Type, long.Status = crm.NewID(), &longest, &longText, "outbound", "no_show"
	long.Amount, long.Quantity, long.Date = ptr(crm.MaxMoney), ptr(1_000_000), lastTime
	long.CreatedAt, long.UpdatedAt = firstTime, lastTime
	odd.ID, odd.Description, odd.ExternalID, odd.Type, odd.Status = crm.NewID(), &oddText, &oddText, "note", "cancelled"
	odd.Amount, odd.Quantity, odd.Date = ptr(crm.Money(0)), ptr(0), firstTime
	odd.CreatedAt, odd.UpdatedAt = before70, before70+1
	return []crm.Activity{full, o.newActivity("call"), long, odd}
}

func taskVariants(o tenant, r refs) []crm.Task {
	full := crm.Task{
		OrgID: o.ID, ID: crm.NewID(), Title: "Full", Description: ptr("all of it"), Notes: ptr("noted"), DueDate: ptr(at(5)),
		Completed: true, CompletedAt: ptr(at(4)), Priority: "urgent", Status: crm.TaskCompleted, TaskType: "follow_up",
		AssignedTo: &r.owner.ID, CreatedBy: &r.owner.ID, DealID: &r.deal.ID, CompanyID: &r.company.ID, ContactID: &r.contact.ID,
		ExternalID: ptr("T-1"), CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	long, odd := full, full
	long.ID, long.Title, long.Description, long.Notes, long.ExternalID = crm.NewID(), longText, &longest, &longest, &longText
	long.DueDate, long.CompletedAt, long.CreatedAt, long.UpdatedAt = &lastTime, &lastTime, firstTime, lastTime
	odd.ID, odd.Title, odd.Description, odd.Notes, odd.ExternalID = crm.NewID(), oddText, &oddText, &oddText, &oddText
	odd.Status, odd.Completed, odd.CompletedAt, odd.DueDate = crm.TaskInProgress, false, nil, &firstTime
	odd.CreatedAt, odd.UpdatedAt = before70, before70+1
	return []crm.Task{full, o.newTask("Bare"), long, odd}
}

func activityList(f *fixture) *list[crm.Activity, crm.ActivityFilter] {
	m := newMaker()
	people, firms := three(f, owners(), f.home.newOwner), three(f, companies(), f.home.newCompany)
	persons, chances := three(f, contacts(), f.home.newContact), three(f, deals(), f.home.newDeal)
	types, statuses := []string{"call", "email", "meeting"}, []string{"pending", crm.ActivityCompleted}
	type filter = crm.ActivityFilter
	l := &list[crm.Activity, filter]{
		kind: activities(),
		key: func(field string, a *crm.Activity) sortKey {
			if field == "date" {
				return number(&a.Date)
			}
			return commonKey(field, a.UpdatedAt, a.CreatedAt, "")
		},
	}
	ids := l.fill(f, m, func(int) crm.Activity {
		a := l.vary(m, f.home.newActivity(types[m.IntN(3)]))
		a.Status = statuses[m.IntN(2)]
		a.OwnerID, a.ContactID, a.CompanyID, a.DealID = some(m, people), some(m, persons), some(m, firms), some(m, chances)
		a.Date, a.CreatedAt, a.UpdatedAt = m.instant(), m.instant(), m.instant()
		return a
	}, func(a *crm.Activity) { a.OwnerID, a.ContactID, a.CompanyID, a.DealID = nil, nil, nil, nil })
	return l.settle(f, ids...)
}

func taskList(f *fixture) *list[crm.Task, crm.TaskFilter] {
	m := newMaker()
	people, firms := three(f, owners(), f.home.newOwner), three(f, companies(), f.home.newCompany)
	persons, chances := three(f, contacts(), f.home.newContact), three(f, deals(), f.home.newDeal)
	statuses := []string{crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted, "cancelled"}
	type filter = crm.TaskFilter
	l := &list[crm.Task, filter]{
		kind: tasks(),
		base: filter{Now: at(0)},
		key: func(field string, t *crm.Task) sortKey {
			switch field {
			case "due_date":
				return number(t.DueDate)
			case "title":
				return named(t.Title)
			}
			return commonKey(field, t.UpdatedAt, t.CreatedAt, "")
		},
	}
	ids := l.fill(f, m, func(int) crm.Task {
		t := l.vary(m, f.home.newTask(m.name()))
		if t.Status = statuses[m.IntN(4)]; t.Status == crm.TaskCompleted {
			t.Completed, t.CompletedAt = true, ptr(m.instant())
		}
		t.AssignedTo, t.ContactID, t.CompanyID, t.DealID = some(m, people), some(m, persons), some(m, firms), some(m, chances)
		switch m.IntN(4) {
		case 0, 1:
			t.DueDate = ptr(m.instant())
		case 2: // due on a day
			t.DueDate = ptr(m.day())
		}
		t.CreatedAt, t.UpdatedAt = m.instant(), m.instant()
		return t
	}, func(t *crm.Task) { t.AssignedTo, t.ContactID, t.CompanyID, t.DealID = nil, nil, nil, nil })
	return l.settle(f, ids...)
}

// taskStatuses narrows tasks by the status that they are shown with, at several
// times, and meets each task under exactly one.
func taskStatuses(f *fixture) {
	l := taskList(f)
	noon := at(0).Midnight() + 12*60*60*1e6
	for _, now := range []crm.Instant{
		firstTime, at(-5), at(0), at(1), at(0).Midnight(), at(0).NextMidnight() - 1, at(0).NextMidnight(), noon, noon.NextMidnight() + 1, lastTime,
	} {
		total := 0
		for _, status := range []string{crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted, "cancelled", crm.TaskOverdue} {
			shown := condition[crm.Task, crm.TaskFilter]{
				name: status,
				set:  func(f *crm.TaskFilter) { f.Status, f.Now = crm.Only(status), now },
				keep: func(t *crm.Task) bool { return t.StatusAt(now) == status },
			}
			q := crm.List[crm.TaskFilter]{Filter: l.filter(shown), Sort: l.sorts.Default, Limit: 20}
			want := l.ordered(q.Sort, shown)
			total += len(want)
			l.forward(f, q, want)
			l.backward(f, q, want)
			l.counted(f, q, len(want))
		}
		if total != len(l.rows) {
			f.Errorf("at %s, %d of %d tasks have a status", now, total, len(l.rows))
		}
		l.nextDue(f, now)
	}
}

// nextDue checks when the first of the tasks is due from an instant on.
func (l *list[T, F]) nextDue(f *fixture, from crm.Instant) {
	f.Helper()
	var want *crm.Instant
	for i := range l.rows {
		due := any(&l.rows[i]).(*crm.Task).DueDate
		if due != nil && *due >= from && (want == nil || *due < *want) {
			want = due
		}
	}
	got, ok, err := f.store.Reads(crm.Actor{}).NextDue(f.Context(), f.home.ID, from)
	if err != nil || ok != (want != nil) || ok && got != *want {
		f.Errorf("the next due date from %s is %s (%t, %v), want %v", from, got, ok, err, want)
	}
}

// clearWork takes a company, contact or deal that goes off the activities and tasks
// that name it, and touches no others.
func clearWork(f *fixture) {
	type setter struct {
		activity func(*crm.Activity) **crm.ID
		task     func(*crm.Task) **crm.ID
		clear    func(store.Tx, crm.ID) error
		ids      []crm.ID
	}
	ctx, o := f.Context(), f.home
	for name, of := range map[string]setter{
		"company": {
			func(a *crm.Activity) **crm.ID { return &a.CompanyID }, func(t *crm.Task) **crm.ID { return &t.CompanyID },
			func(tx store.Tx, id crm.ID) error { return tx.ClearCompany(ctx, id) }, three(f, companies(), o.newCompany),
		},
		"contact": {
			func(a *crm.Activity) **crm.ID { return &a.ContactID }, func(t *crm.Task) **crm.ID { return &t.ContactID },
			func(tx store.Tx, id crm.ID) error { return tx.ClearContact(ctx, id) }, three(f, contacts(), o.newContact),
		},
		"deal": {
			func(a *crm.Activity) **crm.ID { return &a.DealID }, func(t *crm.Task) **crm.ID { return &t.DealID },
			func(tx store.Tx, id crm.ID) error { return tx.ClearDeal(ctx, id) }, three(f, deals(), o.newDeal),
		},
	} {
		f.sub(name, func(f *fixture) {
			gone, stays := o.newActivity("call"), o.newActivity("call")
			doomed, kept := o.newTask("Doomed"), o.newTask("Kept")
			*of.activity(&gone), *of.activity(&stays) = &of.ids[0], &of.ids[1]
			*of.task(&doomed), *of.task(&kept) = &of.ids[0], &of.ids[1]
			insert(f, o, activities(), gone, stays)
			insert(f, o, tasks(), doomed, kept)
			log := entered(f, func() {
				f.write(o, 20, func(tx store.Tx) error { return of.clear(tx, of.ids[0]) })
			})
			*of.activity(&gone), gone.UpdatedAt, gone.Version = nil, at(20), 2
			*of.task(&doomed), doomed.UpdatedAt, doomed.Version = nil, at(20), 2
			for _, want := range []crm.Activity{gone, stays} {
				if diff := cmp.Diff(want, get(f, o, activities(), want.ID)); diff != "" {
					f.Errorf("activity (-want +got):\n%s", diff)
				}
			}
			for _, want := range []crm.Task{doomed, kept} {
				if diff := cmp.Diff(want, get(f, o, tasks(), want.ID)); diff != "" {
					f.Errorf("task (-want +got):\n%s", diff)
				}
			}
			if len(log) != 2 || log[0].Entity != "activity" || log[1].Entity != "task" || !is(log[0].ID, gone.ID) || !is(log[1].ID, doomed.ID) {
				f.Errorf("the change log says %+v", log)
			}
		})
	}
}

// dealsOf inserts deals of every status and currency, one of them deleted, and returns
// what they come to.
func dealsOf(f *fixture, edit func(*crm.Deal)) crm.DealTotals {
	f.Helper()
	with := func(status string) func(*crm.Deal) {
		return func(d *crm.Deal) {
			edit(d)
			if d.Status = status; status != crm.StatusActive {
				d.ClosedAt = ptr(at(1))
			}
		}
	}
	dealsWith(f, "GBP", append(amounts(150, crm.MaxMoney), nil), with(crm.StatusActive))
	dealsWith(f, "EUR", amounts(7), with(crm.StatusActive))
	dealsWith(f, "GBP", amounts(1000, 2000), with(crm.StatusWon))
	dealsWith(f, "USD", amounts(5), with(crm.StatusLost))
	remove(f, f.home, deals(), 3, dealsWith(f, "GBP", amounts(1), with(crm.StatusWon))...)
	return crm.DealTotals{
		All:  crm.Tally{Deals: 7, Value: []crm.Sum{{Currency: "EUR", Amount: 7}, {Currency: "GBP", Amount: crm.MaxMoney + 3150}, {Currency: "USD", Amount: 5}}},
		Open: crm.Tally{Deals: 4, Value: []crm.Sum{{Currency: "EUR", Amount: 7}, {Currency: "GBP", Amount: crm.MaxMoney + 150}}},
		Won:  crm.Tally{Deals: 2, Value: []crm.Sum{{Currency: "GBP", Amount: 3000}}},
		Lost: crm.Tally{Deals: 1, Value: []crm.Sum{{Currency: "USD", Amount: 5}}},
	}
}

// companyTotals counts what one company has, and nothing of others.
func companyTotals(f *fixture) {
	o, reads := f.home, f.store.Reads(crm.Actor{})
	firms := three(f, companies(), o.newCompany)
	want := crm.CompanyTotals{Contacts: 2, Deals: dealsOf(f, func(d *crm.Deal) { d.CompanyID = &firms[0] }), LastActivity: ptr(at(7))}
	people := copies(contacts(), []crm.Contact{o.newContact("P")}, 4)
	for i := range people {
		people[i].CompanyID = &firms[i/3] // three, one of which is deleted, and one
	}
	insert(f, o, contacts(), people...)
	remove(f, o, contacts(), 3, people[0].ID)
	// The latest one was cancelled, the one before is another company's.
	done := copies(activities(), []crm.Activity{o.newActivity("call")}, 4)
	for i := range done {
		done[i].CompanyID, done[i].Date = &firms[0], at(6+i)
	}
	done[2].CompanyID, done[3].Status = &firms[1], "cancelled"
	insert(f, o, activities(), done...)
	got, err := reads.CompanyTotals(f.Context(), o.ID, firms[0])
	if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	got, err = reads.CompanyTotals(f.Context(), o.ID, firms[2])
	if diff := cmp.Diff(crm.CompanyTotals{}, must(f, got, err)); diff != "" {
		f.Errorf("of nothing (-want +got):\n%s", diff)
	}
}

// contactTotals counts what one contact has, the deals that it is on in either way,
// each once.
func contactTotals(f *fixture) {
	o, ctx, reads := f.home, f.Context(), f.store.Reads(crm.Actor{})
	persons := three(f, contacts(), o.newContact)
	want := crm.ContactTotals{Meetings: 1, Emails: 2, Calls: 3, Deals: dealsOf(f, func(d *crm.Deal) { d.PrimaryContactID = &persons[0] })}
	further := dealsWith(f, "USD", amounts(11), func(d *crm.Deal) { d.PrimaryContactID = &persons[1] })
	want.Deals.All.Deals, want.Deals.Open.Deals = 8, 5
	want.Deals.All.Value[2].Amount += 11
	want.Deals.Open.Value = append(want.Deals.Open.Value, crm.Sum{Currency: "USD", Amount: 11})
	both := dealsWith(f, "EUR", amounts(20), func(d *crm.Deal) { d.PrimaryContactID = &persons[0] })
	want.Deals.All.Deals, want.Deals.Open.Deals = 9, 6
	want.Deals.All.Value[0].Amount += 20
	want.Deals.Open.Value[0].Amount += 20
	for _, id := range []crm.ID{further[0], both[0]} {
		f.write(o, 4, func(tx store.Tx) error {
			return tx.PutDealContact(ctx, crm.Deal{OrgID: o.ID, ID: id}, crm.DealContact{DealID: id, ContactID: persons[0], Role: "champion"})
		})
	}
	var done []crm.Activity
	for _, kind := range []string{"meeting", "email", "email", "call", "call", "call", "note", "meeting", "meeting"} {
		a := o.newActivity(kind)
		a.ContactID = &persons[0]
		done = append(done, a)
	}
	done[7].ContactID = &persons[1]
	insert(f, o, activities(), done...)
	remove(f, o, activities(), 3, done[8].ID)
	got, err := reads.ContactTotals(ctx, o.ID, persons[0])
	if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	got, err = reads.ContactTotals(ctx, o.ID, persons[2])
	if diff := cmp.Diff(crm.ContactTotals{}, must(f, got, err)); diff != "" {
		f.Errorf("of nothing (-want +got):\n%s", diff)
	}
}
